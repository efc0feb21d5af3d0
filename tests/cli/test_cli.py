"""The command `kit`, from outside: what it prints, how it exits, what it leaves running."""

import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from kit.servers.lab import SERVERS
from kit.servers.ports import answers
from kit.servers.process import Process
from tests.processes import Kit


def _pids(kit: Kit) -> dict[str, int]:
    servers = {name: kit.server(name) for name in kit.running()}
    return {name: server.pid for name, server in servers.items() if server is not None}


def test_up_leaves_what_runs_and_down_stops_it_and_twice_is_once(up: Kit) -> None:
    before = _pids(up)
    again = up.call("up")
    assert (again.returncode, _pids(up)) == (0, before)
    assert again.stdout.count("running") == up.call("status").stdout.count("running") == len(before)
    assert {process.pid for process in up.processes()} == set(before.values())
    for _ in range(2):
        assert (up.call("down").returncode, up.processes()) == (0, [])
    assert up.call("status").stdout.count("stopped") == len(SERVERS)


def test_brokers_are_asked_for_by_the_option_and_by_the_environment_and_join_those_that_run(up: Kit) -> None:
    before = _pids(up)
    assert up.call("up", "--brokers", "2").returncode == 0
    assert up.running() == ["feeds", "kafka-1", "kafka-2"]
    assert up.call("up", KIT_BROKERS="3").returncode == 0
    assert up.running() == ["feeds", "kafka-1", "kafka-2", "kafka-3"]
    assert _pids(up).items() >= before.items()
    assert up.call("reset", "--yes").returncode == 0  # the next test has one broker again


def test_a_server_that_was_killed_is_seen_and_started_again_and_the_others_are_left(up: Kit) -> None:
    before = _pids(up)
    psutil.Process(before["kafka-1"]).kill()
    psutil.wait_procs([psutil.Process(pid) for pid in [before["kafka-1"]] if psutil.pid_exists(pid)], timeout=10)
    assert "stopped" in up.call("status").stdout
    assert up.call("up").returncode == 0
    after = _pids(up)
    assert after.keys() == before.keys()
    assert after["feeds"] == before["feeds"]


def test_reset_asks_and_then_deletes_the_records_even_where_the_plan_is_garbled(up: Kit) -> None:
    before = _pids(up)
    unsure = up.call("reset")  # the question gets no answer
    assert (unsure.returncode, _pids(up)) == (130, before)
    (up.home / "kafka" / "cluster.json").write_text("{")
    assert "kit reset" in up.call("status").stderr
    for _ in range(2):
        assert (up.call("reset", "--yes").returncode, up.processes()) == (0, [])
        assert not (up.home / "kafka").exists()


def test_two_that_start_the_lab_at_once_share_one_set_of_servers(kit: Kit) -> None:
    both = [kit.start("up"), kit.start("up")]
    assert [one.wait(60) for one in both] == [0, 0], kit.log.read_text()
    assert kit.running() == ["feeds", "kafka-1"]
    assert len(kit.processes()) == 2


def test_a_record_whose_pid_is_another_programs_is_forgotten_and_that_program_lives(kit: Kit, broker: str) -> None:
    idle = "import threading; threading.Event().wait()"
    other = subprocess.Popen([sys.executable, "-c", idle])
    try:
        record = kit.home / "run" / "feeds.json"
        record.parent.mkdir(parents=True)
        stale = Process("feeds", other.pid, 1.0, (1,), kit.log, record, {"token": "old"})
        stale.save()
        assert kit.call("status").stdout.count("stopped") == len(SERVERS)
        assert kit.call("up", KIT_KAFKA_BOOTSTRAP_SERVERS=broker).returncode == 0
        assert kit.running() == ["feeds"]
        assert kit.call("down").returncode == 0
        stale.save()
        assert kit.call("down").returncode == 0
        assert not record.exists()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize(("feeds", "own"), [("local", ["feeds"]), ("live", [])])
def test_a_cluster_of_yours_and_live_feeds_are_used_and_left_alone(
    kit: Kit, broker: str, feeds: str, own: list[str]
) -> None:
    env = {"KIT_KAFKA_BOOTSTRAP_SERVERS": broker, "KIT_FEEDS": feeds}
    up = kit.call("up", **env)
    assert (up.returncode, kit.running()) == (0, own), up.stderr
    assert "external" in up.stdout
    assert broker in up.stdout
    assert ("Yahoo, X" in up.stdout) == (feeds == "live")
    assert kit.call("down", **env).returncode == 0
    assert answers(int(broker.rpartition(":")[2]))


@contextmanager
def _taken_port(number: int = 0) -> Iterator[int]:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", number))
        taken.listen()
        yield taken.getsockname()[1]


@pytest.mark.parametrize("variable", ["KIT_KAFKA_PORT", "KIT_FEEDS_PORT"])
def test_a_port_you_ask_for_that_is_taken_is_an_error_and_nothing_is_left(kit: Kit, variable: str) -> None:
    with _taken_port() as port:
        up = kit.call("up", **{variable: str(port)})
    assert up.returncode == 1
    assert up.stderr.startswith("PortTaken\n")
    assert str(port) in up.stderr
    assert kit.processes() == []


def test_a_stopped_lab_moves_to_the_port_you_ask_for_and_away_from_one_that_was_taken(up: Kit) -> None:
    before = up.server("kafka-1")
    assert before is not None
    assert up.call("down").returncode == 0
    with _taken_port() as port:
        assert up.call("up", KIT_KAFKA_PORT=str(port)).returncode == 1
    assert up.call("up", KIT_KAFKA_PORT=str(port)).returncode == 0
    assert f"127.0.0.1:{port}" in up.call("status").stdout
    assert up.call("down").returncode == 0
    with _taken_port(port):
        assert up.call("up").returncode == 0
    after = up.server("kafka-1")
    assert after is not None
    assert after.ports[0] not in (before.ports[0], port)


@pytest.mark.parametrize("home", ["/proc/kit", "/sys/kit", "file", "file/below"])
def test_a_state_folder_that_cannot_be_used_is_an_error_that_names_the_setting(tmp_path: Path, home: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    kit = Kit(tmp_path / home, tmp_path)
    for command in ("up", "down"):
        shown = kit.call(command)
        assert shown.returncode == 1
        assert "set KIT_HOME to a folder you can write to" in shown.stderr
        assert len(shown.stderr.splitlines()) == 4
    assert kit.call("status").returncode == 0
    assert kit.processes() == []


def test_a_full_disk_is_an_error_that_leaves_nothing_running_and_nothing_in_the_way(kit: Kit) -> None:
    # No file can grow beyond so many bytes: what a program meets is a write that fails, as on a full disk.
    for room in (0, 100, 4096):
        limit = (room, room)
        up = kit.run("up", prepare=lambda limit=limit: resource.setrlimit(resource.RLIMIT_FSIZE, limit))  # type: ignore[misc]
        assert up.returncode == 1
        name, expected, got, todo = up.stderr.splitlines()
        assert name == "ServerError"
        assert (expected[:9], got[:5], todo[:7]) == ("expected ", "got: ", "to do: ")
        assert kit.processes() == []
    up = kit.call("up")  # and with room again, it goes on
    assert up.returncode == 0, up.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KIT_BROKERS", "many"),
        ("KIT_BROKERS", "9"),
        ("KIT_KAFKA_PORT", "70000"),
        ("KIT_FEEDS", "both"),
        ("KIT_FEEDS_START", "yesterday"),
        ("KIT_FEEDS_SPEED", "0"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_with_its_value(kit: Kit, name: str, value: str) -> None:
    for command in ("up", "status", "down"):
        shown = kit.call(command, **{name: value})
        assert shown.returncode == 1
        assert shown.stderr.startswith("ConfigError\n")
        assert repr(value) in shown.stderr
        assert f"to do: change or unset the environment variable {name}" in shown.stderr


@pytest.mark.parametrize("words", [["up", "--colour"], ["fly"], ["up", "--brokers", "9"], ["reset", "--yes", "extra"]])
def test_a_wrong_command_or_option_is_named_and_exits_with_2(kit: Kit, words: list[str]) -> None:
    shown = kit.call(*words)
    assert shown.returncode == 2
    assert "Try 'kit" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_doctor_shows_each_check_in_one_line_and_nothing_is_wrong_here(kit: Kit) -> None:
    shown = kit.run("doctor")
    assert shown.returncode == 0, shown.stdout
    lines = shown.stdout.splitlines()
    assert all(line.startswith("✓ ") for line in lines)
    names = ("Python", "packages", "Java", *["jars"] * 3, "memory", "state folder", "cache folder")
    assert [line[2:].startswith(name) for line, name in zip(lines, names, strict=False)] == [True] * len(names)
    assert kit.processes() == []


def test_doctor_exits_with_1_and_shows_the_fix_in_the_same_line(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    shown = kit.call("doctor", KIT_HOME=str(tmp_path / "file"), KIT_CACHE=str(tmp_path / "empty"))
    assert shown.returncode == 1
    wrong = [line for line in shown.stdout.splitlines() if line.startswith("✗ ")]
    assert len(wrong) == 4
    assert all(line.endswith("→ run `make install` with a network connection") for line in wrong[:3])
    assert wrong[3].endswith("→ set KIT_HOME to a folder you can write to")
