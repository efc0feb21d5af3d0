"""From nothing to the first record read back: the kit's Kafka beside the same Kafka in its stock configuration.

python tests/benchmarks/startup.py [--check] [--runs 5] [--before REVISION]

With ``--before`` an earlier commit of the kit is measured in turn with this one; then ``--check`` also wants no figure
to be more than 5 % worse than it was.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient

sys.path.insert(0, str(Path(__file__).parent))
from _report import Target, report

from kit.servers import jars
from kit.servers.interrupts import stop_at_the_first
from kit.servers.kafka import KafkaCluster
from kit.servers.ports import answers, choose_port
from kit.servers.process import Process, launch, undone_on_error

ROOT = Path(__file__).parents[2]

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
    from kit.servers.jvm import java

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
    from kit.deadline import wait_until
    from kit.servers.clients import admin

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


def in_a_process(tree: Path, which: str, brokers: int) -> tuple[float, float]:
    """`measure` in a process of its own, with the kit of that tree; the imports are not counted."""
    argv = [sys.executable, __file__, "--measure", which, str(brokers)]
    ran = subprocess.run(argv, env={**os.environ, "PYTHONPATH": str(tree)}, check=True, capture_output=True, text=True)
    seconds, memory = json.loads(ran.stdout.splitlines()[-1])
    return seconds, memory


def kit_up(tree: Path) -> float:
    """Seconds that the command `kit up` takes on an empty state folder: Kafka and the feeds, ready."""
    with tempfile.TemporaryDirectory(prefix="kit-bench-") as folder:
        own = {"KIT_HOME": folder, "KIT_KAFKA_PORT": "0", "KIT_FEEDS_PORT": "0", "PYTHONPATH": str(tree)}
        env, kit = {**os.environ, **own}, [sys.executable, "-m", "kit.cli"]
        started = time.perf_counter()
        subprocess.run([*kit, "up"], env=env, cwd=folder, check=True, capture_output=True)
        seconds = time.perf_counter() - started
        subprocess.run([*kit, "down"], env=env, cwd=folder, check=True, capture_output=True)
        return seconds


@contextmanager
def checked_out(revision: str | None) -> Iterator[Path | None]:
    """The tree of an earlier commit, with its archives made, for as long as the block lasts."""
    if revision is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="kit-before-") as folder:
        tree = Path(folder) / "tree"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), revision], check=True)
        try:
            module = "kit.prepare" if (tree / "kit/prepare.py").exists() else "kit.servers"  # its older name
            prepare = [sys.executable, "-m", module]
            subprocess.run(prepare, env={**os.environ, "PYTHONPATH": str(tree)}, cwd=folder, check=True)
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def median(figures: list[tuple[float, float]]) -> list[float]:
    return [statistics.median(column) for column in zip(*figures, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 if a target is missed")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--before", metavar="REVISION", help="measure that commit of the kit, too")
    parser.add_argument("--measure", nargs=2, metavar=("WHICH", "BROKERS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    stop_at_the_first()
    if options.measure:
        which, brokers = options.measure
        print(json.dumps(measure({"kit": ours, "stock": stock}[which], int(brokers))))
        return
    subprocess.run([sys.executable, "-m", "kit.prepare", "--first"], check=True)
    with checked_out(options.before) as before:
        compare(options.runs, {"kit": ROOT} | ({"kit before": before} if before else {}))


def compare(runs: int, trees: dict[str, Path]) -> None:
    """Measure all in turn, so that a slow minute of the machine meets each, and print the report."""
    samples: dict[tuple[str, int], list[tuple[float, float]]] = defaultdict(list)
    ups: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for _ in range(runs):
        for name, tree in trees.items():
            for brokers in (1, 3):
                samples[name, brokers].append(in_a_process(tree, "kit", brokers))
            ups[name].append((kit_up(tree), 0.0))
        for brokers in (1, 3):
            samples["stock", brokers].append(in_a_process(ROOT, "stock", brokers))
    found = {key: median(figures) for key, figures in samples.items()}
    rows = [[name, brokers, round(seconds, 2), round(memory)] for (name, brokers), (seconds, memory) in found.items()]
    up = {name: median(figures)[0] for name, figures in ups.items()}
    rows += [[f"{name}: kit up", 1, round(seconds, 2), ""] for name, seconds in up.items()]
    targets = [
        Target("one broker, warm", found["kit", 1][0], 1.5, "s"),
        Target("one broker's memory", found["kit", 1][1], 180, "MB"),
        Target("three brokers, warm", found["kit", 3][0], 4.0, "s"),
        Target("three brokers' memory", found["kit", 3][1], 520, "MB"),
        Target("kit up, warm", up["kit"], 2.5, "s"),
    ]
    if "kit before" in trees:
        for brokers in (1, 3):
            for what, now, then in zip(
                ("seconds", "memory"), found["kit", brokers], found["kit before", brokers], strict=True
            ):
                targets.append(Target(f"{brokers} broker(s), {what} beside before", now / then, 1.05, "times"))
        targets.append(Target("kit up beside before", up["kit"] / up["kit before"], 1.05, "times"))
    report("startup", ["which", "brokers", "seconds to first record", "memory, MB PSS"], rows, targets)


if __name__ == "__main__":
    main()
