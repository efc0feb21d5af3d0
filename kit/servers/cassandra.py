"""A real Apache Cassandra cluster of one to three nodes on this machine, that grows and loses nodes while it runs.

>>> with CassandraCluster(home, nodes=3) as cluster:         # doctest: +SKIP
...     cluster.kill(2)                                      # as a power cut would
...     cluster.restart(2)
...     cluster
CassandraCluster(3 of 3 nodes up: 1 on 9042, 2 on 9043, 3 on 9044)

The cluster belongs to its state folder, not to the object, as Kafka's does.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from kit.config import Settings, explicit
from kit.deadline import wait_until
from kit.errors import ConfigError, ServerError
from kit.servers import _cassandra_node, _plan, memory
from kit.servers._cassandra_node import MOST, CassandraNode
from kit.servers.jvm import Jvm
from kit.servers.ports import choose_port
from kit.servers.process import Process, end, launch, undone_on_error
from kit.servers.server import External, Server, ServerStatus

__all__ = ["CassandraCluster", "ExternalCassandra", "of_settings"]


class CassandraCluster(Server):
    """A Cassandra cluster on 127.0.0.1, kept in `home`. It starts when it is first needed.

    Parameters
    ----------
    home
        The state folder: settings, data, logs and pids live under it.
    nodes
        How many nodes `start` brings up, 1 to 3. A cluster that already has more keeps them.
    port, must
        The first node's port; the others take the next free ones. 0: any free port. With `must`, no other will do.
    heap, jvm
        MB of Java heap of a node; its Java runtime.
    """

    name = "cassandra"
    needs = 480 << 20  # of one node
    on_demand = True
    seconds_to_start = 120.0
    seconds_to_stop = 15.0

    def __init__(
        self, home: Path, *, nodes: int = 1, port: int = 0, must: bool = False, heap: int = 256, jvm: Jvm | None = None
    ) -> None:
        super().__init__(home)
        if not 1 <= nodes <= MOST:
            raise ConfigError(f"1 to {MOST} nodes", got=str(nodes), todo="choose a number in that range")
        self._wanted, self.port, self._must = nodes, port, must
        self.jvm: Jvm = jvm or _cassandra_node.jvm(heap)

    # ---- what there is ----------------------------------------------------------------------------------------

    @property
    def nodes(self) -> dict[int, CassandraNode]:
        """Where each node lives, by its number. Empty before the first start."""
        return {
            int(number): CassandraNode(int(number), ports[0], ports[1], self._folder / f"node-{number}")
            for number, ports in _plan.read(self._folder).get("nodes", {}).items()
        }

    @property
    def contact_points(self) -> list[tuple[str, int]]:
        """``(host, port)`` of all nodes, for a Cassandra driver. The stopped ones too: a driver skips those."""
        return [("127.0.0.1", node.port) for node in self.nodes.values()]

    @property
    def running(self) -> bool:
        """Whether the processes of all nodes live."""
        return bool(self.nodes) and all(self._process(node) for node in self.nodes.values())

    # ---- start and stop ---------------------------------------------------------------------------------------

    def launch(self, launched: list[Process]) -> None:
        known = _plan.read(self._folder) or _plan.fresh()
        if not self.processes:
            _plan.settle_ports(known, self.port, must=self._must)
        while len(known["nodes"]) < self._wanted:
            _plan.add_node(known, self.port, must=self._must)
        _plan.write(self._folder, known)
        down = [node for node in self.nodes.values() if not self._process(node)]
        memory.require(self.needs * len(down), f"{len(down)} Cassandra node{'s' * (len(down) > 1)}")
        formed = bool(known.get("formed"))
        if not formed:  # a first start that was interrupted has left nothing to keep
            for node in down:
                shutil.rmtree(node.folder, ignore_errors=True)
        for node in down:
            self._launch(node, launched, joins=formed)

    def wait_ready(self, launched: list[Process]) -> None:
        super().wait_ready(launched)
        up = [node for node in self.nodes.values() if self._process(node)]
        if any(map(self._is_mine, launched)) and len(up) > 1:
            _wait_joined([("127.0.0.1", node.port) for node in up], seconds=self.seconds_to_start)
        if len(up) == len(self.nodes):
            _plan.write(self._folder, _plan.read(self._folder) | {"formed": True})

    def answers(self, process: Process) -> bool:
        return _cassandra_node.answers_cql(process.ports[0])

    def status(self) -> list[ServerStatus]:
        rows = {row.name: row for row in super().status()}
        stopped = (ServerStatus(node.name, "stopped", f"127.0.0.1:{node.port}") for node in self.nodes.values())
        return [rows.get(row.name, row) for row in stopped] or list(rows.values())

    def prepare(self) -> None:
        """Fetch Cassandra's jars, and make the class-data archive by a throw-away node's work."""
        self.jvm.make_archive(self._train)

    def _train(self, jvm: Jvm) -> None:
        with tempfile.TemporaryDirectory(prefix="kit-train-") as folder:
            node = CassandraCluster(Path(folder), jvm=jvm)
            with node:
                _exercise(node.contact_points)
                node.seconds_to_stop = 60.0  # it writes the archive as it ends

    # ---- while it runs ----------------------------------------------------------------------------------------

    def add_node(self) -> int:
        """Add a node to the running cluster; it takes over its part of the ring. Returns its number."""
        known = _plan.read(self._folder)
        if not self.running:
            raise ServerError("all nodes to run before another joins", got=repr(self), todo="run `kit up cassandra`")
        if len(known["nodes"]) >= MOST:
            raise ConfigError(f"at most {MOST} nodes", got="one more", todo="work with those you have")
        self._wanted = len(known["nodes"]) + 1
        try:
            self.start()
        except BaseException:
            _plan.write(self._folder, known)
            raise
        return max(self.nodes)

    def kill(self, node: int) -> None:
        """End one node at once, as a power cut would (``kill -9``)."""
        process = self._process(self._node(node))
        if process is None:
            todo = f"call lab.cassandra.restart({node}) first"
            raise ServerError(f"node {node} to run", got="it is stopped", todo=todo)
        process.kill()

    def restart(self, node: int) -> None:
        """Start a stopped node again, on its port and its data (a running one is stopped first)."""
        stopped = self._node(node)
        process = self._process(stopped)
        if process is not None:
            end([process], seconds=self.seconds_to_stop)
        memory.require(self.needs, f"Cassandra node {node}")
        with undone_on_error() as launched:
            choose_port(stopped.port, must=True)
            self._launch(stopped, launched, joins=True)
            self.wait_ready(launched)

    # ---- how it is shown --------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        rows = self.status()
        if not self.nodes:
            return "CassandraCluster(no node yet: start() it)"
        up = sum(row.pid is not None for row in rows)
        words = [f"{row.name[-1]} on {row.address[10:]}{'' if row.pid else ' stopped'}" for row in rows]
        return f"CassandraCluster({up} of {len(rows)} nodes up: {', '.join(words)})"

    # ---- inside -----------------------------------------------------------------------------------------------

    @property
    def _folder(self) -> Path:
        return self.home / "cassandra"

    def _node(self, number: int) -> CassandraNode:
        if number not in self.nodes:
            raise ConfigError(f"one of the nodes {sorted(self.nodes)}", got=str(number), todo="choose one of them")
        return self.nodes[number]

    def _launch(self, node: CassandraNode, launched: list[Process], *, joins: bool) -> None:
        nodes = self.nodes
        seeds = [one for one in nodes.values() if one.has_data] or [nodes[1]]
        _cassandra_node.write_settings(node, seeds=seeds, joins=joins)
        argv, env = _cassandra_node.run_command(self.jvm, node, joins=joins), self.jvm.environment
        launch(node.name, argv, home=self.home, ports=[node.port], env=env, cwd=node.folder, launched=launched)

    def _process(self, node: CassandraNode) -> Process | None:
        process = Process.load(self.home, node.name)
        return process if process is not None and process.alive else None


class ExternalCassandra(External):
    """A Cassandra cluster of your own, named by `KIT_CASSANDRA_CONTACT_POINTS`: the kit uses it, and never stops it."""

    def __init__(self, contact_points: str) -> None:
        super().__init__("cassandra", contact_points, setting="KIT_CASSANDRA_CONTACT_POINTS")
        pairs = (one.strip().rpartition(":") for one in contact_points.split(","))
        try:
            self.contact_points = [(host.strip("[]"), int(port)) for host, _, port in pairs]
        except ValueError:
            raise ConfigError(
                "KIT_CASSANDRA_CONTACT_POINTS as host:port,…", got=contact_points, todo="write for instance db1:9042"
            ) from None


def of_settings(settings: Settings) -> Server:
    """The lab's Cassandra, as the settings have it."""
    if settings.cassandra_contact_points:
        return ExternalCassandra(settings.cassandra_contact_points)
    return CassandraCluster(
        settings.home,
        nodes=settings.cassandra_nodes,
        port=settings.cassandra_port,
        must=explicit(settings, "cassandra_port"),
        heap=settings.cassandra_heap,
    )


def _wait_joined(contact_points: list[tuple[str, int]], *, seconds: float) -> None:
    """Wait until each of the nodes knows the others, and sees them up: gossip takes a second or two."""
    from cassandra.cluster import Cluster

    ports = {port for _, port in contact_points}
    for point in contact_points:
        with Cluster([point]) as cluster:
            cluster.connect()

            def joined(cluster: Any = cluster) -> bool:
                cluster.refresh_nodes()
                return ports <= {host.endpoint.port for host in cluster.metadata.all_hosts() if host.is_up}

            if not wait_until(joined, seconds=seconds):
                raise ServerError(
                    f"{len(ports)} Cassandra nodes that know each other",
                    got=f"the one at port {point[1]} knows {len(cluster.metadata.all_hosts())}",
                    todo="run `kit down`, then `kit up cassandra`",
                )


def _exercise(contact_points: list[Any]) -> None:
    """A day's work in a second: a keyspace, a table, rows, a query."""
    from cassandra.cluster import Cluster
    from cassandra.concurrent import execute_concurrent_with_args

    with Cluster(contact_points) as cluster, cluster.connect() as session:
        session.execute("CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        session.execute(
            "CREATE TABLE k.t (a text, b int, c double, PRIMARY KEY (a, b)) WITH CLUSTERING ORDER BY (b DESC)"
        )
        insert = session.prepare("INSERT INTO k.t (a, b, c) VALUES (?, ?, ?)")
        execute_concurrent_with_args(session, insert, [("a", number, 0.5) for number in range(1000)])
        session.execute("SELECT * FROM k.t WHERE a = 'a' LIMIT 10")
