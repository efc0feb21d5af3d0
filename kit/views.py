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
from typing import Any

import numpy as np
import pandas as pd
from cassandra import ConsistencyLevel, DriverException, RequestValidationException
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.concurrent import execute_concurrent
from cassandra.encoder import Encoder
from cassandra.metadata import TableMetadata, protect_name, protect_names
from cassandra.policies import DCAwareRoundRobinPolicy, ExponentialReconnectionPolicy, TokenAwarePolicy
from cassandra.protocol import RequestValidationException as _Refused
from cassandra.query import UNSET_VALUE, SimpleStatement, bind_params

from kit.errors import ConfigError, ViewError
from kit.servers import addresses, lab

__all__ = ["connect", "query", "write"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
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
    ConfigError, ViewError
        The keyspace cannot have that name or so many copies; Cassandra does not make it so.
    """
    if keyspace is not None and not _NAME.fullmatch(keyspace):
        wanted = "a keyspace of lower-case letters, digits and _, 48 at most"
        raise ConfigError(wanted, got=repr(keyspace), todo='write "market"')
    if replication_factor is not None and replication_factor < 1:
        raise ConfigError("at least one copy of each row", got=repr(replication_factor), todo="leave it out")
    profile = ExecutionProfile(TokenAwarePolicy(DCAwareRoundRobinPolicy()), request_timeout=_SECONDS)
    with ExitStack() as ends, _in_words():
        cluster = Cluster(
            list(contact_points or addresses.cassandra()),
            protocol_version=_PROTOCOL,
            connect_timeout=_SECONDS,
            control_connection_timeout=_SECONDS,
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
            reconnection_policy=ExponentialReconnectionPolicy(0.1, 2.0),
        )
        ends.callback(cluster.shutdown)
        session = cluster.connect()
        if keyspace is not None:
            copies = min(3, len(cluster.metadata.all_hosts())) if replication_factor is None else replication_factor
            session.execute(
                f"CREATE KEYSPACE IF NOT EXISTS {protect_name(keyspace)} WITH replication = "
                f"{{'class': 'NetworkTopologyStrategy', 'replication_factor': {int(copies)}}}"
            )
            session.set_keyspace(keyspace)
        ends.callback(session.shutdown)  # the driver's session, and then what it was made by
        session.shutdown = ends.pop_all().close
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
        nulls), ``float`` and ``double`` as ``float64``, the rest as pandas makes it.

    Raises
    ------
    ViewError, CassandraUnavailable
        Cassandra does not understand it, or its parameters do not fit; too few nodes answered.
    """
    statement = SimpleStatement(statement) if isinstance(statement, str) else statement
    text = statement.query_string
    try:
        values: Any = (
            {name: _plain(one) for name, one in parameters.items()} if isinstance(parameters, Mapping) else None
        )
        values = [_plain(one) for one in parameters] if values is None else values
        if isinstance(statement, SimpleStatement) and values:
            bind_params(text, values, Encoder())  # the driver does it again, when it is too late for an error of ours
        elif not isinstance(statement, SimpleStatement):
            statement, values = statement.bind(values), ()
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError, struct.error) as error:
        todo = f"write %s (%% for a percent sign) for each, ? in a prepared statement: {error}"[:200]
        raise ViewError(f"parameters for {text}", got=f"{parameters!r}"[:200], todo=todo) from error
    if consistency:
        statement.consistency_level = _level(consistency)
    with _in_words():
        found = session.execute(statement, values or None)
        rows = list(found)
    types = [kind.typename for kind in found.column_types or ()]
    columns = [pd.Series(_column([row[place] for row in rows], kind)) for place, kind in enumerate(types)]
    return pd.concat(columns, axis=1, keys=found.column_names) if columns else pd.DataFrame()


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

    if not isinstance(rows, pd.DataFrame):
        raise ViewError("rows as a DataFrame", got=type(rows).__name__, todo="write pd.DataFrame(rows)")
    with _in_words():
        found = _table(session, table, rows)
        names = protect_names(map(str, rows.columns))
        where = f"{protect_name(found.keyspace_name)}.{protect_name(found.name)}"
        marks = ", ".join("?" * len(names))
        insert = session.prepare(f"INSERT INTO {where} ({', '.join(names)}) VALUES ({marks})")  # noqa: S608  # they are quoted
        if consistency:
            insert.consistency_level = _level(consistency)
        bound = _bound(insert, zip(*(_values(rows[name]) for name in rows.columns), strict=True))
        with tqdm(total=len(bound), unit="row", disable=len(bound) < 5_000, leave=False) as bar:
            for start in range(0, len(bound), 1_000):
                some = [(statement, ()) for statement in bound[start : start + 1_000]]
                execute_concurrent(session, some, concurrency=100)
                bar.update(len(some))
    return len(bound)


def _table(session: Session, table: str, rows: pd.DataFrame) -> TableMetadata:
    """The table, which has the columns of the rows; what the driver does not know yet it asks for first."""
    keyspace, _, name = table.rpartition(".")
    for asked_again in (False, True):
        known = session.cluster.metadata.keyspaces.get(keyspace or session.keyspace)
        found = known.tables.get(name) if known else None
        if found is not None and set(map(str, rows.columns)) <= found.columns.keys():
            break
        if not asked_again:
            session.cluster.refresh_schema_metadata()
    if found is None:
        got = f"tables: {', '.join(sorted(known.tables) if known else ()) or 'none'}"
        raise ViewError(f"a table {table!r}", got=got, todo="create it first")
    _check_columns(found, rows)
    return found


def _check_columns(table: TableMetadata, rows: pd.DataFrame) -> None:
    key = [column.name for column in table.primary_key]
    unknown = [str(one) for one in rows.columns if one not in table.columns]
    missing = [one for one in key if one not in rows.columns]
    wanted = f"columns of {table.name}: {', '.join(table.columns)}"
    if unknown:
        todo = f"choose columns: rows[{[one for one in rows.columns if one in table.columns]}]"
        raise ViewError(wanted, got=f"unknown: {', '.join(unknown)}", todo=todo)
    if missing:
        raise ViewError(wanted, got=f"missing, of its primary key: {', '.join(missing)}", todo="add it")
    if (gaps := rows[key].isna().any(axis=1)).any():
        got = f"row {int(gaps.to_numpy().argmax())}: {rows[gaps].iloc[0].to_dict()}"[:200]
        wanted = f"a value for each of the primary key: {', '.join(key)}"
        raise ViewError(wanted, got=got, todo=f"drop it: rows.dropna(subset={key})")


def _values(column: "pd.Series[Any]") -> list[Any]:
    """A column as the driver takes it: Python's own values, UNSET for what is missing."""
    name = repr(column.name)
    if column.dtype.kind == "M" and getattr(column.dt, "tz", None) is None:
        todo = f"say which: rows[{name}].dt.tz_localize('UTC')"
        raise ViewError(f"times with a time zone in {name}", got=f"dtype {column.dtype}", todo=todo)
    if column.dtype.kind == "M":
        utc = column.dt.tz_convert("UTC")
        between = utc[utc.dt.floor("ms") != utc].dropna()
        if len(between):
            todo = f"floor them if that makes no two keys equal: rows[{name}].dt.floor('ms')"
            wanted = f"times of whole milliseconds in {name}, as Cassandra keeps them"
            raise ViewError(wanted, got=str(between.iloc[0]), todo=todo)
        column = utc.dt.tz_localize(None)
    plain = zip(column.astype(object).tolist(), column.isna(), strict=True)
    return [UNSET_VALUE if gap else one for one, gap in plain]


def _plain(one: Any) -> Any:
    """A parameter as the driver takes it: it knows no types of pandas."""
    return one.to_pydatetime() if isinstance(one, pd.Timestamp) else one


def _bound(insert: Any, rows: Iterable[tuple[Any, ...]]) -> list[Any]:
    bound = []
    for number, row in enumerate(rows):
        try:
            bound.append(insert.bind(row))
        except (TypeError, ValueError, AttributeError, OverflowError, struct.error) as error:
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
    except (RequestValidationException, _Refused) as error:
        raise ViewError("a statement that Cassandra understands", got=str(error), todo="correct the CQL") from error
    except (NoHostAvailable, DriverException) as error:  # Unavailable and the time-outs are DriverExceptions
        reasons = error.errors.values() if isinstance(error, NoHostAvailable) else ()  # of each node that was asked
        cause = next(iter(reasons), error)
        why = f"{type(cause).__name__}: {str(cause)[:200]}"
        raise lab.servers()["cassandra"].unavailable(why) from error  # type: ignore[attr-defined]
