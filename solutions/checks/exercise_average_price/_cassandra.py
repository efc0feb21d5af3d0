"""Gaps 5 and 6: the table of averages, and the rows of a micro-batch in it."""

import sys
from contextlib import ExitStack
from typing import Any

from cassandra.cluster import Cluster, ResponseFuture
from pyspark.sql import DataFrame
from pyspark.sql import functions as f

import kit
from kit.exercises import CheckContext

from ..engines import in_tokyo, keyspace, listed
from ..judging import judge, spy
from . import _common as common
from ._common import ORIGIN, pictured

_QUESTION = "it is asked for the averages of one symbol, by time"
_WRITES = 8.0  # seconds


def create_table(context: CheckContext) -> None:
    function, session = context.named("create_table"), keyspace(context)
    context.advise, before = common.advise, _tables(session)
    context.call(function, session, on="create_table(session), in a keyspace without tables", seconds=_WRITES)
    session.cluster.refresh_schema_metadata()
    new = sorted(_tables(session) - before)
    table = session.cluster.metadata.keyspaces[session.keyspace].tables.get("avg_price")
    judge(context, "a table avg_price in the keyspace of the session", ", ".join(new) or "no new table",
        (table is None and any(name.endswith(".avg_price") for name in new), "leave the keyspace out of the name: the session has one"),
        (table is None and new, "the table is called avg_price"),
        (table is None, "no table is there: a session executes CQL; a text alone does nothing"))  # fmt: skip
    _judge_table(context, table)
    session.execute("INSERT INTO avg_price (symbol, ts, price) VALUES ('JPM', %s, 37.5)", [ORIGIN])
    context.call(function, session, on="create_table(session), when the table is there and has a row", seconds=_WRITES)
    judge(context, "that one row", pictured(common.rows_of(session)),
        (common.rows_of(session) != {("JPM", 0): 37.5}, "leave a table that is there as it is, with its rows: look for DROP or TRUNCATE"))  # fmt: skip


def _tables(session: Any) -> set[str]:
    """The names of all tables, with their keyspaces."""
    spaces = session.cluster.metadata.keyspaces
    return {f"{space}.{table}" for space, found in spaces.items() for table in found.tables}


def _judge_table(context: CheckContext, table: Any) -> None:
    types = {name: column.cql_type for name, column in table.columns.items()}
    partition, order = ([column.name for column in key] for key in (table.partition_key, table.clustering_key))
    wanted = {"symbol": "text", "ts": "timestamp", "price": "double"}
    key = ", ".join([f"({', '.join(partition)})", *order])
    got = f"{listed(types)}, PRIMARY KEY ({key})"
    foreign, other = set(partition) - set(wanted), [name for name in wanted if types.get(name) != wanted[name]]
    judge(context, f"symbol text, ts timestamp, price double, and the key for its question: {_QUESTION}", got,
        ("counter" in types.values(), "a counter can only be added to; an average is replaced when it changes: a double"),
        (foreign and "symbol" in types, f"with {', '.join(sorted(foreign))} as partition key all symbols share one partition, so one node has it all; {_QUESTION}"),
        (set(wanted) - set(types), f"a column is missing: {', '.join(sorted(set(wanted) - set(types)))}"),
        (types.get("ts") in ("int", "bigint", "text", "date", "time"), f"ts is a moment: a timestamp, and no {types.get('ts')}"),
        (types.get("price") in ("float", "int", "decimal", "text"), f"price is what Spark's avg gives: a double, and no {types.get('price')}"),
        (other, f"look at the types of {', '.join(other)}"),
        (partition in (["ts"], ["ts", "symbol"]), f"with ts in the partition key each moment is a partition somewhere on the ring; {_QUESTION}"),
        (partition == ["symbol", "ts"], f"two columns in the inner brackets are one partition key, so each row is alone in a partition; {_QUESTION}"),
        ("price" in partition + order, "price in the primary key makes a second row of each correction: it is what is replaced"),
        (partition == ["symbol"] and not order, "without a clustering key a symbol has one row, and each average replaces the one before: ts belongs in the key"),
        (partition != ["symbol"] or order != ["ts"], f"the partition key finds the place, the clustering key the order; {_QUESTION}"),
        (len(types) > 3, "the three columns are enough"))  # fmt: skip


def write(context: CheckContext) -> None:
    function, spark, session = context.named("write"), kit.spark(), keyspace(context, common.TABLE)
    context.advise = common.advise
    early = {("JPM", 20_000): 37.01, ("GE", 20_000): 25.8, ("O'K", 20_000): 3_800.07}
    later = {("JPM", 20_000): 36.25, ("GE", 40_000): 29.125}
    steps = [
        (early, "the first micro-batch"), (early, "the same micro-batch once more, as after a crash"),
        (later, "a micro-batch with a new average of JPM at 20 s"), ({}, "a micro-batch without rows"),
    ]  # fmt: skip
    before: dict[tuple[str, int], float] = {}
    for rows, what in steps:
        values = [(symbol, ORIGIN + at, price) for (symbol, at), price in rows.items()]
        frame = spark.createDataFrame(values, "symbol STRING, ms LONG, price DOUBLE")
        frame = frame.select("symbol", f.timestamp_millis("ms").alias("ts"), "price")
        seen = _watched(context, function, session, frame, f"write(session, frame), {what}: {pictured(rows)}")
        before = _judge_rows(context, seen, common.rows_of(session), before, rows)


class _Seen:
    """What a call of the student's code does that the table does not show."""

    collected = foreach = connected = False

    def __init__(self) -> None:
        self.open = list[Any]()  # requests that are not waited for

    def collect(self, *_: Any) -> None:
        caller = sys._getframe(2).f_globals.get("__name__", "")
        self.collected |= not caller.startswith("pyspark")  # toPandas collects, too

    def each(self, *_: Any) -> None:
        self.foreach = True

    def connect(self, *_: Any, **__: Any) -> None:
        self.connected = True

    def send(self, future: Any, *_: Any, **__: Any) -> None:
        self.open.append(future)

    def wait(self, future: Any, *_: Any, **__: Any) -> None:
        self.open = [one for one in self.open if one is not future]


def _watched(context: CheckContext, function: Any, session: Any, frame: DataFrame, on: str) -> _Seen:
    """Call the student's `write` once, on a machine in Tokyo: there a time without its zone is nine hours off."""
    seen = _Seen()
    with ExitStack() as spies, in_tokyo():
        for name, see in {"collect": seen.collect, "toLocalIterator": seen.collect, "foreach": seen.each}.items():
            spy(spies, type(frame), name, see)
        spy(spies, Cluster, "connect", seen.connect)
        spy(spies, ResponseFuture, "send_request", seen.send)
        for name in ("result", "add_callback", "add_callbacks"):
            spy(spies, ResponseFuture, name, seen.wait)
        context.call(function, session, frame, on=on, seconds=_WRITES)
    return seen


def _judge_rows(
    context: CheckContext, seen: _Seen, found: dict[Any, float], before: dict[Any, float], rows: dict[Any, float]
) -> dict[Any, float]:
    """Say what is wrong with the table after a micro-batch; else give what is in it."""
    wanted, lost = before | rows, before.keys() - found.keys()
    moved = {(symbol, at + hours * 3_600_000) for symbol, at in rows for hours in (9, -9)}
    changed = {key: (before[key], new, found[key]) for key, new in rows.items() if key in before and key in found}
    old = any(abs(got - then) < 0.005 <= abs(new - then) for then, new, got in changed.values())
    mean = any(abs(got - (then + new) / 2) < 0.005 <= abs(new - then) for then, new, got in changed.values())
    added = any(abs(got - then - new) < 0.005 for then, new, got in changed.values())
    right = common.close(found, wanted)
    judge(context, pictured(wanted), pictured(found),
        (seen.foreach, "foreach calls its function for each row, in other processes: each would need a session of its own; write the whole micro-batch here"),
        (seen.connected, "use the session that the function gets: a new session for each micro-batch, or row, takes longer than the rows"),
        (moved & found.keys() and seen.collected, "collect() gives times in the zone of this machine, and does not say which; Cassandra takes them for UTC, so in Tokyo they are nine hours off. And collect() makes a Python object of each row before the first is written: notebook 22 shows another way"),
        (moved & found.keys(), "these times are in the zone of this machine (for the check: Tokyo): Cassandra wants UTC"),
        (lost, "rows of earlier micro-batches are gone: a micro-batch has only what has changed, so nothing is deleted"),
        (not right and not found and seen.collected, "collect() brings the rows into this process, and nothing writes them: the session does"),
        (not found and rows, "nothing is in the table: the session writes rows"),
        (any(at == 0 or at < 0 or at > 1e8 for _, at in found.keys() - wanted.keys()), "ts is that of the row: the end of its window, and not the time of writing"),
        (wanted.keys() - found.keys(), "some rows of the micro-batch are missing: write all of them"),
        (found.keys() - wanted.keys(), "a row that came again is there twice: an upsert has the same symbol and ts, and replaces"),
        (old, "the old average is still there: an upsert replaces it; IF NOT EXISTS does not"),
        (mean, "that is an average of averages, the old and the new one: the new one has all quotes of the window in it, and replaces the old"),
        (added, "the new average was added to the old one: it replaces it"),
        (not right, "the prices are those of the rows, to the cent"),
        (seen.open, "some writes were not waited for: if one fails, the checkpoint goes on without it; wait for the result of each, after all are sent"))  # fmt: skip
    return wanted
