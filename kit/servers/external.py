"""A Kafka cluster that the lab did not start: the same handle, without the demolition."""

from typing import Self

from kit.errors import ConfigError
from kit.servers import _quorum

__all__ = ["ExternalKafka"]


class ExternalKafka:
    """A Kafka cluster of yours, named by `KIT_KAFKA_BOOTSTRAP_SERVERS`: the kit uses it, and never stops it."""

    def __init__(self, bootstrap_servers: str) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.running = True

    def start(self) -> Self:
        return self

    def stop(self) -> None:
        """Nothing: it is not ours to stop."""

    def leaders(self) -> dict[int, int]:
        return _quorum.leaders(self.bootstrap_servers)

    def _refuse(self, *_: object) -> None:
        raise ConfigError(
            "a cluster that the lab started",
            got=f"the external cluster {self.bootstrap_servers}",
            todo="unset KIT_KAFKA_BOOTSTRAP_SERVERS to use the lab's own brokers",
        )

    add_broker = kill = restart = _refuse

    def __repr__(self) -> str:
        return f"ExternalKafka({self.bootstrap_servers})"
