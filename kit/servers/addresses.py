"""Where the lab's servers are. The first one who asks starts the server."""

from kit.servers import lab
from kit.servers.feeds import Address

__all__ = ["bootstrap_servers", "feeds"]


def bootstrap_servers() -> str:
    """``host:port,…`` of the lab's Kafka brokers."""
    return str(lab.needed("kafka").bootstrap_servers)


def feeds() -> Address:
    """Address and bearer token of the lab's local feeds."""
    address: Address = lab.needed("feeds").address
    return address
