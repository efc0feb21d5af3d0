"""Ports: of 127.0.0.1 the usual one if it is free, else another; and addresses that a setting names."""

import random
import re
import socket
from collections.abc import Collection

from kit.errors import PortTaken

__all__ = ["answers", "choose_port", "host_and_port", "refusal"]

_ADDRESS = re.compile(r"(\[(?P<ipv6>[^\[\]/]+)\]|(?P<host>[^\[\]:/\s]+)):(?P<port>[0-9]+)")

# Below the range that systems take for the near end of a connection (32768 and up on Linux, 49152 on macOS): a port
# chosen in there could be gone again before a server has bound it.
_FREE_RANGE = range(20000, 32000)


def answers(port: int) -> bool:
    """Whether something on 127.0.0.1 accepts connections on `port`."""
    return refusal(f"127.0.0.1:{port}") is None


def refusal(address: str) -> str | None:
    """Why nothing at ``host:port`` accepts a connection within a second; None: something does."""
    try:
        socket.create_connection(host_and_port(address) or ("", 0), timeout=1.0).close()
    except (OSError, OverflowError, UnicodeError) as error:  # the latter two: no such port, no such name
        return str(error)
    return None


def choose_port(wanted: int = 0, *, must: bool = False, avoid: Collection[int] = ()) -> int:
    """The wanted port if it is free, else a free one; 0: any. `PortTaken`: with `must`, when it is in use."""
    if wanted and wanted not in avoid and _is_free(wanted):
        return wanted
    if wanted and must:
        todo = "stop that program (`kit doctor` names it), or choose another port"
        raise PortTaken(f"port {wanted} of 127.0.0.1 to be free", got="another program listens on it", todo=todo)
    for port in random.sample(_FREE_RANGE, 200):
        if port not in avoid and _is_free(port):
            return port
    raise PortTaken("a free port of 127.0.0.1", got=f"200 of {_FREE_RANGE} in use", todo="close some programs")


def host_and_port(address: str) -> tuple[str, int] | None:
    """The two parts of ``host:port`` or ``[ipv6]:port``; None if it is not one."""
    found = _ADDRESS.fullmatch(address.strip())
    return (found["ipv6"] or found["host"], int(found["port"])) if found else None


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a port in TIME_WAIT is free
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
