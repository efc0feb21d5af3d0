"""``python -m kit.prepare``: beside a lab that runs, and interrupted."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from kit import prepare
from kit.config import settings
from kit.errors import JarError
from kit.servers import lab
from tests.processes import signals_as_in_a_terminal
from tests.wait import wait_until


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache with all jars, and no archive. Afterwards nothing runs that has it in its environment."""
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "jars").symlink_to(settings().cache / "jars")
    monkeypatch.setenv("KIT_CACHE", str(cache))
    monkeypatch.setenv("KIT_HOME", str(tmp_path / "home"))
    yield cache
    for left in _at_work(cache):
        left.kill()


def _at_work(cache: Path) -> list[psutil.Process]:
    """The processes that have this cache in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("KIT_CACHE") == str(cache) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if process.pid != os.getpid()]


def _trains(cache: Path, main_class: str) -> bool:
    words = []
    for process in _at_work(cache):
        with suppress(psutil.Error):  # it has just ended
            words += process.cmdline()
    return main_class in words and any(word.startswith("-XX:ArchiveClassesAtExit") for word in words)


def test_the_archives_are_made_beside_the_lab_and_its_end_leaves_nothing(cache: Path) -> None:
    with prepare.beside():
        wait_until(lambda: _trains(cache, "kafka.Kafka"), timeout=60, what="a broker in training")
        assert {process.nice() for process in _at_work(cache)} == {19}
    assert _at_work(cache) == []
    assert list((cache / "archives").glob("kafka*.jsa")) == []


@pytest.mark.parametrize(
    ("name", "known"), [("kit.servers.memory.available", lambda: 1 << 30), ("kit.servers.lab.prepared", lambda: True)]
)
def test_nothing_is_started_where_memory_is_short_or_the_archives_are_there(
    cache: Path, monkeypatch: pytest.MonkeyPatch, name: str, known: object
) -> None:
    monkeypatch.setattr(name, known)
    with prepare.beside():
        assert _at_work(cache) == []


def test_an_interrupt_while_spark_is_trained_leaves_nothing(cache: Path) -> None:
    code = "from kit import prepare as p\np.stop_at_the_first()\np.lab.servers()['spark'].prepare()"
    training = subprocess.Popen(
        [sys.executable, "-c", code],
        stderr=subprocess.DEVNULL,
        preexec_fn=signals_as_in_a_terminal,  # noqa: PLW1509
    )
    try:
        wait_until(lambda: _trains(cache, "org.apache.spark.deploy.SparkSubmit"), timeout=90, what="a driver")
        training.send_signal(signal.SIGINT)
        training.wait(60)
    finally:
        training.kill()
        training.wait()
    wait_until(lambda: _at_work(cache) == [], timeout=5, what="nothing at work")
    assert list((cache / "archives").glob("spark*")) == []


def test_a_damaged_jar_that_cannot_be_had_is_for_the_log_and_not_for_the_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise JarError("the jars of kafka from the Maven repository", got="no answer", todo="check the network")

    monkeypatch.setattr("kit.servers.jars.classpath", refuse)
    assert not lab.prepared()
