"""A standard Spark session, wired to this lab: its Java, its Kafka source, little memory, quick to start.

>>> import kit
>>> spark = kit.spark()                                      # doctest: +SKIP
>>> (spark.readStream.format("kafka")
...     .option("kafka.bootstrap.servers", lab.kafka.bootstrap_servers)
...     .option("subscribe", "quotes").load())               # doctest: +SKIP
DataFrame[key: binary, value: binary, topic: string, partition: int, offset: bigint, timestamp: timestamp, …]

What comes back is PySpark's own `SparkSession`: everything else is in Spark's documentation. Its driver is a Java
program that belongs to this process: it ends when the kernel ends, and its queries with it.

PySpark starts its driver by two scripts and a first Java program, which only put a command together. Here the driver is
started directly, from a class-data archive (see `kit.servers.jvm`), and PySpark connects to it.
"""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kit.config import settings
from kit.deadline import wait_until
from kit.errors import ServerError
from kit import topics
from kit.servers import clients, interrupts, memory
from kit.servers.interrupts import merged_environment
from kit.servers.jvm import Jvm
from kit.servers.kafka import KafkaCluster

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["prepare", "spark", "stop"]

_NEEDS = 600 << 20
_SECONDS = 60.0
_LOG4J = Path(__file__).with_name("spark_log4j2.properties")
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
_CONFIG = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.default.parallelism": "2",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
}
_lock = threading.Lock()
_driver: "subprocess.Popen[bytes] | None" = None


def spark(app_name: str = "kit", config: Mapping[str, str] | None = None) -> "SparkSession":
    """The Spark session of this notebook; the same one at each call.

    Parameters
    ----------
    app_name
        What the session is called in Spark's logs and on a Spark master.
    config
        Further settings of Spark, such as ``{"spark.sql.shuffle.partitions": "4"}``; they go before the lab's.

    Raises
    ------
    NotEnoughMemory, JarError, ServerError
        The driver did not come up; its log is ``log/spark-<pid>.log`` in the state folder.
    """
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    with _lock:
        if SparkContext._gateway is None:
            memory.require(_NEEDS, "Spark")
            _connect(jvm())
        builder = SparkSession.builder.appName(app_name).master(settings().spark_master or "local[2]")
        home = settings().home / "spark"
        own = {"spark.sql.warehouse.dir": str(home / "warehouse"), "spark.local.dir": str(home / "tmp")}
        python = {"spark.pyspark.python": sys.executable, "spark.pyspark.driver.python": sys.executable}
        for key, value in (_CONFIG | own | python | dict(config or {})).items():
            builder = builder.config(key, value)
        with _plain_environment():
            return builder.getOrCreate()


def jvm() -> Jvm:
    """The Java runtime of the driver: PySpark's jars, and those of the Kafka source."""
    import pyspark

    heap = settings().spark_heap
    own = sorted((Path(pyspark.__file__).parent / "jars").glob("*.jar"))
    return Jvm("spark", heap=(f"-Xmx{heap}m",), options=_OPTIONS, more=tuple(own))


def _connect(runtime: Jvm) -> None:
    """Start the driver, and connect PySpark to it."""
    global _driver
    from pyspark import SparkContext
    from pyspark.serializers import UTF8Deserializer, read_int

    log = settings().home / "log" / f"spark-{os.getpid()}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    words = runtime.command("org.apache.spark.deploy.SparkSubmit", "pyspark-shell")
    with tempfile.TemporaryDirectory(prefix="kit-spark-") as folder, log.open("wb") as output:
        address = Path(folder) / "address"  # the driver writes it in one step: port and secret
        env = {**runtime.environment, **_ENVIRONMENT, "_PYSPARK_DRIVER_CONN_INFO_PATH": str(address)}
        _driver = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,  # when this process ends, so does its end of the pipe, and then the driver
            stdout=output,
            stderr=subprocess.STDOUT,
            env=merged_environment(env),
            start_new_session=True,  # ■ and Ctrl-C are for the notebook
        )
        wait_until(lambda: address.exists() or _driver.poll() is not None, seconds=_SECONDS)
        if not address.exists():
            _driver.kill()
            last = log.read_text("utf-8", "replace").splitlines()[-1:] or ["nothing"]
            raise ServerError("Spark's driver to start", got=last[0][:200], todo=f"look into its log, {log}")
        with address.open("rb") as file:
            port, secret = read_int(file), UTF8Deserializer().loads(file)
    with _plain_environment(PYSPARK_GATEWAY_PORT=str(port), PYSPARK_GATEWAY_SECRET=secret):
        SparkContext._ensure_initialized()


# What another installation of Spark may have set is not for this one.
_ENVIRONMENT: dict[str, str | None] = dict.fromkeys(
    ("SPARK_HOME", "SPARK_CONF_DIR", "SPARK_DIST_CLASSPATH", "HADOOP_CONF_DIR", "PYSPARK_SUBMIT_ARGS", "SPARK_REMOTE")
) | {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_CONNECT_MODE": "0"}


@contextmanager
def _plain_environment(**more: str) -> Iterator[None]:
    """This process's environment as PySpark should see it, for a moment."""
    before = dict(os.environ)
    try:
        changed = merged_environment(_ENVIRONMENT | more)
        os.environ.clear()
        os.environ.update(changed)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def stop() -> None:
    """End the session and its driver, in good order. Idempotent: the next `spark` call starts anew."""
    global _driver
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    with _lock:
        if session := SparkSession.getActiveSession():
            session.stop()
        if SparkContext._gateway is not None:
            SparkContext._gateway.close()
            SparkContext._gateway = SparkContext._jvm = None
        if _driver is not None and _driver.stdin is not None:
            _driver.stdin.close()
            try:
                _driver.wait(_SECONDS)
            except subprocess.TimeoutExpired:
                _driver.kill()
                _driver.wait()
        _driver = None


def prepare() -> None:
    """Fetch the jars of the Kafka source, and make the driver's class-data archive by a small query's work."""
    jvm().make_archive(_train)


def _train(runtime: Jvm) -> None:
    """A driver's day in some seconds, in a process of its own: this one may have a session."""
    words = [sys.executable, "-m", "kit.spark_session", *(runtime.archive or ())]
    with tempfile.TemporaryDirectory(prefix="kit-train-") as home:
        done = interrupts.run(words, timeout=180, env={"KIT_HOME": home})
    if done.returncode:
        raise ServerError("Spark to run a small query", got=done.stdout[-200:], todo="run `make install` again")


def _work(*archive: str) -> None:
    """A batch, and a window of a stream from Kafka: the classes that the course's queries take."""
    from pyspark.sql import functions as f

    with KafkaCluster(settings().home) as cluster:
        topics.create("t", bootstrap_servers=cluster.bootstrap_servers)
        producer = clients.producer(cluster.bootstrap_servers)
        for price in range(100):
            producer.send("t", b'{"symbol": "JPM", "price": %d}' % price)
        producer.close()
        _connect(replace(jvm(), archive=archive))
        session = spark()
        session.createDataFrame([("JPM", 1.0)], ["symbol", "price"]).groupBy("symbol").avg("price").toPandas()
        source = session.readStream.format("kafka").option("kafka.bootstrap.servers", cluster.bootstrap_servers)
        found = source.option("subscribe", "t").option("startingOffsets", "earliest").load()
        quote = f.from_json(found.value.cast("string"), "symbol STRING, price DOUBLE")
        quotes = (
            found.select("timestamp", quote.alias("q")).select("timestamp", "q.*").withWatermark("timestamp", "5 s")
        )
        means = quotes.groupBy(f.window("timestamp", "20 s"), "symbol").agg(f.avg("price"))
        query = means.writeStream.outputMode("update").foreachBatch(lambda frame, _: frame.toPandas())
        query.trigger(availableNow=True).start().awaitTermination(60)
        stop()


if __name__ == "__main__":
    _work(*sys.argv[1:])
