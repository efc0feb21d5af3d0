"""The gap of notebook 22: the last prices of a symbol, by a prepared statement."""

from collections.abc import Callable

import pandas as pd

from kit import views
from kit.exercises import CheckContext, Gap, plain

__all__ = ["GAPS"]

_PRICES = {"JPM": [25.314, 27.873, 24.473, 27.572], "GE": [99.879, 101.746], "O'K": [7.5]}
_TABLE = """CREATE TABLE IF NOT EXISTS quotes (symbol text, ts timestamp, price double, PRIMARY KEY (symbol, ts))
    WITH CLUSTERING ORDER BY (ts DESC)"""


def _last_prices(context: CheckContext) -> None:
    function = context.named("last_prices")
    session = context.enter_context(views.connect("practice_22"))
    session.execute(_TABLE)
    session.execute("TRUNCATE quotes")
    rows = [(symbol, second, price) for symbol, prices in _PRICES.items() for second, price in enumerate(prices)]
    table = pd.DataFrame(rows, columns=["symbol", "second", "price"])
    times = pd.to_datetime(1_767_623_400 + table.pop("second"), unit="s", utc=True)
    views.write(session, "quotes", table.assign(ts=times))
    asked: list[str] = []
    session.prepare = _spied(session.prepare, asked)
    for symbol, count in (("JPM", 3), ("GE", 10), ("O'K", 1), ("XOM", 2)):
        right = _PRICES.get(symbol, [])[::-1][:count]
        on = f"last_prices(session, {symbol!r}, {count}); its quotes, oldest first: {_PRICES.get(symbol, [])}"
        got = plain(context.call(function, session, symbol, count, on=on, seconds=10.0))
        if got != right:
            context.wrong(str(right), got=got, advice=_advice(got, right))
    if not asked:
        advice = (
            'session.prepare("SELECT … WHERE symbol = ? LIMIT ?"), then session.execute(statement, [symbol, count])'
        )
        context.wrong("a prepared statement", got="a statement that Cassandra parses at each call", advice=advice)


def _spied(prepare: Callable[[str], object], asked: list[str]) -> Callable[[str], object]:
    def spy(query: str) -> object:
        asked.append(query)
        return prepare(query)

    return spy


def _advice(got: object, right: list[float]) -> str:
    if not isinstance(got, list):
        return "return a list: [row.price for row in session.execute(…)]"
    if got and not all(isinstance(price, float) for price in got):
        return "a row has its columns as attributes: row.price"
    if sorted(got) == sorted(right):
        return "the table has the newest first: leave the order as it comes"
    return "WHERE symbol = ? finds the partition, LIMIT ? says how many rows"


GAPS = (
    Gap(
        names=("last_prices",),
        check=_last_prices,
        needs=("cassandra",),
        hints=(
            "A prepared statement has a ? where a value goes. Cassandra parses it once.",
            "statement = session.prepare(…); session.execute(statement, [symbol, count]) gives rows.",
            'session.prepare("SELECT price FROM quotes WHERE symbol = ? LIMIT ?"), and a list of row.price',
        ),
        why="The table is laid out for this question: one partition, whose first rows are the newest. So Cassandra reads "
        "just those, however long the history is. A prepared statement is parsed once, and no value can change its "
        "meaning.",
        title="last_prices",
        todo="prepare a SELECT with two ?, execute it, return a list of prices",
        solution='statement = session.prepare("SELECT price FROM quotes WHERE symbol = ? LIMIT ?")\n'
        "return [row.price for row in session.execute(statement, [symbol, count])]",
    ),
)
