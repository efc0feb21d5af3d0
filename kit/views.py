"""Prepared views in Cassandra: a session of the driver, and its rows as DataFrames.

A view is a table that is laid out for one question. The CQL stays the student's own; this room connects, writes many
rows at once, and gives rows back as a DataFrame.

>>> from kit import views
>>> with views.connect("market") as session:                 # doctest: +SKIP
...     session.execute("CREATE TABLE IF NOT EXISTS quotes "
...                     "(symbol text, ts timestamp, price double, PRIMARY KEY (symbol, ts))")
...     views.write(session, "quotes", quotes)
...     views.query(session, "SELECT * FROM quotes WHERE symbol = %s LIMIT 2", ["JPM"])
   symbol                        ts  price
0     JPM 2008-09-15 13:30:00+00:00   37.0
1     JPM 2008-09-15 13:30:01+00:00   37.1
"""

import logging
import re
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from math import isnan
from typing import Any

import pandas as pd
from cassandra import (
    ConsistencyLevel,
    DriverException,
    RequestExecutionException,
    RequestValidationException,
    Unavailable,
)
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.concurrent import execute_concurrent
from cassandra.policies import DCAwareRoundRobinPolicy, ExponentialReconnectionPolicy, TokenAwarePolicy
from cassandra.protocol import SyntaxException
from cassandra.query import UNSET_VALUE, SimpleStatement

from kit.errors import CassandraUnavailable, ConfigError, ViewError
from kit.servers import addresses

__all__ = ["connect", "query", "write"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
_CONCURRENT = 100
_PROTOCOL = 5  # of Cassandra 4 and 5; named, so that the driver does not try newer ones first
_SECONDS = 10.0
# A node that is down is no surprise in a class, and what it means for a statement, its error says.
logging.getLogger("cassandra").setLevel(logging.CRITICAL)


def connect(
    keyspace: str | None = None, *, replication_factor: int | None = None,
    contact_points: Sequence[tuple[str, int]] | None = None,
) -> Session:  # fmt: skip
    """A session of the Cassandra driver. Its `shutdown`, or the end of a ``with`` block, closes its connections.

    Parameters
    ----------
    keyspace
        The session's keyspace: lower-case letters, digits and ``_``. It is made if it is not there.
    replication_factor
        Copies of each row in a keyspace that is made: default one for each node, at most 3.
    contact_points
        ``(host, port)`` of some nodes; default: the lab's, which starts if it is not running.

    Raises
    ------
    CassandraUnavailable
        No node answered.
    ConfigError
        The keyspace cannot have that name.
    """
    if keyspace is not None and not _NAME.fullmatch(keyspace):
        raise ConfigError(
            "a keyspace of lower-case letters, digits and _, 48 at most", got=repr(keyspace), todo='write "market"'
        )
    points = list(contact_points or addresses.cassandra())
    policy = TokenAwarePolicy(DCAwareRoundRobinPolicy())
    cluster = Cluster(
        points,
        protocol_version=_PROTOCOL,
        execution_profiles={EXEC_PROFILE_DEFAULT: ExecutionProfile(policy, request_timeout=_SECONDS)},
        reconnection_policy=ExponentialReconnectionPolicy(0.1, 2.0),
    )
    try:
        session = cluster.connect()
        if keyspace is not None:
            copies = replication_factor or min(3, len(cluster.metadata.all_hosts()))
            session.execute(
                f"CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = "
                f"{{'class': 'NetworkTopologyStrategy', 'replication_factor': {int(copies)}}}"
            )
            session.set_keyspace(keyspace)
    except BaseException as error:
        cluster.shutdown()
        if not isinstance(error, NoHostAvailable):
            raise
        where = ", ".join(f"{host}:{port}" for host, port in points)
        todo = "run `kit up cassandra`, look with `kit status`"
        raise CassandraUnavailable(f"a Cassandra node at {where}", got="none answered", todo=todo) from error
    ends = ExitStack()  # the driver's session, and then what it was made by
    ends.callback(cluster.shutdown)
    ends.callback(session.shutdown)
    session.shutdown = ends.close
    return session


def query(
    session: Session, statement: Any, parameters: Sequence[Any] | Mapping[str, Any] = (), *, consistency: str = ""
) -> pd.DataFrame:
    """The rows that a SELECT finds, as a DataFrame.

    Parameters
    ----------
    statement
        CQL with ``%s`` for each parameter, or a prepared statement.
    parameters
        Its parameters.
    consistency
        How many copies must answer: ``ONE``, ``QUORUM``, ``ALL``, …; default: ``LOCAL_ONE``, as the driver has it.

    Returns
    -------
    DataFrame
        A column for each that is asked for: timestamps ``datetime64[ms, UTC]``, whole numbers ``int64`` (``Int64`` with
        nulls), the rest as pandas makes it.

    Raises
    ------
    ViewError, CassandraUnavailable
        Cassandra does not understand it; too few nodes answered.
    """
    if isinstance(statement, str):
        statement = SimpleStatement(statement)
    else:
        statement = statement.bind(parameters)
        parameters = ()
    if consistency:
        statement.consistency_level = _level(consistency)
    with _in_words():
        found = session.execute(statement, parameters or None)
        rows = list(found)
    types = [kind.typename for kind in found.column_types or ()]
    columns = zip(found.column_names or (), types, range(len(types)), strict=True)
    return pd.DataFrame({name: _column([row[place] for row in rows], kind) for name, kind, place in columns})


def write(session: Session, table: str, rows: pd.DataFrame, *, consistency: str = "") -> int:
    """Write the rows of a DataFrame, many at once; those with the same primary key are replaced. Returns how many.

    A row that is written twice is there once, so a write that failed in the middle can be done again.

    Parameters
    ----------
    table
        A table of the session's keyspace, or ``keyspace.table``.
    rows
        Its columns have the names of the table's. A missing value (None, NaN, NaT) leaves that column as it is.
    consistency
        How many copies must have each row: ``ONE``, ``QUORUM``, ``ALL``, …; default: ``LOCAL_ONE``.

    Raises
    ------
    ViewError
        There is no such table or column, a column of the primary key is missing, or a value is not of its type.
    CassandraUnavailable
        Too few nodes answered; some of the rows may be written.
    """
    from tqdm.auto import tqdm

    _check_columns(session, table, rows)
    names = [str(name) for name in rows.columns]
    with _in_words():
        marks = ", ".join("?" * len(names))
        insert = session.prepare(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})")  # noqa: S608  # names of the table's
        if consistency:
            insert.consistency_level = _level(consistency)
        values = zip(*(_values(rows[name]) for name in rows.columns), strict=True)
        bound = _bound(insert, values)
        with tqdm(total=len(bound), unit="row", disable=len(bound) < 5_000, leave=False) as bar:
            for start in range(0, len(bound), 1_000):
                some = [(statement, ()) for statement in bound[start : start + 1_000]]
                execute_concurrent(session, some, concurrency=_CONCURRENT)
                bar.update(len(some))
    return len(bound)


def _check_columns(session: Session, table: str, rows: pd.DataFrame) -> None:
    keyspace, _, name = table.rpartition(".")
    keyspaces = session.cluster.metadata.keyspaces
    tables = keyspaces[keyspace or session.keyspace].tables if (keyspace or session.keyspace) in keyspaces else {}
    if name not in tables:
        raise ViewError(
            f"a table {table!r}", got=f"tables: {', '.join(sorted(tables)) or 'none'}", todo="create it first"
        )
    known, key = list(tables[name].columns), [column.name for column in tables[name].primary_key]
    unknown = [str(one) for one in rows.columns if one not in known]
    missing = [one for one in key if one not in rows.columns]
    if unknown or missing:
        got = f"unknown: {', '.join(unknown)}" if unknown else f"missing, of its primary key: {', '.join(missing)}"
        todo = f"choose columns: rows[{[one for one in rows.columns if one in known]}]" if unknown else "add it"
        raise ViewError(f"columns of {table}: {', '.join(known)}", got=got, todo=todo)
    if (gaps := rows[key].isna().any(axis=1)).any():
        got = f"row {int(gaps.to_numpy().argmax())}: {rows[gaps].iloc[0].to_dict()}"[:200]
        raise ViewError(
            f"a value for each of the primary key: {', '.join(key)}",
            got=got,
            todo=f"drop it: rows.dropna(subset={key})",
        )


def _values(column: "pd.Series[Any]") -> list[Any]:
    """A column as the driver takes it: Python's own values, UNSET for what is missing."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        utc = column.dt.tz_convert("UTC")
        if (utc.dt.floor("ms") != utc).any():
            raise ViewError(
                f"times of whole milliseconds in {column.name!r}, as Cassandra keeps them",
                got=str(utc[utc.dt.floor("ms") != utc].iloc[0]),
                todo=f"floor them if that makes no two keys equal: rows[{column.name!r}].dt.floor('ms')",
            )
        column = utc.dt.tz_localize(None)
    elif column.dtype.kind == "M":
        raise ViewError(
            f"times with a time zone in {column.name!r}",
            got=f"dtype {column.dtype}",
            todo=f"say which: rows[{column.name!r}].dt.tz_localize('UTC')",
        )
    plain = column.astype(object).tolist()
    return [UNSET_VALUE if _is_missing(one) else one for one in plain]


def _bound(insert: Any, rows: Iterable[tuple[Any, ...]]) -> list[Any]:
    bound = []
    for number, row in enumerate(rows):
        try:
            bound.append(insert.bind(row))
        except (TypeError, ValueError, AttributeError, OverflowError, struct.error) as error:
            got = f"row {number}: {row!r}"[:200]
            raise ViewError(
                f"values for {insert.query_string}", got=got, todo=f"convert them: {error}"[:200]
            ) from error
    return bound


def _is_missing(one: Any) -> bool:
    return one is None or one is pd.NA or one is pd.NaT or (isinstance(one, float) and isnan(one))


def _column(values: list[Any], kind: str) -> Any:
    if kind == "timestamp":
        return pd.DatetimeIndex(pd.to_datetime(values, utc=True)).as_unit("ms")
    if kind in ("bigint", "counter", "int", "smallint", "tinyint"):
        return pd.array(values, dtype="Int64") if None in values else pd.array(values, dtype="int64")
    return pd.Series(values, dtype=object).infer_objects()


def _level(name: str) -> int:
    levels = ConsistencyLevel.name_to_value
    if name not in levels:
        raise ConfigError(f"a consistency level: {', '.join(levels)}", got=repr(name), todo='write "QUORUM"')
    return int(levels[name])


@contextmanager
def _in_words() -> Iterator[None]:
    """The driver's errors as the kit's."""
    try:
        yield
    except (RequestValidationException, SyntaxException) as error:
        raise ViewError("a statement that Cassandra understands", got=str(error), todo="correct the CQL") from error
    except (NoHostAvailable, Unavailable, RequestExecutionException, DriverException) as error:
        reasons = error.errors.values() if isinstance(error, NoHostAvailable) else ()  # of each node that was asked
        cause = next(iter(reasons), error)
        raise CassandraUnavailable(
            "enough Cassandra nodes to answer",
            got=f"{type(cause).__name__}: {str(cause)[:200]}",
            todo="look with `kit status`; start a stopped node: lab.cassandra.restart(1), or ask for less consistency",
        ) from error
