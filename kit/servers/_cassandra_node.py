"""One Cassandra node: its settings, its command line, and whether it answers."""

import json
import socket
import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kit.servers.cluster import Node
from kit.servers.jvm import Jvm

__all__ = ["MOST", "answers_cql", "jvm", "run_command", "token", "write_settings"]

MOST = 3  # nodes
_OPTIONS, _LOGBACK, _COMMON = (
    Path(__file__).with_name(f"cassandra_{name}") for name in ("java.options", "logback.xml", "node.yaml")
)
_SETTINGS_FILE = "cassandra.yaml"
_ANSWER_SECONDS = 2.0


def token(node: Node) -> int:
    """Its place on the ring of hashes, -2**63 to 2**63 - 1: three nodes have a third each."""
    return -(2**63) + (node.id - 1) * (2**64 // MOST)


def write_settings(node: Node, *, seeds: Sequence[Node], joins: bool) -> None:
    """Write a node's `cassandra.yaml`.

    `seeds`: the nodes that it asks for all the others. `joins`: it copies its part of the rows that are there; nodes
    that begin together do not.
    """
    addresses = ",".join(f"127.0.0.1:{seed.peer_port}" for seed in seeds)
    provider = {
        "class_name": "org.apache.cassandra.locator.SimpleSeedProvider",
        "parameters": [{"seeds": addresses}],
    }
    own = {
        "storage_port": node.peer_port,
        "native_transport_port": node.port,
        "initial_token": str(token(node)),
        "auto_bootstrap": joins,
        "seed_provider": [provider],
    }
    node.folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{key}: {json.dumps(value)}\n" for key, value in own.items())  # JSON is YAML
    (node.folder / _SETTINGS_FILE).write_text(_COMMON.read_text("utf-8") + lines, "utf-8")


def jvm(heap: int) -> Jvm:
    """The Java runtime of a node with a heap of so many MB."""
    options = (f"@{_OPTIONS}", f"-Dlogback.configurationFile={_LOGBACK.as_uri()}")
    return Jvm("cassandra", heap=(f"-Xms{heap // 4}m", f"-Xmx{heap}m", f"-Xmn{heap // 4}m"), options=options)


def run_command(jvm: Jvm, node: Node, *, joins: bool) -> list[str]:
    """The command that runs a node in its folder. Its ring delay is how long it waits for another node's answer: one
    that joins waits so long in any case; those that begin together, no longer than until the first of them is there."""
    where = f"-Dcassandra.config={(node.folder / _SETTINGS_FILE).as_uri()}"
    delay = f"-Dcassandra.ring_delay_ms={5000 if joins else 30000}"
    return replace(jvm, options=(*jvm.options, where, delay)).command("org.apache.cassandra.service.CassandraDaemon")


def answers_cql(port: int) -> bool:
    """Whether a node on 127.0.0.1 answers a query. It opens its port only when it has joined the ring.

    Frames of the native protocol, version 4: STARTUP (1), answered by READY (2); QUERY (7), answered by RESULT (8).
    They are written out here, since the driver takes longer to import than this to answer. Source: Cassandra's
    native_protocol_v4.spec.
    """
    query = b"SELECT key FROM system.local"
    startup = struct.pack(">hh11sh5s", 1, 11, b"CQL_VERSION", 5, b"3.0.0")
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.2) as line:
            line.settimeout(_ANSWER_SECONDS)
            ready = _asked(line, 1, startup) == 2
            return ready and _asked(line, 7, struct.pack(f">i{len(query)}shb", len(query), query, 1, 0)) == 8
    except (OSError, struct.error):
        return False


def _asked(line: socket.socket, opcode: int, body: bytes) -> int:
    """Send a frame; the opcode of the answer."""
    line.sendall(struct.pack(">bbhbi", 4, 0, 0, opcode, len(body)) + body)
    _, _, _, answer, length = struct.unpack(">Bbhbi", line.recv(9, socket.MSG_WAITALL))
    line.recv(length, socket.MSG_WAITALL)
    return int(answer)
