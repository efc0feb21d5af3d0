"""Where one machine ends: notebooks 21 and 22, unchanged, against clusters that the lab did not start.

A Spark master with two workers, three Cassandra nodes and three Kafka brokers, each a process of its own; the notebooks
reach them by `KIT_SPARK_MASTER`, `KIT_CASSANDRA_CONTACT_POINTS` and `KIT_KAFKA_BOOTSTRAP_SERVERS`, and by nothing else.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from kit.servers.cassandra import CassandraCluster
from kit.servers.interrupts import merged_environment
from kit.servers.jvm import java
from kit.servers.kafka import KafkaCluster
from kit.servers.ports import answers, choose_port
from kit.servers.spark import SparkDrivers
from tests.notebooks.execute import ROOT
from tests.processes import Kit
from tests.wait import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

# An executor gets an option of Spark's that names a module which this small Java has not, and Spark can do without.
_JAVA = """#!/bin/sh
for word do
    shift
    [ "$word" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$word"
done
exec '{java}' -XX:+UseSerialGC -XX:TieredStopAtLevel=1 "$@"
"""


@contextmanager
def _spark_cluster(folder: Path) -> Iterator[str]:
    """A standalone master and two workers, of PySpark's own jars, as another machine would have them."""
    import pyspark

    wrapper = folder / "java" / "bin" / "java"
    wrapper.parent.mkdir(parents=True)
    wrapper.write_text(_JAVA.format(java=java()))
    wrapper.chmod(0o755)
    runtime = replace(SparkDrivers(folder).jvm, heap=("-Xmx128m",))
    own = {
        "SPARK_HOME": str(Path(pyspark.__file__).parent),
        "JAVA_HOME": str(wrapper.parents[1]),
        "SPARK_SCALA_VERSION": "2.13",
    }
    env = merged_environment({**runtime.environment, **own, "SPARK_LOCAL_IP": "127.0.0.1", "MALLOC_ARENA_MAX": "1"})
    port, web, package = choose_port(), ["--host", "127.0.0.1", "--webui-port", "0"], "org.apache.spark.deploy"
    master, work = f"spark://127.0.0.1:{port}", ["--cores", "1", "--memory", "600m", "--work-dir", str(folder / "work")]
    commands = [runtime.command(f"{package}.master.Master", *web, "--port", str(port))]
    commands += [runtime.command(f"{package}.worker.Worker", *web, *work, master)] * 2
    with (folder / "spark.log").open("wb") as log, ExitStack() as stack:
        for number, command in enumerate(commands):
            one = subprocess.Popen(command, env=env, cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
            stack.callback(one.wait, 30)
            stack.callback(one.terminate)
            if number == 0:
                wait_until(lambda: answers(port), timeout=60, what="the master")
        yield master


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The three clusters; the variables that name them."""
    with (
        KafkaCluster(tmp_path_factory.mktemp("kafka"), brokers=3) as kafka,
        CassandraCluster(tmp_path_factory.mktemp("cassandra"), nodes=3) as cassandra,
        _spark_cluster(tmp_path_factory.mktemp("spark")) as master,
    ):
        points = ",".join(f"{host}:{port}" for host, port in cassandra.contact_points)
        yield {
            "KIT_SPARK_MASTER": master,
            "KIT_CASSANDRA_CONTACT_POINTS": points,
            "KIT_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        }


@pytest.mark.parametrize(
    ("name", "proofs"),
    [
        ("21_spark_streaming", ["missing: 0", "wrong by a cent or more: 0", "Spark 4.2.0 on spark://127.0.0.1:"]),
        ("22_prepared_views", ["2,016 rows in the view\nlost: 0 · other price: 0", "Spark: caught up"]),
    ],
)
def test_a_notebook_runs_against_clusters_that_the_lab_did_not_start(
    name: str, proofs: list[str], elsewhere: dict[str, str], tmp_path: Path
) -> None:
    lab = Kit(tmp_path / "home", ROOT, elsewhere)
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    resources = {"metadata": {"path": str(ROOT / "notebooks")}}
    client = NotebookClient(notebook, timeout=240, kernel_name="python3", resources=resources)
    try:
        client.execute(env={**os.environ, **elsewhere, "KIT_HOME": str(lab.home)})
        assert lab.running() == ["feeds"]
    finally:
        lab.stop()
    shown = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ()))
    assert [proof for proof in proofs if proof not in shown] == [], shown
