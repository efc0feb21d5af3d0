"""Spark's driver: a Java program that belongs to this process.

PySpark starts its driver by two scripts and a first Java program, which only put a command together. Here the driver is
started directly, from a class-data archive (see `kit.servers.jvm`), and PySpark connects to it.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import Any

from py4j.protocol import Py4JError

from kit.config import settings
from kit.errors import ServerError
from kit.servers import process
from kit.servers.interrupts import uninterrupted
from kit.servers.jvm import Jvm
from kit.spark._errors import driver_ended

__all__ = ["connect", "folder", "forget", "log_file", "plain_environment", "running"]

_SECONDS = 60.0
# What another installation of Spark may have set is not for this one.
_FOREIGN = ("SPARK_", "PYSPARK_", "HADOOP_", "YARN_", "HIVE_")

_driver: process.Process | None = None


def running() -> bool:
    return _driver is not None and _driver.alive


def log_file() -> Path:
    return settings().home / "log" / f"{_name()}.log"


def folder() -> Path:
    """Where this driver keeps its files; Spark cannot have a comma in it."""
    own = settings().home / "spark" / _name()
    return Path(tempfile.gettempdir()) / f"kit-{_name()}" if "," in str(own) else own


def _name() -> str:
    return f"spark-{os.getpid()}"


def connect(runtime: Jvm) -> None:
    """Start the driver, and connect PySpark to it. `ServerError`: it did not come up."""
    global _driver  # noqa: PLW0603  # PySpark keeps its own so, too
    from pyspark import SparkContext
    from pyspark.serializers import UTF8Deserializer, read_int

    home, options = settings().home, (*runtime.options, f"-Djava.io.tmpdir={folder()}")
    words = replace(runtime, options=options).command("org.apache.spark.deploy.SparkSubmit", "pyspark-shell")
    with process.kept_in(home, "to keep the files of Spark's driver"):
        folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kit-spark-") as place, process.undone_on_error() as launched:
        address = Path(place) / "address"  # the driver writes it in one step: port and secret
        env = {**runtime.environment, **_environment(), "_PYSPARK_DRIVER_CONN_INFO_PATH": str(address)}
        notes = {"more heap": "set KIT_SPARK_HEAP=1024 (MB)"}
        own: dict[str, Any] = {"home": home, "env": env, "cwd": Path.cwd(), "notes": notes, "owned": True}
        driver = process.launch(_name(), words, **own, launched=launched)
        driver.wait_ready(address.exists, timeout=_SECONDS)
        with address.open("rb") as file:
            port, secret = read_int(file), UTF8Deserializer().loads(file)
        _driver = replace(driver, ports=(port,))
        try:
            _driver.save()
            with plain_environment(PYSPARK_GATEWAY_PORT=str(port), PYSPARK_GATEWAY_SECRET=secret):
                SparkContext._ensure_initialized()
            _watch(SparkContext._gateway._gateway_client)
        except BaseException:
            forget(kill=True)
            raise


def _watch(client: Any) -> None:
    """Have PySpark's calls say that the driver has ended, and cancel a job that is interrupted: the next one waits."""
    from pyspark import SparkContext

    send = client.send_command

    def send_or_explain(*words: Any, **options: Any) -> Any:
        try:
            return send(*words, **options)
        except OSError as error:  # refused
            raise driver_ended() from error
        except KeyboardInterrupt:
            with uninterrupted(), suppress(Py4JError, ServerError, AttributeError):  # half made, or ended
                if (context := SparkContext._active_spark_context) is not None:
                    tracker = context.statusTracker()  # a streaming query's jobs have a group, and go on
                    for job in {*tracker.getJobIdsForGroup()} & {*tracker.getActiveJobsIds()}:
                        context._jsc.sc().cancelJob(job)
            raise

    client.send_command = send_or_explain


def forget(*, kill: bool = False) -> None:
    """End the driver, and make PySpark forget it: it keeps one for the life of a process. Idempotent."""
    global _driver
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    driver, _driver = _driver, None
    if driver is None:
        return
    if kill:
        driver.kill()
    elif SparkContext._gateway is not None and driver.alive:
        SparkContext._gateway.shutdown()
    SparkContext._gateway = SparkContext._jvm = SparkContext._active_spark_context = None
    SparkSession._instantiatedSession = SparkSession._activeSession = None
    process.end([driver], seconds=_SECONDS)
    rmtree(folder(), ignore_errors=True)


@contextmanager
def plain_environment(**more: str) -> Iterator[None]:
    """This process's environment as PySpark should see it, for a moment. Other threads find theirs in it, too."""
    changes = _environment() | more
    before = {name: os.environ.pop(name) for name in changes if name in os.environ}
    try:
        os.environ.update({name: value for name, value in changes.items() if value is not None})
        yield
    finally:
        for name in changes:
            os.environ.pop(name, None)
        os.environ.update(before)


def _environment() -> dict[str, str | None]:
    """What differs from this process's environment; None: left out."""
    foreign = dict.fromkeys(name for name in os.environ if name.startswith(_FOREIGN))
    return foreign | {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_CONNECT_MODE": "0", "PYSPARK_PYTHON": sys.executable}
