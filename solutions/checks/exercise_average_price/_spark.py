"""Gaps 1 to 4: records from the topic, quotes of them, the window of each, and the average."""

import re
import time
from math import isnan
from typing import Any

import pandas as pd
from pyspark.sql import functions as f

import kit
from kit.exercises import CheckContext

from ..engines import check_frame, make_quick, streaming
from ..judging import judge
from . import _common as common
from ._common import BAD, FIRST, ORIGIN, SECOND, SECONDS, WINDOW, Quote, averages, close, pictured

_QUOTE = {"symbol": "string", "price": "double", "ts": "timestamp"}
_WINDOW = "struct<start:timestamp,end:timestamp>"
_OTHERS = {"count": "how many there are", "sum": "the sum", "max": "the highest price", "min": "the lowest price", "median": "the median", (lambda prices: (prices.max() + prices.min()) / 2): "the middle between highest and lowest"}  # fmt: skip
_KAFKA_TIME = ORIGIN + 3_600_000  # when the records of gap 2 came to Kafka: an hour after their quotes


def read_records(context: CheckContext) -> None:
    function, spark = context.named("read_records"), kit.spark()
    topic, values = context.topic(partitions=2), [*common.wire(FIRST), None, b"hello"]
    producer = context.producer()
    for value in values:
        producer.send(topic, key="k", value=value)
    producer.flush(timeout=5)
    context.advise = common.advise
    on = f"read_records(spark, servers, {topic!r}), which has {len(values)} records"
    got = context.call(function, spark, context.servers, topic, on=on, seconds=SECONDS)
    options, plan = _options(got)
    check_frame(context, got, {},
        (getattr(got, "isStreaming", None) is False, "that is a batch: it reads what is there, and ends; a stream begins with readStream"),
        (plan and "kafka" not in plan, "that is another source: the format is kafka"))  # fmt: skip
    given, start = options.get("subscribe", ""), options.get("startingoffsets", "latest")
    judge(context, f"a stream of the topic {topic!r}, from its first record", f"subscribe={given!r}, startingOffsets={start!r}",
        (given and given != topic, "subscribe to the topic that the function gets: topic, without quotes"),
        (options.get("kafka.bootstrap.servers") != context.servers, "use the servers that the function gets, for kafka.bootstrap.servers"),
        (start == "latest", "latest is the default of a stream: it leaves out all that came before the query; the first record is the earliest"),
        (start != "earliest" and "{" not in start, "startingOffsets is earliest: what came before the query counts, too"))  # fmt: skip
    judge(context, "Kafka's columns, with the value of each record", ", ".join(got.columns),
        ("value" not in got.columns, "leave the columns as Kafka has them: gap 2 looks into the value"))  # fmt: skip
    make_quick(context, spark)
    found = _values(context, got)
    wanted = sorted(value.decode() if value else "" for value in values)
    judge(context, f"all {len(wanted)} records", f"{len(found)}",
        (len(found) > len(wanted), "there are records of another topic, or some come twice: subscribe to this one alone"),
        (len(found) < len(wanted), "some are left out: what is no quote is sorted out in gap 2"),
        (found != wanted, "leave the values as they are: gap 2 looks into them"))  # fmt: skip


def _options(got: Any) -> tuple[dict[str, str], str]:
    """The options of a source, by the plan; and the plan."""
    if not hasattr(got, "_jdf"):
        return {}, ""
    plan = str(got.select("*")._jdf.queryExecution().analyzed().toString())  # of the bare source it is one word
    inside = re.search(r"KafkaTable@\w+, \[(.*?)\], \[", plan)
    pairs = [pair.partition("=")[::2] for pair in re.split(r", (?=[\w.]+=)", inside[1])] if inside else []
    return {name.lower(): value for name, value in pairs}, plan


def _values(context: CheckContext, stream: Any) -> list[str]:
    """The values of a stream of records, as text."""
    found = list[str]()
    text = stream.select(f.col("value").cast("string").alias("value")).writeStream.trigger(availableNow=True)
    query = text.foreachBatch(lambda frame, _: found.extend(row.value or "" for row in frame.collect())).start()
    context.callback(query.stop)
    context.call(query.awaitTermination, seconds=SECONDS)
    return sorted(found)


def to_quotes(context: CheckContext) -> None:
    function, spark = context.named("to_quotes"), kit.spark()
    context.advise = common.advise
    stream = streaming(spark, common.RECORDS)
    got = context.call(function, stream, on="to_quotes(records), on a stream", seconds=SECONDS)
    kind = dict(got.dtypes).get("ts", "") if hasattr(got, "dtypes") else ""
    check_frame(context, got, _QUOTE,
        (getattr(got, "columns", None) == ["value"], "the fields are still inside one column: select value.* takes them out"),
        (kind in ("bigint", "double", "decimal(20,0)"), "ts is still a number: a window needs a timestamp; Spark has a function for milliseconds"),
        (kind in ("string", "date", "timestamp_ntz"), f"ts is a {kind}: a timestamp is a moment, to the millisecond"))  # fmt: skip
    values = [*common.wire(FIRST), *BAD]
    rows = [(b"k", value, "t", 0, number, _KAFKA_TIME) for number, value in enumerate(values)]
    records = spark.createDataFrame(rows, "key BINARY, value BINARY, topic STRING, partition INT, offset LONG, ms LONG")
    records = records.withColumn("timestamp", f.timestamp_millis("ms")).drop("ms").withColumn("timestampType", f.lit(0))
    on = f"{len(FIRST)} quotes, and {len(BAD)} records that are none"
    got = context.call(function, records, on=on, seconds=SECONDS)
    rows = context.call(got.selectExpr("symbol", "price", "unix_micros(ts)").collect, seconds=SECONDS)
    found = [tuple(row) for row in rows]
    if sorted(found, key=str) != sorted(((one.symbol, one.price, (ORIGIN + one.at) * 1000) for one in FIRST), key=str):
        _explain_quotes(context, found)


def _explain_quotes(context: CheckContext, found: list[Any]) -> None:
    wanted = {(one.symbol, one.price, one.at) for one in FIRST}
    times = [row[2] / 1000 - ORIGIN for row in found if row[2] is not None]
    prices = [row[1] for row in found]
    right = [row for row in found if row[2] is not None and (row[0], row[1], row[2] / 1000 - ORIGIN) in wanted]
    bare = [row for row in found if None in row]
    cut = [row for row in found if row not in right and row not in bare and (row[2] // 1000) % 1000 == 0]
    strange = [row for row in found if row not in right]
    judge(context, f"the {len(FIRST)} quotes, and nothing else", f"{len(found)} rows, of which {len(right)} are right; for instance {strange[:1] or found[:1]}",
        (not found, "no quote came through: do the names and the types of the schema fit the JSON, and is value text before it is read?"),
        (times and min(times) > 1e14, "these are milliseconds, taken for seconds: the year is 57,983; Spark has a function for milliseconds"),
        (times and max(times) < -1e12, "the time is divided too often: it is in milliseconds, and this is January 1970"),
        (times and all(at == _KAFKA_TIME - ORIGIN for at in times), "that is processing time, when the record came to Kafka; the event time is the field ts of the value"),
        (times and all(abs(at - (time.time() * 1000 - ORIGIN)) < 6e5 for at in times), "that is processing time, the clock of this machine; the event time is the field ts of the value"),
        (bare and all(row[2] is None for row in found), "all times are null: in the JSON ts is a whole number, a LONG"),
        (all(price is None for price in prices), "all prices are null: in the JSON price is a number, a DOUBLE"),
        (all(symbol is None for symbol, *_ in found), "all symbols are null: the names in the schema are those of the JSON"),
        (bare and len(right) == len(FIRST), f"a record that is no quote came through, as {bare[:1]}: leave out those without symbol, time or price"),
        (any(price is not None and price <= 0 for price in prices), "an absurd price came through: it is above 0"),
        (any(price is not None and isnan(price) for price in prices), "NaN came through: in Spark it is larger than any number, so an upper limit leaves it out"),
        (any(price is not None and price >= common.MOST for price in prices), "an absurd price came through: it is below MOST"),
        (len(found) < len(FIRST) and len(right) == len(found) and len(set(map(str, found))) == len(found), "a record that comes twice is two quotes: leave out no duplicate"),
        (cut and len(found) == len(FIRST), "the milliseconds are cut off: keep them"),
        (len(right) == len(found), "some quotes are missing: leave out only what is no quote"),
        (True, "symbol, price and ts are as the JSON has them; ts becomes a timestamp"))  # fmt: skip


def in_windows(context: CheckContext) -> None:
    function, spark = context.named("in_windows"), kit.spark()
    context.advise = common.advise
    stream = streaming(spark, "symbol STRING, price DOUBLE, ts TIMESTAMP")
    got = context.call(function, stream, on="in_windows(quotes), on a stream", seconds=SECONDS)
    check_frame(context, got, {**_QUOTE, "window": _WINDOW},
        (type(got).__name__ == "GroupedData", "grouping is the next gap: here the quotes get one column more"),
        (dict(getattr(got, "dtypes", ())).get("window") == "timestamp", "that is one time; a window has a start and an end: f.window makes it"))  # fmt: skip
    delay, on_ts = (got.schema[name].metadata.get("spark.watermarkDelayMs") for name in ("window", "ts"))
    judge(context, "a watermark of 10 seconds, which the window knows", f"{delay or on_ts or 0:,} ms",
        (delay is None and on_ts is not None, "the watermark comes after the window, which then does not know of it: first the watermark, then the window"),
        (delay is None, "there is no watermark: Spark would keep each window for ever, and append would never give one"),
        (delay == common.DELAY * 60, "that are 10 minutes"),
        (delay != common.DELAY, f"that are {(delay or 0) / 1000:g} seconds; the watermark waits 10 seconds"))  # fmt: skip
    quotes = [*FIRST, *SECOND]
    got = context.call(function, common.frame_of(spark, quotes), on=f"{len(quotes)} quotes", seconds=SECONDS)
    times = "unix_millis(ts) AS t", "unix_millis(window.start) AS a", "unix_millis(window.end) AS b"
    rows = context.call(got.selectExpr("symbol", "price", *times).collect, seconds=SECONDS)
    found = sorted((Quote(row.symbol, row.t - ORIGIN, row.price), row.a - ORIGIN, row.b - ORIGIN) for row in rows)
    wanted = sorted((one, one.at // WINDOW * WINDOW, one.at // WINDOW * WINDOW + WINDOW) for one in quotes)
    length = found[0][2] - found[0][1] if found else 0
    wrong = next((row for row, right in zip(found, wanted, strict=False) if row != right), found[:1])
    judge(context, f"{len(quotes)} quotes, each in its window of 20 seconds", f"{len(found)} rows, and windows of {length / 1000:g} s",
        (found and abs(found[0][1] - (time.time() * 1000 - ORIGIN)) < 3e6, "that is processing time, the clock of this machine: the window is of the column ts"),
        (length == WINDOW * 60, "that are 20 minutes"),
        (length == WINDOW / 1000, "that are 20 milliseconds"),
        (len(found) > len(quotes) and length == WINDOW, "the windows overlap, so a quote is in several: leave out the slide"),
        (length != WINDOW, "the window is 20 seconds long"),
        (len(found) < len(quotes), "some quotes are gone: a watermark leaves out nothing, and a record that comes twice is two quotes"),
        (found != wanted and [row[0] for row in found] == sorted(quotes), f"windows begin at whole 20 seconds, as 14:30:00: leave out the shift; {wrong}"),
        (found != wanted, "leave symbol, price and ts as they are"))  # fmt: skip


def average(context: CheckContext) -> None:
    function, spark = context.named("average"), kit.spark()
    context.advise = common.advise
    stream = streaming(spark, "symbol STRING, price DOUBLE, ts TIMESTAMP").withWatermark("ts", "10 seconds")
    window = f.window("ts", "20 seconds").alias("window")
    on = "average(quotes), on a stream with windows"
    got = context.call(function, stream.select("*", window), on=on, seconds=SECONDS)
    kind = dict(got.dtypes).get("ts", "") if hasattr(got, "dtypes") else ""
    names = sorted(getattr(got, "columns", ()))
    check_frame(context, got, {"symbol": "string", "ts": "timestamp", "price": "double"},
        (kind.startswith("struct"), "that is the window as a whole; it has a start and an end"),
        ("symbol" in names and "window" in names and "ts" not in names, "ts is the end of the window: select it by its name in the window, with an alias"),
        ("avg(price)" in names, "the average has the name avg(price): alias gives it the name price"))  # fmt: skip
    judge(context, "the columns symbol, ts, price", ", ".join(got.columns),
        (len(names) > 3, "choose those three alone: the table has no other columns"))  # fmt: skip
    quotes = [*FIRST, *SECOND]
    windowed = common.frame_of(spark, quotes).select("*", window)
    got = context.call(function, windowed, on=f"{len(quotes)} quotes in their windows", seconds=SECONDS)
    rows = context.call(got.select("symbol", f.unix_millis("ts").alias("at"), "price").collect, seconds=SECONDS)
    found = [((row.symbol, (row.at or 0) - ORIGIN), row.price) for row in rows]
    _explain_averages(context, found, quotes)


def _explain_averages(context: CheckContext, rows: list[Any], quotes: list[Quote]) -> None:
    """Say what is wrong with averages, if something is."""
    wanted, found = averages(quotes), {key: float(price) for key, price in rows if price is not None}
    if close(found, wanted) and len(rows) == len(wanted):
        return
    starts = {(symbol, end - WINDOW): price for (symbol, end), price in wanted.items()}
    by_time = pd.DataFrame(quotes).groupby(["symbol", "at"], as_index=False)["price"].mean().itertuples(index=False)
    prices = {(one.symbol, one.at // WINDOW * WINDOW + WINDOW, one.price) for one in quotes}
    other = next((what for how, what in _OTHERS.items() if close(found, averages(quotes, how))), "")
    symbols, ends = {symbol for symbol, _ in found}, {end for _, end in found}
    judge(context, pictured(wanted), pictured(found),
        (close(found, starts), "that is where the windows start: ts is the end"),
        (not found, "there is no row with a price"),
        (len(rows) > len(wanted) and ends <= {end for _, end in wanted}, "one row for each symbol and window: group by these two, and by nothing else"),
        (ends - {end for _, end in wanted} - {end for _, end in starts}, "ts is the end of the window, and not the time of a quote: the quotes of one window have one ts"),
        (len(symbols) < len({symbol for symbol, _ in wanted}), "each symbol has averages of its own: group by the symbol, too"),
        (len(rows) < len(wanted), "each window has an average of its own: group by the window, too"),
        (close(found, averages(by_time)), "that is an average of averages: it counts a time with many quotes as much as one with a single quote; average the quotes themselves"),
        (close(found, averages(set(quotes))), "a record that comes twice is two quotes: leave out no duplicate"),
        (other, f"that is {other}: the average of all prices is wanted"),
        (all((*key, price) in prices for key, price in found.items()), "that is one quote of the window: all of them count in the average"),
        (all(price == round(price) for price in found.values()), "keep the cents"),
        (True, "the mean of all prices of the symbol in the window is wanted"))  # fmt: skip
