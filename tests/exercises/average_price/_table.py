# ruff: noqa: E501  # an answer a line
"""Gap 5, the table."""

from kit.exercises import Crashed
from tests.exercises.misconceptions import Right, Wrong

__all__ = ["RIGHT", "WRONG"]

_COLUMNS = "symbol text, ts timestamp, price double"


def _table(
    key: str = "symbol, ts", columns: str = _COLUMNS, name: str = "IF NOT EXISTS avg_price", more: str = ""
) -> str:
    return f'session.execute("CREATE TABLE {name} ({columns}, PRIMARY KEY ({key})){more}")'  # fmt: skip


WRONG = [
    Wrong("one partition key for all", _table("day, symbol, ts", f"day int, {_COLUMNS}"), hears="all symbols share one partition"),
    Wrong("a partition for each day", _table("(symbol, day), ts", f"day date, {_COLUMNS}"), hears="the averages of a symbol are in many partitions"),
    Wrong("closed afterwards", f"with session:\n    {_table()}", hears="leave the session open"),
    Wrong("in the keyspace market", f'session.set_keyspace("market")\n{_table()}', hears="leave the session in its keyspace"),
    Wrong("sent and forgotten", _table().replace("execute", "execute_async"), hears="session.execute does"),
    Wrong("a static price", _table(columns="symbol text, ts timestamp, price double static"), hears="one value for the whole partition"),
    Wrong("the time finds the row", _table("ts, symbol"), hears="with ts in the partition key"),
    Wrong("the key in two brackets", _table("(symbol, ts)"), hears="each row is alone in a partition"),
    Wrong("no clustering column", _table("symbol"), hears="without a clustering key"),
    Wrong("the price is in the key", _table("symbol, ts, price"), hears="a second row of each correction"),
    Wrong("a counter", _table(columns="symbol text, ts timestamp, price counter"), hears="a counter can only be added to"),
    Wrong("seven digits are enough", _table(columns="symbol text, ts timestamp, price float"), hears="a double, and no float"),
    Wrong("a day is enough", _table(columns="symbol text, ts date, price double"), hears="a timestamp, and no date"),
    Wrong("the column has another name", _table("symbol, until", "symbol text, until timestamp, price double"), hears="a column is missing: ts"),
    Wrong("a table of another name", _table(name="IF NOT EXISTS averages"), hears="the table is called avg_price"),
    Wrong("a new one each time", f'session.execute("DROP TABLE IF EXISTS avg_price")\n{_table()}', hears="look for DROP or TRUNCATE"),
    Wrong("there is none yet", _table(name="avg_price"), kind=Crashed, hears="IF NOT EXISTS leaves it"),
    Wrong("the text is the table", _table().removeprefix("session.execute(").removesuffix(")"), hears="a text alone does nothing"),
    Wrong("one column more", _table(columns=f"{_COLUMNS}, n int"), hears="the three columns are enough"),
    Wrong("no key", 'session.execute("CREATE TABLE IF NOT EXISTS avg_price (symbol text, ts timestamp, price double)")', kind=Crashed, hears="look at the CQL"),
    Wrong("SQL's types", _table(columns="symbol STRING, ts TIMESTAMP, price DOUBLE"), kind=Crashed, hears="look at the CQL"),
]  # fmt: skip

RIGHT = [
    Right("the newest first", _table(more=" WITH CLUSTERING ORDER BY (ts DESC)")),
    Right("the oldest first, in brackets", _table("(symbol), ts", more=" WITH CLUSTERING ORDER BY (ts ASC) AND comment = 'averages'")),
    Right("varchar, and the keyspace by its name", 'session.execute(f"CREATE TABLE IF NOT EXISTS {session.keyspace}.avg_price (symbol varchar, ts timestamp, price double, PRIMARY KEY (symbol, ts))")'),
    Right("looked first", f'if "avg_price" not in session.cluster.metadata.keyspaces[session.keyspace].tables:\n    {_table(name="avg_price")}'),
]  # fmt: skip
