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
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
from cassandra import ConsistencyLevel, DriverException, RequestValidationException
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.concurrent import execute_concurrent
from cassandra.encoder import Encoder
from cassandra.metadata import protect_name, protect_names
from cassandra.policies import DCAwareRoundRobinPolicy, ExponentialReconnectionPolicy, TokenAwarePolicy
from cassandra.protocol import RequestValidationException as _Refused
from cassandra.query import UNSET_VALUE, PreparedStatement, SimpleStatement, bind_params

from kit.errors import ConfigError, ViewError
from kit.servers import addresses, lab

__all__ = ["connect", "query", "write"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
_PROTOCOL = 5  # of Cassandra 4 and 5; named, so that the driver does not try newer ones first
_SECONDS = 10.0
# What the driver raises for a value that is not of the type.
_MISFITS = (TypeError, ValueError, KeyError, AttributeError, OverflowError, struct.error)
# A node that is down is no surprise in a class, and what it means for a statement, its error says.
logging.getLogger("cassandra").setLevel(logging.CRITICAL)


def connect(keyspace: str | None = None, *, contact_points: Sequence[tuple[str, int]] | None = None) -> Session:
    """A session of the Cassandra driver. Its `shutdown`, or the end of a ``with`` block, closes its connections.

    Parameters
    ----------
    keyspace
        The session's keyspace: lower-case letters, digits and ``_``. It is made if it is not there, with a copy of each
        row on every node, at most three.
    contact_points
        ``(host, port)`` of some nodes; default: the lab's, which starts if it is not running.

    Raises
    ------
    CassandraUnavailable, ConfigError, ViewError
        No node answered; there can be no such keyspace.
    """
    if keyspace is not None and not (isinstance(keyspace, str) and _NAME.fullmatch(keyspace)):
        wanted = "a keyspace of lower-case letters, digits and _, 48 at most"
        raise ConfigError(wanted, got=repr(keyspace), todo='write "market"')
    points = list(contact_points or addresses.cassandra())
    if not all(isinstance(point, tuple) and list(map(type, point)) == [str, int] for point in points):
        todo = 'write contact_points=[("127.0.0.1", 9042)]'
        raise ConfigError("contact points as (host, port)", got=repr(contact_points), todo=todo)
    profile = ExecutionProfile(TokenAwarePolicy(DCAwareRoundRobinPolicy()), request_timeout=_SECONDS)
    with ExitStack() as ends, _in_words():
        cluster = Cluster(
            points,
            protocol_version=_PROTOCOL,
            connect_timeout=_SECONDS,
            control_connection_timeout=_SECONDS,
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
            reconnection_policy=ExponentialReconnectionPolicy(0.1, 2.0),
        )
        ends.callback(cluster.shutdown)
        session = cluster.connect()
        if keyspace is not None:
            copies = min(3, len(cluster.metadata.all_hosts()))
            session.execute(
                f"CREATE KEYSPACE IF NOT EXISTS {protect_name(keyspace)} WITH replication = "
                f"{{'class': 'NetworkTopologyStrategy', 'replication_factor': {copies}}}"
            )
            session.set_keyspace(keyspace)
        ends.callback(session.shutdown)  # the driver's session, and then what it was made by
        session.shutdown = ends.pop_all().close
    return session


def query(
    session: Session,
    statement: str | PreparedStatement,
    parameters: Sequence[Any] | Mapping[str, Any] = (),
    *,
    consistency: str | None = None,
) -> pd.DataFrame:
    """The rows that a SELECT finds, as a DataFrame.

    Parameters
    ----------
    statement, parameters
        CQL with ``%s`` for each parameter, or a prepared statement.
    consistency
        How many copies must answer: ``ONE``, ``QUORUM``, ``ALL``, …; default: ``LOCAL_ONE``, as the driver has it.

    Returns
    -------
    DataFrame
        A column for each that is asked for: timestamps ``datetime64[ms, UTC]``, whole numbers ``int64`` (``Int64`` with
        nulls), ``float`` and ``double`` as ``float64``, the rest as pandas makes it.

    Raises
    ------
    ViewError, CassandraUnavailable
        Cassandra does not understand it, or its parameters do not fit; too few nodes answered.
    """
    text = getattr(statement, "query_string", statement)
    try:
        bound = _bind(statement, parameters)
    except _MISFITS as error:
        todo = f"write %s (%% for a percent sign) for each, ? in a prepared statement: {error}"[:200]
        raise ViewError(f"parameters for {text}", got=f"{parameters!r}"[:200], todo=todo) from error
    if consistency is not None:
        bound.consistency_level = _level(consistency)
    with _in_words(session):
        found = session.execute(bound)
        rows = list(found)
    types = [kind.typename for kind in found.column_types or ()]
    columns = [pd.Series(_column([row[place] for row in rows], kind)) for place, kind in enumerate(types)]
    return pd.concat(columns, axis=1, keys=found.column_names) if columns else pd.DataFrame()


def _bind(statement: Any, parameters: Any) -> Any:
    """The statement with its parameters in it."""
    given = dict(parameters) if isinstance(parameters, Mapping) else list(parameters)
    if isinstance(statement, PreparedStatement):
        return statement.bind(given)
    if not isinstance(statement, str):
        raise TypeError(f"CQL is text, or a prepared statement, and no {type(statement).__name__}")
    return SimpleStatement(bind_params(statement, given, _Values()) if given else statement)


class _Values(Encoder):  # type: ignore[misc]  # the driver has no type hints
    """Parameters as text of CQL. The driver writes a type that it does not know as it prints, without quotes."""

    def cql_encode_object(self, value: Any) -> Any:
        value = pd.Timestamp(value) if isinstance(value, np.datetime64) else value
        if isinstance(value, int | UUID):
            return str(value)
        if isinstance(value, str):  # a subclass of it
            return self.cql_encode_str(value)
        if isinstance(value, datetime) and value is not pd.NaT:
            return self.cql_encode_datetime(value)
        if isinstance(value, np.generic):
            return self.cql_encode_all_types(value.item())
        raise TypeError(f"{value!r} is no value of CQL")


def write(session: Session, table: str, rows: pd.DataFrame, *, consistency: str | None = None) -> int:
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

    if not isinstance(rows, pd.DataFrame):
        raise ViewError("rows as a DataFrame", got=type(rows).__name__, todo="write pd.DataFrame(rows)")
    level = None if consistency is None else _level(consistency)
    with _in_words(session):
        keyspace, name = _check(session, table, rows)
        names = protect_names(map(str, rows.columns))
        where, marks = f"{protect_name(keyspace)}.{protect_name(name)}", ", ".join("?" * len(names))
        insert = session.prepare(f"INSERT INTO {where} ({', '.join(names)}) VALUES ({marks})")  # noqa: S608  # they are quoted
        insert.consistency_level = level
        bound = _bound(insert, zip(*(_values(rows[name]) for name in rows.columns), strict=True))
        with tqdm(total=len(bound), unit="row", disable=len(bound) < 5_000, leave=False) as bar:
            for start in range(0, len(bound), 1_000):
                some = [(statement, ()) for statement in bound[start : start + 1_000]]
                execute_concurrent(session, some, concurrency=100)
                bar.update(len(some))
    return len(bound)


def _check(session: Session, table: str, rows: pd.DataFrame) -> tuple[str, str]:
    """The keyspace and the name of a table that can take the rows. Cassandra is asked: it may have just changed."""
    keyspace, _, name = str(table).rpartition(".")
    keyspace = keyspace or session.keyspace or "system"
    ask = "SELECT column_name, kind FROM system_schema.columns WHERE keyspace_name = %s AND table_name = %s"
    columns = {row.column_name: row.kind for row in session.execute(ask, [keyspace, name])} if name else {}
    if not columns:
        ask = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s"
        tables = ", ".join(row.table_name for row in session.execute(ask, [keyspace]))
        raise ViewError(f"a table {table!r}", got=f"tables: {tables or 'none'}", todo="create it first")
    key = [one for one, kind in columns.items() if kind in ("partition_key", "clustering")]
    unknown = [str(one) for one in rows.columns if one not in columns]
    missing = [one for one in key if one not in rows.columns]
    wanted = f"columns of {name}: {', '.join(columns)}"
    if unknown:
        todo = f"choose columns: rows[{[one for one in rows.columns if one in columns]}]"
        raise ViewError(wanted, got=f"unknown: {', '.join(unknown)}", todo=todo)
    if missing:
        raise ViewError(wanted, got=f"missing, of its primary key: {', '.join(missing)}", todo="add it")
    if (gaps := rows[key].isna().any(axis=1)).any():
        got = f"row {int(gaps.to_numpy().argmax())}: {rows[gaps].iloc[0].to_dict()}"[:200]
        wanted = f"a value for each of the primary key: {', '.join(key)}"
        raise ViewError(wanted, got=got, todo=f"drop it: rows.dropna(subset={key})")
    return keyspace, name


def _values(column: "pd.Series[Any]") -> list[Any]:
    """A column as the driver takes it: Python's own values, UNSET for what is missing."""
    pairs = list(zip(column.isna().tolist(), column.astype(object).tolist(), strict=True))
    times, name = [one for gap, one in pairs if isinstance(one, datetime) and not gap], repr(column.name)
    if naive := [one for one in times if one.tzinfo is None][:1]:
        todo = f"say which: pd.to_datetime(rows[{name}]).dt.tz_localize('UTC')"
        raise ViewError(f"times with a time zone in {name}", got=str(naive[0]), todo=todo)
    if finer := [one for one in times if one.microsecond % 1000 or getattr(one, "nanosecond", 0)][:1]:
        todo = f"floor them if that makes no two keys equal: rows[{name}].dt.floor('ms')"
        raise ViewError(f"times of whole milliseconds in {name}, as Cassandra keeps them", got=str(finer[0]), todo=todo)
    return [UNSET_VALUE if gap else one for gap, one in pairs]


def _bound(insert: Any, rows: Iterable[tuple[Any, ...]]) -> list[Any]:
    bound = []
    for number, row in enumerate(rows):
        try:
            bound.append(insert.bind(row))
        except _MISFITS as error:
            got, todo = f"row {number}: {row!r}"[:200], f"convert them: {error}"[:200]
            raise ViewError(f"values for {insert.query_string}", got=got, todo=todo) from error
    return bound


def _column(values: list[Any], kind: str) -> Any:
    if kind == "timestamp":
        return pd.DatetimeIndex(np.array(values, "datetime64[ms]")).tz_localize("UTC")
    if kind in ("float", "double"):
        return pd.array(values, dtype="float64")
    if kind in ("bigint", "counter", "int", "smallint", "tinyint"):
        return pd.array(values, dtype="Int64") if None in values else pd.array(values, dtype="int64")
    return pd.Series(values, dtype=object).infer_objects()


def _level(name: Any) -> int:
    levels = ConsistencyLevel.name_to_value
    if not isinstance(name, str) or name not in levels:
        raise ConfigError(f"a consistency level: {', '.join(levels)}", got=repr(name), todo='write "QUORUM"')
    return int(levels[name])


@contextmanager
def _in_words(session: Session | None = None) -> Iterator[None]:
    """The driver's errors as the kit's."""
    if session is not None and session.is_shutdown:
        todo = "open another: session = views.connect(…)"
        raise ViewError("a session that is open", got="it was shut down", todo=todo)
    try:
        yield
    except (RequestValidationException, _Refused) as error:
        raise ViewError("a statement that Cassandra understands", got=str(error), todo="correct the CQL") from error
    except (NoHostAvailable, DriverException) as error:  # Unavailable and the time-outs are DriverExceptions
        reasons = error.errors.values() if isinstance(error, NoHostAvailable) else ()  # of each node that was asked
        cause = next(iter(reasons), error)
        why = f"{type(cause).__name__}: {str(cause)[:200]}"
        raise lab.servers()["cassandra"].unavailable(why) from error  # type: ignore[attr-defined]
