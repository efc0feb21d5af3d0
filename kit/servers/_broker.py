"""One Kafka node: its settings, its formatted folder, its command line.

Every node is broker and controller at once (KRaft, no ZooKeeper). Those a cluster begins with are formatted as its
controller quorum; later ones join by themselves (KIP-853, `controller.quorum.auto.join.enable`), so it can grow as it
runs.
"""

import base64
import shutil
import socket
import struct
import subprocess
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kit.errors import NotEnoughMemory, ServerError
from kit.servers.cluster import Node
from kit.servers.interrupts import merged_environment, uninterrupted
from kit.servers.jvm import Jvm

__all__ = ["MORE_HEAP", "SETTINGS_FILE", "answers_kafka", "format_all", "jvm", "write_settings"]

_LOG4J = Path(__file__).with_name("kafka_log4j2.properties")
_COMMON = Path(__file__).with_name("kafka_server.properties")
SETTINGS_FILE = "server.properties"
_ANSWER_SECONDS = 2.0
_CAUGHT: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
_CAUGHT |= {"text": True, "errors": "replace"}
MORE_HEAP = "set KIT_KAFKA_HEAP=256 (MB)"


def write_settings(node: Node, *, replicas: int, controllers: Sequence[int]) -> None:
    """Write a node's `server.properties`. `replicas`: of Kafka's own topics; `controllers`: ports of the quorum."""
    addresses = f"PLAINTEXT://127.0.0.1:{node.port},CONTROLLER://127.0.0.1:{node.peer_port}"
    in_sync = "2" if replicas >= 3 else "1"
    own = {
        "node.id": str(node.id),
        "listeners": addresses,
        "advertised.listeners": addresses,
        "controller.quorum.bootstrap.servers": ",".join(f"127.0.0.1:{port}" for port in controllers),
        "log.dirs": node.data.name,  # in the broker's working folder: a path with a comma would be two folders
        "default.replication.factor": str(replicas),
        "offsets.topic.replication.factor": str(replicas),
        "transaction.state.log.replication.factor": str(replicas),
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": str(replicas),
        "share.coordinator.state.topic.min.isr": in_sync,
    }
    node.folder.mkdir(parents=True, exist_ok=True)
    lines = _COMMON.read_text("utf-8") + "".join(f"{key}={value}\n" for key, value in own.items())
    (node.folder / SETTINGS_FILE).write_text(lines, "utf-8")


def jvm(heap: int) -> Jvm:
    """The Java runtime of a broker with a heap of so many MB."""
    log4j = (f"-Dlog4j2.configurationFile={_LOG4J.as_uri()}", "-Dlog4j2.disableJmx=true")
    return Jvm("kafka", heap=(f"-Xms{min(heap, 32)}m", f"-Xmx{heap}m"), options=log4j)


def answers_kafka(port: int) -> bool:
    """Whether a broker on 127.0.0.1 answers a request. A broker that hangs accepts connections, and no more.

    The request is *ApiVersions*, version 0, which every broker answers: length, key 18, version, correlation id, no
    client id. The answer: length, correlation id, error code, … (Kafka protocol guide). It is written out here, since
    kafka-python takes longer to import than a broker to start.
    """
    request = struct.pack(">ihhih", 10, 18, 0, 7, -1)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.2) as line:
            line.settimeout(_ANSWER_SECONDS)
            line.sendall(request)
            answer = line.recv(10, socket.MSG_WAITALL)
    except OSError:
        return False
    return len(answer) == 10 and struct.unpack(">iih", answer)[1:] == (7, 0)


def format_all(nodes: Sequence[Node], cluster_id: str, *, voters: Sequence[Node], jvm: Jvm) -> None:
    """Format the nodes that are not formatted yet.

    All voters of a new cluster get the same metadata snapshot, so the tool runs once for them and the others are copies
    with an id of their own: a JVM less for each.
    """
    for voter in voters:
        shutil.rmtree(voter.data, ignore_errors=True)  # half a quorum, of a start that was interrupted
    for node in nodes:
        if _formatted(node):
            continue
        image = next((voter for voter in voters if _formatted(voter)), None) if node in voters else None
        if image is None:
            _format(node, cluster_id, voters=voters, jvm=jvm)
        else:
            shutil.copytree(image.data, node.data, ignore=shutil.ignore_patterns("meta.properties"))
            directory_id = _directory_id(cluster_id, node)
            meta = {"version": 1, "cluster.id": cluster_id, "node.id": node.id, "directory.id": directory_id}
            (node.data / "meta.properties").write_text("".join(f"{k}={v}\n" for k, v in meta.items()), "utf-8")


def _formatted(node: Node) -> bool:
    return (node.data / "meta.properties").exists()


def _format(node: Node, cluster_id: str, *, voters: Sequence[Node], jvm: Jvm) -> None:
    """Lay out a node's empty data folder, as the Kafka documentation has it.

    `voters`: the nodes that a new cluster starts with. A node that is not one of them joins the quorum when it starts.
    """
    shutil.rmtree(node.data, ignore_errors=True)  # what an interrupted try may have left
    how = ["--no-initial-controllers"]
    if node in voters:
        quorum = (f"{v.id}@127.0.0.1:{v.peer_port}:{_directory_id(cluster_id, v)}" for v in voters)
        how = ["--initial-controllers", ",".join(quorum)]
    words = ["format", f"--cluster-id={cluster_id}", "--config", SETTINGS_FILE, *how]
    plain = replace(jvm, archive=None)  # where an archive is being made, it is the broker's
    command, env = plain.command("kafka.tools.StorageTool", *words), merged_environment(jvm.environment)
    with uninterrupted():  # it takes less than a second
        tool = subprocess.run(command, env=env, cwd=node.folder, timeout=60, check=False, **_CAUGHT)
    if tool.returncode:
        lines = tool.stdout.strip().splitlines()
        kind, todo = ServerError, "run `kit reset`, which starts from an empty state folder"
        if "OutOfMemoryError" in tool.stdout:
            kind, todo = NotEnoughMemory, MORE_HEAP
        got = lines[-1][:200] if lines else f"exit code {tool.returncode}"
        raise kind(f"{node.name} to be formatted in {node.folder}", got=got, todo=todo)


def _directory_id(cluster_id: str, node: Node) -> str:
    """A node's directory id (a UUID in URL-safe base64, as Kafka writes it): always the same for one node."""
    digest = uuid.uuid5(uuid.NAMESPACE_OID, f"{cluster_id}/{node.id}/{node.peer_port}")
    return base64.urlsafe_b64encode(digest.bytes).decode().rstrip("=")
