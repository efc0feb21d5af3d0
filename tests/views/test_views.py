"""Rows to Cassandra and back, on a real node."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cassandra.cluster import Session
from cassandra.query import SimpleStatement

import kit
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
    assert found.dtypes.astype(str).to_dict() == {"symbol": "object", "ts": "datetime64[ms, UTC]", "price": "float64"}


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
        ("quotes", {"ts": list(_TIMES.tz_localize(None).to_pydatetime())}, "time zone"),
        ("quotes", {"ts": pd.Series([*_TIMES[:2], _TIMES[2].tz_localize(None)], dtype=object)}, "time zone"),
        ("quotes", {"ts": pd.Series([*_TIMES[:2], _TIMES[2].tz_convert("Asia/Tokyo") + pd.Timedelta("5ns")])}, "whole"),
        ("quotes", {"ts": [*_TIMES[:2], pd.NaT]}, "row 2: .*NaT"),
        (None, {}, "tables: counts, quotes"),
        (5, {}, "tables: counts, quotes"),
    ],
)
def test_what_cannot_be_a_row_is_refused_with_its_reason(
    session: Session, table: Any, change: Any, message: str
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
    unknown: list[Any] = ["MOST", "quorum", "ALL ", "", 2, 0, b"ONE", ["ONE"]]
    for level in unknown:
        with pytest.raises(ConfigError, match="QUORUM"):
            views.query(session, "SELECT * FROM quotes", consistency=level)
        with pytest.raises(ConfigError, match="QUORUM"):
            views.write(session, "quotes", quotes(), consistency=level)
    assert views.query(session, "SELECT * FROM quotes", consistency=None).empty


def test_names_that_cql_would_read_otherwise_are_quoted(session: Session) -> None:
    session.execute('CREATE TABLE IF NOT EXISTS "Order" ("Key" text PRIMARY KEY, "token" int)')
    views.write(session, "Order", pd.DataFrame({"Key": ["a"], "token": [1]}))
    assert views.query(session, 'SELECT * FROM "Order"').to_dict("records") == [{"Key": "a", "token": 1}]
    for bad in ("quotes; DROP TABLE quotes", 'quotes"', "", "a.b.c", "quotes (symbol) --"):
        with pytest.raises(ViewError, match="a table"):
            views.write(session, bad, quotes())


def test_a_table_of_another_session_and_a_column_that_comes_or_goes_are_seen_at_once(
    session: Session, cluster: CassandraCluster
) -> None:
    rows = pd.DataFrame({"a": ["x"]})
    with views.connect("market", contact_points=cluster.contact_points) as other:
        for number in range(3):
            other.execute(f"CREATE TABLE made_{number} (a text PRIMARY KEY)")
            views.write(session, f"made_{number}", rows)
            other.execute(f"ALTER TABLE made_{number} ADD b int")
            views.write(session, f"made_{number}", rows.assign(b=5))
        other.execute("ALTER TABLE made_0 DROP b")
        other.execute("DROP TABLE made_1")
    for table in ("made_0", "made_1"):
        with pytest.raises(ViewError):
            views.write(session, table, rows.assign(b=5))
    assert views.query(session, "SELECT * FROM made_2")["b"].tolist() == [5]


def test_absurd_prices_are_kept_as_they_are_and_missing_ones_are_missing(session: Session) -> None:
    prices = [float("inf"), -1e308, float("nan")]
    views.write(session, "quotes", quotes(price=prices))
    found = views.query(session, "SELECT ts, price FROM quotes").set_index("ts")["price"]
    assert [found[ts] for ts in _TIMES[:2]] == prices[:2]
    assert pd.isna(found[_TIMES[2]])


@pytest.mark.parametrize(
    ("cql", "parameters"),
    [
        ("SELECT * FROM quotes WHERE symbol = %s", ["JPM", 2]),
        ("SELECT * FROM quotes WHERE symbol = ?", ["JPM"]),
        ("SELECT * FROM quotes WHERE symbol = %(symbol)s", {"stock": "JPM"}),
        ("SELECT * FROM quotes WHERE symbol = '5%' AND ts = %s", [_TIMES[0]]),
        ("SELECT * FROM quotes WHERE symbol = %s", 5),
        ("SELECT * FROM quotes WHERE symbol = %s", None),
        ("SELECT * FROM quotes WHERE symbol = %s", [object()]),
        ("SELECT * FROM quotes WHERE symbol = 'JPM' AND ts = %s", [pd.NaT]),
        ("SELECT * FROM quotes WHERE symbol = %s", [pd.NA]),
    ],
)
def test_parameters_that_do_not_fit_are_named(session: Session, cql: str, parameters: Any) -> None:
    with pytest.raises(ViewError, match="expected parameters for SELECT"):
        views.query(session, cql, parameters)
    prepared = session.prepare("SELECT * FROM quotes WHERE symbol = ? AND ts = ?")
    with pytest.raises(ViewError, match=r"got: \['JPM', 'today'\]"):
        views.query(session, prepared, ["JPM", "today"])


@pytest.mark.parametrize("statement", [5, None, b"SELECT", SimpleStatement("SELECT * FROM quotes")])
def test_what_is_no_statement_is_named(session: Session, statement: Any) -> None:
    with pytest.raises(ViewError, match="CQL is text, or a prepared statement"):
        views.query(session, statement)


def test_a_value_of_numpy_or_of_a_kind_of_text_is_a_value_and_no_part_of_the_statement(session: Session) -> None:
    class Text(str):
        pass

    views.write(session, "quotes", quotes(symbol="O'K"))
    ask = "SELECT ts FROM quotes WHERE symbol = %s AND price > %s ALLOW FILTERING"
    for symbol in (np.str_("O'K"), Text("O'K"), np.array(["O'K"])[0]):
        for price in (np.float64(0), np.int64(0), np.float32(0), 0):
            assert len(views.query(session, ask, [symbol, price])) == 2
    assert views.query(session, ask, [np.str_("' OR symbol = 'O''K"), 0]).empty
    ask = "SELECT price FROM quotes WHERE symbol = 'O''K' AND ts = %s"
    assert views.query(session, ask, [_TIMES[0].to_datetime64()])["price"].tolist() == [37.0]


def test_the_driver_does_not_bind_again_what_is_bound(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    views.write(session, "quotes", quotes())
    monkeypatch.setattr("cassandra.cluster.bind_params", None)
    assert len(views.query(session, "SELECT * FROM quotes WHERE symbol = %s", ["JPM"])) == 3


def test_a_level_of_one_call_is_not_that_of_the_next(session: Session) -> None:
    prepared = session.prepare("SELECT * FROM quotes")
    with pytest.raises(CassandraUnavailable):
        views.query(session, prepared, consistency="TWO")
    assert views.query(session, prepared).empty


def test_a_session_that_was_shut_down_says_so(cluster: CassandraCluster) -> None:
    with views.connect("market", contact_points=cluster.contact_points) as session:
        pass
    for call in (
        lambda: views.query(session, "SELECT * FROM quotes"),
        lambda: views.write(session, "quotes", quotes()),
    ):
        with pytest.raises(ViewError, match="it was shut down"):
            call()


def test_a_parameter_can_be_a_time_of_pandas_and_a_percent_sign_needs_no_parameter(session: Session) -> None:
    views.write(session, "quotes", quotes())
    ask = "SELECT price FROM quotes WHERE symbol = 'JPM' AND ts = "
    for statement in (ask + "%s", session.prepare(ask + "?")):
        for time in (_TIMES[0], _TIMES[0].tz_convert("Asia/Tokyo"), _TIMES[0].to_pydatetime()):
            assert views.query(session, statement, [time])["price"].tolist() == [37.0]
    assert views.query(session, "SELECT * FROM quotes WHERE symbol = '5%'").empty


def test_columns_have_one_type_with_rows_and_without_and_may_come_twice(session: Session) -> None:
    session.execute("INSERT INTO quotes (symbol, ts) VALUES ('JPM', '9999-12-31')")
    ask = "SELECT price, ts, ts FROM quotes WHERE symbol = %s"
    found, none = views.query(session, ask, ["JPM"]), views.query(session, ask, ["GE"])
    assert list(found.dtypes.astype(str)) == list(none.dtypes.astype(str)) == ["float64", *["datetime64[ms, UTC]"] * 2]
    assert found.iloc[0, 2].year == 9999


def test_no_node_and_a_bad_keyspace_are_errors(cluster: CassandraCluster) -> None:
    dead = [("127.0.0.1", choose_port())]
    with pytest.raises(CassandraUnavailable, match="refused") as caught, views.connect(contact_points=dead):
        pass
    assert "kit status" in caught.value.todo
    points = cluster.contact_points
    names: list[Any] = ["Market; DROP", "Market", "", "1a", "a-b", "ä", "a" * 49, 5, b"market"]
    for name in names:
        with pytest.raises(ConfigError, match="lower-case"), views.connect(name, contact_points=points):
            pass
    with pytest.raises(ViewError), views.connect("system", contact_points=points):
        pass
    no_points: list[Any] = ["127.0.0.1:9042", ["127.0.0.1:9042"], ["127.0.0.1"], ("127.0.0.1", 9042), [("::1", "9042")]]
    for bad in no_points:
        with pytest.raises(ConfigError, match=r"as \(host, port\)"), views.connect(contact_points=bad):
            pass
    with views.connect("select", contact_points=points) as session:  # a word of CQL
        assert session.keyspace == "select"


@pytest.mark.parametrize("points", ["db1", "db1:", ":9042", "db1:port", "a b:9042", "127.0.0.1:9042,", "[::1]"])
def test_malformed_contact_points_are_named_with_their_variable(monkeypatch: pytest.MonkeyPatch, points: str) -> None:
    monkeypatch.setenv("KIT_CASSANDRA_CONTACT_POINTS", points)
    with pytest.raises(ConfigError, match="KIT_CASSANDRA_CONTACT_POINTS as host:port") as caught, views.connect():
        pass
    assert "set KIT_CASSANDRA_CONTACT_POINTS=" in caught.value.todo
    (check,) = [check for check in kit.doctor() if "KIT_CASSANDRA_CONTACT_POINTS" in check.fix]
    assert points in check.found


@pytest.mark.parametrize("points", ["127.0.0.1:1", "no-such-host.invalid:9042", "[::1]:1", "127.0.0.1:99999"])
def test_a_cluster_of_ones_own_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch, points: str) -> None:
    monkeypatch.setenv("KIT_CASSANDRA_CONTACT_POINTS", points)
    with pytest.raises(CassandraUnavailable) as caught, views.connect():
        pass
    assert points in caught.value.expected
    (check,) = [check for check in kit.doctor() if check.name == "cassandra"]
    assert "KIT_CASSANDRA_CONTACT_POINTS" in caught.value.todo == check.fix
