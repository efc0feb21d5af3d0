"""A Kafka cluster that the lab did not start: addresses of every kind, and what doctor reports of it."""

import pytest

import kit
from kit import topics
from kit.servers.doctor import Check
from tests.servers.conftest import UNKNOWN_HOST


def _kafka() -> Check:
    (check,) = [check for check in kit.doctor() if check.name == "kafka"]
    return check


def test_a_cluster_at_an_ipv6_address_is_used_and_passes_the_checkup(
    listening: tuple[str, str], monkeypatch: pytest.MonkeyPatch, topic: str
) -> None:
    servers, _ = listening
    monkeypatch.setenv("KIT_KAFKA_BOOTSTRAP_SERVERS", servers)
    assert _kafka() == Check("kafka", f"external {servers}")
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
def test_a_cluster_that_cannot_be_reached_is_named_with_its_address(
    monkeypatch: pytest.MonkeyPatch, servers: str, found: str
) -> None:
    monkeypatch.setenv("KIT_KAFKA_BOOTSTRAP_SERVERS", servers)
    check = _kafka()
    assert found in check.found
    assert "KIT_KAFKA_BOOTSTRAP_SERVERS" in check.fix


def test_a_broker_that_advertises_an_unknown_host_is_named(
    listening: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, servers = listening
    monkeypatch.setenv("KIT_KAFKA_BOOTSTRAP_SERVERS", servers)
    check = _kafka()
    assert f"advertises {UNKNOWN_HOST}:" in check.found
    assert "advertised.listeners" in check.fix
