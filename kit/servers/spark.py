"""Spark's drivers: a Java program for each notebook that calls `kit.spark()`, which ends with its kernel.

Here the lab sees them (`kit status`), ends them and deletes their files (`kit down`), and knows what they run on.
"""

import signal
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree

from kit.config import Settings
from kit.errors import ConfigError, ServerError
from kit.servers.interrupts import merged_environment, uninterrupted
from kit.servers.jvm import Jvm
from kit.servers.kafka import KafkaCluster
from kit.servers.ports import refusal
from kit.servers.process import Process
from kit.servers.server import Server, ServerStatus

__all__ = ["SparkDrivers", "of_settings"]

_OPTIONS, _LOG4J = (Path(__file__).with_name(f"spark_{name}") for name in ("java.options", "log4j2.properties"))


class SparkDrivers(Server):
    """Spark's drivers of this lab, kept in `home`. `master`: ``spark://host:port`` of a Spark that runs elsewhere."""

    name = "spark"
    needs = 600 << 20  # of one driver
    on_demand = True
    setting = "KIT_SPARK_MASTER"
    jvm: Jvm

    def __init__(self, home: Path, *, heap: int = 512, master: str | None = None) -> None:
        super().__init__(home)
        self.folder = self.home / self.name
        self.master = master if master and master.startswith("spark://") else None  # local[4] is the driver itself
        options = (f"@{_OPTIONS}", f"-Dlog4j2.configurationFile={_LOG4J.as_uri()}")
        pyspark = find_spec("pyspark")  # not imported: this takes a while
        own = (Path(place) / "jars" for place in (pyspark and pyspark.submodule_search_locations) or ())
        jars = tuple(jar for folder in own for jar in sorted(folder.glob("*.jar")))
        self.jvm = Jvm("spark", heap=(f"-Xmx{heap}m",), options=options, more=jars)

    def launch(self, launched: list[Process]) -> None:
        if not self.master:
            got, todo = "spark, whose driver belongs to a notebook", "call kit.spark() in a notebook"
            raise ConfigError("a server that runs by itself", got=got, todo=todo)

    def prepare(self) -> None:
        """Fetch the jars of the Kafka source, and make the driver's class-data archive by a small query's work."""
        self.jvm.make_archive(_train)

    def stop(self) -> None:
        """End all drivers, and delete what they wrote. Their notebooks can start new ones; tables stay."""
        super().stop()
        for folder in self.folder.glob(f"{self.name}-*"):
            rmtree(folder, ignore_errors=True)
        for log in (self.home / "log").glob(f"{self.name}-*.log"):
            log.unlink(missing_ok=True)

    def status(self) -> list[ServerStatus]:
        rows = super().status()
        if self.master:
            return [ServerStatus(self.name, "external", self.master), *(row for row in rows if row.pid)]
        return rows

    def check(self) -> None:
        """See whether the master can be reached. `ServerError`: it cannot."""
        if self.master is None:
            return
        why, *more = map(refusal, self.master.removeprefix("spark://").split(","))
        if why and all(more):
            todo = f"start that Spark, or correct or unset {self.setting} (spark://host:port)"
            raise ServerError(f"a Spark master to answer at {self.master}", got=why, todo=todo)


def of_settings(settings: Settings) -> Server:
    """Spark's drivers, as the settings have them."""
    return SparkDrivers(settings.home, heap=settings.spark_heap, master=settings.spark_master)


def _train(runtime: Jvm) -> None:
    """A driver's day in some seconds, in a process of its own: this one may have a session."""
    with tempfile.TemporaryDirectory(prefix="kit-train-") as home, KafkaCluster(Path(home)) as cluster:
        words = [sys.executable, "-m", "kit.spark._training", cluster.bootstrap_servers, *(runtime.archive or ())]
        env = merged_environment({"KIT_HOME": home, "KIT_SPARK_MASTER": None})
        with uninterrupted():
            training = subprocess.Popen(
                words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
            )
        try:
            output, _ = training.communicate(timeout=600)  # it may have to give way to others
        except BaseException:  # it ends its driver
            training.send_signal(signal.SIGINT)
            training.communicate(timeout=30)
            raise
    if training.returncode:
        raise ServerError("Spark to run a small query", got=output[-200:], todo="run `python -m kit.prepare` again")
