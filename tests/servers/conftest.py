"""Brokers that the tests of the servers share, beside the one of the session, which no test may break."""

from collections.abc import Iterator

import pytest

from kit.servers import _broker
from kit.servers.cluster import Node
from kit.servers.kafka import KafkaCluster
from kit.servers.ports import choose_port, refusal
from tests.wait import wait_until

UNKNOWN_HOST = "no-such-host.invalid"


@pytest.fixture(scope="session")
def _spare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    cluster = KafkaCluster(tmp_path_factory.mktemp("spare"))
    yield cluster
    cluster.stop()


@pytest.fixture
def spare(_spare: KafkaCluster) -> KafkaCluster:
    """One broker that a test may kill or stop: the next test has it up again."""
    return _spare.start()


@pytest.fixture(scope="session")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A broker that listens on [::1], too, and at an address where it advertises `UNKNOWN_HOST`."""
    ipv6, lost = choose_port(), choose_port()
    write_settings = _broker.write_settings

    def write_more_listeners(node: Node, **options: object) -> None:
        write_settings(node, **options)  # type: ignore[arg-type]
        settings = node.folder / "server.properties"
        more = f"IPV6://[::1]:{ipv6},LOST://127.0.0.1:{lost}"
        names = {"listeners": more, "advertised.listeners": more.replace("LOST://127.0.0.1", f"LOST://{UNKNOWN_HOST}")}
        lines = [line.partition("=") for line in settings.read_text("utf-8").splitlines()]
        text = "".join(
            f"{key}={value},{names[key]}\n" if key in names else f"{key}={value}\n" for key, _, value in lines
        )
        kinds = ",".join(f"{name}:PLAINTEXT" for name in ("PLAINTEXT", "CONTROLLER", "IPV6", "LOST"))
        settings.write_text(f"{text}listener.security.protocol.map={kinds}\n", "utf-8")

    cluster = KafkaCluster(tmp_path_factory.mktemp("listening"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_broker, "write_settings", write_more_listeners)
        cluster.start()
    with cluster:
        servers = f"[::1]:{ipv6}", f"127.0.0.1:{lost}"
        wait_until(lambda: not any(map(refusal, servers)))
        yield servers
