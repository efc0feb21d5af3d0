"""From nothing to the first record read back: the kit's Kafka beside the same Kafka in its stock configuration.

python tests/benchmarks/startup.py [--check] [--runs 5]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient

sys.path.insert(0, str(Path(__file__).parent))
from _report import Target, report

from kit.deadline import wait_until
from kit.servers import jars, lab
from kit.servers.clients import admin
from kit.servers.jvm import java
from kit.servers.kafka import KafkaCluster
from kit.servers.ports import answers, choose_port
from kit.servers.process import Process, launch, undone_on_error

# The options of Kafka's own start script, and the lines of its own config/server.properties that matter here.
_STOCK_JVM = [
    "-Xmx1G",
    "-Xms1G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
]
_STOCK = """\
process.roles=broker,controller
node.id={id}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.quorum.voters={voters}
num.network.threads=3
num.io.threads=8
num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.dirs={folder}
"""


@contextmanager
def stock(home: Path, brokers: int) -> Iterator[tuple[str, list[Process]]]:
    """The stock cluster: bootstrap servers and processes."""
    ports = [(choose_port(), choose_port()) for _ in range(brokers)]
    voters = ",".join(f"{n}@127.0.0.1:{ports[n - 1][1]}" for n in range(1, brokers + 1))
    classpath = os.pathsep.join(map(str, jars.classpath("kafka")))
    tool = [str(java()), "-cp", classpath, "kafka.tools.StorageTool", "format"]
    with undone_on_error() as launched:
        for number, (port, controller) in enumerate(ports, 1):
            settings = home / f"{number}.properties"
            folder = home / f"data-{number}"
            settings.write_text(
                _STOCK.format(id=number, port=port, controller=controller, voters=voters, folder=folder)
            )
            subprocess.run(
                [*tool, "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", str(settings)], check=True, capture_output=True
            )
            argv = [java(), *_STOCK_JVM, "-cp", classpath, "kafka.Kafka", settings]
            launched.append(launch(f"stock-{number}", argv, home=home, ports=[port]))
        for process in launched:
            process.wait_ready(lambda process=process: answers(process.ports[0]), timeout=60)
        servers = ",".join(f"127.0.0.1:{port}" for port, _ in ports)
        if brokers > 1:
            _wait_registered(servers, brokers)
        try:
            yield servers, launched
        finally:
            for process in launched:
                process.kill()


def _wait_registered(servers: str, brokers: int) -> None:
    with admin(servers) as client:
        wait_until(lambda: len(client.describe_cluster()["brokers"]) == brokers, seconds=60, every=0.05)


@contextmanager
def ours(home: Path, brokers: int) -> Iterator[tuple[str, list[Process]]]:
    """The kit's cluster: bootstrap servers and processes."""
    with KafkaCluster(home, brokers=brokers) as cluster:
        found = [Process.load(home, f"kafka-{broker.id}") for broker in cluster.brokers]
        yield cluster.bootstrap_servers, [process for process in found if process]


def first_record(servers: str, replicas: int) -> float:
    """Make a topic, write one record with all acknowledgements, read it back; the moment it was read."""
    addresses = servers.split(",")
    # The clients are opened first: each waits 0.1 s between its first look at the cluster and the next one.
    producer = KafkaProducer(bootstrap_servers=addresses)
    consumer = KafkaConsumer(bootstrap_servers=addresses, auto_offset_reset="earliest", consumer_timeout_ms=30000)
    admin = KafkaAdminClient(bootstrap_servers=addresses)
    admin.create_topics({"first": {"num_partitions": 1, "replication_factor": replicas}}, wait_for_metadata=True)
    producer.send("first", b"record").get(timeout=30)
    consumer.assign([TopicPartition("first", 0)])
    assert next(iter(consumer)).value == b"record"
    read = time.perf_counter()
    for client in (consumer, producer, admin):
        client.close()
    return read


def measure(cluster: object, brokers: int) -> tuple[float, float]:
    """Seconds from an empty folder to the first record read back, and the brokers' memory then, in MB (PSS)."""
    with tempfile.TemporaryDirectory(prefix="kit-bench-") as folder:
        started = time.perf_counter()
        with cluster(Path(folder), brokers) as (servers, processes):  # type: ignore[operator]
            seconds = first_record(servers, min(3, brokers)) - started
            return seconds, sum(process.memory() for process in processes) / 1e6


def kit_up() -> float:
    """Seconds that the command `kit up` takes on an empty state folder: Kafka and the feeds, ready."""
    with tempfile.TemporaryDirectory(prefix="kit-bench-") as folder:
        env = {**os.environ, "KIT_HOME": folder, "KIT_KAFKA_PORT": "0", "KIT_FEEDS_PORT": "0"}
        kit = [sys.executable, "-m", "kit.cli"]
        started = time.perf_counter()
        subprocess.run([*kit, "up"], env=env, check=True, capture_output=True)
        seconds = time.perf_counter() - started
        subprocess.run([*kit, "down"], env=env, check=True, capture_output=True)
        return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 if a target is missed")
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    lab.prepare()
    rows, found = [], {}
    for brokers in (1, 3):
        samples: dict[str, list[tuple[float, float]]] = {"kit": [], "stock": []}
        for _ in range(runs):  # in turn, so that a slow minute of the machine meets both
            samples["kit"].append(measure(ours, brokers))
            samples["stock"].append(measure(stock, brokers))
        for name, figures in samples.items():
            seconds, memory = (statistics.median(column) for column in zip(*figures, strict=True))
            found[name, brokers] = (seconds, memory)
            rows.append([name, brokers, round(seconds, 2), round(memory)])
    up = statistics.median(kit_up() for _ in range(runs))
    rows.append(["kit up", 1, round(up, 2), ""])
    report(
        "startup",
        ["which", "brokers", "seconds to first record", "memory, MB PSS"],
        rows,
        [
            Target("one broker, warm", found["kit", 1][0], 1.5, "s"),
            Target("one broker's memory", found["kit", 1][1], 180, "MB"),
            Target("three brokers, warm", found["kit", 3][0], 4.0, "s"),
            Target("three brokers' memory", found["kit", 3][1], 520, "MB"),
            Target("kit up, warm", up, 2.5, "s"),
        ],
    )


if __name__ == "__main__":
    main()
