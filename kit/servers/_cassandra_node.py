"""One Cassandra node: its settings, its command line, and whether it answers."""

import json
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kit.servers.jvm import Jvm

__all__ = ["MOST", "CassandraNode", "answers_cql", "jvm", "run_command", "write_settings"]

MOST = 3  # nodes
_LOGBACK = Path(__file__).with_name("cassandra_logback.xml")
_SETTINGS_FILE = "cassandra.yaml"
_ANSWER_SECONDS = 2.0

# What makes a node small, and quick to join: one token a node, small memtables, few threads.
_SETTINGS: dict[str, Any] = {
    "cluster_name": "kit",
    "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
    "endpoint_snitch": "SimpleSnitch",
    "listen_address": "127.0.0.1",
    "rpc_address": "127.0.0.1",
    "num_tokens": 1,
    "commitlog_sync": "batch",  # what is acknowledged is on disk: a node that is killed loses no row
    "commitlog_segment_size": "4MiB",
    "commitlog_total_space": "64MiB",
    "memtable_heap_space": "32MiB",
    "memtable_offheap_space": "32MiB",
    "key_cache_size": "4MiB",
    "file_cache_size": "32MiB",
    "concurrent_reads": 8,
    "concurrent_writes": 64,
    "concurrent_compactors": 1,
    "native_transport_max_threads": 64,
    "auto_snapshot": False,
}

# What Cassandra 5.0 needs of Java's own modules (its file conf/jvm17-server.options).
_EXPORTS = (
    "java.base/java.lang.ref",
    "java.base/jdk.internal.misc",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.rmi/sun.rmi.transport.tcp",
    "java.sql/java.sql",
)
_OPENS = (
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.module",
    "java.base/java.lang.reflect",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/sun.nio.ch",
    "jdk.management/com.sun.management.internal",
)


@dataclass(frozen=True, slots=True)
class CassandraNode:
    """Where one node lives: its number, its ports on 127.0.0.1 (for clients, and for other nodes), its folder."""

    id: int
    port: int
    storage_port: int
    folder: Path

    @property
    def name(self) -> str:
        return f"cassandra-{self.id}"

    @property
    def has_data(self) -> bool:
        return (self.folder / "data").exists()

    @property
    def token(self) -> int:
        """Its place on the ring of hashes, -2**63 to 2**63 - 1: three nodes have a third each."""
        return -(2**63) + (self.id - 1) * (2**64 // MOST)


def write_settings(node: CassandraNode, *, seeds: Sequence[CassandraNode], joins: bool) -> None:
    """Write a node's `cassandra.yaml` (as JSON, which is YAML).

    `seeds`: the nodes that it asks for all the others. `joins`: it copies its part of the rows that are there; nodes
    that begin together do not.
    """
    addresses = ",".join(f"127.0.0.1:{seed.storage_port}" for seed in seeds)
    provider = {
        "class_name": "org.apache.cassandra.locator.SimpleSeedProvider",
        "parameters": [{"seeds": addresses}],
    }
    own = {
        "storage_port": node.storage_port,
        "native_transport_port": node.port,
        "initial_token": str(node.token),
        "auto_bootstrap": joins,
        "seed_provider": [provider],
    }
    node.folder.mkdir(parents=True, exist_ok=True)
    (node.folder / _SETTINGS_FILE).write_text(json.dumps(_SETTINGS | own, indent=1), "utf-8")


def jvm(heap: int) -> Jvm:
    """The Java runtime of a node with a heap of so many MB."""
    options = (
        *(word for name in _EXPORTS for word in ("--add-exports", f"{name}=ALL-UNNAMED")),
        *(word for name in _OPENS for word in ("--add-opens", f"{name}=ALL-UNNAMED")),
        "-Xss512k",
        "-Djava.security.manager=allow",
        "-Djdk.attach.allowAttachSelf=true",
        "-Dcassandra.storagedir=.",  # in the node's working folder
        f"-Dlogback.configurationFile={_LOGBACK.as_uri()}",
        "-Dcassandra.skip_wait_for_gossip_to_settle=0",
        "-Dcassandra.shutdown_announce_in_ms=100",
    )
    return Jvm("cassandra", heap=(f"-Xms{heap // 4}m", f"-Xmx{heap}m", f"-Xmn{heap // 4}m"), options=options)


def run_command(jvm: Jvm, node: CassandraNode, *, joins: bool) -> list[str]:
    """The command that runs a node in its folder. One that joins gives the others, which are busy, time to answer."""
    where = f"-Dcassandra.config={(node.folder / _SETTINGS_FILE).as_uri()}"
    patience = f"-Dcassandra.ring_delay_ms={5000 if joins else 1000}"
    return replace(jvm, options=(*jvm.options, where, patience)).command("org.apache.cassandra.service.CassandraDaemon")


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
