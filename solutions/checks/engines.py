"""Spark and Cassandra for the checks of exercises: quick settings, plans of streams, fresh keyspaces, another time zone."""

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from kit import views
from kit.exercises import CheckContext

from .judging import judge

__all__ = ["check_frame", "in_tokyo", "keyspace", "listed", "make_quick", "streaming"]

# One partition; no micro-batch without records after each; what is late is known in the very next micro-batch.
_QUICK = {"shuffle.partitions": "1", "streaming.noDataMicroBatches.enabled": "false", "streaming.statefulOperator.allowMultiple": "false"}  # fmt: skip


def make_quick(context: CheckContext, spark: SparkSession) -> None:
    """Settings for a small input, until the end of the check; they change no result."""
    for name, value in _QUICK.items():
        context.callback(spark.conf.set, f"spark.sql.{name}", spark.conf.get(f"spark.sql.{name}"))
        spark.conf.set(f"spark.sql.{name}", value)


def streaming(spark: SparkSession, schema: str) -> DataFrame:
    """A stream of these columns without any row: a plan is made of it, and not run."""
    source = spark.readStream.format("rate").load()
    fields = [part.split() for part in schema.split(",")]
    return source.select(*(f.lit(None).cast(kind).alias(name) for name, kind in fields))


def listed(types: dict[str, str]) -> str:
    """Columns and their types, as a student reads them."""
    return ", ".join(f"{column} {kind}" for column, kind in types.items())


def check_frame(context: CheckContext, got: Any, columns: dict[str, str], *table: tuple[object, str]) -> None:
    """It is a DataFrame of Spark that is still a stream, and has these columns of these types; `table` comes first."""
    name, is_frame = type(got).__name__, isinstance(got, DataFrame)
    types = dict(got.dtypes) if is_frame else {}
    missing = [column for column in columns if column not in types]
    other = [f"{column} {types[column]}" for column in columns if types.get(column, columns[column]) != columns[column]]
    judge(context, f"a DataFrame of Spark with {listed(columns)}", listed(types) if is_frame else got,
        *table,
        (name == "DataStreamReader", "load() makes the DataFrame"),
        (name in ("DataStreamWriter", "StreamingQuery"), "give the DataFrame: it is written and started in gap 7"),
        (name == "GroupedData", "groups are no rows yet: an aggregate makes them"),
        (name == "DataFrame" and not is_frame, "that is a DataFrame of pandas: stay with Spark's, for a stream has no end"),
        (not is_frame, "return the DataFrame that the last step gives"),
        (missing, f"a column is missing: {', '.join(missing)}; alias(…) gives a name, and * keeps the others"),
        (other, f"another type is wanted: {'; '.join(other)}"),
        (not getattr(got, "isStreaming", True), "it is no stream any more: build on the DataFrame that the function gets"))  # fmt: skip


def keyspace(context: CheckContext, *tables: str) -> Any:
    """A session of Cassandra's driver in a keyspace of this check's own, which goes at the end."""
    name = f"check_{uuid.uuid4().hex[:8]}"
    session = context.enter_context(views.connect(name))
    context.callback(session.execute, f"DROP KEYSPACE IF EXISTS {name}")
    for table in tables:
        session.execute(table)
    return session


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
