"""Where the lab's servers are. The first one who asks starts the server."""

from kit.servers import lab
from kit.servers.feeds import FeedServer

__all__ = ["bootstrap_servers", "cassandra", "feeds"]


def bootstrap_servers() -> str:
    """``host:port,…`` of the lab's Kafka brokers."""
    return str(lab.needed("kafka").bootstrap_servers)


def feeds() -> FeedServer:
    """The lab's local feeds: their `url` and bearer `token`."""
    server: FeedServer = lab.needed("feeds")
    return server


def cassandra() -> list[tuple[str, int]]:
    """``(host, port)`` of the lab's Cassandra nodes."""
    points: list[tuple[str, int]] = lab.needed("cassandra").contact_points
    return points
