"""The one Spark session of this process."""

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kit.config import settings
from kit.errors import ConfigError
from kit.servers import jars, lab, memory
from kit.spark import _driver, _errors

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["kill", "session", "stop"]

_CONFIG = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.default.parallelism": "2",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.session.timeZone": "UTC",
    # They want pyarrow, which is large; at a class's size nothing is slower without.
    "spark.sql.execution.arrow.pyspark.enabled": "false",
    "spark.sql.execution.pythonUDF.arrow.enabled": "false",
    # On a Spark master: a part of it, so that another notebook's session has room beside this one.
    "spark.cores.max": "2",
    "spark.executor.memory": "512m",
}
_SETTLED = {"spark.master": "KIT_SPARK_MASTER=spark://host:port", "spark.driver.memory": "KIT_SPARK_HEAP=1024 (MB)"}
_lock = threading.Lock()


def session(app_name: str = "kit", config: Mapping[str, object] | None = None) -> "SparkSession":
    """The Spark session of this notebook; the same one at each call. `kit.spark()` is short for it.

    Parameters
    ----------
    app_name
        What the session is called in Spark's logs and on a Spark master.
    config
        Further settings of Spark, such as ``{"spark.sql.shuffle.partitions": "4"}``; they go before the lab's. A
        session that is there takes those that can be changed while it runs, and keeps all others as they are.

    Raises
    ------
    ServerError, ConfigError
        The driver did not come up (its log is ``log/spark-<pid>.log`` in the state folder); or this process has a Spark
        session that was started otherwise, or `config` has what the kit settles.
    """
    from pyspark import SparkContext
    from pyspark.sql import SparkSession
    from pyspark.sql.utils import to_str

    for name in _SETTLED.keys() & (config or {}):
        todo = f"call kit.spark.stop(), set {_SETTLED[name]}, then call kit.spark()"
        raise ConfigError("settings that Spark takes while its driver runs", got=name, todo=todo)
    with _lock:
        if not _driver.running():
            _driver.forget()  # one that has ended
        is_first = SparkContext._active_spark_context is None
        try:
            if SparkContext._gateway is None:
                drivers: Any = lab.servers()["spark"]
                drivers.check()
                memory.require(drivers.needs, "Spark")
                _driver.connect(drivers.jvm)
            elif not _driver.running():
                got = "a session that PySpark started itself, without the lab's Java and Kafka source"
                raise ConfigError("a session started by kit.spark()", got=got, todo="restart the kernel")
            _errors.install(_driver.log_file())
            with _driver.plain_environment():
                builder = SparkSession.builder.appName(app_name).master(settings().spark_master or "local[2]")
                wanted = {key: to_str(value) for key, value in (config or {}).items()}
                for key, value in (_CONFIG | _folders() | wanted if is_first else {}).items():
                    builder = builder.config(key, value)
                made = builder.getOrCreate()
                for key, value in wanted.items():
                    if str(made.conf.get(key, "")).removeprefix("file:") != value:  # as Spark writes a folder
                        made.conf.set(key, value)
        except BaseException as error:  # interrupted, or refused: half a session is none
            if is_first:
                _errors.causes(error)
                _driver.forget(kill=True)
            raise
        # A driver that is killed closes this server's connection, which is nothing to print a traceback for.
        made.sparkContext._accumulatorServer.handle_error = lambda *_: None
        return made


def _folders() -> dict[str, str]:
    """Where Spark keeps what it writes; `kit down` deletes what belongs to a driver, `kit reset` the tables, too."""
    own = {"spark.sql.warehouse.dir": str(settings().home / "spark" / "warehouse")}
    own["spark.local.dir"] = str(_driver.folder())
    if settings().spark_master:  # the master's workers have PySpark's own jars only
        own["spark.jars"] = ",".join(map(str, jars.classpath("spark")))
    return own


def stop() -> None:
    """End the session, its queries and its driver, in good order. Idempotent: the next `session` starts anew."""
    from pyspark import SparkContext

    with _lock:
        if (context := SparkContext._active_spark_context) is not None and _driver.running():
            java = context._jsc
            context.stop()
            context._jsc = java  # PySpark forgets it; with it, what is asked of the old session says that it has ended
        _driver.forget()


def kill() -> None:
    """End the driver at once, as a power cut would (``kill -9``). The next `session` starts a new one."""
    with _lock:
        _driver.forget(kill=True)
