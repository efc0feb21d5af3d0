# ruff: noqa: E501  # an answer a line
"""Gap 2, the quotes."""

from kit.exercises import Crashed
from tests.exercises.misconceptions import Right, Wrong

__all__ = ["RIGHT", "WRONG"]


def _quotes(
    *,
    value: str = 'records.value.cast("string")',
    schema: str = "symbol STRING, price DOUBLE, ts LONG",
    ts: str = 'f.timestamp_millis("ts")',
    keep: str = "price > 0 AND price < 100000 AND symbol IS NOT NULL AND ts IS NOT NULL",
    more: str = "",
) -> str:
    return f"""
value = f.from_json({value}, "{schema}").alias("value")
quotes = records.select(value, "timestamp").select("value.*", "timestamp").withColumn("ts", {ts})
return quotes.where("{keep}").drop("timestamp"){more}
"""


WRONG = [
    Wrong("seconds for milliseconds", _quotes(ts='f.timestamp_seconds("ts")'), hears="milliseconds, taken for seconds"),
    Wrong("divided twice", _quotes(ts='f.timestamp_millis(f.expr("ts div 1000"))'), hears="divided too often"),
    Wrong("Kafka's time is the time", _quotes(ts='f.col("timestamp")', keep="price > 0 AND price < 100000 AND symbol IS NOT NULL"), hears="that is processing time, when the record came to Kafka"),
    Wrong("now is the time", _quotes(ts="f.current_timestamp()"), hears="that is processing time, the clock of this machine"),
    Wrong("a number is a time", _quotes(ts='f.col("ts")'), hears="ts is still a number"),
    Wrong("whole seconds are enough", _quotes(ts='f.timestamp_seconds(f.expr("ts div 1000"))'), hears="the milliseconds are cut off"),
    Wrong("a text is a time", _quotes(ts='f.from_unixtime(f.expr("ts div 1000"))'), hears="ts is a string"),
    Wrong("ts in the schema is a timestamp", _quotes(schema="symbol STRING, price DOUBLE, ts TIMESTAMP", ts='f.col("ts")'), hears="the milliseconds, taken for seconds".removeprefix("the ")),
    Wrong("a price is a whole number", _quotes(schema="symbol STRING, price INT, ts LONG"), hears="another type is wanted: price int"),
    Wrong("the fields' names are another's", _quotes(schema="name STRING, price DOUBLE, ts LONG", keep="price > 0 AND price < 100000 AND ts IS NOT NULL", more='.withColumnRenamed("name", "symbol")'), hears="all symbols are null"),
    Wrong("nothing is filtered", _quotes(keep="true"), hears="a record that is no quote came through"),
    Wrong("no upper limit", _quotes(keep="price > 0 AND symbol IS NOT NULL AND ts IS NOT NULL"), hears="NaN is larger".replace("NaN is", "in Spark it is")),
    Wrong("an upper limit for numbers only", _quotes(keep="price > 0 AND (price < 100000 OR isnan(price)) AND symbol IS NOT NULL AND ts IS NOT NULL"), hears="larger than any number"),
    Wrong("prices may be negative", _quotes(keep="price < 100000 AND symbol IS NOT NULL AND ts IS NOT NULL"), hears="it is above 0"),
    Wrong("MOST is allowed", _quotes(keep="price > 0 AND price <= 100000 AND symbol IS NOT NULL AND ts IS NOT NULL"), hears="it is below MOST"),
    Wrong("seven digits on the way", _quotes(schema="symbol STRING, price FLOAT, ts LONG", more='.withColumn("price", f.col("price").cast("double"))'), hears="keep the prices as they are"),
    Wrong("the time in New York", _quotes(ts='f.from_utc_timestamp(f.timestamp_millis("ts"), "America/New_York")'), hears="the times are some hours off"),
    Wrong("in order of time", _quotes(more='.orderBy("ts")'), hears="Spark cannot sort it"),
    Wrong("and between conditions", 'return records.where(records.value.isNotNull() and records.value != "")', kind=Crashed, hears="combined by & and |"),
    Wrong("bad JSON is an error", _quotes().replace('LONG")', 'LONG", {"mode": "FAILFAST"})'), kind=Crashed, hears="one bad value must not end the query"),
    Wrong("without a look at the symbol", _quotes(keep="price > 0 AND price < 100000 AND ts IS NOT NULL"), hears="leave out those without symbol"),
    Wrong("what comes twice is once", _quotes(more=".dropDuplicates()"), hears="leave out no duplicate"),
    Wrong("the value is text already", _quotes(value="records.value"), kind=Crashed, hears="a value from Kafka is binary"),
    Wrong("the struct is the quote", 'return records.select(f.from_json(records.value.cast("string"), "symbol STRING, price DOUBLE, ts LONG").alias("value"))', hears="select value.* takes them out"),
    Wrong("a bad value is not to be expected", 'text = f.col("value").cast("string")\nget = lambda name: f.get_json_object(text, "$." + name)\nreturn records.select(get("symbol").alias("symbol"), get("price").cast("double").alias("price"), f.timestamp_millis(get("ts").cast("long")).alias("ts")).where("price > 0 AND price < 100000 AND symbol IS NOT NULL AND ts IS NOT NULL")', kind=Crashed, hears="one bad value must not end the query"),
    Wrong("pandas knows JSON", "return records.toPandas()", kind=Crashed, hears="give the plan"),
    Wrong("the field is in the bytes", 'return records.select("value.symbol", "value.price", "value.ts")', kind=Crashed, hears="look at the names"),
]  # fmt: skip

RIGHT = [
    Right("a schema, and where", _quotes()),
    Right(
        "selectExpr, and the JSON functions of SQL",
        """
        rows = records.selectExpr("from_json(CAST(value AS STRING), 'symbol STRING, price DOUBLE, ts LONG') AS q")
        rows = rows.selectExpr("q.symbol", "q.price", "timestamp_millis(q.ts) AS ts")
        return rows.where("price > 0 AND price < 100000").dropna()
        """,
    ),
    Right(
        "SQL",
        """
        return records.sparkSession.sql('''
            SELECT symbol, price, timestamp_millis(ts) AS ts FROM
                (SELECT from_json(CAST(value AS STRING), 'symbol STRING, price DOUBLE, ts LONG') AS q FROM {records})
                LATERAL VIEW inline(array(q)) AS symbol, price, ts
            WHERE symbol IS NOT NULL AND ts IS NOT NULL AND price > 0 AND price < 100000''', records=records)
        """,
    ),
    Right(
        "field by field, with try_cast, and F for functions",
        """
        text = F.col("value").cast("string")
        symbol, price, ts = (F.get_json_object(text, f"$.{name}") for name in ("symbol", "price", "ts"))
        rows = records.select(
            symbol.alias("symbol"), price.try_cast("double").alias("price"),
            (ts.try_cast("double") / 1000).cast("timestamp").alias("ts"))
        return rows.filter(F.col("price").between(0.0001, MOST - 0.0001) & ~F.isnan("price")).dropna("any")
        """,
        before="from pyspark.sql import functions as F",
    ),
    Right(
        "types in Python, all columns kept",
        """
        from pyspark.sql.types import DoubleType, LongType, StringType, StructType
        schema = StructType().add("symbol", StringType()).add("price", DoubleType()).add("ts", LongType())
        rows = records.withColumn("q", f.from_json(f.col("value").cast("string"), schema)).drop("key")
        rows = rows.withColumns({"symbol": f.expr("q.symbol"), "price": f.expr("q.price"),
                                 "ts": f.expr("timestamp_millis(q.ts)")})
        good = f.expr("symbol IS NOT NULL AND ts IS NOT NULL AND price > 0 AND price < 1e5")
        return rows.filter(good)
        """,
    ),
]
