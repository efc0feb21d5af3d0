"""One feeds server for all of these tests: each starts with clock, counts, faults, rules and limits as at the start."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kit.servers.feeds import FeedServer
from tests.sources.tools import ScriptedServer
from tests.wait import wait_until


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FeedServer]:
    home = tmp_path_factory.mktemp("feeds")
    with FeedServer(home, start="2008-09-15", origin="2026-01-05T14:30:00Z", paused=True) as server:
        yield server


@pytest.fixture
def feed(_server: FeedServer) -> Iterator[FeedServer]:
    """As the fixture of all rooms, but started once and reset for each test."""
    _server.reset()
    yield _server
    wait_until(lambda: _server.state()["served"]["streams_open"] == 0, what="no stream left open")


@pytest.fixture
def scripted() -> Iterator[Callable[..., ScriptedServer]]:
    """Makes servers that answer as the test says; closes them in the end."""
    made: list[ScriptedServer] = []

    def make(*answers: Any) -> ScriptedServer:
        made.append(ScriptedServer(answers))
        return made[-1]

    yield make
    for server in made:
        server.close()
