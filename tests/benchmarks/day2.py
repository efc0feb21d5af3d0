"""Day 2 on this machine: the starts of Spark and Cassandra, the way of a record from Kafka to a row, the lab's memory.

python tests/benchmarks/day2.py [--check] [--runs 3] [starts] [rates] [path]

Beside each figure stands that of a plain way, from the same run: the JVM without a class-data archive, PySpark as its
own scripts start it, the Cassandra driver's `execute_concurrent_with_args`, a loop over a KafkaConsumer.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT)]
from _day2_kernel import TABLE
from _day2_rates import loop_latency, rates
from _day2_starts import starts
from _report import Target, report

from kit import views
from kit.prepare import prepare
from kit.servers.cassandra import CassandraCluster
from kit.servers.interrupts import stop_at_the_first
from kit.servers.kafka import KafkaCluster
from tests.processes import Kit
from tests.wait import wait_until

_RATE, _SECONDS = 200, 15
Figures = dict[str, float]


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
        manager.start_kernel(env={**os.environ, **free, **own}, stderr=subprocess.DEVNULL)
        client = manager.client()
        client.start_channels()
        printed: list[str] = []
        try:
            client.wait_for_ready(60)
            code = f"import _day2_kernel\nrunning = _day2_kernel.path({_RATE}, {_SECONDS})"
            answer = client.execute_interactive(code, timeout=300, output_hook=lambda message: printed.append(
                message["content"].get("text", "")))  # fmt: skip
            assert answer["content"]["status"] == "ok", answer["content"]
            memory = {f"PSS of {name}, MB": size / 1e6 for name, size in _by_kind(kit.processes()).items()}
        finally:
            client.stop_channels()
            manager.shutdown_kernel()
    (line,) = [line for line in "".join(printed).splitlines() if line.startswith("{")]
    return json.loads(line) | memory | {"PSS of all, MB": sum(memory.values())}


def loop_path() -> Figures:
    """The same way by a loop over a KafkaConsumer, which writes each record as it comes."""
    with (
        tempfile.TemporaryDirectory(prefix="kit-bench-") as folder,
        KafkaCluster(Path(folder) / "k") as kafka,
        CassandraCluster(Path(folder) / "c") as cassandra,
        views.connect("market", contact_points=cassandra.contact_points) as session,
    ):
        session.execute(TABLE)
        return loop_latency(session, kafka.bootstrap_servers, rate=_RATE, seconds=_SECONDS)


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
    found, loops = [], []
    for _ in range(runs):
        found.append(lab_path())
        loops.append(loop_path())
    spark, loop = ({name: statistics.median(run[name] for run in of) for name in of[0]} for of in (found, loops))
    rows: list[list[object]] = [
        [f"Kafka record to Cassandra row at {_RATE}/s, {name}, ms", spark.pop(name), loop[name], "a loop, row by row"]
        for name in ("p50", "p95")
    ]
    rows += [[name, figure, "", ""] for name, figure in spark.items()]
    return rows, [
        Target(f"Kafka record to Cassandra row at {_RATE}/s, p95", float(str(rows[1][1])), 1500, "ms"),
        Target("PSS of the whole lab", spark["PSS of all, MB"], 1700, "MB"),
    ]


_PARTS = {"starts": starts, "rates": rates, "path": path}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(_PARTS)}; default: all")
    parser.add_argument("--check", action="store_true", help="exit 1 if a target is missed")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    stop_at_the_first()
    prepare()
    rows, targets = [], []
    for name in options.parts or _PARTS:
        more, held_to = _PARTS[name](options.runs)
        rows += more
        targets += held_to
    report("Day 2", ["what", "kit", "plain", "plain is"], rows, targets)


if __name__ == "__main__":
    main()
