"""Spark's driver: a Java program that belongs to this process.

PySpark starts its driver by two scripts and a first Java program, which only put a command together. Here the driver is
started directly, from a class-data archive (see `kit.servers.jvm`), and PySpark connects to it.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kit.config import settings
from kit.deadline import wait_until
from kit.errors import ServerError
from kit.servers import interrupts
from kit.servers.jvm import Jvm
from kit.servers.kafka import KafkaCluster

__all__ = ["connect", "ended", "forget", "jvm", "log_file", "plain_environment", "prepare", "running"]

_SECONDS = 60.0
_LOG4J = Path(__file__).with_name("log4j2.properties")
# Java modules that Spark looks into: its class JavaModuleOptions.
_OPENS = (
    *("java.base/java." + name for name in ("io", "lang", "lang.invoke", "lang.reflect", "net", "nio", "util")),
    *("java.base/java.util." + name for name in ("concurrent", "concurrent.atomic")),
    *("java.base/" + name for name in ("jdk.internal.ref", "sun.nio.ch", "sun.nio.cs", "sun.security.action")),
    "java.base/sun.util.calendar",
    "java.security.jgss/sun.security.krb5",
)
_OPTIONS = (
    *(word for name in _OPENS for word in ("--add-opens", f"{name}=ALL-UNNAMED")),
    "-Djdk.reflect.useDirectMethodHandle=false",
    "-Dio.netty.tryReflectionSetAccessible=true",
    "-Xss4m",  # a regular expression of Spark's parser overflows a smaller stack
    f"-Dlog4j2.configurationFile={_LOG4J.as_uri()}",
)
# What another installation of Spark may have set is not for this one.
_ENVIRONMENT: dict[str, str | None] = dict.fromkeys(
    ("SPARK_HOME", "SPARK_CONF_DIR", "SPARK_DIST_CLASSPATH", "HADOOP_CONF_DIR", "PYSPARK_SUBMIT_ARGS", "SPARK_REMOTE")
) | {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_CONNECT_MODE": "0", "PYSPARK_PYTHON": sys.executable}

_driver: "subprocess.Popen[bytes] | None" = None


def jvm() -> Jvm:
    """The Java runtime of the driver: PySpark's jars, and those of the Kafka source."""
    import pyspark

    heap = settings().spark_heap
    own = sorted((Path(pyspark.__file__).parent / "jars").glob("*.jar"))
    return Jvm("spark", heap=(f"-Xmx{heap}m",), options=_OPTIONS, more=tuple(own))


def running() -> bool:
    return _driver is not None and _driver.poll() is None


def ended() -> bool:
    """Whether there was a driver, and it has ended by itself."""
    return _driver is not None and _driver.poll() is not None


def log_file() -> Path:
    return settings().home / "log" / f"spark-{os.getpid()}.log"


def connect(runtime: Jvm) -> None:
    """Start the driver, and connect PySpark to it. `ServerError`: it did not come up."""
    global _driver  # noqa: PLW0603  # PySpark keeps its own so, too
    from pyspark import SparkContext
    from pyspark.serializers import UTF8Deserializer, read_int

    log = log_file()
    log.parent.mkdir(parents=True, exist_ok=True)
    words = runtime.command("org.apache.spark.deploy.SparkSubmit", "pyspark-shell")
    with tempfile.TemporaryDirectory(prefix="kit-spark-") as folder, log.open("ab") as output:
        address = Path(folder) / "address"  # the driver writes it in one step: port and secret
        env = {**runtime.environment, **_ENVIRONMENT, "_PYSPARK_DRIVER_CONN_INFO_PATH": str(address)}
        with interrupts.uninterrupted():
            driver = _driver = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,  # when this process ends, so does its end of the pipe, and then the driver
                stdout=output,
                stderr=subprocess.STDOUT,
                env=interrupts.merged_environment(env),
                start_new_session=True,  # ■ and Ctrl-C are for the notebook
            )
        try:
            wait_until(lambda: address.exists() or driver.poll() is not None, seconds=_SECONDS)
            if not address.exists():
                last = log.read_text("utf-8", "replace").splitlines()[-1:] or ["nothing"]
                raise ServerError("Spark's driver to start", got=last[0][:200], todo=f"look into its log, {log}")
            with address.open("rb") as file:
                port, secret = read_int(file), UTF8Deserializer().loads(file)
            with plain_environment(PYSPARK_GATEWAY_PORT=str(port), PYSPARK_GATEWAY_SECRET=secret):
                SparkContext._ensure_initialized()
            _name_its_end(SparkContext._gateway._gateway_client)
        except BaseException:
            forget(kill=True)
            raise


def _name_its_end(client: Any) -> None:
    """Have PySpark's calls of a driver that has ended say so, instead of that a connection was refused."""
    create = client._create_new_connection

    def create_or_explain() -> Any:
        try:
            return create()
        except OSError as error:
            todo = "call spark = kit.spark(), and build the query again"
            raise ServerError("Spark's driver to run", got="it has ended", todo=todo) from error

    client._create_new_connection = create_or_explain


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
    elif SparkContext._gateway is not None and driver.poll() is None:
        SparkContext._gateway.shutdown()
    SparkContext._gateway = SparkContext._jvm = SparkContext._active_spark_context = None
    SparkSession._instantiatedSession = SparkSession._activeSession = None
    if driver.stdin is not None:
        driver.stdin.close()
    try:
        driver.wait(_SECONDS)
    except subprocess.TimeoutExpired:
        driver.kill()
        driver.wait()


@contextmanager
def plain_environment(**more: str) -> Iterator[None]:
    """This process's environment as PySpark should see it, for a moment. Other threads find theirs in it, too."""
    changes = _ENVIRONMENT | more
    before = {name: os.environ.get(name) for name in changes}
    try:
        _set_variables(changes)
        yield
    finally:
        _set_variables(before)


def _set_variables(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def prepare() -> None:
    """Fetch the jars of the Kafka source, and make the driver's class-data archive by a small query's work."""
    jvm().make_archive(_train)


def _train(runtime: Jvm) -> None:
    """A driver's day in some seconds, in a process of its own: this one may have a session."""
    with tempfile.TemporaryDirectory(prefix="kit-train-") as home, KafkaCluster(Path(home)) as cluster:
        words = [sys.executable, "-m", "kit.spark._training", cluster.bootstrap_servers, *(runtime.archive or ())]
        env = interrupts.merged_environment({"KIT_HOME": home})
        with interrupts.uninterrupted():
            training = subprocess.Popen(
                words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
            )
        try:
            output, _ = training.communicate(timeout=180)
        except BaseException:  # it ends its driver
            training.send_signal(signal.SIGINT)
            training.communicate(timeout=30)
            raise
    if training.returncode:
        raise ServerError("Spark to run a small query", got=output[-200:], todo="run `python -m kit.prepare` again")
