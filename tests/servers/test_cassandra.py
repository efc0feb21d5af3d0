"""A real Cassandra cluster: started, found again, grown, killed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cassandra import ConsistencyLevel, DriverException, OperationTimedOut, Unavailable
from cassandra.cluster import Cluster, NoHostAvailable, Session
from cassandra.query import SimpleStatement

from kit.errors import ConfigError, PortTaken, ServerError
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
        assert [token.value for token in ring] == [node.token for node in cluster.nodes.values()]
        assert wait_until(lambda: count(session, ConsistencyLevel.ALL), timeout=30) == 100
        cluster.kill(1)
        assert wait_until(lambda: count(session, ConsistencyLevel.QUORUM), timeout=30) == 100
    cluster.kill(2)
    cluster.restart(2)  # it finds the third, though the first is down
    cluster.start()
    assert [row.state for row in cluster.status()] == ["running"] * 3


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
