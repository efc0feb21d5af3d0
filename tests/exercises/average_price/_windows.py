# ruff: noqa: E501  # an answer a line
"""Gap 3, the windows."""

from kit.exercises import Crashed
from tests.exercises.misconceptions import Right, Wrong

__all__ = ["RIGHT", "WRONG"]

_LATE = 'quotes.withWatermark("ts", "10 seconds")'

WRONG = [
    Wrong("a watermark is an option", 'return quotes.withColumn("window", f.window("ts", "20 seconds"))', hears="there is no watermark"),
    Wrong("the watermark last", 'return quotes.withColumn("window", f.window("ts", "20 seconds")).withWatermark("ts", "10 seconds")', hears="the window does not know of it"),
    Wrong("a watermark of the window", 'return quotes.withColumn("window", f.window("ts", "20 seconds")).withWatermark("window", "10 seconds")', hears="that is a watermark of the window"),
    Wrong("a number of seconds", 'return quotes.withWatermark("ts", 10).withColumn("window", f.window("ts", "20 seconds"))', kind=Crashed, hears="text with a number and a unit"),
    Wrong("late quotes left out by hand", f'return {_LATE}.where("ts > current_timestamp() - INTERVAL 10 SECONDS").withColumn("window", f.window("ts", "20 seconds"))', hears="some quotes are gone"),
    Wrong("windows of 20 minutes", f'return {_LATE}.withColumn("window", f.window("ts", "20 minutes"))', hears="that are 20 minutes"),
    Wrong("windows of 20 milliseconds", f'return {_LATE}.withColumn("window", f.window("ts", "20 milliseconds"))', hears="that are 20 milliseconds"),
    Wrong("the numbers swapped", 'return quotes.withWatermark("ts", "20 seconds").withColumn("window", f.window("ts", "10 seconds"))', hears="the watermark waits 10 seconds", got="20,000"),
    Wrong("a delay of 10 minutes", 'return quotes.withWatermark("ts", "10 minutes").withColumn("window", f.window("ts", "20 seconds"))', hears="that are 10 minutes"),
    Wrong("windows that slide", f'return {_LATE}.withColumn("window", f.window("ts", "20 seconds", "10 seconds"))', hears="the windows overlap"),
    Wrong("windows that begin a bit later", f'return {_LATE}.withColumn("window", f.window("ts", "20 seconds", "20 seconds", "5 seconds"))', hears="f.window with the length alone"),
    Wrong("processing time for event time", f'return {_LATE}.withColumn("now", f.current_timestamp()).withColumn("window", f.window(f.col("now"), "20 seconds")).drop("now")', hears="the window does not know of it"),
    Wrong("processing time from the start", 'return quotes.withColumn("ts", f.current_timestamp()).withWatermark("ts", "10 seconds").withColumn("window", f.window("ts", "20 seconds"))', hears="that is processing time, the clock of this machine"),
    Wrong("only its start", f'return {_LATE}.withColumn("window", f.window("ts", "20 seconds").start)', hears="a start and an end"),
    Wrong("grouped at once", f'return {_LATE}.groupBy(f.window("ts", "20 seconds"), "symbol")', hears="grouping is the next gap"),
    Wrong("only the window", f'return {_LATE}.select(f.window("ts", "20 seconds").alias("window"))', hears="a column is missing: symbol, price, ts"),
    Wrong("another name of the column", f'return {_LATE}.withColumn("w", f.window("ts", "20 seconds"))', hears="a column is missing: window"),
    Wrong("the name of another column", 'return quotes.withWatermark("timestamp", "10 seconds")', kind=Crashed, hears="look at the names"),
]  # fmt: skip

RIGHT = [
    Right("selected, with all else", f'return {_LATE}.select("*", f.window("ts", "20 seconds"))'),
    Right("selectExpr", f'return {_LATE}.selectExpr("*", "window(ts, \'20 seconds\') AS window")'),
    Right(
        "SQL",
        f"""
        late = {_LATE}
        return late.sparkSession.sql("SELECT *, window(ts, '20 seconds') AS window FROM {{late}}", late=late)
        """,
    ),
    Right(
        "a column, and the length in another unit",
        """
        late = quotes.withWatermark("ts", "10000 milliseconds")
        return late.withColumns({"window": F.window(late.ts, windowDuration="20000 milliseconds", slideDuration="20 seconds")})
        """,
        before="import pyspark.sql.functions as F",
    ),
]
