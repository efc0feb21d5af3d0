"""The Spark session: standard, wired to the lab, told in few lines when it fails, ended with its process."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest
from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession
from pyspark.sql import functions as f

import kit
from kit import spark, views
from kit.config import settings
from kit.deadline import pause
from kit.errors import ConfigError, NotEnoughMemory, ServerError, readers_line
from kit.servers import memory
from kit.spark import _driver
from tests.processes import processes_of, signals_as_in_a_terminal
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


def test_an_error_of_the_kit_in_a_streaming_query_keeps_what_it_got_and_what_to_do(session: Any) -> None:
    query = session.readStream.format("rate").load().writeStream.foreachBatch(lambda rows, _: views.write(rows, "q", 5))
    _, cause, todo, _ = told(lambda: query.start().awaitTermination(60))
    assert cause.endswith("ViewError: expected rows as a DataFrame; got: int")
    assert todo == "to do: write pd.DataFrame(rows)"


@pytest.mark.parametrize("file", ["offsets/0", "metadata"])
@pytest.mark.parametrize("content", ["garbage", ""])
def test_a_damaged_checkpoint_is_refused_with_the_way_out(
    session: Any, tmp_path: Path, file: str, content: str
) -> None:
    def run() -> None:
        source = session.readStream.format("rate-micro-batch").option("rowsPerBatch", 5).load()
        writer = source.writeStream.format("noop").option("checkpointLocation", str(tmp_path))
        query = writer.trigger(availableNow=True).start()
        assert query.awaitTermination(60)

    run()
    (tmp_path / file).write_text(content)
    (tmp_path / file).with_name(f".{Path(file).name}.crc").unlink(missing_ok=True)
    assert "a new one when the query has changed, or its files are damaged" in told(run)[2]


_PROGRAM = """
    import sys, kit
    from kit.spark import _driver
    spark = kit.spark()
    print(_driver._driver.pid, spark.sparkContext.master, spark.range(3).count(), flush=True)
    spark.createDataFrame([("ü", 1)], ["a", "b"]).write.saveAsTable("t")
    assert spark.table("t").collect() == [("ü", 1)]
    spark.readStream.format("rate").load().writeStream.format("noop").start()
    sys.stdin.read()
"""
# What Spark, Java or a proxy the environment may name.
_FOREIGN = {
    **dict.fromkeys(("SPARK_HOME", "SPARK_CONF_DIR", "SPARK_LOCAL_DIRS", "JAVA_HOME", "HADOOP_CONF_DIR"), "/nowhere"),
    **dict.fromkeys(("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"), "-Xmx1m -XX:+UseG1GC"),
    **dict.fromkeys(("PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON", "SPARK_ENV_LOADED"), "/nowhere/python"),
    **dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9"),
    "PYSPARK_SUBMIT_ARGS": "--master yarn pyspark-shell",
    "SPARK_REMOTE": "sc://nowhere",
    "CLASSPATH": "/nowhere.jar",
}
_OFFLINE = ("unshare", "--user", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up; exec "$0" "$@"')


def _start(words: list[str], home: Path, stderr: int | None = None) -> "subprocess.Popen[str]":
    env = os.environ | _FOREIGN | {"KIT_HOME": str(home)}
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": stderr}
    return subprocess.Popen(words, text=True, env=env, preexec_fn=signals_as_in_a_terminal, **pipes)  # noqa: PLW1509


@pytest.mark.parametrize("end", ["kill", "close"])
def test_another_notebook_has_a_session_of_its_own_which_ends_with_it(session: Any, end: str, tmp_path: Path) -> None:
    """Whatever Spark or Java the environment names, in a folder of any name, without a network."""
    words = [sys.executable, "-c", textwrap.dedent(_PROGRAM)]
    offline = subprocess.run([*_OFFLINE, "true"], capture_output=True, check=False).returncode == 0
    home = tmp_path / ("süß = 日本 #1 100% 'x' a:b !" if end == "kill" else "a, b")
    program = _start([*(_OFFLINE if offline and end == "close" else ()), *words], home)
    try:
        assert program.stdout is not None
        pid, master, count = program.stdout.readline().split()
        assert (master, count) == ("local[2]", "3")
        driver = psutil.Process(int(pid))
        assert driver.pid != _driver._driver.pid  # type: ignore[union-attr]
        if end == "kill":
            wait_until((home / "spark" / "warehouse" / "t" / "_SUCCESS").exists, timeout=60)
            program.kill()
        program.communicate(timeout=60)
        wait_until(lambda: not driver.is_running() or driver.status() == psutil.STATUS_ZOMBIE, timeout=30)
    finally:
        program.kill()
        program.wait()
    wait_until(lambda: processes_of(home) == [], what="an end of all that belongs to the notebook")
    assert session.range(2).count() == 2


@pytest.mark.parametrize("recorded", [r'"ports":\[\]', r'"ports":\[\d'], ids=["the driver starts", "its session"])
def test_an_interrupt_while_spark_starts_leaves_no_process(tmp_path: Path, recorded: str) -> None:
    program = _start([sys.executable, "-c", "import kit; kit.spark(); print('up')"], tmp_path, subprocess.STDOUT)
    record = tmp_path / "run" / f"spark-{program.pid}.json"
    try:
        wait_until(lambda: record.exists() and re.search(recorded, record.read_text()), timeout=60)
        program.send_signal(signal.SIGINT)
        out, _ = program.communicate(timeout=60)
    finally:
        program.kill()
    assert "KeyboardInterrupt" in out, out
    wait_until(lambda: processes_of(tmp_path) == [], what="an end of the driver")
    assert not record.exists()


@pytest.mark.parametrize("master", ["yarn://x", "spark://", "spark://host", "spark://host:port", "127.0.0.1:7077", " "])
def test_a_master_that_is_none_is_refused_at_once(monkeypatch: pytest.MonkeyPatch, master: str) -> None:
    monkeypatch.setenv("KIT_SPARK_MASTER", master)
    with pytest.raises(ConfigError, match="spark://host:port") as caught:
        spark.session()
    assert "KIT_SPARK_MASTER" in caught.value.todo


@pytest.mark.parametrize("master", ["spark://127.0.0.1:1", "spark://no-such-host.invalid:7077,127.0.0.1:1"])
def test_a_master_that_does_not_answer_is_an_error_before_a_driver_starts(
    monkeypatch: pytest.MonkeyPatch, master: str
) -> None:
    spark.stop()
    monkeypatch.setenv("KIT_SPARK_MASTER", master)
    with pytest.raises(ServerError, match="Spark master to answer") as caught:
        spark.session()
    (check,) = [check for check in kit.doctor() if check.name == "spark"]
    assert check.fix == caught.value.todo
    assert "KIT_SPARK_MASTER" in check.fix


def test_no_memory_for_a_driver_and_a_folder_that_cannot_be_written_are_errors_before_it_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spark.stop()
    with monkeypatch.context() as patched:
        patched.setattr(memory, "available", lambda: 100 << 20)
        with pytest.raises(NotEnoughMemory, match="for Spark") as short:
            spark.session()
    assert "run `kit down`" in short.value.todo
    (tmp_path / "home").write_text("no folder")
    monkeypatch.setenv("KIT_HOME", str(tmp_path / "home"))
    with pytest.raises(ServerError, match="files of Spark's driver") as caught:
        spark.session()
    assert "set KIT_HOME" in caught.value.todo


def test_a_session_that_is_there_keeps_its_settings_and_takes_those_that_can_change(session: Any) -> None:
    name = "spark.sql.shuffle.partitions"
    session.conf.set(name, "7")
    assert spark.session().conf.get(name) == "7"
    assert spark.session(config={name: "3", "spark.executor.memory": "512m"}).conf.get(name) == "3"
    for fixed in ("spark.executor.memory", "spark.sql.warehouse.dir"):
        assert "kit.spark.stop() first" in told(lambda fixed=fixed: spark.session(config={fixed: "1g"}))[2]
    assert "'many'" in told(lambda: spark.session(config={name: "many"}))[1]
    assert session.conf.get(name) == "3"
    session.conf.set(name, "2")


def test_the_master_and_the_memory_of_the_driver_are_settings_of_the_kit(session: Any) -> None:
    for name, variable in (("spark.master", "KIT_SPARK_MASTER"), ("spark.driver.memory", "KIT_SPARK_HEAP")):
        with pytest.raises(ConfigError, match=variable):  # by yarn it would wait for minutes
            spark.session(config={name: "yarn"})


def test_an_interrupted_action_ends_its_job_and_leaves_a_streaming_query_alone(session: Any) -> None:
    """As by the stop button of a notebook: the next action does not wait for the interrupted one."""
    query = session.readStream.format("rate").load().writeStream.format("noop").start()
    wait_until(lambda: query.lastProgress, timeout=60)
    tracker = session.sparkContext.statusTracker()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # as IPython has it
    threading.Thread(target=_interrupt, args=[tracker.getJobIdsForGroup]).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            session.range(10**12).selectExpr("sum(id % 7)").collect()
        threading.Thread(target=_interrupt, args=[lambda: True]).start()
        with pytest.raises(KeyboardInterrupt):
            query.awaitTermination()
    finally:
        signal.signal(signal.SIGINT, before)
    assert session.range(3).count() == 3
    done = query.lastProgress.batchId
    wait_until(lambda: query.lastProgress.batchId > done, timeout=60, what="the query to go on")
    query.stop()


def _interrupt(when: Any) -> None:
    wait_until(when, timeout=60)
    pause(1.0)  # it is in the midst of it
    os.kill(os.getpid(), signal.SIGINT)


def test_a_setting_that_spark_refuses_leaves_no_session_behind(session: Any, tmp_path: Path) -> None:
    spark.stop()
    for ask in (session.range, session.sql, session.createDataFrame):
        with pytest.raises(ServerError, match="Spark's driver to run"):
            ask({session.range: 3, session.sql: "SELECT 1"}.get(ask, [(1, 2)]))
    assert "'many'" in told(lambda: spark.session(config={"spark.sql.shuffle.partitions": "many"}))[1]
    assert [row for row in kit.status() if row.name == f"spark-{os.getpid()}"] == []
    wanted: dict[str, Any] = {
        "spark.sql.warehouse.dir": str(tmp_path),
        "spark.executor.memory": "600m",
        "spark.sql.ansi.enabled": False,
    }
    for _ in range(2):  # a cell that is run again
        assert spark.session(config=wanted).range(3).count() == 3
    spark.stop()


def test_a_session_that_pyspark_started_itself_is_not_taken_over(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert SparkSession.builder.config("spark.sql.shuffle.partitions", "3").getOrCreate() is session  # in this order
    monkeypatch.setattr(_driver, "_driver", None)
    with pytest.raises(ConfigError, match="restart the kernel"):
        spark.session()


def test_the_lab_shows_the_driver_ends_it_and_leaves_no_file_of_it(
    session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, name = settings().home, f"spark-{os.getpid()}"
    (row,) = [row for row in kit.status() if row.name == name]
    assert (row.state, row.memory > 100 << 20) == ("running", True)
    checks = {check.name: check for check in kit.doctor()}
    assert checks[name].found.startswith("running 127.0.0.1:")
    jars = [check for check in kit.doctor() if check.name == "jars"]
    assert [check.found.partition(":")[0] for check in jars] == ["kafka", "cassandra", "spark"]
    assert "pyspark 4.2.0" in checks["packages"].found
    assert "cassandra-driver" in checks["packages"].found
    with pytest.raises(ConfigError, match="a notebook") as caught:
        kit.up("spark")
    assert "kit.spark()" in caught.value.todo
    with monkeypatch.context() as patched:
        patched.setattr(memory, "available", lambda: 100 << 20)
        with pytest.raises(NotEnoughMemory, match=r"stop kit\.spark\.stop\(\) in its notebook \(\d{3} MB\)"):
            kit.up("cassandra")
    kit.down()
    assert [row.state for row in kit.status() if row.name.startswith("spark")] == ["stopped"]
    assert [path for path in home.rglob("*spark-*") if path.name != "lab.lock"] == []
    with pytest.raises(ServerError, match="it has ended"):
        session.range(3).count()
    again = spark.session()
    again.stop()  # by Spark's own means: its driver stays
    assert spark.session().range(3).count() == 3


def test_a_driver_that_was_killed_is_followed_by_a_new_one(session: Any, capfd: pytest.CaptureFixture[str]) -> None:
    query = session.readStream.format("rate").load().writeStream.format("noop").start()
    wait_until(lambda: query.lastProgress, timeout=60)
    with pytest.raises(AnalysisException) as earlier:
        session.table("nowhere")
    spark.kill()
    spark.kill()
    assert "TABLE_OR_VIEW_NOT_FOUND" in earlier.value._render_traceback_()[1]  # as a notebook shows it, afterwards
    for ask in (lambda: list(spark.progress(query)), lambda: session.range(3).count()):
        with pytest.raises(ServerError, match="Spark's driver to run"):
            ask()
    again = spark.session()
    assert again.range(3).count() == 3
    assert "Traceback" not in capfd.readouterr().err
