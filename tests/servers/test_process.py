"""Starting, waiting for, finding again and stopping one server process."""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from kit.errors import NotEnoughMemory, PortTaken, ServerError
from kit.servers.ports import answers, choose_port
from kit.servers.process import Process, end, launch, undone_on_error

_SERVE = """
import http.server, sys
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def _server(home: Path) -> Process:
    port = choose_port()
    process = launch("web", [sys.executable, "-c", _SERVE, str(port)], home=home, ports=[port])
    process.wait_ready(lambda: answers(port), timeout=10)
    return process


def test_a_server_is_found_again_by_its_record_and_stopped(tmp_path: Path) -> None:
    started = _server(tmp_path)
    found = Process.load(tmp_path, "web")
    assert found is not None
    assert (found.pid, found.ports, found.alive) == (started.pid, started.ports, True)
    assert found.memory() > 1_000_000
    end([found])
    end([found])  # twice is once
    assert not started.alive
    assert Process.load(tmp_path, "web") is None


def test_a_server_that_ends_is_reported_with_its_last_log_lines(tmp_path: Path) -> None:
    process = launch("bad", [sys.executable, "-c", "print('starting'); raise SystemError('no flux')"], home=tmp_path)
    with pytest.raises(ServerError, match="ended after") as caught:
        process.wait_ready(lambda: False, timeout=20)
    assert "SystemError: no flux" in caught.value.got
    assert f"the whole log is {process.log}" in caught.value.todo
    assert len(str(caught.value).splitlines()) <= 4
    assert Process.load(tmp_path, "bad") is None


def test_a_java_server_that_runs_out_of_memory_gives_an_error_that_shows_how_to_give_it_more(tmp_path: Path) -> None:
    burst = "print('Terminating due to java.lang.OutOfMemoryError: Java heap space'); raise SystemExit(3)"
    notes = {"more heap": "set KIT_WEB_HEAP=256"}
    process = launch("web", [sys.executable, "-c", burst], home=tmp_path, notes=notes)
    with pytest.raises(NotEnoughMemory, match="Java heap space") as caught:
        process.wait_ready(lambda: False, timeout=20)
    assert caught.value.todo.startswith("set KIT_WEB_HEAP=256, or run `kit reset`")


def test_a_server_that_stays_silent_is_stopped_at_the_deadline(tmp_path: Path) -> None:
    process = launch("mute", [sys.executable, "-c", "import threading; threading.Event().wait()"], home=tmp_path)
    with pytest.raises(ServerError, match="still did not answer"):
        process.wait_ready(lambda: False, timeout=0.3)
    assert not psutil.pid_exists(process.pid)


def test_an_interrupt_while_waiting_kills_what_was_launched(tmp_path: Path) -> None:
    def interrupt() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), undone_on_error() as launched:  # noqa: PT012
        launched.append(launch("web", [sys.executable, "-c", _SERVE, str(choose_port())], home=tmp_path))
        launched[0].wait_ready(interrupt)
    assert not launched[0].alive
    assert Process.load(tmp_path, "web") is None


def test_a_pid_that_now_belongs_to_another_program_is_never_touched(tmp_path: Path) -> None:
    started = _server(tmp_path)
    # The same pid, begun at another time, or since another start of the machine: what a stale record looks like.
    at, _, boot = started.born.partition("@")
    for born in (f"{float(at) - 0.01}@{boot}", f"{at}@another-boot"):
        replace(started, born=born).save()
        found = Process.load(tmp_path, "web")
        assert found is not None
        assert not found.alive
        end([found])
        assert started.alive
    end([started])


@pytest.mark.parametrize("step", [-86_400, -3, 3, 86_400])
def test_a_wall_clock_that_jumps_does_not_hide_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    started = _server(tmp_path)
    boot = psutil.boot_time()
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: boot + step)
    monkeypatch.setattr("psutil.boot_time", lambda: boot + step)
    monkeypatch.setattr("time.time", lambda now=time.time: now() + step)
    found = Process.load(tmp_path, "web")
    assert found is not None
    assert found.alive
    end([found])
    assert not answers(started.ports[0])


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', "null"])
def test_a_record_that_cannot_be_read_counts_as_missing(tmp_path: Path, content: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "web.json").write_text(content)
    assert Process.load(tmp_path, "web") is None


def test_only_its_owner_can_read_a_record(tmp_path: Path) -> None:
    process = launch("idle", [sys.executable, "-c", "input()"], home=tmp_path, notes={"token": "s3cret"})
    assert process.record.stat().st_mode & 0o077 == 0
    assert json.loads(process.record.read_text())["notes"] == {"token": "s3cret"}
    assert "s3cret" not in repr(process)
    end([process])


def test_a_state_folder_that_cannot_be_written_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ServerError, match="KIT_HOME"):
        launch("web", [sys.executable, "-c", ""], home=tmp_path / "file" / "home")


def test_a_program_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="no-such-program"):
        launch("web", [tmp_path / "no-such-program"], home=tmp_path)


def test_a_taken_port_is_avoided_or_refused(tmp_path: Path) -> None:
    process = _server(tmp_path)
    (port,) = process.ports
    assert choose_port(port) != port
    with pytest.raises(PortTaken, match=str(port)):
        choose_port(port, must=True)
    end([process])
    assert choose_port(port) == port
