"""Ctrl-C, a terminal that is closed, a polite kill: at any moment, and nothing is left behind."""

import os
import re
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from itertools import cycle

import psutil
import pytest
import requests
from filelock import FileLock

from tests.processes import Kit
from tests.wait import wait_until

Moment = Callable[[Kit, psutil.Process], object]


def _reach(kit: Kit, command: "subprocess.Popen[bytes]", moment: str, moments: dict[str, Moment]) -> None:
    """Wait for a moment in the life of a command; if it ends before that, the test fails with its output."""
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


# Both signals have one handler: each is sent at some of the moments, both at the last.
@pytest.mark.parametrize(
    ("moment", "number"),
    [
        *zip(_UP, [signal.SIGINT, signal.SIGTERM, signal.SIGINT, signal.SIGTERM, signal.SIGINT], strict=True),
        ("Kafka is recorded", signal.SIGTERM),
    ],
)
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


@pytest.mark.parametrize("file", ["cassandra/cluster.json", "run/cassandra-1.json", "cassandra/node-1/commitlog"])
def test_cassandra_that_is_interrupted_as_it_starts_leaves_no_process_and_starts_the_next_time(
    kit: Kit, file: str
) -> None:
    up = kit.start("up", "cassandra")
    wait_until((kit.home / file).exists, timeout=60, what=file)
    up.send_signal(signal.SIGINT)
    assert up.wait(30) == 130
    _nothing_is_left(kit)
    if file.endswith("commitlog"):  # it was half made
        again = kit.call("up", "cassandra")
        assert again.returncode == 0, again.stderr
        assert kit.running() == ["cassandra-1"]


def test_brokers_whose_start_was_interrupted_start_the_next_time(kit: Kit) -> None:
    up = kit.start("up", "kafka", "--brokers", "2")
    first = kit.home / "kafka" / "broker-1" / "data" / "meta.properties"
    wait_until(first.exists, timeout=20, what="the first broker formatted")
    os.killpg(up.pid, signal.SIGINT)
    assert up.wait(20) == 130
    _nothing_is_left(kit)
    again = kit.call("up", "kafka", "--brokers", "2")
    assert again.returncode == 0, again.stderr
    assert kit.running() == ["kafka-1", "kafka-2"]


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


def _start_lab(kit: Kit) -> "subprocess.Popen[bytes]":
    return kit.start("lab", "--no-browser", "--port=0", JUPYTER_RUNTIME_DIR=str(kit.cwd / "runtime"))


def _start_kernel(kit: Kit) -> None:
    """A kernel of that JupyterLab, as a page would start it."""
    (address, token) = re.findall(r"(http://\S+?)/lab\S*\?token=(\w+)", kit.log.read_text())[0]
    answer = requests.post(f"{address}/api/kernels", params={"token": token}, json={}, timeout=20)
    assert answer.status_code == 201
    wait_until(lambda: any("ipykernel" in " ".join(one.cmdline()) for one in kit.processes()), what="a kernel")


@pytest.mark.parametrize(
    ("moment", "number", "by_terminal"),
    [
        ("JupyterLab appears", signal.SIGINT, True),
        ("the feeds are recorded", signal.SIGTERM, False),
        ("Kafka is recorded", signal.SIGINT, False),
    ],
)
def test_lab_that_is_interrupted_as_it_starts_ends_jupyterlab_and_the_servers(
    kit: Kit, moment: str, number: int, by_terminal: bool
) -> None:
    lab = _start_lab(kit)
    _reach(kit, lab, moment, _LAB)
    if by_terminal:  # tells every process of its group
        os.killpg(lab.pid, number)
    else:
        lab.send_signal(number)
    assert lab.wait(30) == 130, kit.log.read_text()
    _nothing_is_left(kit)


def test_a_closed_terminal_ends_the_kernels_too_and_more_signals_do_not_cut_the_tidying_short(kit: Kit) -> None:
    lab = _start_lab(kit)
    _reach(kit, lab, "the page can be opened", _LAB)
    _start_kernel(kit)
    for number in cycle((signal.SIGHUP, signal.SIGINT)):
        os.killpg(lab.pid, number)
        with suppress(subprocess.TimeoutExpired):
            lab.wait(0.2)
            break
    assert lab.returncode == 130
    # The second signal may end JupyterLab before it has ended its kernels: a kernel sees that once a second, and ends.
    wait_until(lambda: kit.processes() == [], timeout=10, what="the end of the kernel")
    _nothing_is_left(kit)


def test_lab_leaves_the_servers_that_ran_before_it(up: Kit) -> None:
    before = up.running()
    lab = _start_lab(up)
    _reach(up, lab, "JupyterLab appears", _LAB)
    lab.send_signal(signal.SIGTERM)
    assert lab.wait(30) == 130
    assert up.running() == before
    assert f"left running, as before: {', '.join(before)}" in up.log.read_text()


def test_lab_with_a_wrong_option_of_jupyterlab_exits_as_jupyterlab_does_and_leaves_nothing(
    kit: Kit, capfd: pytest.CaptureFixture[str]
) -> None:
    external = {"KIT_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "KIT_FEEDS": "live"}  # nothing to start beside JupyterLab
    assert kit.call("lab", "--no-browser", "--ServerApp.port=many", **external).returncode not in (0, 130)
    assert "many" in "".join(capfd.readouterr())
    _nothing_is_left(kit)
