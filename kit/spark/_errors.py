"""Spark's errors in a few lines: the reader's own line, the cause, what to do. The driver's log has the whole trace."""

import logging
import re
from pathlib import Path

from py4j.protocol import Py4JError

from kit.errors import ServerError, readers_line

__all__ = ["causes", "driver_ended", "install", "lines"]

_TRACE = "Traceback (most recent call last)"
_MOST = 300  # characters of a cause
# What the message of an error has, and what to do about it.
_ADVICE = {
    "CANNOT_MODIFY_(STATIC_)?CONFIG": "call kit.spark.stop() first: it is set when a session starts",
    "UNRESOLVED_COLUMN|FIELD_NOT_FOUND": "write a name that the DataFrame has; df.printSchema() shows them",
    "UnknownTopicOrPartition|UNKNOWN_TOPIC": 'create the topic first: kit.topics.create("quotes")',
    "KAFKA_DATA_LOSS|data may have been (missed|lost)": "the topic is not the one that the checkpoint knows: choose "
    "another checkpointLocation, or delete its folder",
    "STREAMING_OUTPUT_MODE": 'write .withWatermark(…) before groupBy, or .outputMode("update")',
    "STATE_STORE|STATEFUL_OPERATOR|CONCURRENT_STREAM|CONCURRENT_QUERY|checkpoint|MALFORMED_LOG|Incomplete log file|"
    r"batch \d+ doesn't exist|lang.AssertionError|JsonParseException|MismatchedInput": "give each query a "
    "checkpointLocation of its own, and a new one when the query has changed, or its files are damaged",
    "OutOfMemoryError|heap space": "call kit.spark.stop(), set KIT_SPARK_HEAP=1024 (MB), then call kit.spark()",
    "Java side is empty|while sending|NetworkError|refused|reset by peer": "the driver has ended: call "
    "spark = kit.spark(), and start the query again",
    "node assignment|describeTopics|listNodes|TimeoutException": "run `kit status`: does Kafka run? `kit up` starts it",
    "CAST_INVALID_INPUT|DIVIDE_BY_ZERO|CAST_OVERFLOW": "use try_cast, or filter those rows first",
    "LoginException": "run it as a user who has a name: add this one to /etc/passwd",
    "NoHostAvailable": "run `kit status`: does Cassandra run? `kit up cassandra` starts it",
}
_PYTHON = re.compile(r"^(?:[a-z_]\w*\.)*[A-Za-z_]\w*(?:Error|Exception|Interrupt|Unavailable|Exit)\b.*", re.MULTILINE)
_KITS = re.compile(r"(\ngot: .*)\nto do: (.*)")
_NAMED = re.compile(r"\[(?!STREAM_FAILED)[A-Z_]{4,}[.\]]")  # an error that has a name in Spark's documentation
_CLASS = re.compile(r"^(?:[a-z_]\w*\.)+(?=[A-Z])")  # the package of a Java class
_NOISE = re.compile(r" ?SQLSTATE: ?\w+;?|\[STREAM_FAILED\] Query \[[^\]]+\] terminated with exception: ?")


def driver_ended() -> ServerError:
    todo = "call spark = kit.spark(), and build the query again"
    return ServerError("Spark's driver to run", got="it has ended", todo=todo)


def install(log: Path) -> None:
    """Show a notebook Spark's errors as `lines` has them: IPython asks an exception for `_render_traceback_`."""
    from py4j import java_gateway
    from pyspark.errors import PySparkException
    from pyspark.logger import PySparkLogger

    # PySpark logs, as a line of JSON, what it then raises.
    for name in ("DataFrameQueryContextLogger", "SQLQueryContextLogger"):
        PySparkLogger.getLogger(name).setLevel(logging.CRITICAL + 1)
    # py4j logs a driver that has ended by the root logger, which so gets a handler, and shows all libraries' warnings.
    java_gateway.logging = java_gateway.logger
    for kind in (PySparkException, Py4JError):
        kind._render_traceback_ = lambda error: lines(error, log)


def lines(error: BaseException, log: Path) -> list[str]:
    """An error of PySpark or py4j, in four lines."""
    found = causes(error)
    text = "\n".join(found)
    advice = next((todo for words, todo in _ADVICE.items() if re.search(words, text)), "mend the cause, run it again")
    got, own = of_kit.groups() if (of_kit := _KITS.search(text)) else ("", "")
    head = f"{type(error).__name__}{readers_line(error.__traceback__)}"
    cause = f"{_cause(found)}{got.replace(chr(10), '; ')}"
    return [head, f"cause: {cause}", f"to do: {own or advice}", f"the whole trace: {log}"]


def causes(error: BaseException) -> list[str]:
    """What the error says, and what its causes in Java say, the innermost last. Kept: the driver may end."""
    if known := getattr(error, "_kit_causes", None):
        return list(known)
    found, java = list[str](), getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    try:
        found.append(str(error))
        while java is not None and len(found) < 10:
            found.append(str(java.toString()))
            java = java.getCause()
    except (AssertionError, OSError, Py4JError, ServerError):  # the driver has ended: what is known will do
        found = found or [str(getattr(error, "_desc", error.args))]
    error._kit_causes = found  # type: ignore[attr-defined]
    return found


def _cause(causes: list[str]) -> str:
    """The last line of a Python traceback, if there is one; else the innermost cause that has a name, else the last."""
    traces = [text for text in causes if _TRACE in text]
    if traces:
        trace = traces[0].rpartition(_TRACE)[2]
        return str((_PYTHON.findall(trace) or trace.strip().splitlines()[-1:])[0])[:_MOST]
    named = next((match for match in map(_NAMED.search, reversed(causes)) if match), None)
    cause = named.string[named.start() :] if named else _CLASS.sub("", causes[-1].strip())
    return _NOISE.sub("", cause).strip().partition("\n")[0].strip(" ;")[:_MOST]
