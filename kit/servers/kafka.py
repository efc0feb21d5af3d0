"""A real Apache Kafka cluster of one to five brokers on this machine, that grows and loses brokers while it runs.

>>> with KafkaCluster(home, brokers=3) as cluster:          # doctest: +SKIP
...     cluster.kill(2)                                     # as a power cut would
...     cluster.restart(2)
...     cluster
KafkaCluster(3 of 3 brokers up: 1 on 9092, 2 on 9093, 3 on 9094)
"""

from pathlib import Path
from typing import Any

from kit.config import Settings, explicit
from kit.servers import _broker, _plan, _quorum
from kit.servers.cluster import Cluster, Node
from kit.servers.jvm import Jvm
from kit.servers.process import Process, end
from kit.servers.server import External, Server, ServerStatus, html_table

__all__ = ["ExternalKafka", "KafkaCluster", "of_settings"]


class KafkaCluster(Cluster):
    """A Kafka cluster on 127.0.0.1: `brokers` of them, 1 to 5. The rest as a `Cluster` has it."""

    name, unit, most = "kafka", "broker", 5
    needs = 200 << 20  # of one broker
    more_heap = _broker.MORE_HEAP

    def __init__(
        self, home: Path, *, brokers: int = 1, port: int = 0, must: bool = False, heap: int = 96, jvm: Jvm | None = None
    ) -> None:
        super().__init__(home, wanted=brokers, port=port, must=must, jvm=jvm or _broker.jvm(heap))

    @property
    def brokers(self) -> list[ServerStatus]:
        """Each broker as it is now."""
        return self.status() if self.nodes else []

    @property
    def bootstrap_servers(self) -> str:
        """``host:port,…`` of all brokers, for a Kafka client. The stopped ones too: a client skips those."""
        return ",".join(f"127.0.0.1:{node.port}" for node in self.nodes.values())

    def command(self, node: Node, *, joins: bool) -> list[str]:
        self._configure(node)
        return self.jvm.command("kafka.Kafka", _broker.SETTINGS_FILE)

    def form(self, nodes: list[Node], known: dict[str, Any]) -> None:
        for node in nodes:
            self._configure(node)
        voters = [] if known.get("formed") else nodes
        _broker.format_all(nodes, known["cluster_id"], voters=voters, jvm=self.jvm)
        _plan.write(self.folder, known | {"formed": True})

    def _configure(self, node: Node) -> None:
        controllers = [other.peer_port for other in self.nodes.values()]
        _broker.write_settings(node, replicas=min(3, len(controllers)), controllers=controllers)

    def answers(self, process: Process) -> bool:
        return all(map(_broker.answers_kafka, process.ports))

    def joined(self, up: list[Node]) -> None:
        _quorum.wait_joined(self.bootstrap_servers, {node.id for node in up}, timeout=self.seconds_to_start)
        _quorum.replicate_internal_topics(self.bootstrap_servers, min(3, len(up)))

    def stop(self) -> None:
        # Once most controllers have gone, the rest wait in vain for a quorum: they are killed, and lose nothing by it,
        # since what was acknowledged is in their logs.
        running = self.processes
        end(running, seconds=self.seconds_to_stop, enough=(len(running) + 1) // 2)

    def exercise(self) -> None:
        _quorum.exercise(self.bootstrap_servers)

    def add_broker(self) -> int:
        """Add a broker to the running cluster, and give Kafka's own topics a replica on it. Returns its id.

        Your topics stay where they are: `kit.topics.reassign` spreads one over the new brokers.
        """
        return self._add()

    def leaders(self) -> dict[int, int]:
        """How many partitions each broker leads (Kafka's own topics included); empty when no broker answers."""
        return _quorum.leaders(self.bootstrap_servers) if any(b.pid for b in self.brokers) else {}

    def _details(self, rows: list[ServerStatus]) -> list[str]:
        leads = self.leaders()
        return [f" leads {leads.get(row.id, 0)}" if row.pid else f" {row.state}" for row in rows]

    def _repr_html_(self) -> str:
        leads, brokers = self.leaders(), self.brokers
        led = [leads.get(broker.id, 0) if broker.pid else "–" for broker in brokers]
        return f"<b>Kafka cluster</b>{html_table(brokers, partitions_led=led)}"


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
