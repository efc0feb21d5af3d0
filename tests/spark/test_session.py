"""The Spark session: standard, wired to the lab, told in few lines when it fails, ended with its process."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import psutil
import pytest
from pyspark.sql import functions as f

import kit
from kit import spark
from kit.errors import ServerError, readers_line
from kit.spark import _driver
from tests.wait import wait_until


def told(call: Any) -> list[str]:
    """What a notebook shows of the error that a call raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011  # of PySpark and of py4j
        call()
    shown: list[str] = caught.value._render_traceback_()  # type: ignore[attr-defined]
    assert len(shown) == 4
    assert readers_line(caught.value.__traceback__) in shown[0]
    return shown


def test_a_session_is_the_same_at_each_call_however_it_is_asked_for(session: Any) -> None:
    assert kit.spark() is session
    assert kit.spark.session() is session
    assert session.version == "4.2.0"
    assert session.range(10).count() == 10


def _fails(_: object) -> int:
    raise KeyError("ts")


@pytest.mark.parametrize(
    ("name", "cause", "todo"),
    [
        ("unknown column", "`prize` cannot be resolved. Did you mean", "df.printSchema()"),
        ("bad SQL", "Syntax error at or near 'SELEC'", "mend the cause"),
        ("function", "KeyError: 'ts'", "mend the cause"),
        ("cast", "The value 'JPM' of the type", "try_cast"),
        ("source", "Failed to find the data source: nonsense", "mend the cause"),
        ("append", "Invalid streaming output mode: append", ".withWatermark("),
    ],
)
def test_an_error_is_told_in_four_lines(session: Any, name: str, cause: str, todo: str) -> None:
    quotes = session.createDataFrame([("JPM", 1.0)], ["symbol", "price"])
    rate = session.readStream.format("rate").load()
    calls = {
        "unknown column": lambda: quotes.select("prize"),
        "bad SQL": lambda: session.sql("SELEC 1"),
        "function": lambda: quotes.select(f.udf(_fails)("symbol")).collect(),
        "cast": lambda: quotes.select(f.col("symbol").cast("int")).collect(),
        "source": lambda: session.read.format("nonsense").load(),
        "append": lambda: rate.groupBy("value").count().writeStream.format("console").outputMode("append").start(),
    }
    _, line, advice, log = told(calls[name])
    assert cause in line
    assert todo in advice
    assert Path(log.removeprefix("the whole trace: ")).exists()


def test_a_streaming_query_names_the_error_of_the_function_that_it_called(session: Any) -> None:
    def write(_frame: Any, _batch: int) -> None:
        raise ZeroDivisionError("no price")

    rate = session.readStream.format("rate").load()
    query = rate.writeStream.foreachBatch(write).start()
    head, cause, *_ = told(lambda: query.awaitTermination(60))
    assert head.startswith("StreamingQueryException")
    assert cause == "cause: ZeroDivisionError: no price"


_PROGRAM = """
    import sys, kit
    from kit.spark import _driver
    spark = kit.spark()
    print(_driver._driver.pid, spark.sparkContext.master, spark.range(3).count(), flush=True)
    spark.readStream.format("rate").load().writeStream.format("noop").start()
    sys.stdin.read()
"""


@pytest.mark.parametrize("end", ["kill", "close"])
def test_another_notebook_has_a_session_of_its_own_which_ends_with_it(session: Any, end: str) -> None:
    """Whatever Spark or Java the environment names: a session is of this lab."""
    odd = {
        "SPARK_HOME": "/nowhere",
        "JAVA_HOME": "/nowhere",
        "JAVA_TOOL_OPTIONS": "-Xmx1m",
        "PYSPARK_PYTHON": "/nowhere/python",
        "PYSPARK_SUBMIT_ARGS": "--master yarn pyspark-shell",
        "http_proxy": "http://127.0.0.1:9",
    }
    program = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_PROGRAM)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | odd,
    )
    try:
        assert program.stdout is not None
        pid, master, count = program.stdout.readline().split()
        assert (master, count) == ("local[2]", "3")
        driver = psutil.Process(int(pid))
        assert driver.pid != _driver._driver.pid  # type: ignore[union-attr]
        if end == "kill":
            program.kill()
        program.communicate(timeout=60)
        wait_until(lambda: not driver.is_running() or driver.status() == psutil.STATUS_ZOMBIE, timeout=30)
    finally:
        program.kill()
        program.wait()
    assert session.range(2).count() == 2


def test_a_driver_that_was_killed_is_followed_by_a_new_one(session: Any, capfd: pytest.CaptureFixture[str]) -> None:
    query = session.readStream.format("rate").load().writeStream.format("noop").start()
    wait_until(lambda: query.lastProgress, timeout=60)
    spark.kill()
    spark.kill()
    for ask in (lambda: list(spark.progress(query)), lambda: session.range(3).count()):
        with pytest.raises(ServerError, match="Spark's driver to run"):
            ask()
    again = spark.session()
    assert again.range(3).count() == 3
    assert "Traceback" not in capfd.readouterr().err
