"""The shape that all servers have, shown by the example in CONTRIBUTING, and what status says of one that hangs."""

import re
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from kit.errors import ConfigError, PortTaken, ServerError
from kit.servers import server
from kit.servers.ports import answers
from kit.servers.server import External, ServerStatus

# The example of a server, as CONTRIBUTING has it.
_TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text("utf-8")
_EXAMPLE: dict[str, Any] = {}
exec(re.findall(r"`kit/servers/web.py`:\n\n```python\n(.*?)```", _TEXT, re.DOTALL)[0], _EXAMPLE)
Web: Any = _EXAMPLE["Web"]


def test_start_stop_and_status_come_with_the_shape(tmp_path: Path) -> None:
    with Web(tmp_path) as web:
        (row,) = web.status()
        (process,) = web.processes
        assert (row.name, row.state, row.pid) == ("web", "running", process.pid)
        assert row.address == f"127.0.0.1:{process.ports[0]}"
        assert row.memory > 1_000_000
        assert row.log == tmp_path / "log" / "web.log"
        assert web.start().processes == [process]  # a second start changes nothing
        assert Web(tmp_path).running  # another object on the same folder
        assert repr(web) == f"Web(on {process.ports[0]})"
    assert not answers(process.ports[0])
    assert web.status() == [ServerStatus("web", "stopped")]
    web.stop()  # twice is once


def test_a_server_that_hangs_is_silent_and_a_start_names_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_SILENCE_SECONDS", 0.3)
    monkeypatch.setattr(Web, "answers", lambda *_: not hangs)
    hangs = False
    with Web(tmp_path) as web:
        (process,) = web.processes
        hangs = True
        assert [row.state for row in web.status()] == ["silent"]
        with pytest.raises(ServerError, match="did not answer") as caught:
            web.start()
        assert str(process.log) in caught.value.todo
        assert process.alive


def test_a_server_that_ignores_a_polite_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Web, "seconds_to_stop", 0.2)
    with Web(tmp_path) as web:
        (process,) = web.processes
        process.signal(signal.SIGSTOP)  # it gets no SIGTERM any more
        web.stop()
        assert not process.alive
        assert not process.record.exists()


def test_an_external_server_starts_nothing_and_names_its_setting(tmp_path: Path) -> None:
    external = External("web", "example:80", setting="KIT_WEB")
    with external:
        assert external.running
        assert external.status() == [ServerStatus("web", "external", "example:80")]
        with pytest.raises(ConfigError, match="KIT_WEB: example:80") as caught:
            external.kill(1)
        assert caught.value.todo == "unset KIT_WEB and run `kit up`: the lab then starts its own web"
    assert repr(external) == "External(web, example:80)"


def test_a_port_that_another_program_took_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = int(other.getsockname()[1])
        monkeypatch.setitem(_EXAMPLE, "choose_port", lambda *_, **__: taken)
        with pytest.raises(PortTaken, match="Address already in use"):
            Web(tmp_path).start()
        assert Web(tmp_path).status() == [ServerStatus("web", "stopped")]
