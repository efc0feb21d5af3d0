# ruff: noqa: E501  # an answer a line
"""Gap 4, the average."""

from kit.exercises import Crashed
from tests.exercises.misconceptions import Right, Wrong

__all__ = ["RIGHT", "WRONG"]


def _average(
    price: str = 'f.avg("price")', ts: str = 'f.col("window.end")', of: str = "quotes", by: str = '"window", "symbol"'
) -> str:
    return f"""
groups = {of}.groupBy({by})
return groups.agg(({price}).alias("price")).select("symbol", {ts}.alias("ts"), "price")
"""  # fmt: skip


WRONG = [
    Wrong("average of averages", _average(of='quotes.groupBy("window", "symbol", "ts").agg(f.avg("price").alias("price"))'), hears="an average of averages"),
    Wrong("window start for window end", _average(ts='f.col("window.start")'), hears="that is where the windows start"),
    Wrong("the window is the time", _average(ts='f.col("window")'), hears="it has a start and an end"),
    Wrong("the last quote's time", 'return quotes.groupBy("window", "symbol").agg(f.avg("price").alias("price"), f.max("ts").alias("ts")).select("symbol", "ts", "price")', hears="not the time of a quote"),
    Wrong("count instead of avg", _average('f.count("price").cast("double")'), hears="how many there are"),
    Wrong("the sum", _average('f.sum("price")'), hears="that is the sum"),
    Wrong("the highest", _average('f.max("price")'), hears="the highest price"),
    Wrong("the middle of both ends", _average('(f.max("price") + f.min("price")) / 2'), hears="the middle between highest and lowest"),
    Wrong("the median", _average('f.median("price")'), hears="the median"),
    Wrong("the first price", _average('f.min_by("price", "ts")'), hears="that is one quote of the window"),
    Wrong("each price once", _average(of="quotes.dropDuplicates()"), hears="leave out no duplicate"),
    Wrong("all symbols in one", 'return quotes.groupBy("window").agg(f.avg("price").alias("price"), f.first("symbol").alias("symbol")).select("symbol", f.col("window.end").alias("ts"), "price")', hears="group by the symbol, too"),
    Wrong("all windows in one", 'return quotes.groupBy("symbol").agg(f.avg("price").alias("price"), f.max("window.end").alias("ts")).select("symbol", "ts", "price")', hears="group by the window, too"),
    Wrong("by time as well", _average(by='"window", "symbol", "ts"'), hears="by nothing else"),
    Wrong("one digit is enough", _average('f.round(f.avg("price"), 1)'), hears="keep the cents"),
    Wrong("the dear ones are a mistake", _average(of='quotes.where("price < 1000")'), hears="some averages are missing"),
    Wrong("in order of time", _average() .rstrip() + '.orderBy("ts")', hears="Spark cannot sort it"),
    Wrong("the name that avg gives", 'return quotes.groupBy("window", "symbol").avg("price").select("symbol", f.col("window.end").alias("ts"), "avg(price)")', hears="the average has the name avg(price)"),
    Wrong("the window stays", 'return quotes.groupBy("window", "symbol").agg(f.avg("price").alias("price")).withColumn("ts", f.col("window.end"))', hears="those three alone"),
    Wrong("ts is forgotten", 'return quotes.groupBy("window", "symbol").agg(f.avg("price").alias("price"))', hears="ts is the end of the window"),
    Wrong("groups are the answer", 'return quotes.groupBy("window", "symbol")', hears="an aggregate makes them"),
    Wrong("a price is text", _average('f.format_number(f.avg("price"), 2)'), hears="another type is wanted: price string"),
    Wrong("agg on what is no group", 'return quotes.groupBy("window", "symbol").select("price")', kind=Crashed, hears="groups have no rows yet"),
    Wrong("a column that is not there", _average('f.avg("close")'), kind=Crashed, hears="look at the names"),
]  # fmt: skip

RIGHT = [
    Right("mean", _average('f.mean("price")')),
    Right("the sum by the count, in another order", 'return quotes.groupBy("symbol", "window").agg((f.sum("price") / f.count("*")).alias("price")).select("price", f.col("window").end.alias("ts"), "symbol")'),
    Right("SQL", 'return quotes.sparkSession.sql("SELECT symbol, window.end AS ts, avg(price) AS price FROM {quotes} GROUP BY window, symbol", quotes=quotes)'),
    Right("a view and SQL", 'quotes.createOrReplaceTempView("windowed")\nreturn quotes.sparkSession.sql("SELECT symbol, window.end AS ts, mean(price) AS price FROM windowed GROUP BY symbol, window")'),
    Right("expr, and the dict of agg", 'return quotes.groupBy("window", "symbol").agg({"price": "avg"}).select("symbol", f.expr("window.end AS ts"), f.expr("`avg(price)` AS price"))'),
    Right("rounded to the cent", _average('f.round(f.avg("price"), 2)')),
]  # fmt: skip
