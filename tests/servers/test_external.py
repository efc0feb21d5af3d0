"""A Kafka cluster that the lab did not start: addresses of every kind, and what doctor reports of it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import kit
from kit import topics
from kit.servers import _broker
from kit.servers._broker import Node
from kit.servers.doctor import Check
from kit.servers.kafka import KafkaCluster


def _kafka() -> Check:
    (check,) = [check for check in kit.doctor() if check.name == "kafka"]
    return check


@contextmanager
def _ipv6_door(port: int) -> Iterator[int]:
    """A port of [::1] that passes everything on to a port of 127.0.0.1, and back."""
    listener = socket.create_server(("::1", 0), family=socket.AF_INET6)

    def pump(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, target):
                end.close()

    def serve() -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", port))
            for pair in ((near, far), (far, near)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 on this machine")
def test_a_cluster_at_an_ipv6_address_is_used_and_found_well(
    cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch, topic: str
) -> None:
    with _ipv6_door(cluster.brokers[0].port) as port:
        monkeypatch.setenv("KIT_KAFKA_BOOTSTRAP_SERVERS", f"[::1]:{port}")
        assert _kafka() == Check("kafka", f"external [::1]:{port}")
        topics.create(topic)
        assert topics.offsets(topic)["records"].tolist() == [0]


@pytest.mark.parametrize(
    ("servers", "found"),
    [
        ("127.0.0.1:1", "refused"),
        ("127.0.0.1:1,nonsense", "'nonsense'"),
        ("no-such-host.invalid:9092", "no-such-host.invalid"),
        ("[::1]:1", "[::1]:1"),
    ],
)
def test_a_cluster_that_cannot_be_reached_is_found_with_its_address(
    monkeypatch: pytest.MonkeyPatch, servers: str, found: str
) -> None:
    monkeypatch.setenv("KIT_KAFKA_BOOTSTRAP_SERVERS", servers)
    check = _kafka()
    assert found in check.found
    assert "KIT_KAFKA_BOOTSTRAP_SERVERS" in check.fix


def test_a_broker_that_advertises_an_unknown_host_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = _broker.write_settings

    def elsewhere(node: Node, *, replicas: int, controllers: list[int]) -> None:
        write(node, replicas=replicas, controllers=controllers)
        text = node.settings.read_text("utf-8")
        own = f"advertised.listeners=PLAINTEXT://127.0.0.1:{node.port}"
        node.settings.write_text(
            text.replace(own, f"advertised.listeners=PLAINTEXT://broker.invalid:{node.port}"), "utf-8"
        )

    monkeypatch.setattr(_broker, "write_settings", elsewhere)
    with KafkaCluster(tmp_path) as cluster:
        monkeypatch.setenv("KIT_KAFKA_BOOTSTRAP_SERVERS", cluster.bootstrap_servers)
        check = _kafka()
        assert f"broker.invalid:{cluster.brokers[0].port}" in check.found
        assert "advertised.listeners" in check.fix
