"""Gaps 1 to 4: records from the topic, quotes of them, the window of each, and the average."""

import re
import time
from math import isnan
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as f

import kit
from kit.exercises import CheckContext

from ..engines import check_frame, check_plan, make_quick, streaming, types_of, wait_for
from ..judging import judge
from . import _common as common
from ._common import BAD, FIRST, ORIGIN, SECOND, SECONDS, WINDOW, Quote, averages, close, pictured

_QUOTE = {"symbol": "string", "price": "double", "ts": "timestamp"}
_WINDOW = "struct<start:timestamp,end:timestamp>"
_OTHERS = {"count": "how many there are", "sum": "the sum", "max": "the highest price", "min": "the lowest price", "median": "the median", (lambda prices: (prices.max() + prices.min()) / 2): "the middle between highest and lowest"}  # fmt: skip
_KAFKA_TIME = ORIGIN + 3_600_000  # when the records of gap 2 came to Kafka: an hour after their quotes


def read_records(context: CheckContext) -> None:
    function, spark = context.named("read_records"), kit.spark()
    make_quick(context, spark)
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
    given, start = options.get("subscribe", ""), options.get("startingoffsets", "latest").lower()
    start = next((f"{{{name}}}" for name in options if name.startswith("starting") and "timestamp" in name), start)
    judge(context, f"a stream of the topic {topic!r}, from its first record", f"subscribe={given!r}, startingOffsets={start!r}",
        (given and given != topic, "subscribe to the topic that the function gets: topic, without quotes"),
        (options.get("kafka.bootstrap.servers") != context.servers, "use the servers that the function gets, for kafka.bootstrap.servers"),
        (start == "latest", "latest is the default of a stream: it leaves out all that came before the query; the first record is the earliest"),
        (start != "earliest" and "{" not in start, "startingOffsets is earliest: what came before the query counts, too"))  # fmt: skip
    judge(context, "Kafka's columns, with the value of each record", ", ".join(got.columns),
        ("value" not in got.columns, "leave the columns as Kafka has them: gap 2 looks into the value"))  # fmt: skip
    found = _values(context, got)
    wanted = sorted(value.decode() if value else "" for value in values)
    judge(context, f"all {len(wanted)} records", f"{len(found)}",
        (len(found) > len(wanted), "there are records of another topic, or some come twice: subscribe to this one alone"),
        (len(found) < len(wanted), "some are left out: what is no quote is sorted out in gap 2"),
        (found != wanted, "leave the values as they are: gap 2 looks into them"))  # fmt: skip


def _options(got: Any) -> tuple[dict[str, str], str]:
    """The options of a source, by the plan; and the plan."""
    if not isinstance(got, DataFrame):
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
    wait_for(context, query.awaitTermination, common.ERRORS, seconds=SECONDS)
    return sorted(found)


def to_quotes(context: CheckContext) -> None:
    function, spark = context.named("to_quotes"), kit.spark()
    context.advise = common.advise
    stream = streaming(spark, common.RECORDS)
    got = context.call(function, stream, on="to_quotes(records), on a stream", seconds=SECONDS)
    kind = types_of(got).get("ts", "")
    check_frame(context, got, _QUOTE,
        (list(types_of(got)) == ["value"], "the fields are still inside one column: select value.* takes them out"),
        (kind in ("bigint", "double", "decimal(20,0)"), "ts is still a number: a window needs a timestamp; Spark has a function for milliseconds"),
        (kind in ("string", "date", "timestamp_ntz"), f"ts is a {kind}: a timestamp is a moment, to the millisecond"))  # fmt: skip
    values = [*common.wire(FIRST), *BAD]
    literals = ", ".join("NULL" if value is None else f"X'{value.hex()}'" for value in values)
    columns = f"X'6b' AS key, value, 't' AS topic, 0 AS partition, 0L AS offset, timestamp_millis({_KAFKA_TIME}) AS timestamp, 0 AS timestampType"
    records = spark.sql(f"SELECT {columns} FROM VALUES {literals} AS records(value)")  # noqa: S608  # of this check's own
    on = f"{len(FIRST)} quotes, and {len(BAD)} records that are none"
    given = context.call(function, records, on=on, seconds=SECONDS)
    rows = context.call(given.selectExpr("symbol", "price", "unix_micros(ts)").collect, seconds=SECONDS)
    found = [tuple(row) for row in rows]
    if sorted(found, key=str) != sorted(((one.symbol, one.price, (ORIGIN + one.at) * 1000) for one in FIRST), key=str):
        _explain_quotes(context, found)
    check_plan(context, got)


def _explain_quotes(context: CheckContext, found: list[Any]) -> None:
    wanted = {(one.symbol, one.price, one.at) for one in FIRST}
    times = [row[2] / 1000 - ORIGIN for row in found if row[2] is not None]
    prices = [row[1] for row in found]
    right = [row for row in found if row[2] is not None and (row[0], row[1], row[2] / 1000 - ORIGIN) in wanted]
    bare, strange = ([row for row in found if None in row], [row for row in found if row not in right])
    every = {one.at for one in FIRST}
    judge(context, f"the {len(FIRST)} quotes, and nothing else", f"{len(found)} rows, of which {len(right)} are right; for instance {strange[:1] or found[:1]}",
        (not found, "no quote came through: do the names and the types of the schema fit the JSON, is value text before it is read, and is null looked for by isNull or isNotNull?"),
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
        (common.hours_off({int(at) for at in times}, every), "the times are some hours off: milliseconds since 1970 are in UTC already, and need no time zone"),
        (len(found) == len(FIRST) and set(times) == {at // 1000 * 1000 for at in every}, "the milliseconds are cut off: keep them"),
        (set(times) == every and len(found) == len(FIRST), "keep the prices as they are: a DOUBLE in the schema, and nothing rounded"),
        (len(right) == len(found), "some quotes are missing: leave out only what is no quote"),
        (True, "symbol, price and ts are as the JSON has them; ts becomes a timestamp"))  # fmt: skip


def in_windows(context: CheckContext) -> None:
    function, spark = context.named("in_windows"), kit.spark()
    context.advise = common.advise
    stream = streaming(spark, "symbol STRING, price DOUBLE, ts TIMESTAMP")
    got = context.call(function, stream, on="in_windows(quotes), on a stream", seconds=SECONDS)
    check_frame(context, got, {**_QUOTE, "window": _WINDOW},
        (type(got).__name__ == "GroupedData", "grouping is the next gap: here the quotes get one column more"),
        (types_of(got).get("window") == "timestamp", "that is one time; a window has a start and an end: f.window makes it"))  # fmt: skip
    delay, on_ts = (got.schema[name].metadata.get("spark.watermarkDelayMs") for name in ("window", "ts"))
    judge(context, "a watermark of 10 seconds, which the window knows", f"{delay or on_ts or 0:,} ms",
        (delay is not None and on_ts is None, "that is a watermark of the window, whose end is up to 20 seconds ahead of its quotes: the watermark is of ts, before the window"),
        (delay is None and on_ts is not None, "there is a watermark, but the window does not know of it: first withWatermark, then f.window of its column, by the name \"ts\""),
        (delay is None, "there is no watermark: Spark would keep each window for ever. withWatermark gives a new DataFrame: the window is made on that one"),
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
        (len(found) < len(quotes), "some quotes are gone: a watermark leaves out nothing here, and a record that comes twice is two quotes"),
        (length == WINDOW * 60, "that are 20 minutes"),
        (length == WINDOW / 1000, "that are 20 milliseconds"),
        (len(found) > len(quotes) and length == WINDOW, "the windows overlap, so a quote is in several: leave out the slide"),
        (length != WINDOW, "the window is 20 seconds long"),
        (found != wanted and [row[0] for row in found] == sorted(quotes), f"windows begin at whole 20 seconds, as 14:30:00: f.window with the length alone makes them so; {wrong}"),
        (found != wanted, "leave symbol, price and ts as they are"))  # fmt: skip


def average(context: CheckContext) -> None:
    function, spark = context.named("average"), kit.spark()
    context.advise = common.advise
    stream = streaming(spark, "symbol STRING, price DOUBLE, ts TIMESTAMP").withWatermark("ts", "10 seconds")
    window = f.window("ts", "20 seconds").alias("window")
    on = "average(quotes), on a stream with windows"
    got = context.call(function, stream.select("*", window), on=on, seconds=SECONDS)
    names = types_of(got)
    kind = names.get("ts", "")
    check_frame(context, got, {"symbol": "string", "ts": "timestamp", "price": "double"},
        (kind.startswith("struct"), "that is the window as a whole; it has a start and an end"),
        ("symbol" in names and "window" in names and "ts" not in names, "ts is the end of the window: select it by its name in the window, with an alias"),
        ("avg(price)" in names, "the average has the name avg(price): alias gives it the name price"))  # fmt: skip
    judge(context, "the columns symbol, ts, price", ", ".join(got.columns),
        (len(names) > 3, "choose those three alone: the table has no other columns"))  # fmt: skip
    quotes = [*FIRST, *SECOND]
    windowed = common.frame_of(spark, quotes).select("*", window)
    given = context.call(function, windowed, on=f"{len(quotes)} quotes in their windows", seconds=SECONDS)
    rows = context.call(given.select("symbol", f.unix_millis("ts").alias("at"), "price").collect, seconds=SECONDS)
    found = [((row.symbol, (row.at or 0) - ORIGIN), row.price) for row in rows]
    _explain_averages(context, found, quotes)
    check_plan(context, got)


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
        (common.hours_off(ends, {end for _, end in wanted}), "the times are some hours off: window.end is a moment already, and needs no time zone"),
        (ends - {end for _, end in wanted} - {end for _, end in starts}, "ts is the end of the window, and not the time of a quote: the quotes of one window have one ts"),
        (len(rows) == len(ends), "each symbol has averages of its own: group by the symbol, too"),
        (len(rows) == len(symbols), "each window has an average of its own: group by the window, too"),
        (len(rows) < len(wanted), "some averages are missing: all quotes count, for they were sorted out in gap 2"),
        (close(found, averages(by_time)), "that is an average of averages: it counts a time with many quotes as much as one with a single quote; average the quotes themselves"),
        (close(found, averages(set(quotes))), "a record that comes twice is two quotes: leave out no duplicate"),
        (other, f"that is {other}: the average of all prices is wanted"),
        (all((*key, price) in prices for key, price in found.items()), "that is one quote of the window: all of them count in the average"),
        (found.keys() == wanted.keys() and all(abs(found[key] - wanted[key]) < 1 for key in wanted), "keep the cents: round neither prices nor averages"),
        (True, "the mean of all prices of the symbol in the window is wanted"))  # fmt: skip
