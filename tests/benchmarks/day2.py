"""Day 2 on this machine: seconds of each start with its archive and without, memory, seconds from Kafka to Cassandra.

python tests/benchmarks/day2.py [--check] [--runs 3]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
from _report import Target, report

from kit import spark, topics, views
from kit.servers import cassandra, lab
from kit.servers.cassandra import CassandraCluster
from kit.servers.clients import producer
from kit.servers.kafka import KafkaCluster
from kit.spark import _driver
from tests.spark.tools import ORIGIN, averages, quotes, send

_RATE, _SECONDS = 200, 15  # quotes a second, and for how long
_JUPYTER = 80  # MB of JupyterLab; this process stands for the kernel: it has pandas, PySpark and the driver


def cassandra_start(archive: bool) -> float:
    """Seconds until a node answers a query."""
    with tempfile.TemporaryDirectory(prefix="kit-bench-") as folder:
        node = CassandraCluster(Path(folder))
        if not archive:
            node.jvm = replace(node.jvm, archive=())
        began = time.perf_counter()
        with node:
            return time.perf_counter() - began


def spark_start(archive: bool) -> list[float]:
    """Seconds until there is a session, and from then until the first window of a topic is given; in a new process."""
    argv = [sys.executable, __file__, "--spark", "with" if archive else "without"]
    ran = subprocess.run(argv, check=True, capture_output=True, text=True)
    return list(json.loads(ran.stdout.splitlines()[-1]))


def _spark(archive: bool) -> list[float]:
    with tempfile.TemporaryDirectory(prefix="kit-bench-") as folder:
        os.environ["KIT_HOME"] = folder
        with KafkaCluster(Path(folder)) as cluster:
            broker = cluster.bootstrap_servers
            send(broker, "quotes", [("JPM", second, 25.0) for second in range(60)])
            began = time.perf_counter()
            if not archive:
                _driver.connect(replace(_driver.jvm(), archive=()))
            session = spark.session()
            started = time.perf_counter()
            given = threading.Event()
            writer = averages(quotes(session, broker, "quotes")).writeStream.outputMode("update")
            query = writer.foreachBatch(lambda frame, _: frame.toPandas() is None or given.set()).start()
            assert given.wait(120)
            first = time.perf_counter()
            query.stop()
            spark.stop()
    return [started - began, first - started]


def path() -> dict[str, float]:
    """Milliseconds from a record's send to its row, milliseconds of a trigger, and MB of everything that runs then."""
    with tempfile.TemporaryDirectory(prefix="kit-bench-") as folder:
        os.environ.update(KIT_HOME=folder, KIT_KAFKA_PORT="0", KIT_FEEDS_PORT="0", KIT_CASSANDRA_PORT="0")
        try:
            return _path(folder)
        finally:
            spark.stop()
            lab.down()


def _path(folder: str) -> dict[str, float]:
    here = lab.up("kafka", "feeds", "cassandra")
    broker = here.kafka.bootstrap_servers
    topics.create("quotes", partitions=2, bootstrap_servers=broker)
    sent: dict[int, float] = {}
    waits: list[float] = []
    with views.connect("market") as session:
        session.execute("CREATE TABLE quotes (symbol text, ts timestamp, price double, PRIMARY KEY (symbol, ts))")

        def write(frame: Any, _batch: int) -> None:
            rows = frame.toPandas()
            views.write(session, "quotes", rows.assign(ts=rows["ts"].dt.tz_localize("UTC")))
            now = time.perf_counter()
            waits.extend(1000 * (now - sent[round(price)]) for price in rows["price"])

        stream = quotes(spark.session(), broker, "quotes").writeStream.foreachBatch(write)
        query = stream.option("checkpointLocation", f"{folder}/checkpoint").start()
        sender = producer(broker)
        began = time.perf_counter()
        for number in range(_RATE * _SECONDS):
            time.sleep(max(0.0, began + number / _RATE - time.perf_counter()))
            at = ORIGIN + number
            value = json.dumps({"symbol": "JPM", "price": float(number), "ts": at}).encode()
            sent[number] = time.perf_counter()
            sender.send("quotes", value=value, timestamp_ms=at)
        sender.flush()
        query.processAllAvailable()
        triggers = [one.durationMs["triggerExecution"] for one in query.recentProgress if one.numInputRows]
        assert len(waits) == _RATE * _SECONDS
        memory = {row.name: row.memory / 1e6 for row in lab.status()}
        memory["spark"] = psutil.Process(_driver._driver.pid).memory_full_info().pss / 1e6  # type: ignore[union-attr]
        memory["kernel"] = psutil.Process().memory_full_info().pss / 1e6
        query.stop()
        sender.close()
    warm = waits[len(waits) // 3 :]  # the first micro-batches compile
    return {
        "p50": float(np.percentile(warm, 50)),
        "p95": float(np.percentile(warm, 95)),
        "trigger p50": float(np.percentile(triggers, 50)),
        "trigger p95": float(np.percentile(triggers, 95)),
        **{f"MB {name}": size for name, size in memory.items()},
        "MB in all": sum(memory.values()) + _JUPYTER,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 if a target is missed")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--spark", choices=["with", "without"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.spark:
        print(json.dumps(_spark(options.spark == "with")))
        return
    cassandra.CassandraCluster(Path()).prepare()
    spark.prepare()
    seconds: dict[tuple[str, bool], list[float]] = {}
    for _ in range(options.runs):  # in turn, so that a slow minute of the machine meets each
        for archive in (True, False):
            session, window = spark_start(archive)
            node = cassandra_start(archive)
            for name, found in (("session", session), ("first window", window), ("Cassandra", node)):
                seconds.setdefault((name, archive), []).append(found)
    median = {key: statistics.median(found) for key, found in seconds.items()}
    figures = path()
    rows: list[list[object]] = [
        [f"{name}, s", median[name, True], median[name, False]] for name in ("session", "first window", "Cassandra")
    ]
    rows += [[f"{name}, ms" if name[0] in "pt" else name, figure, ""] for name, figure in figures.items()]
    ratio = {name: median[name, True] / median[name, False] for name in ("session", "first window", "Cassandra")}
    targets = [
        Target("session with archive / without", ratio["session"], 0.7),
        Target("first window with archive / without", ratio["first window"], 0.75),
        Target("Cassandra with archive / without", ratio["Cassandra"], 0.85),
        Target("Kafka record to Cassandra row at 200/s, p95", figures["p95"], 1500, "ms"),
        Target("PSS of Day 2", figures["MB in all"], 1800, "MB"),
    ]
    report("Day 2", ["", "with archive", "without"], rows, targets)


if __name__ == "__main__":
    main()
