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

from kit.servers.ports import answers
from kit.servers.process import Process
from tests.processes import Kit


def test_up_starts_the_servers_once_and_down_stops_them(kit: Kit) -> None:
    first = kit.run("up")
    assert first.returncode == 0, first.stderr
    assert kit.running() == ["feeds", "kafka-1"]
    pids = {process.pid for process in kit.processes()}
    again = kit.run("up")
    assert again.returncode == 0, again.stderr
    assert {process.pid for process in kit.processes()} == pids
    assert again.stdout.count("running") == 2
    assert kit.run("status").stdout.count("running") == 2
    down = kit.run("down")
    assert (down.returncode, kit.processes()) == (0, [])
    assert kit.run("down").returncode == 0  # twice is once
    assert kit.run("status").stdout.count("stopped") == 2


def test_two_that_start_the_lab_at_once_share_one_set_of_servers(kit: Kit) -> None:
    both = [kit.start("up"), kit.start("up")]
    assert [one.wait(60) for one in both] == [0, 0], kit.log.read_text()
    assert kit.running() == ["feeds", "kafka-1"]
    assert len(kit.processes()) == 2


def test_three_brokers_are_asked_for_by_the_environment_or_by_the_option(kit: Kit) -> None:
    up = kit.run("up", "--brokers", "2")
    assert up.returncode == 0, up.stderr
    assert kit.running() == ["feeds", "kafka-1", "kafka-2"]
    up = kit.run("up", KIT_BROKERS="3")  # one more joins, the others are left as they are
    assert up.returncode == 0, up.stderr
    assert kit.running() == ["feeds", "kafka-1", "kafka-2", "kafka-3"]


def test_a_server_that_was_killed_is_seen_and_started_again(kit: Kit) -> None:
    assert kit.run("up").returncode == 0
    kafka, feeds = kit.server("kafka-1"), kit.server("feeds")
    assert kafka
    assert feeds
    psutil.Process(kafka.pid).kill()
    psutil.wait_procs([psutil.Process(pid) for pid in [kafka.pid] if psutil.pid_exists(pid)], timeout=10)
    assert "stopped" in kit.run("status").stdout
    assert kit.run("up").returncode == 0
    assert kit.running() == ["feeds", "kafka-1"]
    assert (again := kit.server("feeds")) is not None
    assert again.pid == feeds.pid


def test_a_record_whose_pid_is_somebody_elses_is_forgotten_and_he_lives(kit: Kit) -> None:
    idle = "import threading; threading.Event().wait()"
    somebody = subprocess.Popen([sys.executable, "-c", idle])
    try:
        record = kit.home / "run" / "feeds.json"
        record.parent.mkdir(parents=True)
        Process("feeds", somebody.pid, 1.0, (1,), kit.log, record, {"token": "old"}).save()
        assert kit.run("status").stdout.count("stopped") == 2
        assert kit.run("up").returncode == 0
        assert kit.running() == ["feeds", "kafka-1"]
        assert kit.run("down").returncode == 0
        Process("feeds", somebody.pid, 1.0, (1,), kit.log, record, {"token": "old"}).save()
        assert kit.run("down").returncode == 0
        assert not record.exists()
        assert somebody.poll() is None
    finally:
        somebody.kill()
        somebody.wait()


def test_a_cluster_of_yours_is_used_and_left_alone(kit: Kit, broker: str) -> None:
    up = kit.run("up", KIT_KAFKA_BOOTSTRAP_SERVERS=broker)
    assert up.returncode == 0, up.stderr
    assert "external" in up.stdout
    assert broker in up.stdout
    assert kit.running() == ["feeds"]
    assert kit.run("down", KIT_KAFKA_BOOTSTRAP_SERVERS=broker).returncode == 0
    assert answers(int(broker.rpartition(":")[2]))


def test_live_feeds_start_no_feeds(kit: Kit, broker: str) -> None:
    up = kit.run("up", KIT_FEEDS="live", KIT_KAFKA_BOOTSTRAP_SERVERS=broker)
    assert (up.returncode, kit.running()) == (0, [])
    assert "live" in up.stdout


@contextmanager
def _taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


@pytest.mark.parametrize("variable", ["KIT_KAFKA_PORT", "KIT_FEEDS_PORT"])
def test_a_port_you_ask_for_that_is_taken_is_an_error_and_nothing_is_left(kit: Kit, variable: str) -> None:
    with _taken_port() as port:
        up = kit.run("up", **{variable: str(port)})
    assert up.returncode == 1
    assert up.stderr.startswith("PortTaken\n")
    assert str(port) in up.stderr
    assert kit.processes() == []


def test_a_stopped_lab_moves_to_the_port_you_ask_for_and_away_from_one_that_was_taken(kit: Kit) -> None:
    assert kit.run("up").returncode == 0
    assert (before := kit.server("kafka-1")) is not None
    assert kit.run("down").returncode == 0
    with _taken_port() as port:
        assert kit.run("up", KIT_KAFKA_PORT=str(port)).returncode == 1
    assert kit.run("up", KIT_KAFKA_PORT=str(port)).returncode == 0
    assert f"127.0.0.1:{port}" in kit.run("status").stdout
    assert kit.run("down").returncode == 0
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert kit.run("up").returncode == 0
    assert (after := kit.server("kafka-1")) is not None
    assert after.ports != before.ports


@pytest.mark.parametrize("home", ["/proc/kit", "/sys/kit", "file", "file/below"])
def test_a_state_folder_that_cannot_be_is_an_error_that_says_what_to_set(tmp_path: Path, home: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    kit = Kit(tmp_path / home, tmp_path)
    for command in ("up", "down"):
        told = kit.run(command)
        assert told.returncode == 1
        assert "to do: set KIT_HOME to another folder" in told.stderr
        assert len(told.stderr.splitlines()) == 4
    assert kit.run("status").returncode == 0
    assert kit.processes() == []


@pytest.mark.parametrize("room", [0, 100, 4096])
def test_a_full_disk_is_an_error_and_nothing_is_left_running(kit: Kit, room: int) -> None:
    # No file can grow beyond so many bytes: what a program meets is a write that fails, as on a full disk.
    up = kit.run("up", prepare=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)))
    assert up.returncode == 1
    name, expected, got, todo = up.stderr.splitlines()
    assert name == "ServerError"
    assert (expected[:9], got[:5], todo[:7]) == ("expected ", "got: ", "to do: ")
    assert kit.processes() == []
    up = kit.run("up")  # and with room again, it goes on
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
        told = kit.run(command, **{name: value})
        assert told.returncode == 1
        assert told.stderr.startswith("ConfigError\n")
        assert repr(value) in told.stderr
        assert f"to do: change or unset the environment variable {name}" in told.stderr


@pytest.mark.parametrize("words", [["up", "--colour"], ["fly"], ["up", "--brokers", "9"], ["reset", "--yes", "extra"]])
def test_a_wrong_command_or_option_is_named_and_exits_with_2(kit: Kit, words: list[str]) -> None:
    told = kit.run(*words)
    assert told.returncode == 2
    assert "Try 'kit" in told.stderr
    assert "Traceback" not in told.stderr


def test_reset_deletes_the_records_but_only_when_it_is_meant(kit: Kit) -> None:
    assert kit.run("up").returncode == 0
    unsure = kit.run("reset")  # nobody answers the question
    assert unsure.returncode == 130
    assert kit.running() == ["feeds", "kafka-1"]
    assert kit.run("reset", "--yes").returncode == 0
    assert kit.processes() == []
    assert not (kit.home / "kafka").exists()
    assert kit.run("reset", "--yes").returncode == 0


def test_a_lost_or_garbled_plan_does_not_keep_reset_from_stopping_the_brokers(kit: Kit) -> None:
    assert kit.run("up").returncode == 0
    (kit.home / "kafka" / "cluster.json").write_text("{")
    assert "kit reset" in kit.run("status").stderr
    assert kit.run("reset", "--yes").returncode == 0
    assert kit.processes() == []
    assert kit.run("up").returncode == 0


def test_doctor_says_each_check_in_one_line_and_nothing_is_wrong_here(kit: Kit) -> None:
    told = kit.run("doctor")
    assert told.returncode == 0, told.stdout
    lines = told.stdout.splitlines()
    assert all(line.startswith("✓ ") for line in lines)
    names = ("Python", "packages", "Java", "jars", "class archive", "memory", "state folder", "cache folder")
    assert [line[2:].startswith(name) for line, name in zip(lines, names, strict=False)] == [True] * len(names)
    assert kit.processes() == []


def test_doctor_exits_with_1_and_says_the_fix_in_the_same_line(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    told = kit.run("doctor", KIT_HOME=str(tmp_path / "file"), KIT_CACHE=str(tmp_path / "empty"))
    assert told.returncode == 1
    wrong = [line for line in told.stdout.splitlines() if line.startswith("✗ ")]
    assert len(wrong) == 2
    assert wrong[0].endswith("→ run `make install` with a network connection")
    assert wrong[1].endswith("→ set KIT_HOME to a folder you can write to")
