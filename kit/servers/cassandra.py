"""A real Apache Cassandra cluster of one to three nodes on this machine, that grows and loses nodes while it runs.

>>> with CassandraCluster(home, nodes=3) as cluster:         # doctest: +SKIP
...     cluster.kill(2)                                      # as a power cut would
...     cluster.restart(2)
...     cluster
CassandraCluster(3 of 3 nodes up: 1 on 9042, 2 on 9043, 3 on 9044)
"""

import shutil
from pathlib import Path
from typing import Any

from kit.config import Settings, explicit
from kit.deadline import wait_until
from kit.errors import CassandraUnavailable, ConfigError, ServerError
from kit.servers import _cassandra_node
from kit.servers.cluster import Cluster, Node
from kit.servers.jvm import Jvm
from kit.servers.ports import host_and_port
from kit.servers.process import Process
from kit.servers.server import External, Server

__all__ = ["CassandraCluster", "ExternalCassandra", "of_settings"]


class CassandraCluster(Cluster):
    """A Cassandra cluster on 127.0.0.1: `nodes` of them, 1 to 3. The rest as a `Cluster` has it."""

    name, unit, most = "cassandra", "node", _cassandra_node.MOST
    needs = 480 << 20  # of one node
    on_demand = True
    moves_peer_ports = True
    seconds_to_start = 120.0
    seconds_to_stop = 15.0
    more_heap = "set KIT_CASSANDRA_HEAP=512 (MB)"

    def __init__(
        self, home: Path, *, nodes: int = 1, port: int = 0, must: bool = False, heap: int = 256, jvm: Jvm | None = None
    ) -> None:
        super().__init__(home, wanted=nodes, port=port, must=must, jvm=jvm or _cassandra_node.jvm(heap))

    @property
    def contact_points(self) -> list[tuple[str, int]]:
        """``(host, port)`` of all nodes, for a Cassandra driver. The stopped ones too: a driver skips those."""
        return [("127.0.0.1", node.port) for node in self.nodes.values()]

    def command(self, node: Node, *, joins: bool) -> list[str]:
        nodes = self.nodes
        seeds = [one for one in nodes.values() if one.data.exists()] or [nodes[1]]
        _cassandra_node.write_settings(node, seeds=seeds, joins=joins)
        return _cassandra_node.run_command(self.jvm, node, joins=joins)

    def form(self, nodes: list[Node], known: dict[str, Any]) -> None:
        if not known.get("formed"):  # a first start that was interrupted has left nothing to keep
            for node in nodes:
                shutil.rmtree(node.folder, ignore_errors=True)

    def answers(self, process: Process) -> bool:
        return _cassandra_node.answers_cql(process.ports[0])

    def joined(self, up: list[Node]) -> None:
        """Wait until each of them knows the others, and sees them up: gossip takes a second or two."""
        from cassandra.cluster import Cluster

        ports = {node.port for node in up}
        for port in ports:
            with Cluster([("127.0.0.1", port)]) as driver:
                driver.connect()

                def joined(driver: Any = driver) -> bool:
                    driver.refresh_nodes()
                    return ports <= {host.endpoint.port for host in driver.metadata.all_hosts() if host.is_up}

                if not wait_until(joined, seconds=self.seconds_to_start):
                    got = f"the one at port {port} knows {len(driver.metadata.all_hosts())}"
                    todo = "run `kit down`, then `kit up cassandra`"
                    raise ServerError(f"{len(up)} Cassandra nodes that know each other", got=got, todo=todo)

    def unavailable(self, why: str) -> CassandraUnavailable:
        """The error for nodes that do not answer. If some have ended by themselves, their logs say why."""
        got = "; ".join([why, *self.ended()])
        todo = "look with `kit status`; start a stopped node: lab.cassandra.restart(1), or ask for less consistency"
        return CassandraUnavailable("enough Cassandra nodes to answer", got=got, todo=todo)

    def exercise(self) -> None:
        from cassandra.cluster import Cluster
        from cassandra.concurrent import execute_concurrent_with_args

        with Cluster(self.contact_points) as driver, driver.connect() as session:
            session.execute("CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
            key = "PRIMARY KEY (a, b)) WITH CLUSTERING ORDER BY (b DESC)"
            session.execute(f"CREATE TABLE k.t (a text, b int, c double, {key}")
            insert = session.prepare("INSERT INTO k.t (a, b, c) VALUES (?, ?, ?)")
            execute_concurrent_with_args(session, insert, [("a", number, 0.5) for number in range(1000)])
            session.execute("SELECT * FROM k.t WHERE a = 'a' LIMIT 10")

    def add_node(self) -> int:
        """Add a node to the running cluster; it takes over its part of the ring. Returns its number."""
        return self._add()


class ExternalCassandra(External):
    """A Cassandra cluster of your own, named by `KIT_CASSANDRA_CONTACT_POINTS`: the kit uses it, and never stops it."""

    def __init__(self, contact_points: str) -> None:
        super().__init__("cassandra", contact_points, setting="KIT_CASSANDRA_CONTACT_POINTS")
        found = [host_and_port(one) for one in contact_points.split(",")]
        self.contact_points = [point for point in found if point is not None]
        if None in found:
            todo = f"set {self.setting}=127.0.0.1:9042, for instance, or unset it"
            raise ConfigError(f"{self.setting} as host:port,…", got=contact_points, todo=todo)

    def check(self) -> None:
        """Ask it for its nodes. `CassandraUnavailable`: none answered."""
        from cassandra import DriverException
        from cassandra.cluster import Cluster, NoHostAvailable

        try:
            with Cluster(self.contact_points, connect_timeout=2.0) as cluster:
                cluster.connect()
        except (NoHostAvailable, DriverException) as error:
            raise self.unavailable(f"{type(error).__name__}: {str(error)[:200]}") from error

    def unavailable(self, why: str) -> CassandraUnavailable:
        """The error for nodes that do not answer."""
        todo = f"start that cluster, or correct or unset {self.setting} (host:port,…)"
        return CassandraUnavailable(f"enough Cassandra nodes to answer at {self.address}", got=why, todo=todo)


def of_settings(settings: Settings) -> Server:
    """The lab's Cassandra, as the settings have it."""
    if settings.cassandra_contact_points:
        return ExternalCassandra(settings.cassandra_contact_points)
    must, port, heap = explicit(settings, "cassandra_port"), settings.cassandra_port, settings.cassandra_heap
    return CassandraCluster(settings.home, nodes=settings.cassandra_nodes, port=port, must=must, heap=heap)
