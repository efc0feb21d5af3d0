"""The three brokers of docker/compose.yaml are a cluster on which the lab works: started here without Docker."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from kafka import KafkaProducer

import kit
from kit import topics
from kit.servers.interrupts import merged_environment
from kit.servers.jvm import Jvm
from kit.servers.ports import answers, choose_port
from tests.wait import wait_until

_COMPOSE = yaml.safe_load((Path(__file__).parents[2] / "docker/compose.yaml").read_text("utf-8"))
_BROKERS = {name: one["environment"] for name, one in _COMPOSE["services"].items() if name.startswith("kafka")}
_NO_PROPERTIES = ("KAFKA_HEAP_OPTS",)


def _write_properties(name: str, folder: Path, ports: dict[tuple[str, str], int]) -> Path:
    """The settings that Apache's image makes of the environment (KAFKA_A_B becomes a.b); addresses of this machine.

    Source: https://github.com/apache/kafka, docker/docker_official_images and docker/jvm/launch.
    """
    lines = [f"log.dirs={folder}/data"]
    for key, value in _BROKERS[name].items():
        text = str(value)
        for (host, port), here in ports.items():
            text = text.replace(f"{host}:{port}", f"127.0.0.1:{here}")
            if host == name:
                text = text.replace(f"://:{port}", f"://127.0.0.1:{here}")
        if key.startswith("KAFKA_") and key not in _NO_PROPERTIES:
            lines.append(f"{key.removeprefix('KAFKA_').lower().replace('_', '.')}={text}")
    folder.mkdir()
    file = folder / "server.properties"
    file.write_text("\n".join(lines), "utf-8")
    return file


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[str]:
    """The brokers' addresses."""
    taken: list[int] = []
    ports = {}
    for place in [(name, port) for name in _BROKERS for port in ("9092", "9093")]:
        taken.append(choose_port(avoid=taken))
        ports[place] = taken[-1]
    (heap,) = {one["KAFKA_HEAP_OPTS"] for one in _BROKERS.values()}
    jvm = Jvm("kafka", heap=tuple(heap.split()))
    env = merged_environment(jvm.environment)
    with ExitStack() as stack:
        for name, environment in _BROKERS.items():
            file = _write_properties(name, tmp_path / name, ports)
            words = ["format", "-t", environment["CLUSTER_ID"], "-c", str(file)]
            subprocess.run(jvm.command("kafka.tools.StorageTool", *words), env=env, check=True, capture_output=True)
            output = stack.enter_context((tmp_path / f"{name}.log").open("wb"))
            argv = jvm.command("kafka.Kafka", str(file))
            broker = stack.enter_context(subprocess.Popen(argv, env=env, stdout=output, stderr=subprocess.STDOUT))
            stack.callback(broker.kill)
        for name in _BROKERS:
            wait_until(lambda name=name: answers(ports[name, "9092"]), timeout=60, what=f"{name} up")
        yield ",".join(f"127.0.0.1:{ports[name, '9092']}" for name in _BROKERS)


def test_the_lab_works_on_the_brokers_of_the_compose_file(
    servers: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KIT_KAFKA_BOOTSTRAP_SERVERS", servers)
    (check,) = [check for check in kit.doctor() if check.name == "kafka"]
    assert check.ok, check
    topics.create("quotes", partitions=3)
    producer = KafkaProducer(bootstrap_servers=servers.split(","), acks="all")
    producer.send("quotes", b"record").get(timeout=20)
    producer.close()
    assert [len(replicas) for replicas in topics.describe("quotes")["replicas"]] == [3, 3, 3]
