"""What the checks share: quotes as they arrive, what pandas makes of them, and Spark and Cassandra for a check."""

import json
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import pandas as pd
from pyspark.sql import DataFrame, SparkSession

from kit import views

from ..judging import advice_on

ORIGIN = 1_767_623_400_000  # 2026-01-05 14:30:00 UTC, in milliseconds
WINDOW, DELAY, MOST = 20_000, 10_000, 100_000
SECONDS = 20.0  # Spark compiles a plan that is new to it
TABLE = "CREATE TABLE avg_price (symbol text, ts timestamp, price double, PRIMARY KEY (symbol, ts))"
RECORDS = "key BINARY, value BINARY, topic STRING, partition INT, offset LONG, timestamp TIMESTAMP, timestampType INT"
ERRORS = (
    ("FAILED_TO_FIND_DATA_SOURCE|DATA_SOURCE_NOT_FOUND|ClassNotFound.*assandra", "Spark has no such source or sink: it reads with the format kafka, and Cassandra is reached by foreachBatch and its driver"),
    ("kafka.bootstrap.servers' must be", 'Kafka\'s own settings begin with kafka, as in "kafka.bootstrap.servers"'),
    ("One of the following options must be specified|subscribe.*must", "say which topic: the option is subscribe, its value the name as text"),
    ("auto.offset.reset", "Spark keeps the offsets itself: where to begin is the option startingOffsets"),
    ("ending ?offset", "a stream has no end: leave out endingOffsets"),
    ("contains specific offsets", "give an offset for each partition of the topic, or earliest for all"),
    ("No offset matched", "a partition without records has no offset for a time: the option startingOffsets needs none"),
    ("UnknownTopicOrPartition", "the topic is gone: leave the topic that the function gets as it is"),
    ("'path' is not specified|UNABLE_TO_INFER_SCHEMA", "the source is a topic: say format kafka before load"),
    ("UNRESOLVED_COLUMN|FIELD_NOT_FOUND|INVALID_EXTRACT", "look at the names: df.printSchema() shows what the DataFrame has; a field in a struct is reached by a dot"),
    ("Queries with streaming sources must be executed|CALL_ON_STREAMING_DATASET", "a stream has no end, so count, collect, show, toPandas and write do not work on it: give the plan, writeStream runs it"),
    ("STATE_STORE_COMMIT_VALIDATION", "the micro-batch is not used, so Spark cannot finish it: the function of foreachBatch calls write with it"),
    ("STREAMING_OUTPUT_MODE.INVALID", "an output mode is append, update or complete"),
    ("STREAMING_OUTPUT_MODE", "append needs a watermark before the groups: exercise.check(3) looks for it"),
    ("CAST_INVALID_INPUT|MALFORMED_", "a record may hold anything, and one bad value must not end the query: from_json with a schema makes null of it, and so does try_cast"),
    ("CAST_OVERFLOW|DATETIME_OVERFLOW|out of range|long overflow", "ts is in milliseconds: taken as seconds it is a time in the year 58,000"),
    ("DATATYPE_MISMATCH", "look at the types: df.printSchema() shows them; a value from Kafka is binary until you cast it"),
    ("CANNOT_CONVERT_COLUMN_INTO_BOOL", "conditions on columns are combined by & and |, each in brackets: (a > 0) & (a < 9)"),
    ("TypeError.*(not Column|not iterable)", "a column has no value yet: Spark's functions, f.…, work on columns"),
    ("CANNOT_PARSE_INTERVAL|NOT_EXPECTED_TYPE.*(Duration|Threshold)", 'a length of time is text with a number and a unit, as "20 seconds"; withWatermark takes the name of the column before it'),
    ("EVENT_TIME_IS_NOT_ON_TIMESTAMP", "event time is a timestamp: leave ts as gap 2 gives it"),
    ("dropDuplicates", "a record that comes twice is two quotes: leave out no duplicate"),
    ("ATTRIBUTE_NOT_SUPPORTED", "a DataFrame has no such method or column: functions as window and from_json are in f; a query is started in gap 7"),
    ("not supported (on|with) (a )?streaming", "a stream has no end, so Spark cannot sort it, limit it, or look for what is distinct in it: leave that step out"),
    ("PicklingError|cannot pickle|PICKLE", "that function is sent to other processes, and a session cannot go there: write from foreachBatch's own process"),
    ("ViewError.*time zone", "toPandas gives times without a zone, in UTC: say so with .dt.tz_localize, as notebook 22 does"),
    ("AlreadyExists", "the table is there already, and that is fine: IF NOT EXISTS leaves it"),
    (r"SyntaxException.*alternative at input '-\d", "the driver does not know a Timestamp of pandas in the text of CQL: to_pydatetime() makes a datetime of it, and a prepared statement takes it as it is"),
    ("SyntaxException.*mismatched|SyntaxException.*no viable", "values do not belong in the text of CQL: a quote in a name breaks it; put %s or ? there"),
    ("not all arguments converted|alternative at input '%'", "%s stands in a text, ? in a statement that session.prepare gives"),
    ("non counter column", "an average is replaced, and nothing is added to it: an upsert does that"),
    (r"trigger\(\) takes|VALUE_NOT_NON_EMPTY_STR", 'a trigger has a name, and is text: trigger(processingTime="1 second")'),
    (r"TypeError.*\) (missing|takes)", "look at what the function takes: help(views.write), for instance, shows it"),
    ("invalid type for column|Invalid .* constant", "the values come in the order of the statement's columns, each with its type"),
    ("InvalidRequest.*keys are missing", "name all three columns: symbol and ts find the row, price is in it"),
    ("ViewError.*rows as a DataFrame", "views.write takes a DataFrame of pandas: toPandas makes it"),
    ("InvalidRequest|ViewError.*understands|SyntaxException", "look at the CQL: names, commas, brackets, and the types text, timestamp, double"),
    ("(Type|Attribute)Error.*DataStream(Reader|Writer)", "readStream and writeStream are properties, without (); then format, option, and load or start"),
    ("AttributeError.*GroupedData", "groups have no rows yet: agg(…) makes them"),
)  # fmt: skip
advise = partial(advice_on, table=ERRORS)


class Quote(NamedTuple):
    """A quote: milliseconds after ORIGIN."""

    symbol: str
    at: int
    price: float


# In the order of arrival. Two batches: what is late in the second still has an open window, but for JPM at second 4.
FIRST = [
    Quote("JPM", 0, 37.01), Quote("GE", 500, 25.5), Quote("JPM", 0, 37.01), Quote("JPM", 0, 38.5),
    Quote("JPM", 7_250, 36.42), Quote("GE", 19_999, 26.1), Quote("JPM", 20_000, 40.1), Quote("JPM", 3_125, 35.9),
    Quote("O'K", 12_500, 3_800.07), Quote("GE", 29_000, 31.25), Quote("JPM", 33_000, 41.0),
]  # fmt: skip
TOO_LATE = Quote("JPM", 4_000, 99.0)
SECOND = [
    TOO_LATE, Quote("JPM", 39_999, 42.5), Quote("GE", 25_000, 27.0), Quote("GE", 52_000, 28.75),
    Quote("O'K", 41_000, 3_900.5),
]  # fmt: skip
# What is in the topic, and no quote: no value, no JSON object, a field that is missing or null, an absurd price.
_FIELDS = ({"price": None}, {"price": "n/a"}, {"symbol": None}, {"ts": None}, {"price": -37.5}, {"price": 0.0}, {"price": MOST}, {"price": 1e9}, {"price": float("nan")})  # fmt: skip
BAD = [
    None, b"", b"hello", b'{"symbol": "JPM", "price"', b"\xff\xfe\x00", b"[1, 2]", b"null",
    b'{"symbol": "JPM", "ts": 1767623409000}', b'{"price": 50.0, "ts": 1767623409000}', b'{"symbol": "JPM", "price": 50.0}',
    *(json.dumps({"symbol": "JPM", "price": 50.0, "ts": ORIGIN + 9_000} | field).encode() for field in _FIELDS),
]  # fmt: skip


def wire(quotes: Iterable[Quote]) -> list[bytes]:
    """The values of records: JSON, as the collector sends it, and with a field that is new."""
    return [
        json.dumps({"symbol": one.symbol, "price": one.price, "ts": ORIGIN + one.at, "day": "2008-09-15"}).encode()
        for one in quotes
    ]


def averages(quotes: Iterable[Quote], how: str | Callable[[Any], float] = "mean") -> dict[tuple[str, int], float]:
    """What pandas makes of them: by symbol, and end of the window in milliseconds after ORIGIN."""
    rows = pd.DataFrame(quotes, columns=Quote._fields)
    rows["end"] = (rows["at"] // WINDOW + 1) * WINDOW
    found = rows.groupby(["symbol", "end"])["price"].agg(how)
    return {(str(symbol), int(end)): float(price) for (symbol, end), price in found.items()}


def hours_off(found: set[int], wanted: set[int]) -> bool:
    """Whether all times are off by the same hours: by a time zone."""
    away = min(found, default=0) - min(wanted, default=0)
    return away != 0 and away % 1_800_000 == 0 and {at - away for at in found} == wanted


def close(found: dict[Any, float], wanted: dict[Any, float]) -> bool:
    """The same keys, and the same values to the cent."""
    return found.keys() == wanted.keys() and all(abs(found[key] - wanted[key]) < 0.005 for key in wanted)


def pictured(rows: dict[tuple[str, int], float]) -> str:
    """Averages as a student reads them: symbol, second after the first quote, price."""
    shown = [f"{symbol} {at / 1000:.10g} s: {price:,.2f}" for (symbol, at), price in sorted(rows.items())[:8]]
    return "; ".join(shown) or "no row"


def frame_of(spark: SparkSession, quotes: Iterable[Quote]) -> DataFrame:
    """The quotes as a DataFrame: symbol, price, ts."""
    rows = ", ".join(f'("{one.symbol}", {one.price}D, timestamp_millis({ORIGIN + one.at}))' for one in quotes)
    return spark.sql(f"SELECT * FROM VALUES {rows} AS quotes(symbol, price, ts)")  # noqa: S608  # of this check's own


def rows_of(session: Any) -> dict[tuple[str, int], float]:
    """The table avg_price: as `averages`."""
    found = views.query(session, f"SELECT symbol, ts, price FROM {session.keyspace}.avg_price")  # noqa: S608  # a keyspace of this check's
    times = found["ts"].astype("int64") - ORIGIN
    return {(s, int(at)): float(p) for s, at, p in zip(found["symbol"], times, found["price"], strict=True)}
