"""One feeds server for all of these tests: each starts with clock, counts, faults, rules and limits as at the start."""

from collections.abc import Iterator

import pytest

from kit.servers.feeds import FeedServer


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FeedServer]:
    home = tmp_path_factory.mktemp("feeds")
    with FeedServer(home, start="2008-09-15", origin="2026-01-05T14:30:00Z", paused=True) as server:
        yield server


@pytest.fixture
def feed(_server: FeedServer) -> FeedServer:
    """As the fixture of all rooms, but started once and reset for each test."""
    _server.reset()
    return _server
