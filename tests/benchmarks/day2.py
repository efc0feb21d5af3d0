"""Day 2 on this machine: the starts of Spark and Cassandra, the way of a record from Kafka to a row, the lab's memory.

python tests/benchmarks/day2.py [--check] [--runs 3] [starts] [rates] [path]

Beside each figure stands that of the plain way, from the same run: the JVM without a class-data archive, PySpark as its
own scripts start it, the Cassandra driver's `execute_concurrent_with_args`, a loop over a KafkaConsumer.
"""

import argparse
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT)]
from _day2_kernel import TABLE, steadily, waited
from _report import Target, report

from kit import spark, topics, views
from kit.servers import jars, lab
from kit.servers.cassandra import CassandraCluster
from kit.servers.clients import producer
from kit.servers.jvm import java
from kit.servers.kafka import KafkaCluster
from kit.spark import _driver
from tests.processes import Kit
from tests.spark.tools import ORIGIN, averages, quote, quotes
from tests.wait import wait_until

_WAYS = ("kit", "without archive", "PySpark's own")
_RECORDS, _RATE, _SECONDS = 20_000, 200, 15
_LOADED = "-Xlog:class+load:file={}"
Figures = dict[str, float]


# ---- starts -------------------------------------------------------------------------------------------------------


def cassandra_start(way: str) -> Figures:
    """Seconds until a node answers a query, its memory then, and the classes it has read from the archive."""
    with tempfile.TemporaryDirectory(prefix="kit-bench-") as folder:
        node = CassandraCluster(Path(folder))
        if way != "kit":
            node.jvm = replace(node.jvm, archive=())
        began = time.perf_counter()
        with node:
            seconds = time.perf_counter() - began
            return {"Cassandra, s": seconds, "Cassandra, MB": node.status()[0].memory / 1e6}


def spark_start(way: str, *options: str) -> Figures:
    """Seconds until there is a session, and from then until the first window of a topic is given; in a new process."""
    argv = [sys.executable, __file__, "--spark", way, *options]
    ran = subprocess.run(argv, check=True, capture_output=True, text=True)
    return dict(json.loads(ran.stdout.splitlines()[-1]))


def _spark(way: str, classes: str | None) -> Figures:
    with tempfile.TemporaryDirectory(prefix="kit-bench-") as folder:
        os.environ["KIT_HOME"] = folder
        with KafkaCluster(Path(folder)) as cluster:
            broker = cluster.bootstrap_servers
            fill(broker, "quotes", 60)
            began = time.perf_counter()
            if way == "without archive":
                _driver.connect(replace(_driver.jvm(), archive=()))
            elif classes:
                jvm = _driver.jvm()
                _driver.connect(replace(jvm, options=(*jvm.options, _LOADED.format(classes))))
            session = spark.session() if way != _WAYS[2] else _plain_session(Path(folder))
            started = time.perf_counter()
            given = threading.Event()
            writer = averages(quotes(session, broker, "quotes")).writeStream.outputMode("update")
            query = writer.foreachBatch(lambda frame, _: frame.toPandas() is None or given.set()).start()
            assert given.wait(120)
            first = time.perf_counter()
            drivers = [child for child in psutil.Process().children(recursive=True) if _is_driver(child)]
            memory = sum(child.memory_full_info().pss for child in drivers) / 1e6
            query.stop()
            session.stop() if way == _WAYS[2] else spark.stop()
    return {"Spark session, s": started - began, "first window, s": first - started, "Spark's driver, MB": memory}


def _is_driver(process: psutil.Process) -> bool:
    return "org.apache.spark.deploy.SparkSubmit" in process.cmdline()


def _plain_session(folder: Path) -> Any:
    """PySpark's own start, with what a careful user sets. Its scripts name a Java module that our runtime has not."""
    from pyspark.sql import SparkSession

    program = folder / "java-home" / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(
        "#!/bin/bash\nwords=()\nfor word; do\n"
        '[[ $word == --add-modules=* ]] || words+=("$word")\ndone\n'
        f'exec "{java()}" "${{words[@]}}"\n'
    )
    program.chmod(0o755)
    os.environ |= {"JAVA_HOME": str(program.parents[1]), "SPARK_LOCAL_IP": "127.0.0.1"}
    os.environ.pop("PYSPARK_SUBMIT_ARGS", None)
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.extraClassPath", os.pathsep.join(map(str, jars.classpath("spark"))))
    builder = builder.config("spark.driver.extraJavaOptions", "-Xss4m").config("spark.sql.shuffle.partitions", "2")
    return builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()


def shared_classes() -> dict[str, tuple[int, int]]:
    """For each server: how many classes it has loaded from its archive, and how many in all."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="kit-bench-") as folder:
        node, logs = CassandraCluster(Path(folder)), [Path(folder) / name for name in ("cassandra.log", "spark.log")]
        node.jvm = replace(node.jvm, options=(*node.jvm.options, _LOADED.format(logs[0])))
        with node:
            pass
        spark_start("kit", "--classes", str(logs[1]))
        for name, log in zip(("Cassandra", "Spark"), logs, strict=True):
            lines = [line for line in log.read_text("utf-8").splitlines() if " source: " in line]
            found[name] = sum("shared objects file" in line for line in lines), len(lines)
    return found


def starts(runs: int) -> tuple[list[list[object]], list[Target]]:
    found: dict[str, dict[str, list[float]]] = {way: {} for way in _WAYS}
    for _ in range(runs):  # in turn, so that a slow minute of the machine meets each
        for way in _WAYS:
            node = cassandra_start(way) if way != _WAYS[2] else {}
            for name, figure in (spark_start(way) | node).items():
                found[way].setdefault(name, []).append(figure)
    median = {way: {name: statistics.median(figures) for name, figures in found[way].items()} for way in _WAYS}
    rows: list[list[object]] = [[name, *(median[way].get(name, "") for way in _WAYS)] for name in median["kit"]]
    for name, (shared, loaded) in shared_classes().items():
        rows.append([f"{name}: classes out of the archive", f"{shared:,} of {loaded:,}", "", ""])
    ratio = {name: median["kit"][name] / median["without archive"][name] for name in median["kit"]}
    return rows, [
        Target("Spark session, with archive / without", ratio["Spark session, s"], 0.7),
        Target("first window, with archive / without", ratio["first window, s"], 0.75),
        Target("Cassandra, with archive / without", ratio["Cassandra, s"], 0.85),
    ]


# ---- rates --------------------------------------------------------------------------------------------------------


def fill(broker: str, topic: str, count: int) -> None:
    """A topic of so many quotes, one for each second of event time."""
    topics.create(topic, partitions=2, bootstrap_servers=broker)
    sender = producer(broker)
    for number in range(count):
        sender.send(topic, value=quote("JPM", float(number), ORIGIN + 1000 * number))
    sender.flush()
    sender.close()


def by_spark(session: Any, broker: str, topic: str) -> float:
    """Records a second from a topic to rows, as the notebooks teach it."""
    rows = 0

    def write(frame: Any, _batch: int) -> None:
        nonlocal rows
        found = frame.toPandas()
        rows += views.write(session, "quotes", found.assign(ts=found["ts"].dt.tz_localize("UTC")))

    began = time.perf_counter()
    options = {"maxOffsetsPerTrigger": str(_RECORDS // 4)}
    writer = quotes(spark.session(), broker, topic, **options).writeStream.foreachBatch(write)
    query = writer.trigger(availableNow=True).start()
    assert query.awaitTermination(120)
    assert rows == _RECORDS
    return rows / (time.perf_counter() - began)


def by_loop(session: Any, broker: str, topic: str) -> float:
    """The same by a loop over a KafkaConsumer, and the driver."""
    from cassandra.concurrent import execute_concurrent_with_args
    from kafka import KafkaConsumer

    began, rows = time.perf_counter(), 0
    insert = session.prepare("INSERT INTO quotes (symbol, ts, price) VALUES (?, ?, ?)")
    consumer = KafkaConsumer(topic, bootstrap_servers=broker, auto_offset_reset="earliest", group_id=None)
    while rows < _RECORDS:
        polled = consumer.poll(timeout_ms=1000, max_records=5000)
        values = [json.loads(record.value) for record in itertools.chain(*polled.values())]
        arguments = [(one["symbol"], one["ts"], one["price"]) for one in values]
        execute_concurrent_with_args(session, insert, arguments, concurrency=100)
        rows += len(values)
    seconds = time.perf_counter() - began
    consumer.close()
    return rows / seconds


def by_driver(session: Any) -> float:
    """Rows a second by the plain driver, out of a list."""
    from cassandra.concurrent import execute_concurrent_with_args

    insert = session.prepare("INSERT INTO quotes (symbol, ts, price) VALUES (?, ?, ?)")
    arguments = [("JPM", ORIGIN + 1000 * number, float(number)) for number in range(_RECORDS)]
    began = time.perf_counter()
    execute_concurrent_with_args(session, insert, arguments, concurrency=100)
    return _RECORDS / (time.perf_counter() - began)


def by_views(session: Any) -> float:
    """Rows a second by `views.write`, out of a DataFrame."""
    numbers = pd.Series(range(_RECORDS))
    times = pd.to_datetime(ORIGIN + 1000 * numbers, unit="ms", utc=True)
    rows = pd.DataFrame({"symbol": "JPM", "ts": times, "price": numbers.astype(float)})
    began = time.perf_counter()
    views.write(session, "quotes", rows)
    return _RECORDS / (time.perf_counter() - began)


def loop_latency(session: Any, broker: str) -> Figures:
    """Milliseconds from a record's send to its row, by a loop that writes each record as it comes."""
    from kafka import KafkaConsumer

    topics.create("loop", partitions=2, bootstrap_servers=broker)
    insert = session.prepare("INSERT INTO quotes (symbol, ts, price) VALUES (?, ?, ?)")
    consumer = KafkaConsumer("loop", bootstrap_servers=broker, auto_offset_reset="earliest", group_id=None)
    written: dict[int, float] = {}

    def write() -> None:
        while len(written) < _RATE * _SECONDS:
            for record in itertools.chain(*consumer.poll(timeout_ms=1000).values()):
                one = json.loads(record.value)
                session.execute(insert, (one["symbol"], one["ts"], one["price"]))
                written[round(one["price"])] = time.perf_counter()

    thread, sender = threading.Thread(target=write), producer(broker)
    thread.start()
    sent = steadily(sender.send, "loop", rate=_RATE, seconds=_SECONDS)
    thread.join(60)
    sender.close()
    consumer.close()
    return waited(sent, written)


def rates(runs: int) -> tuple[list[list[object]], list[Target]]:
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="kit-bench-") as folder:
        os.environ["KIT_HOME"] = folder
        with KafkaCluster(Path(folder) / "k") as kafka, CassandraCluster(Path(folder) / "c") as cassandra:
            broker = kafka.bootstrap_servers
            fill(broker, "rate", _RECORDS)
            with views.connect("market", contact_points=cassandra.contact_points) as session:
                session.execute(TABLE)
                measures: dict[str, Callable[[], float]] = {
                    "Kafka, Spark, views.write in foreachBatch, records/s": lambda: by_spark(session, broker, "rate"),
                    "Kafka, plain loop, plain driver, records/s": lambda: by_loop(session, broker, "rate"),
                    "views.write of a DataFrame, rows/s": lambda: by_views(session),
                    "plain driver, execute_concurrent_with_args, rows/s": lambda: by_driver(session),
                }
                for measure in measures.values():  # warm
                    measure()
                for _ in range(runs):
                    for name, measure in measures.items():
                        found.setdefault(name, []).append(measure())
                spark.stop()
                loop = loop_latency(session, broker)
    rate = {name: statistics.median(figures) for name, figures in found.items()}
    rows: list[list[object]] = [[name, round(figure), "", ""] for name, figure in rate.items()]
    return rows + [[f"plain loop: Kafka record to row at 200/s, {name}, ms", loop[name], "", ""] for name in loop], []


# ---- path ---------------------------------------------------------------------------------------------------------


@contextmanager
def running_lab(folder: Path) -> Iterator[Kit]:
    """`kit lab`, JupyterLab among it."""
    kit = Kit(folder / "home", ROOT)
    started = kit.start("lab", "--no-browser", "--port=0")
    try:
        wait_until(lambda: {"feeds", "kafka-1"} <= set(kit.running()), timeout=60)
        yield kit
    finally:
        started.send_signal(signal.SIGINT)
        started.wait(60)


def lab_path() -> Figures:
    """The figures of `_day2_kernel.path`, in a kernel beside JupyterLab, and the memory of all processes meanwhile."""
    with tempfile.TemporaryDirectory(prefix="kit-bench-") as folder, running_lab(Path(folder)) as kit:
        manager = KernelManager(kernel_name="python3")
        own = {"KIT_HOME": str(kit.home), "PYTHONPATH": os.pathsep.join(sys.path[:2])}
        free = {"KIT_KAFKA_PORT": "0", "KIT_FEEDS_PORT": "0", "KIT_CASSANDRA_PORT": "0"}
        manager.start_kernel(env={**os.environ, **free, **own})
        client = manager.client()
        client.start_channels()
        printed: list[str] = []
        try:
            client.wait_for_ready(60)
            code = f"import _day2_kernel\nrunning = _day2_kernel.path({_RATE}, {_SECONDS})"
            answer = client.execute_interactive(code, timeout=300, output_hook=lambda message: printed.append(
                message["content"].get("text", "")))  # fmt: skip
            assert answer["content"]["status"] == "ok", answer["content"]
            memory = {f"PSS, MB: {name}": size / 1e6 for name, size in _by_kind(kit.processes()).items()}
        finally:
            client.stop_channels()
            manager.shutdown_kernel()
    (line,) = [line for line in "".join(printed).splitlines() if line.startswith("{")]
    return json.loads(line) | memory | {"PSS, MB: all": sum(memory.values())}


def _by_kind(processes: list[psutil.Process]) -> Figures:
    """Bytes (PSS) by what a process is."""
    names = {"kafka.Kafka": "Kafka", "CassandraDaemon": "Cassandra", "SparkSubmit": "Spark's driver",
             "ipykernel": "the kernel", "kit.feeds": "the feeds", "jupyter": "JupyterLab"}  # fmt: skip
    found: Figures = {}
    for process in processes:
        words = " ".join(process.cmdline())
        name = next((name for word, name in names.items() if word in words), "kit lab")
        found[name] = found.get(name, 0.0) + process.memory_full_info().pss
    return found


def path(runs: int) -> tuple[list[list[object]], list[Target]]:
    found = [lab_path() for _ in range(runs)]
    median = {name: statistics.median(one[name] for one in found) for name in found[0]}
    names = {
        "p50": "Spark: Kafka record to row at 200/s, p50, ms",
        "p95": "Spark: Kafka record to row at 200/s, p95, ms",
        "trigger p50": "a trigger, p50, ms",
        "trigger p95": "a trigger, p95, ms",
        "kit.spark()": "kit.spark() in a notebook, s",
    }
    rows: list[list[object]] = [[names.get(name, name), figure, "", ""] for name, figure in median.items()]
    return rows, [
        Target("Kafka record to Cassandra row at 200/s, p95", median["p95"], 1500, "ms"),
        Target("PSS of the whole lab", median["PSS, MB: all"], 1700, "MB"),
    ]


_PARTS = {"starts": starts, "rates": rates, "path": path}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(_PARTS)}; default: all")
    parser.add_argument("--check", action="store_true", help="exit 1 if a target is missed")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--spark", choices=_WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--classes", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.spark:
        print(json.dumps(_spark(options.spark, options.classes)))
        return
    lab.prepare()
    spark.prepare()
    rows, targets = [], []
    for name in options.parts or _PARTS:
        more, held_to = _PARTS[name](options.runs)
        rows += more
        targets += held_to
    report("Day 2", ["", *_WAYS], rows, targets)


if __name__ == "__main__":
    main()
