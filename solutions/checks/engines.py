"""Spark and Cassandra for the checks of exercises: quick settings, plans of streams, fresh keyspaces, another time zone."""

import os
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from pyspark import SparkContext
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.utils import ForeachBatchFunction

from kit import views
from kit.exercises import CheckContext, Crashed, StudentError
from kit.exercises._outcomes import Ended
from kit.exercises._verdict import GENERAL
from kit.spark import _errors
from kit.spark._driver import log_file

from .judging import advice_on, judge

__all__ = [
    "check_frame",
    "check_plan",
    "check_session",
    "check_spark",
    "in_tokyo",
    "keyspace",
    "listed",
    "make_quick",
    "streaming",
    "types_of",
    "wait_for",
]

# One partition; no micro-batch without records after each; what is late is known in the very next micro-batch. And a
# query whose function does not come back is left alone: by default its stop waits for ever.
_QUICK = {"shuffle.partitions": "1", "streaming.noDataMicroBatches.enabled": "false", "streaming.statefulOperator.allowMultiple": "false", "streaming.stopTimeout": "5s"}  # fmt: skip


def make_quick(context: CheckContext, spark: SparkSession) -> None:
    """Settings for a small input, until the end of the check; they change no result. A query that starts ends then."""
    for name, value in _QUICK.items():
        context.callback(spark.conf.set, f"spark.sql.{name}", spark.conf.get(f"spark.sql.{name}"))
        spark.conf.set(f"spark.sql.{name}", value)
    before = {query.id for query in spark.streams.active}
    context.defer(lambda: [query.stop() for query in spark.streams.active if query.id not in before])
    context.enter_context(patch.object(ForeachBatchFunction, "call", _call))


def _call(self: Any, frame: Any, number: int, call: Any = ForeachBatchFunction.call) -> None:
    """As PySpark calls a function of foreachBatch. For what is no Exception, as of sys.exit(), Spark would wait for ever."""
    try:
        call(self, frame, number)
    except BaseException as error:
        raise error if isinstance(error, Exception) else RuntimeError(type(error).__name__) from None


def wait_for(
    context: CheckContext, wait: Callable[[], Any], table: Iterable[tuple[str, str]], *, seconds: float
) -> None:
    """Wait until a query has read all there is. If it fails, the check ends with the cause, without Spark's trace."""
    try:
        context.call(wait, seconds=seconds)
    except StudentError as raised:
        cause = _errors.lines(raised.error, log_file())[1].removeprefix("cause: ").replace("start_query.<locals>.", "")
        if gap := re.search(r"NotImplementedError: (Gap \d+, .*)", f"{raised.error}"):
            raise StudentError(NotImplementedError(gap[1])) from None
        general = (text for kind, text in GENERAL if kind.__name__ in cause)
        advice = advice_on(RuntimeError(cause), table) or next(general, "")
        lines = ("error", cause), ("on", context.on), ("next", advice)
        raise Ended(Crashed("", lines)) from None


def streaming(spark: SparkSession, schema: str) -> DataFrame:
    """A stream of these columns without any row: a plan is made of it, and not run."""
    source = spark.readStream.format("rate").load()
    fields = [part.split() for part in schema.split(",")]
    return source.select(*(f.lit(None).cast(kind).alias(name) for name, kind in fields))


def listed(types: dict[str, str]) -> str:
    """Columns and their types, as a student reads them."""
    return ", ".join(f"{column} {kind}" for column, kind in types.items())


def check_spark(context: CheckContext) -> None:
    """The student's code has left the session of Spark running."""
    judge(context, "a session of Spark that runs on", "it was stopped",
        (SparkContext._active_spark_context is None, "leave spark.stop() out, and run this check again: the notebook stops Spark in its last cell"))  # fmt: skip


def types_of(got: Any) -> dict[str, str]:
    """The columns of a DataFrame of Spark and their types; of anything else none."""
    return dict(got.dtypes) if isinstance(got, DataFrame) else {}


def check_frame(context: CheckContext, got: Any, columns: dict[str, str], *table: tuple[object, str]) -> None:
    """It is a DataFrame of Spark that is still a stream, and has these columns of these types; `table` comes first."""
    check_spark(context)
    name, is_frame = type(got).__name__, isinstance(got, DataFrame)
    types = types_of(got)
    missing = [column for column in columns if column not in types]
    other = [f"{column} {types[column]}" for column in columns if types.get(column, columns[column]) != columns[column]]
    judge(context, f"a DataFrame of Spark with {listed(columns)}", listed(types) if is_frame else got,
        *table,
        (name == "DataStreamReader", "load() makes the DataFrame"),
        (name in ("DataStreamWriter", "StreamingQuery"), "give the DataFrame: it is written and started in gap 7"),
        (name == "GroupedData", "groups are no rows yet: an aggregate makes them"),
        (name == "Column", "that is a column: select makes a DataFrame with it"),
        (name == "DataFrame" and not is_frame, "that is a DataFrame of pandas: stay with Spark's, for a stream has no end"),
        (not is_frame, "return the DataFrame that the last step gives"),
        (missing, f"a column is missing: {', '.join(missing)}; alias(…) gives a name, and * keeps the others"),
        (other, f"another type is wanted: {'; '.join(other)}"),
        (is_frame and not got.isStreaming, "it is no stream any more: build on the DataFrame that the function gets"))  # fmt: skip


def check_plan(context: CheckContext, stream: DataFrame) -> None:
    """Spark can run it on a stream: what that takes is known without running it."""
    java: Any = stream.sparkSession._jvm
    plan, mode = stream._jdf.queryExecution().analyzed(), java.org.apache.spark.sql.streaming.OutputMode.Update()
    try:
        java.org.apache.spark.sql.catalyst.analysis.UnsupportedOperationChecker.checkForStreaming(plan, mode)
    except AnalysisException as error:
        advice = "a stream has no end, so Spark cannot sort it, limit it, or look for what is distinct in it: leave that step out"
        context.wrong(
            "a plan that can run on a stream", got=f"{error}".partition(";")[0].splitlines()[0], advice=advice
        )


def keyspace(context: CheckContext, *tables: str) -> Any:
    """A session of Cassandra's driver in a keyspace of this check's own, which goes at the end."""
    name = f"check_{uuid.uuid4().hex[:8]}"
    session = views.connect(name)

    def drop() -> None:
        with views.connect() if session.is_shutdown else session as still_open:
            still_open.execute(f"DROP KEYSPACE IF EXISTS {name}")

    context.callback(drop)
    for table in tables:
        session.execute(table)
    return session


def check_session(context: CheckContext, session: Any, name: str) -> None:
    """The student's code has left the session as it got it: open, in the keyspace of that name."""
    judge(context, f"the session as it was: open, in the keyspace {name}", "it is closed" if session.is_shutdown else f"it is in {session.keyspace}",
        (session.is_shutdown, "leave the session open, and write no with for it: the notebook still needs it"),
        (session.keyspace != name, "leave the session in its keyspace, without USE or set_keyspace: the notebook has chosen it"))  # fmt: skip


@contextmanager
def in_tokyo() -> Iterator[None]:
    """Have this process live nine hours before UTC for a while."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "JST-9"  # the C library may have no list of time zones
    time.tzset()
    os.environ["TZ"] = "Asia/Tokyo"  # pandas, which PySpark tells this name, has one
    try:
        yield
    finally:
        os.environ.pop("TZ", None)
        os.environ.update({} if before is None else {"TZ": before})
        time.tzset()
