"""A real Apache Kafka cluster of one to five brokers on this machine, that grows and loses brokers while it runs.

>>> with KafkaCluster(home, brokers=3) as cluster:          # doctest: +SKIP
...     cluster.kill(2)                                     # as a power cut would
...     cluster.restart(2)
...     cluster
KafkaCluster(3 of 3 brokers up: 1 on 9092, 2 on 9093, 3 on 9094)

The cluster belongs to its state folder, not to the object: another process that opens the same folder finds the same
brokers, running or not.
"""

import tempfile
from pathlib import Path
from typing import Any

from kit.config import Settings, explicit
from kit.errors import ConfigError, ServerError
from kit.servers import _broker, _plan, _quorum, memory
from kit.servers._broker import Node
from kit.servers.jvm import Jvm
from kit.servers.ports import choose_port
from kit.servers.process import Process, end, launch, undone_on_error
from kit.servers.server import External, Server, ServerStatus, html_table

__all__ = ["MAX_BROKERS", "ExternalKafka", "KafkaCluster", "of_settings"]

MAX_BROKERS = 5
_NOTES = {"more heap": f"{_broker.MORE_HEAP}, "}


class KafkaCluster(Server):
    """A Kafka cluster on 127.0.0.1, kept in `home`.

    Parameters
    ----------
    home
        The state folder: settings, data, logs and pids live under it.
    brokers
        How many brokers `start` brings up, 1 to 5. A cluster that already has more keeps them.
    port, must
        The first broker's port; the others take the next free ones. 0: any free port. With `must`, no other will do.
    heap, jvm
        MB of Java heap of a broker; its Java runtime.
    """

    name = "kafka"
    needs = 200 << 20  # of one broker

    def __init__(
        self, home: Path, *, brokers: int = 1, port: int = 0, must: bool = False, heap: int = 96, jvm: Jvm | None = None
    ) -> None:
        super().__init__(home)
        if not 1 <= brokers <= MAX_BROKERS:
            raise ConfigError(f"1 to {MAX_BROKERS} brokers", got=str(brokers), todo="choose a number in that range")
        self._wanted, self.port, self._must = brokers, port, must
        self.jvm: Jvm = jvm or _broker.jvm(heap)

    @property
    def nodes(self) -> dict[int, Node]:
        """Where each node lives, by broker id. Empty before the first start."""
        return {
            int(number): Node(int(number), ports[0], ports[1], self._folder / f"broker-{number}")
            for number, ports in self._known().get("nodes", {}).items()
        }

    @property
    def brokers(self) -> list[ServerStatus]:
        """Each broker as it is now."""
        return self.status() if self.nodes else []

    @property
    def bootstrap_servers(self) -> str:
        """``host:port,…`` of all brokers, for a Kafka client. The stopped ones too: a client skips those."""
        return ",".join(f"127.0.0.1:{node.port}" for node in self.nodes.values())

    @property
    def running(self) -> bool:
        """Whether the processes of all brokers live."""
        nodes = self.nodes
        return bool(nodes) and all(self._process(node) for node in nodes.values())

    def launch(self, launched: list[Process]) -> None:
        known = self._plan()
        down = [node for node in self.nodes.values() if not self._process(node)]
        memory.require(self.needs * len(down), f"{len(down)} Kafka broker{'s' * (len(down) > 1)}")
        for node in down:
            self._configure(node)
        voters = [] if known.get("formed") else down
        _broker.format_all(down, known["cluster_id"], voters=voters, jvm=self.jvm)
        _plan.write(self._folder, known | {"formed": True})
        for node in down:
            self._launch(node, launched)

    def _plan(self) -> dict[str, Any]:
        """Decide, and write down before anything runs, which nodes there are and on which ports."""
        known = self._known() or _plan.fresh()
        if not self.processes:
            _plan.settle_ports(known, self.port, must=self._must)
        while len(known["nodes"]) < self._wanted:
            _plan.add_node(known, self.port, must=self._must)
        _plan.write(self._folder, known)
        return known

    def answers(self, process: Process) -> bool:
        return all(map(_broker.answers_kafka, process.ports))

    def wait_ready(self, launched: list[Process]) -> None:
        super().wait_ready(launched)
        if any(map(self._is_mine, launched)) and len(self.nodes) > 1:
            up = {node.id for node in self.nodes.values() if self._process(node)}
            _quorum.wait_joined(self.bootstrap_servers, up, timeout=self.seconds_to_start)
            _quorum.replicate_internal_topics(self.bootstrap_servers, min(3, len(up)))

    def stop(self) -> None:
        # Once most controllers have gone, the rest wait in vain for a quorum: they are killed, and lose nothing by it,
        # since what was acknowledged is in their logs.
        running = self.processes
        end(running, seconds=self.seconds_to_stop, enough=(len(running) + 1) // 2)

    def status(self) -> list[ServerStatus]:
        rows = {row.name: row for row in super().status()}
        stopped = (ServerStatus(node.name, "stopped", f"127.0.0.1:{node.port}") for node in self.nodes.values())
        return [rows.get(row.name, row) for row in stopped] or list(rows.values())

    def prepare(self) -> None:
        """Fetch Kafka's jars, and make the class-data archive by a throw-away broker's work."""
        self.jvm.make_archive(self._train)

    def _train(self, jvm: Jvm) -> None:
        """Run a broker through a day's work in a second, so that the classes it takes can be archived."""
        with tempfile.TemporaryDirectory(prefix="kit-train-") as folder:
            cluster = KafkaCluster(Path(folder), jvm=jvm)
            with cluster:
                _quorum.exercise(cluster.bootstrap_servers)
                cluster.seconds_to_stop = 60.0  # it writes the archive as it ends

    def add_broker(self) -> int:
        """Add a broker to the running cluster, and give Kafka's own topics a replica on it. Returns its id.

        Your topics stay where they are: `kit.topics.reassign` spreads one over the new brokers.
        """
        known = self._known()
        if not self.running:
            stopped = [f"lab.kafka.restart({broker.id})" for broker in self.brokers if broker.pid is None]
            todo = f"call {' and '.join(stopped)} first" if stopped else "run `kit up` first"
            raise ServerError("all brokers to run before another joins", got=repr(self), todo=todo)
        if len(known["nodes"]) >= MAX_BROKERS:
            raise ConfigError(f"at most {MAX_BROKERS} brokers", got="one more", todo="work with those you have")
        memory.require(self.needs, "one more Kafka broker")
        self._wanted = len(known["nodes"]) + 1
        try:
            self.start()
        except BaseException:
            _plan.write(self._folder, known)
            raise
        return max(self.nodes)

    def kill(self, broker: int) -> None:
        """End one broker at once, as a power cut would (``kill -9``)."""
        process = self._process(self._node(broker))
        if process is None:
            todo = f"call lab.kafka.restart({broker}) first"
            raise ServerError(f"broker {broker} to run", got="it is stopped", todo=todo)
        process.kill()

    def restart(self, broker: int) -> None:
        """Start a stopped broker again, on its port and its data (a running one is stopped first)."""
        node = self._node(broker)
        process = self._process(node)
        if process is not None:
            process.stop()
        memory.require(self.needs, f"Kafka broker {broker}")
        with undone_on_error() as launched:
            self._configure(node)
            choose_port(node.port, must=True)
            self._launch(node, launched)
            self.wait_ready(launched)

    def leaders(self) -> dict[int, int]:
        """How many partitions each broker leads (Kafka's own topics included); empty when no broker answers."""
        return _quorum.leaders(self.bootstrap_servers) if any(b.pid for b in self.brokers) else {}

    def __repr__(self) -> str:
        brokers = self.brokers
        if not brokers:
            return "KafkaCluster(no broker yet: start() it)"
        leads = self.leaders()
        words = [f"{b.id} on {b.port}" + (f" leads {leads.get(b.id, 0)}" if b.pid else f" {b.state}") for b in brokers]
        up = sum(b.pid is not None for b in brokers)
        return f"KafkaCluster({up} of {len(brokers)} brokers up: {', '.join(words)})"

    def _repr_html_(self) -> str:
        leads, brokers = self.leaders(), self.brokers
        led = [leads.get(broker.id, 0) if broker.pid else "–" for broker in brokers]
        return f"<b>Kafka cluster</b>{html_table(brokers, partitions_led=led)}"

    @property
    def _folder(self) -> Path:
        return self.home / "kafka"

    def _known(self) -> dict[str, Any]:
        return _plan.read(self._folder)

    def _node(self, broker: int) -> Node:
        nodes = self.nodes
        if broker not in nodes:
            raise ConfigError(f"one of the brokers {sorted(nodes)}", got=str(broker), todo="choose one of them")
        return nodes[broker]

    def _configure(self, node: Node) -> None:
        nodes = self.nodes
        controllers = [other.controller_port for other in nodes.values()]
        _broker.write_settings(node, replicas=min(3, len(nodes)), controllers=controllers)

    def _launch(self, node: Node, launched: list[Process]) -> None:
        argv, env = _broker.run_command(self.jvm), self.jvm.environment
        home, cwd, ports = self.home, node.folder, [node.port]
        launch(node.name, argv, home=home, ports=ports, env=env, cwd=cwd, notes=_NOTES, launched=launched)

    def _process(self, node: Node) -> Process | None:
        process = Process.load(self.home, node.name)
        return process if process is not None and process.alive else None


class ExternalKafka(External):
    """A Kafka cluster of your own, named by `KIT_KAFKA_BOOTSTRAP_SERVERS`: the kit uses it, and never stops it."""

    def __init__(self, bootstrap_servers: str) -> None:
        super().__init__("kafka", bootstrap_servers, setting="KIT_KAFKA_BOOTSTRAP_SERVERS")
        self.bootstrap_servers = bootstrap_servers

    def leaders(self) -> dict[int, int]:
        """As those of a `KafkaCluster`."""
        return _quorum.leaders(self.bootstrap_servers)

    def check(self) -> None:
        """Ask it for its brokers; errors as those of `clients.admin`."""
        from kit.servers.clients import admin

        with admin(self.bootstrap_servers) as client:
            client.describe_cluster()


def of_settings(settings: Settings) -> Server:
    """The lab's Kafka, as the settings have it."""
    if settings.kafka_bootstrap_servers:
        return ExternalKafka(settings.kafka_bootstrap_servers)
    must, port, heap = explicit(settings, "kafka_port"), settings.kafka_port, settings.kafka_heap
    return KafkaCluster(settings.home, brokers=settings.brokers, port=port, must=must, heap=heap)
