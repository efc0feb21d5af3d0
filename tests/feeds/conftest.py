"""One feeds server for all of these tests: each starts with clock, counts, faults, rules and limits as at the start."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kit.servers.feeds import FeedServer
from tests.feeds.tools import ORIGIN_TEXT, Browser, Reader, Witness, streams_open
from tests.wait import wait_until


def _started(home: Path) -> FeedServer:
    return FeedServer(home, start="2008-09-15", origin=ORIGIN_TEXT, paused=True)


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FeedServer]:
    with _started(tmp_path_factory.mktemp("feeds")) as server:
        yield server


@pytest.fixture(scope="session")
def _other_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FeedServer]:
    with _started(tmp_path_factory.mktemp("other-feeds")) as server:
        yield server


@pytest.fixture
def feed(_server: FeedServer) -> Iterator[FeedServer]:
    """As the fixture of all rooms, but started once and reset for each test."""
    _server.reset()
    yield _server
    wait_until(lambda: streams_open(_server) == 0, what="no stream left open")


@pytest.fixture
def other(_other_server: FeedServer) -> FeedServer:
    """Another server, with the same start and the same origin."""
    _other_server.reset()
    return _other_server


@pytest.fixture
def browser(feed: FeedServer) -> Iterator[Browser]:
    with Browser(feed.url) as browser:
        yield browser


@pytest.fixture
def connect(feed: FeedServer) -> Iterator[Callable[..., Reader]]:
    """Opens streams; closes what the test leaves open."""
    opened: list[Reader] = []

    def connect(path: str = "sample/stream", **parameters: Any) -> Reader:
        opened.append(Reader(feed, path, **parameters))
        return opened[-1]

    yield connect
    for reader in opened:
        reader.close()


@pytest.fixture
def witness(feed: FeedServer) -> Iterator[Callable[..., Witness]]:
    """Makes tweepy's own clients of the feed; disconnects them in the end."""
    made: list[Witness] = []

    def make(**options: Any) -> Witness:
        made.append(Witness(feed, **options))
        return made[-1]

    yield make
    for client in made:
        client.stop()
