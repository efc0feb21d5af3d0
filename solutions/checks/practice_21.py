"""The gap of notebook 21: the range of prices in windows of event time, by Spark."""

from datetime import UTC, datetime

import kit
from kit.exercises import CheckContext, Gap

__all__ = ["GAPS"]

_COLUMNS = ["range", "symbol", "until"]
# Symbol, second, price: two windows of 10 s for JPM, one of them with a single quote, and one for GE.
_QUOTES = [("JPM", 0, 25.0), ("JPM", 9, 27.5), ("JPM", 5, 26.0), ("JPM", 10, 40.0), ("GE", 3, 99.5), ("GE", 4, 99.0)]
_RIGHT = {("JPM", 10): 2.5, ("JPM", 20): 0.0, ("GE", 10): 0.5}
_START = 1_767_623_400
_ON = f"price_range(quotes), with (symbol, second, price): {_QUOTES}"
_SECONDS = 20.0  # Spark compiles a plan that is new to it


def _price_range(context: CheckContext) -> None:
    function = context.named("price_range")
    spark = kit.spark()
    quotes = spark.createDataFrame(
        [(symbol, price, datetime.fromtimestamp(_START + second, UTC)) for symbol, second, price in _QUOTES],
        "symbol STRING, price DOUBLE, ts TIMESTAMP",
    )
    got = context.call(function, quotes, on=_ON, seconds=_SECONDS)
    if not hasattr(got, "toPandas"):
        context.wrong("a DataFrame of Spark", got=got, advice="return what groupBy(…).agg(…).select(…) gives")
    if sorted(got.columns) != _COLUMNS:
        advice = 'name them with .alias("…"); f.col("window.end") is the end of a window'
        context.wrong(f"the columns {', '.join(_COLUMNS)}", got=", ".join(got.columns), advice=advice)
    types = dict(got.dtypes)
    if types["until"] != "timestamp":
        advice = 'the window itself has a start and an end: f.col("window.end").alias("until")'
        context.wrong("until as a timestamp", got=types["until"], advice=advice)
    rows = context.call(got.selectExpr("symbol", "unix_timestamp(until) AS until", "range").collect, seconds=_SECONDS)
    found = sorted((row.symbol, row.until - _START, row.range) for row in rows)
    if found != sorted((symbol, end, high) for (symbol, end), high in _RIGHT.items()):
        _explain(context, found)


def _explain(context: CheckContext, found: list[tuple[str, int, float]]) -> None:
    """Say what is wrong with rows of (symbol, second of `until`, range)."""
    right = sorted((symbol, end, high) for (symbol, end), high in _RIGHT.items())
    expected = f"(symbol, second of until, range): {right}"
    if [(symbol, end + 10, high) for symbol, end, high in found] == right:
        advice = 'that is where the windows start: take f.col("window.end")'
    elif len(found) != len(right) or [row[:2] for row in found] != [row[:2] for row in right]:
        advice = 'group by both: groupBy(f.window("ts", "10 seconds"), "symbol")'
    else:
        advice = 'the range is f.max("price") - f.min("price")'
    context.wrong(expected, got=str(found), advice=advice)


GAPS = (
    Gap(
        names=("price_range",),
        check=_price_range,
        hints=(
            "It is the query `average` with another length of the window, and another aggregate.",
            'quotes.groupBy(f.window("ts", "10 seconds"), "symbol") makes the groups; agg takes an expression.',
            'groups.agg((f.max("price") - f.min("price")).alias("range")), then select with f.col("window.end")',
        ),
        why="An aggregate can be computed from aggregates. The highest and the lowest price of a part are all that Spark "
        "has to keep of it, so the state of a window is two numbers, however many quotes there are.",
        title="price_range",
        todo="group by the window and the symbol; then the highest price less the lowest",
        solution='groups = quotes.groupBy(f.window("ts", "10 seconds"), "symbol")\n'
        'found = groups.agg((f.max("price") - f.min("price")).alias("range"))\n'
        'return found.select("symbol", f.col("window.end").alias("until"), "range")',
    ),
)
