"""A real Cassandra cluster: started, found again, grown, killed."""

import itertools
import random
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pandas as pd
import pytest
from cassandra import ConsistencyLevel, DriverException, OperationTimedOut, Unavailable
from cassandra.cluster import Cluster, NoHostAvailable, Session
from cassandra.query import SimpleStatement

from kit import views
from kit.errors import CassandraUnavailable, ConfigError, NotEnoughMemory, PortTaken, ServerError
from kit.servers import _cassandra_node, memory
from kit.servers.cassandra import CassandraCluster, ExternalCassandra
from kit.servers.ports import answers
from tests.wait import wait_until


@contextmanager
def connected(cluster: CassandraCluster) -> Iterator[Session]:
    with Cluster(cluster.contact_points) as driver, driver.connect() as session:
        yield session


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CassandraCluster]:
    with CassandraCluster(tmp_path_factory.mktemp("a, ü")) as cluster:
        with connected(cluster) as session:
            session.execute("CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3}")
            session.execute("CREATE TABLE k.t (a int PRIMARY KEY)")
        yield cluster


def write(session: Session, count: int) -> None:
    for number in range(count):
        session.execute("INSERT INTO k.t (a) VALUES (%s)", [number])


def count(session: Session, level: int) -> int | None:
    """The rows of the table; None while too few nodes answer."""
    try:
        return int(session.execute(SimpleStatement("SELECT count(*) FROM k.t", consistency_level=level)).one()[0])
    except (NoHostAvailable, OperationTimedOut, Unavailable, DriverException):
        return None


def test_another_object_on_the_same_folder_finds_the_same_node(cluster: CassandraCluster) -> None:
    other = CassandraCluster(cluster.home)
    assert other.running
    assert other.contact_points == cluster.contact_points
    assert other.start().status()[0].pid == cluster.status()[0].pid


def test_a_killed_node_comes_back_with_its_rows(cluster: CassandraCluster) -> None:
    with connected(cluster) as session:
        write(session, 100)
    before = cluster.status()[0]
    cluster.kill(1)
    assert cluster.status()[0].state == "stopped"
    assert repr(cluster) == f"CassandraCluster(0 of 1 nodes up: 1 on {before.address[10:]} stopped)"
    with pytest.raises(ServerError, match="node 1 to run") as caught:
        cluster.kill(1)
    assert caught.value.todo == "call lab.cassandra.restart(1) first"
    cluster.restart(1)
    after = cluster.status()[0]
    assert (after.state, after.address, after.pid != before.pid) == ("running", before.address, True)
    with connected(cluster) as session:
        assert count(session, ConsistencyLevel.ONE) == 100


def test_a_cluster_grows_to_three_and_a_quorum_answers_without_the_first(cluster: CassandraCluster) -> None:
    assert [cluster.add_node(), cluster.add_node()] == [2, 3]
    with pytest.raises(ConfigError, match="at most 3 nodes"):
        cluster.add_node()
    with connected(cluster) as session:
        ring = session.cluster.metadata.token_map.ring
        assert [token.value for token in ring] == [_cassandra_node.token(node) for node in cluster.nodes.values()]
        assert wait_until(lambda: count(session, ConsistencyLevel.ALL), timeout=30) == 100
        cluster.kill(1)
        with views.connect(contact_points=cluster.contact_points) as view:
            found: object = None
            try:  # until the others know that it is down, they may wait for it
                found = len(views.query(view, "SELECT * FROM k.t", consistency="QUORUM"))
            except CassandraUnavailable as error:
                found = str(error.__cause__)
            assert found == 100 or "'required_responses': 2" in str(found)
        assert wait_until(lambda: count(session, ConsistencyLevel.QUORUM), timeout=30) == 100
    cluster.kill(2)
    cluster.restart(2)  # it finds the third, though the first is down
    cluster.start()
    assert [row.state for row in cluster.status()] == ["running"] * 3


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CassandraCluster]:
    """One node, for tests of its surroundings: each leaves it stopped or running, with its rows."""
    cluster = CassandraCluster(tmp_path_factory.mktemp("one"))
    yield cluster
    cluster.stop()


@contextmanager
def small_disk(folder: Path) -> Iterator[Callable[[str], object]]:
    """A file system of 100 MB at a folder, of which Cassandra leaves 50 free; what is given changes its size."""

    def mount(*words: str) -> None:
        done = subprocess.run(["mount", *words, str(folder)], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"this user may not make a file system: {done.stderr}")

    folder.mkdir(parents=True)
    mount("-t", "tmpfs", "-o", "size=100m", "kit-test")
    try:
        yield lambda size: mount("-o", f"remount,size={size}")
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def blob(number: int) -> bytes:
    """A megabyte that cannot be compressed."""
    return random.Random(number).randbytes(1_000_000)  # no secret


def test_a_full_disk_ends_the_node_the_writer_is_told_why_and_no_acknowledged_row_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIT_HOME", str(tmp_path))
    numbers, acknowledged = itertools.count(), list[int]()
    with small_disk(tmp_path / "cassandra") as resize, CassandraCluster(tmp_path) as full:
        with views.connect("k") as session:
            session.execute("CREATE TABLE t (a int PRIMARY KEY, b blob)")

            def write_and_look() -> bool:
                number = next(numbers)
                with suppress(CassandraUnavailable):
                    views.write(session, "t", pd.DataFrame({"a": [number], "b": [blob(number)]}))
                    acknowledged.append(number)
                return full.status()[0].state == "stopped"

            wait_until(write_and_look, timeout=120, what="an end of the node")
            with pytest.raises(CassandraUnavailable, match=r"cassandra-1 has ended: its disk is full") as caught:
                views.write(session, "t", pd.DataFrame({"a": [1000], "b": [b"x"]}))
            assert "lab.cassandra.restart(1)" in caught.value.todo
        assert len(acknowledged) > 10
        resize("400m")
        full.restart(1)
        with views.connect("k") as session:
            for number in acknowledged:  # all at once they are more than its heap
                (kept,) = views.query(session, "SELECT b FROM t WHERE a = %s", [number])["b"]
                assert kept == blob(number)


def test_a_node_moves_from_ports_that_were_taken_while_it_was_down_and_keeps_its_rows(one: CassandraCluster) -> None:
    with connected(one.start()) as session:
        session.execute("CREATE KEYSPACE IF NOT EXISTS k WITH replication = "
                        "{'class': 'SimpleStrategy', 'replication_factor': 1}")  # fmt: skip
        session.execute("CREATE TABLE IF NOT EXISTS k.moved (a int PRIMARY KEY)")
        session.execute("INSERT INTO k.moved (a) VALUES (7)")
    one.stop()
    node = one.nodes[1]
    with socket.create_server(("127.0.0.1", node.port)), socket.create_server(("127.0.0.1", node.peer_port)):
        for port in (node.port, node.peer_port):
            with pytest.raises(PortTaken, match=str(port)):
                CassandraCluster(one.home, port=port, must=True).start()
        with connected(one.start()) as session:
            assert session.execute("SELECT a FROM k.moved").one() == (7,)
        assert not {node.port, node.peer_port} & {one.nodes[1].port, one.nodes[1].peer_port}
        one.kill(1)
        with socket.create_server(("127.0.0.1", one.nodes[1].peer_port)), pytest.raises(PortTaken):
            one.restart(1)
    assert not one.running


def test_a_state_folder_that_cannot_be_written_is_an_error_that_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "cassandra").write_text("no folder")
    with pytest.raises(ServerError, match="cassandra") as caught:
        CassandraCluster(tmp_path).start()
    assert "set KIT_HOME" in caught.value.todo
    assert not list((tmp_path / "run").glob("*"))


def test_a_node_without_memory_is_an_error_that_names_what_to_stop(
    one: CassandraCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIT_HOME", str(one.start().home))
    monkeypatch.setattr(memory, "available", lambda: 300 << 20)
    with pytest.raises(NotEnoughMemory, match="480 MB of free memory for 1 Cassandra node") as caught:
        CassandraCluster(tmp_path).start()
    assert re.search(r"stop lab\.cassandra\.stop\(\) \(\d+ MB\); or run `kit down`", caught.value.todo)


def test_what_cannot_be_is_refused(tmp_path: Path, cluster: CassandraCluster) -> None:
    with pytest.raises(ConfigError, match="1 to 3 nodes"):
        CassandraCluster(tmp_path, nodes=4)
    with pytest.raises(ConfigError, match=r"one of the nodes \[1"):
        cluster.kill(9)
    with pytest.raises(PortTaken):
        CassandraCluster(tmp_path, port=cluster.contact_points[0][1], must=True).start()
    with pytest.raises(ConfigError, match="host:port"):
        ExternalCassandra("db1")


def test_a_cluster_of_ones_own_is_only_used(cluster: CassandraCluster) -> None:
    (host, port), *_ = cluster.contact_points
    external = ExternalCassandra(f"{host}:{port}, [::1]:9042")
    assert external.contact_points == [(host, port), ("::1", 9042)]
    external.stop()
    assert answers(port)
    with pytest.raises(ConfigError, match="KIT_CASSANDRA_CONTACT_POINTS"):
        external.kill(1)
