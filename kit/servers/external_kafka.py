"""A Kafka cluster of your own: the same handle as the lab's, without the demolition."""

import socket

from kit.errors import ConfigError, KitError
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
        """Ask it for its brokers, and see whether their names are known here.

        Raises
        ------
        BrokerUnavailable
            No broker answered.
        ConfigError
            An address is not written as ``host:port``, or a broker advertises one that is unknown here.
        """
        try:
            brokers = _quorum.addresses(self.bootstrap_servers)
        except KitError as error:
            error.todo = f"start that cluster, or correct or unset {self.setting} (host:port,…)"
            raise
        for host, port in brokers:
            try:
                socket.getaddrinfo(host, port)
            except (OSError, UnicodeError) as error:
                raise ConfigError(
                    "brokers whose addresses are known on this machine",
                    got=f"a broker advertises {host}:{port}: {error}",
                    todo=f"change its advertised.listeners, or make {host} known here (/etc/hosts)",
                ) from error
