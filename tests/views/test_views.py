"""Rows to Cassandra and back, on a real node."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cassandra.cluster import Session

from kit import views
from kit.errors import CassandraUnavailable, ConfigError, ViewError
from kit.servers.cassandra import CassandraCluster
from kit.servers.ports import choose_port

_TIMES = pd.to_datetime(
    ["2008-09-15T13:30:00.001Z", "2008-09-15T13:30:01Z", "1969-12-31T23:59:59.999Z"], format="ISO8601"
)


@pytest.fixture(scope="module")
def cluster(node: CassandraCluster) -> CassandraCluster:
    return node


@pytest.fixture(scope="module")
def market(cluster: CassandraCluster) -> Iterator[Session]:
    with views.connect("market", contact_points=cluster.contact_points) as session:
        session.execute("CREATE TABLE quotes (symbol text, ts timestamp, price double, PRIMARY KEY (symbol, ts))")
        session.execute("CREATE TABLE counts (name text PRIMARY KEY, n bigint, small int, done boolean, raw blob)")
        yield session


@pytest.fixture
def session(market: Session) -> Session:
    for table in ("quotes", "counts"):
        market.execute(f"TRUNCATE {table}")
    return market


def quotes(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"symbol": "JPM", "ts": _TIMES, "price": [37.0, 37.125, -1.5]} | columns)


def test_rows_come_back_as_they_were_written_in_the_order_of_their_key(session: Session) -> None:
    assert views.write(session, "quotes", quotes()) == 3
    found = views.query(session, "SELECT * FROM quotes WHERE symbol = %s", ["JPM"])
    expected = quotes().sort_values("ts").reset_index(drop=True).astype({"ts": "datetime64[ms, UTC]"})
    pd.testing.assert_frame_equal(found, expected)


def test_a_row_that_is_written_again_is_there_once(session: Session) -> None:
    for price in (1.0, 2.0):
        views.write(session, "market.quotes", quotes(price=price), consistency="QUORUM")
    found = views.query(session, "SELECT price FROM quotes", consistency="ALL")
    assert found["price"].tolist() == [2.0] * 3


def test_thousands_of_rows_are_written_at_once(session: Session) -> None:
    many = quotes().iloc[[0] * 6_000].assign(ts=pd.date_range("2008-09-15", periods=6_000, freq="s", tz="UTC"))
    assert views.write(session, "quotes", many) == 6_000
    (count,) = views.query(session, "SELECT count(*) AS n FROM quotes")["n"]
    assert count == 6_000


def test_whole_numbers_are_exact_and_missing_values_leave_a_column_as_it_is(session: Session) -> None:
    rows = pd.DataFrame({"name": ["a", "b"], "n": pd.array([2**53 + 1, None], dtype="Int64"), "done": [True, None]})
    views.write(session, "counts", rows)
    views.write(session, "counts", pd.DataFrame({"name": ["a"], "n": [None], "small": np.int16([7])}))
    found = views.query(session, "SELECT name, n, small, done FROM counts").sort_values("name")
    assert found["n"].tolist() == [2**53 + 1, pd.NA]
    assert found["small"].tolist() == [7, pd.NA]
    assert found["done"].tolist() == [True, None]


def test_times_of_another_zone_are_the_same_instant(session: Session) -> None:
    views.write(session, "quotes", quotes(ts=_TIMES.tz_convert("America/New_York")))
    assert sorted(views.query(session, "SELECT ts FROM quotes")["ts"]) == sorted(_TIMES)


def test_no_rows_are_a_table_with_columns(session: Session) -> None:
    assert views.write(session, "quotes", quotes().head(0)) == 0
    found = views.query(session, "SELECT * FROM quotes")
    assert found.dtypes.astype(str).to_dict() == {"symbol": "object", "ts": "datetime64[ms, UTC]", "price": "object"}


@pytest.mark.parametrize(
    ("table", "change", "message"),
    [
        ("quote", {}, "tables: counts, quotes"),
        ("nowhere.quotes", {}, "tables: none"),
        ("quotes", {"volume": 1}, "unknown: volume"),
        ("quotes", {"price": "much"}, "row 0"),
        ("quotes", {"symbol": 5}, "row 0"),
        ("quotes", {"symbol": None}, "row 0: .*JPM|row 0: .*None"),
        ("quotes", {"ts": _TIMES.tz_localize(None)}, "time zone"),
        ("quotes", {"ts": _TIMES + pd.Timedelta("1us")}, "whole milliseconds"),
    ],
)
def test_what_cannot_be_a_row_is_refused_with_its_reason(
    session: Session, table: str, change: Any, message: str
) -> None:
    with pytest.raises(ViewError, match=message):
        views.write(session, table, quotes(**change))
    assert views.query(session, "SELECT * FROM quotes").empty


def test_a_missing_part_of_the_key_is_named(session: Session) -> None:
    with pytest.raises(ViewError, match="missing, of its primary key: ts"):
        views.write(session, "quotes", quotes().drop(columns="ts"))


def test_numbers_beyond_a_columns_range_are_refused(session: Session) -> None:
    with pytest.raises(ViewError):
        views.write(session, "counts", pd.DataFrame({"name": ["a"], "small": [2**40]}))


def test_a_statement_that_cassandra_does_not_understand_is_said_in_its_words(session: Session) -> None:
    with pytest.raises(ViewError, match="ALLOW FILTERING"):
        views.query(session, "SELECT * FROM quotes WHERE price = 1.0")
    with pytest.raises(ViewError):
        views.query(session, "SELEC * FROM quotes")


def test_too_few_nodes_and_unknown_levels_are_named(session: Session) -> None:
    with pytest.raises(CassandraUnavailable, match="'required_replicas': 2, 'alive_replicas': 1"):
        views.query(session, "SELECT * FROM quotes", consistency="TWO")
    with pytest.raises(ConfigError, match="QUORUM"):
        views.query(session, "SELECT * FROM quotes", consistency="MOST")


def test_no_node_and_a_bad_keyspace_are_errors(cluster: CassandraCluster) -> None:
    with (
        pytest.raises(CassandraUnavailable, match="none answered"),
        views.connect(contact_points=[("127.0.0.1", choose_port())]),
    ):
        pass
    with (
        pytest.raises(ConfigError, match="lower-case"),
        views.connect("Market; DROP", contact_points=cluster.contact_points),
    ):
        pass
