"""The program ``python -m kit.feeds``: what it refuses to start with, where it listens, how it ends."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Self

import psutil
import pytest
import requests

from kit.feeds import __main__ as program
from tests.feeds.tools import TIMEOUT
from tests.wait import wait_until

TOKEN = "open sesame"


class Program:
    """The running program, and the address it printed."""

    def __init__(self, *arguments: str) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "kit.feeds", "--port", "0", *arguments],
            env={**os.environ, "KIT_FEEDS_TOKEN": TOKEN},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.popen.stdout is not None
        first_line = re.fullmatch(r"listening on (http://127\.0\.0\.1:(\d+))\n", self.popen.stdout.readline())
        assert first_line is not None
        self.url, self.port = first_line[1], int(first_line[2])

    def stream(self) -> HTTPConnection:
        """A connection with an open sample stream, of which the first bytes have come."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        connection.request("GET", "/2/tweets/sample/stream", headers={"Authorization": f"Bearer {TOKEN}"})
        self.response = connection.getresponse()
        assert self.response.read1(2) == b"\r\n"
        return connection

    def end(self, number: int) -> tuple[int, str, str]:
        """What is left after a signal to end: exit code, output, errors."""
        self.popen.send_signal(number)
        out, err = self.popen.communicate(timeout=5.0)
        return self.popen.returncode, out, err

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.communicate()


@pytest.fixture
def running() -> Iterator[Program]:
    """For a test that ends it."""
    with Program("--paused") as started:
        yield started


@pytest.fixture(scope="module")
def shared() -> Iterator[Program]:
    """For the tests that let it run."""
    with Program("--paused") as started:
        yield started


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_streams_open_and_they_end_properly(running: Program, number: int) -> None:
    connection = running.stream()
    code, out, err = running.end(number)
    assert code in (0, -number)
    assert TOKEN not in out + err
    assert running.response.read() == b""  # a proper end: not IncompleteRead
    connection.close()
    assert "Traceback" not in err
    assert "Cancel" not in err  # nothing had to be cut down


def test_a_signal_ends_it_though_a_stream_is_stalled_or_not_read(running: Program) -> None:
    stalled = running.stream()
    fault = {"kind": "stall", "route": "stream", "seconds": 120}
    requests.post(f"{running.url}/control/faults", json=fault, timeout=TIMEOUT)
    requests.post(f"{running.url}/control/step", json={"ticks": 1}, timeout=TIMEOUT)
    wait_until(lambda: not requests.get(f"{running.url}/control/status", timeout=TIMEOUT).json()["faults"])
    unread = running.stream()
    requests.post(f"{running.url}/control/step", json={"ticks": 100_000}, timeout=TIMEOUT)
    code, _, _ = running.end(signal.SIGTERM)
    assert code in (0, -signal.SIGTERM)
    for connection in (stalled, unread):
        connection.close()


def test_a_port_that_is_taken_is_an_error_that_names_it(shared: Program) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "kit.feeds", "--port", str(shared.port)],
        env={**os.environ, "KIT_FEEDS_TOKEN": TOKEN},
        capture_output=True,
        text=True,
        timeout=20.0,
        check=False,
    )
    assert second.returncode != 0
    assert second.stdout == ""
    assert "ddress already in use" in second.stderr
    assert "Traceback" not in second.stderr
    assert requests.get(f"{shared.url}/control/status", timeout=TIMEOUT).ok


def test_it_listens_on_this_machine_only(shared: Program) -> None:
    sockets = psutil.Process(shared.popen.pid).net_connections()
    assert [one.laddr for one in sockets if one.status == psutil.CONN_LISTEN] == [("127.0.0.1", shared.port)]


def test_its_token_is_the_one_of_the_environment(shared: Program) -> None:
    path = f"{shared.url}/2/tweets/search/stream/rules"
    answers = [
        requests.get(path, headers={"Authorization": f"Bearer {word}"}, timeout=TIMEOUT) for word in (TOKEN, "x")
    ]
    assert [answer.status_code for answer in answers] == [200, 401]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--start", "2008-09-13"], "start must be a trading day, not '2008-09-13'; the nearest are 2008-09-12"),
        (["--start", "soon"], "start must be a trading day"),
        (["--speed", "0"], "speed must be above 0"),
        (["--speed", "nan"], "speed must be above 0"),
        (["--speed", "fast"], "invalid float value"),
        (["--origin", "yesterday"], "expected a time such as 2026-01-05T14:30:00Z, not 'yesterday'"),
        (["--origin", "2008-09-15"], "origin must be from 2010-11-04"),
        (["--port", "70000"], "--port must be 0 to 65535, not 70000"),
        (["--port", "-1"], "--port must be 0 to 65535"),
        (["--days", "3"], "unrecognized arguments"),
    ],
)
def test_an_argument_that_cannot_be_is_refused_with_what_could(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], why: str
) -> None:
    monkeypatch.setenv("KIT_FEEDS_TOKEN", TOKEN)
    monkeypatch.setattr(sys, "argv", ["kit.feeds", *arguments])
    with pytest.raises(SystemExit) as left:
        program.main()
    assert left.value.code == 2
    assert why in capsys.readouterr().err


@pytest.mark.parametrize("token", [None, ""])
def test_without_a_token_it_does_not_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], token: str | None
) -> None:
    monkeypatch.delenv("KIT_FEEDS_TOKEN", raising=False)
    if token is not None:
        monkeypatch.setenv("KIT_FEEDS_TOKEN", token)
    monkeypatch.setattr(sys, "argv", ["kit.feeds"])
    with pytest.raises(SystemExit) as left:
        program.main()
    assert left.value.code == 2
    assert "expected a bearer token in KIT_FEEDS_TOKEN; got none" in capsys.readouterr().err


def test_an_origin_without_a_zone_is_utc() -> None:
    assert program._instant("2026-01-05T14:30:00") == program._instant("2026-01-05T14:30:00Z") == 1_767_623_400
