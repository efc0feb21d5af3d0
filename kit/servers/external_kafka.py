"""A Kafka cluster of your own: the same handle as the lab's, without the demolition."""

from kit.servers import _quorum
from kit.servers.server import External

__all__ = ["ExternalKafka"]


class ExternalKafka(External):
    """A Kafka cluster of your own, named by `KIT_KAFKA_BOOTSTRAP_SERVERS`: the kit uses it, and never stops it."""

    def __init__(self, bootstrap_servers: str) -> None:
        super().__init__("kafka", bootstrap_servers, setting="KIT_KAFKA_BOOTSTRAP_SERVERS")
        self.bootstrap_servers = bootstrap_servers

    def leaders(self) -> dict[int, int]:
        """How many partitions each broker leads (Kafka's own topics included); empty when no broker answers."""
        return _quorum.leaders(self.bootstrap_servers)

    def check(self) -> None:
        """Ask it for its brokers.

        `BrokerUnavailable`: No broker answered, or one advertises a host that is unknown on this machine.
        `ConfigError`: An address is not written as ``host:port``.
        """
        from kit.servers.clients import admin

        with admin(self.bootstrap_servers) as client:
            client.describe_cluster()
