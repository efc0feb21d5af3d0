"""Ctrl-C, a terminal that is closed, a polite kill: at any moment, and nothing is left behind."""

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from tests.processes import Kit
from tests.wait import wait_until

Moment = Callable[[Kit, psutil.Process], object]


def _reach(kit: Kit, command: "subprocess.Popen[bytes]", moment: str, moments: dict[str, Moment]) -> None:
    """Wait for a moment in the life of a command; its end on the way is told with what it said."""
    known = psutil.Process(command.pid)

    def reached() -> object:
        assert command.poll() is None, f"ended with {command.returncode}: {kit.log.read_text()}"
        return moments[moment](kit, known)

    wait_until(reached, timeout=45, what=moment)


_UP: dict[str, Moment] = {
    "its state folder appears": lambda kit, _: kit.home.exists(),
    "its first child appears": lambda _, process: process.children(),
    "the feeds are recorded": lambda kit, _: (kit.home / "run" / "feeds.json").exists(),
    "the cluster is planned": lambda kit, _: (kit.home / "kafka" / "cluster.json").exists(),
    "Kafka is recorded": lambda kit, _: (kit.home / "run" / "kafka-1.json").exists(),
}
_LAB: dict[str, Moment] = {
    "JupyterLab appears": lambda _, process: process.children(),
    "the feeds are recorded": lambda kit, _: (kit.home / "run" / "feeds.json").exists(),
    "Kafka is recorded": lambda kit, _: (kit.home / "run" / "kafka-1.json").exists(),
    "the page can be opened": lambda kit, _: b"/lab?token=" in kit.log.read_bytes(),
}


def _nothing_is_left(kit: Kit) -> None:
    assert kit.processes() == []
    assert list((kit.home / "run").glob("*.json")) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", _UP)
def test_up_that_is_interrupted_takes_back_what_it_started(kit: Kit, moment: str, number: int) -> None:
    up = kit.start("up")
    _reach(kit, up, moment, _UP)
    up.send_signal(number)
    assert up.wait(20) == 130
    assert kit.log.read_text() == "stopped\n"
    _nothing_is_left(kit)


def test_up_that_is_interrupted_at_once_ends_as_interrupted(kit: Kit) -> None:
    up = kit.start("up")
    up.send_signal(signal.SIGINT)
    assert up.wait(20) in (130, -signal.SIGINT)  # a shell shows 130 for both
    _nothing_is_left(kit)


def test_three_brokers_whose_start_was_interrupted_start_the_next_time(kit: Kit) -> None:
    up = kit.start("up", "--brokers", "3")
    first = kit.home / "kafka" / "broker-1" / "data" / "meta.properties"
    wait_until(first.exists, timeout=20, what="the first broker formatted")
    os.killpg(up.pid, signal.SIGINT)
    assert up.wait(20) == 130
    _nothing_is_left(kit)
    again = kit.run("up", "--brokers", "3")
    assert again.returncode == 0, again.stderr
    assert kit.running() == ["feeds", "kafka-1", "kafka-2", "kafka-3"]


def test_up_that_waits_for_another_can_be_interrupted_and_the_other_goes_on(kit: Kit) -> None:
    kit.home.mkdir()
    with FileLock(kit.home / "lab.lock") as lock:
        up = kit.start("up")
        known = psutil.Process(up.pid)
        wait_until(lambda: any("pydantic_core" in part.path for part in known.memory_maps()), what="settings read")
        up.send_signal(signal.SIGINT)
        assert up.wait(20) == 130
        assert lock.is_locked
    _nothing_is_left(kit)


@pytest.mark.parametrize(
    ("moment", "number", "by_terminal"),
    [
        ("JupyterLab appears", signal.SIGINT, True),
        ("the feeds are recorded", signal.SIGTERM, False),
        ("Kafka is recorded", signal.SIGINT, False),
        ("the page can be opened", signal.SIGINT, True),
        ("the page can be opened", signal.SIGHUP, True),
        ("the page can be opened", signal.SIGTERM, False),
    ],
)
def test_lab_that_is_interrupted_ends_jupyterlab_and_the_servers(
    kit: Kit, tmp_path: Path, moment: str, number: int, by_terminal: bool
) -> None:
    lab = kit.start("lab", "--no-browser", "--port=0", JUPYTER_RUNTIME_DIR=str(tmp_path / "runtime"))
    _reach(kit, lab, moment, _LAB)
    if by_terminal:  # tells every process of its group
        os.killpg(lab.pid, number)
    else:
        lab.send_signal(number)
    assert lab.wait(30) == 130, kit.log.read_text()
    _nothing_is_left(kit)


def test_a_second_ctrl_c_does_not_cut_the_tidying_short(kit: Kit, tmp_path: Path) -> None:
    lab = kit.start("lab", "--no-browser", "--port=0", JUPYTER_RUNTIME_DIR=str(tmp_path / "runtime"))
    _reach(kit, lab, "the page can be opened", _LAB)
    while lab.poll() is None:
        os.killpg(lab.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            lab.wait(0.2)
    assert lab.returncode == 130
    _nothing_is_left(kit)


def test_lab_leaves_the_servers_that_ran_before_it(kit: Kit, tmp_path: Path) -> None:
    assert kit.run("up").returncode == 0
    lab = kit.start("lab", "--no-browser", "--port=0", JUPYTER_RUNTIME_DIR=str(tmp_path / "runtime"))
    _reach(kit, lab, "the page can be opened", _LAB)
    lab.send_signal(signal.SIGINT)
    assert lab.wait(30) == 130
    assert kit.running() == ["feeds", "kafka-1"]
    assert "left running, as before: feeds, kafka-1" in kit.log.read_text()


def test_lab_with_a_wrong_option_of_jupyterlab_exits_as_jupyterlab_does_and_leaves_nothing(kit: Kit) -> None:
    told = kit.run("lab", "--no-browser", "--ServerApp.port=many")
    assert told.returncode not in (0, 130)
    assert "many" in told.stderr + told.stdout
    _nothing_is_left(kit)
