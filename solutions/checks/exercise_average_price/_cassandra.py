"""Gaps 5 and 6: the table of averages, and the rows of a micro-batch in it."""

import sys
from contextlib import ExitStack
from functools import partial
from math import isnan
from pickle import PicklingError
from typing import Any

from cassandra.cluster import Cluster, ResponseFuture
from pyspark.sql.classic.dataframe import DataFrame as _Frame

import kit
from kit.exercises import CheckContext

from ..engines import check_session, check_spark, in_tokyo, keyspace, listed
from ..judging import advice_on, judge, spy
from . import _common as common
from ._common import FIRST, ORIGIN, Quote, pictured

_QUESTION = "it is asked for the averages of one symbol, by time"
_CQL = ("SyntaxException", "look at the CQL: CREATE TABLE IF NOT EXISTS name (columns with types, PRIMARY KEY (…))")
_SECONDS = 8.0
_Seen, _Rows = tuple[set[str], list[Any]], dict[Any, float]


def create_table(context: CheckContext) -> None:
    function, session = context.named("create_table"), keyspace(context)
    before, name = _tables(session), session.keyspace
    context.advise = partial(advice_on, table=(_CQL, *common.ERRORS))
    _, waiting = _watched(context, function, session, on="create_table(session), in a keyspace without tables")
    check_session(context, session, name)
    session.cluster.refresh_schema_metadata()
    new = sorted(_tables(session) - before)
    table = session.cluster.metadata.keyspaces[name].tables.get("avg_price")
    judge(context, "a table avg_price in the keyspace of the session", ", ".join(new) or "no new table",
        (waiting, "nothing waits for that request: session.execute does"),
        (table is None and any(name.endswith(".avg_price") for name in new), "leave the keyspace out of the name: the session has one"),
        (table is None and new, "the table is called avg_price"),
        (table is None, "no table is there: session.execute runs CQL, and waits; a text alone does nothing"))  # fmt: skip
    _judge_table(context, table)
    session.execute("INSERT INTO avg_price (symbol, ts, price) VALUES ('JPM', %s, 37.5)", [ORIGIN])
    context.call(function, session, on="create_table(session), when the table is there and has a row", seconds=_SECONDS)
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
    extra = [name for name in (*partition, *order) if name not in ("symbol", "ts")]
    strange = next((name for name in wanted if types.get(name, wanted[name]) != wanted[name]), "")
    foreign = set(partition) - set(wanted)
    judge(context, f"symbol text, ts timestamp, price double, and the key for its question: {_QUESTION}", got,
        ("counter" in types.values(), "a counter can only be added to; an average is replaced when it changes: a double"),
        (foreign and "symbol" in partition, f"with {', '.join(sorted(foreign))} in the partition key the averages of a symbol are in many partitions, and a question needs all of them; {_QUESTION}"),
        (foreign and "symbol" in types, f"with {', '.join(sorted(foreign))} as partition key the symbol does not find its rows: all symbols share one partition, or each row has its own; {_QUESTION}"),
        (set(wanted) - set(types), f"a column is missing: {', '.join(sorted(set(wanted) - set(types)))}"),
        (strange, f"{strange} is a {wanted.get(strange)}, and no {types.get(strange)}"),
        (partition in (["ts"], ["ts", "symbol"]), f"with ts in the partition key each moment is a partition somewhere on the ring; {_QUESTION}"),
        (partition == ["symbol", "ts"], f"two columns in the inner brackets are one partition key, so each row is alone in a partition; {_QUESTION}"),
        (extra, f"{', '.join(extra)} in the primary key makes a second row of each correction: the row of a symbol and a ts is replaced"),
        (any(column.is_static for column in table.columns.values()), "a static column has one value for the whole partition: each row has its own price"),
        (partition == ["symbol"] and not order, "without a clustering key a symbol has one row, and each average replaces the one before: ts belongs in the key"),
        (partition != ["symbol"] or order != ["ts"], f"the partition key finds the place, the clustering key the order; {_QUESTION}"),
        (len(types) > 3, "the three columns are enough"))  # fmt: skip


def write(context: CheckContext) -> None:
    function, spark, session = context.named("write"), kit.spark(), keyspace(context, common.TABLE)
    context.advise, name = common.advise, session.keyspace
    early = {("JPM", 20_000): 37.01, ("GE", 20_000): 25.8, ("O'K", 20_000): 3_800.07, ("JPM", 40_000): 41.55}
    later = {("JPM", 20_000): 36.25, ("GE", 40_000): 25.8}
    steps = [
        (early, "the first micro-batch"), (early, "the same micro-batch once more, as after a crash"),
        (later, "a micro-batch with a new average of JPM at 20 s"), ({}, "a micro-batch without rows"),
    ]  # fmt: skip
    before: dict[tuple[str, int], float] = {}
    for rows, what in steps:
        quotes = [Quote(*key, price) for key, price in rows.items()]
        frame = common.frame_of(spark, quotes or FIRST).select("symbol", "ts", "price").limit(len(rows))
        seen = _watched(context, function, session, frame, on=f"write(session, frame), {what}: {pictured(rows)}")
        check_spark(context)
        check_session(context, session, name)
        before = _judge_rows(context, seen, common.rows_of(session), before, rows)


def _watched(context: CheckContext, function: Any, *args: Any, on: str) -> _Seen:
    """Call the student's code once, on a machine in Tokyo: there a time without its zone is nine hours off.

    Gives what it did that the table does not show, and the requests that it did not wait for.
    """
    did, waiting = set[str](), list[Any]()

    def refuse(*_: Any) -> None:
        raise PicklingError("a session cannot be sent to other processes")  # as PySpark has it, after a long traceback

    def collect(*_: Any) -> None:
        if not sys._getframe(2).f_globals.get("__name__", "").startswith("pyspark"):  # toPandas collects, too
            did.add("collect")

    def wait(future: Any, *_: Any, **__: Any) -> None:
        waiting[:] = [one for one in waiting if one is not future]

    with ExitStack() as spies, in_tokyo():
        for name in ("collect", "toLocalIterator"):
            spy(spies, _Frame, name, collect)
        for name in ("foreach", "foreachPartition"):
            spy(spies, _Frame, name, refuse)
        for name in ("result", "add_callback", "add_callbacks"):
            spy(spies, ResponseFuture, name, wait)
        spy(spies, ResponseFuture, "send_request", lambda future, *_, **__: waiting.append(future))
        spy(spies, Cluster, "connect", lambda *_, **__: did.add("connect"))
        context.call(function, *args, on=on, seconds=_SECONDS)
    return did, waiting


def _judge_rows(context: CheckContext, seen: _Seen, found: _Rows, before: _Rows, rows: _Rows) -> _Rows:
    """Say what is wrong with the table after a micro-batch; else give what is in it."""
    did, waiting = seen
    wanted, lost = before | rows, before.keys() - found.keys()
    moved = {(symbol, at + hours * 3_600_000) for symbol, at in rows for hours in range(-14, 15) if hours}
    changed = {key: (before[key], new, found[key]) for key, new in rows.items() if key in before and key in found}
    old = any(abs(got - then) < 0.005 <= abs(new - then) for then, new, got in changed.values())
    mean = any(abs(got - (then + new) / 2) < 0.005 <= abs(new - then) for then, new, got in changed.values())
    added = any(abs(got - then - new) < 0.005 for then, new, got in changed.values())
    right = common.close(found, wanted)
    judge(context, pictured(wanted), pictured(found),
        ("connect" in did, "use the session that the function gets: a new session for each micro-batch, or row, takes longer than the rows"),
        (moved & found.keys() and "collect" in did, "collect() gives times in the zone of this machine, and does not say which; Cassandra takes them for UTC, so in Tokyo they are nine hours off. And collect() makes a Python object of each row before the first is written: notebook 22 shows another way"),
        (moved & found.keys(), "these times are some hours off: toPandas gives them in UTC, without saying so, and Cassandra wants UTC; the zone of this machine (for the check: Tokyo) does not matter"),
        (lost, "rows of earlier micro-batches are gone: a micro-batch has only what has changed, so nothing is deleted"),
        (not right and not found and "collect" in did, "collect() brings the rows into this process, and nothing writes them: the session does"),
        (not found and rows, "nothing is in the table avg_price of this session's keyspace: session.execute or views.write puts rows there"),
        (any(at < -1e12 for _, at in found), "these are seconds, taken for milliseconds: the year is 1970; give a datetime"),
        (any(at == 0 or at < 0 or at > 1e8 for _, at in found.keys() - wanted.keys()), "ts is that of the row: the end of its window, and not the time of writing"),
        (wanted.keys() - found.keys(), "some rows of the micro-batch are missing: write all of them"),
        (found.keys() - wanted.keys(), "a row that came again is there twice: an upsert has the same symbol and ts, and replaces"),
        (old, "the old average is still there: an upsert replaces it; IF NOT EXISTS does not"),
        (mean, "that is an average of averages, the old and the new one: the new one has all quotes of the window in it, and replaces the old"),
        (added, "the new average was added to the old one: it replaces it"),
        (any(isnan(price) for price in found.values()), "a row has no price: write all three columns"),
        (not right, "the prices are those of the rows, to the cent"),
        (waiting, "some writes were not waited for: if one fails, the checkpoint goes on without it; wait for the result of each, after all are sent"))  # fmt: skip
    return wanted
