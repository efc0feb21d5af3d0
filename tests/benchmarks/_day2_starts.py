"""Starts: Spark's driver and a Cassandra node, each with its class-data archive and without; PySpark's own way."""

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

import psutil

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
from _report import Target

from kit import spark
from kit.servers import jars, lab
from kit.servers.cassandra import CassandraCluster
from kit.servers.jvm import java
from kit.servers.kafka import KafkaCluster
from kit.spark import _driver
from tests.spark.tools import averages, quotes, send

__all__ = ["starts"]

_KIT, _WITHOUT, _OWN = _WAYS = ("kit", "without archive", "PySpark's own scripts")
_LOADED = "-Xlog:class+load:file={}"
Figures = dict[str, float]


def cassandra_start(way: str) -> Figures:
    """Seconds until a node answers a query, its memory then, and the classes it has read from the archive."""
    with tempfile.TemporaryDirectory(prefix="kit-bench-") as folder:
        node = CassandraCluster(Path(folder))
        if way == _WITHOUT:
            node.jvm = replace(node.jvm, archive=())
        began = time.perf_counter()
        with node:
            seconds = time.perf_counter() - began
            return {"Cassandra, s": seconds, "Cassandra, MB": node.status()[0].memory / 1e6}


def spark_start(way: str, *options: str) -> Figures:
    """Seconds until there is a session, and from then until the first window of a topic is given; in a new process."""
    argv = [sys.executable, __file__, way, *options]
    ran = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return dict(json.loads(ran.stdout.splitlines()[-1]))


def _spark(way: str, classes: str | None) -> Figures:
    with tempfile.TemporaryDirectory(prefix="kit-bench-") as folder:
        os.environ["KIT_HOME"] = folder
        with KafkaCluster(Path(folder)) as cluster:
            broker = cluster.bootstrap_servers
            send(broker, "quotes", [("JPM", second, 25.0) for second in range(60)])
            began = time.perf_counter()
            jvm: Any = lab.servers()["spark"].jvm
            if way == _WITHOUT:
                _driver.connect(replace(jvm, archive=()))
            elif classes:
                _driver.connect(replace(jvm, options=(*jvm.options, _LOADED.format(classes))))
            session = spark.session() if way != _OWN else _plain_session(Path(folder))
            started = time.perf_counter()
            given = threading.Event()
            writer = averages(quotes(session, broker, "quotes")).writeStream.outputMode("update")
            query = writer.foreachBatch(lambda frame, _: frame.toPandas() is None or given.set()).start()
            assert given.wait(120)
            first = time.perf_counter()
            drivers = [child for child in psutil.Process().children(recursive=True) if _is_driver(child)]
            memory = sum(child.memory_full_info().pss for child in drivers) / 1e6
            query.stop()
            session.stop() if way == _OWN else spark.stop()
    return {"Spark session, s": started - began, "first window, s": first - started, "Spark's driver, MB": memory}


def _is_driver(process: psutil.Process) -> bool:
    ended = process.status() == psutil.STATUS_ZOMBIE
    return not ended and "org.apache.spark.deploy.SparkSubmit" in process.cmdline()


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
            node = cassandra_start(way) if way != _OWN else {}
            for name, figure in (spark_start(way) | node).items():
                found[way].setdefault(name, []).append(figure)
    median = {way: {name: statistics.median(figures) for name, figures in found[way].items()} for way in _WAYS}
    ours = median[_KIT]
    rows: list[list[object]] = [
        [name, ours[name], median[way][name], way] for name in ours for way in _WAYS[1:] if name in median[way]
    ]
    for name, (shared, loaded) in shared_classes().items():
        rows.append([f"{name}: classes out of the archive", f"{shared:,} of {loaded:,}", "", ""])
    ratio = {name: ours[name] / median[_WITHOUT][name] for name in ours}
    return rows, [
        Target("Spark session, with archive / without", ratio["Spark session, s"], 0.7),
        Target("first window, with archive / without", ratio["first window, s"], 0.75),
        Target("Cassandra, with archive / without", ratio["Cassandra, s"], 0.85),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("way", choices=_WAYS)
    parser.add_argument("--classes", help="a file that gets the name of each class as it is loaded")
    options = parser.parse_args()
    print(json.dumps(_spark(options.way, options.classes)))
