"""The account: what the feed says it has served is what its clients have in their hands, whatever goes wrong."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import requests

from kit.servers.feeds import FeedServer
from tests.feeds.tools import Browser, Reader, ids, rules, served
from tests.wait import wait_until

Connect = Callable[..., Reader]
BROKEN = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


class Hands:
    """What all connections of a client together have got."""

    def __init__(self, feed: FeedServer, path: str) -> None:
        self._feed, self._path = feed, path
        self.lines: list[bytes] = []
        self.broken_lines = 0
        self.reader = self._connect()

    def _connect(self) -> Reader:
        return Reader(self._feed, self._path, backfill_minutes=5)

    def go_on(self) -> None:
        """Three ticks more; and a new connection, with backfill, if the last one was cut."""
        self._feed.step(3)
        self._reconnect_if_cut()

    def settle(self) -> None:
        """Wait until all that is due has come: the feed sends keep-alives when it has nothing else to send."""

        def quiet() -> bool:
            self._reconnect_if_cut()
            return self.reader.keep_alives >= 4

        wait_until(quiet)
        self.close()

    def _reconnect_if_cut(self) -> None:
        if self.reader.end:
            self.close()
            self.reader = self._connect()

    def close(self) -> None:
        self.reader.close()
        self.lines += self.reader.lines
        self.broken_lines += self.reader.rest != b""

    def tweets(self) -> list[str]:
        return ids([line for line in self.lines if line.startswith(b'{"data":{"edit')])

    def others(self) -> Counter[str]:
        rest = [line for line in self.lines if not line.startswith(b'{"data":{"edit')]
        return Counter("disconnect" if line.startswith(b'{"errors"') else "malformed" for line in rest)


TROUBLE = [
    [("malformed", 7, 6), ("duplicate", 5, 9)],
    [("disconnect", 40, 4), ("duplicate", 11, 5)],
    [("truncate", 33, 4), ("malformed", 3, 20), ("stall", 50, 2)],
    [("operational-disconnect", 25, 3), ("truncate", 60, 2), ("duplicate", 1, 100), ("malformed", 4, 30)],
]


@pytest.mark.parametrize("path", ["sample/stream", "search/stream"])
@pytest.mark.parametrize("trouble", TROUBLE)
def test_the_account_of_a_faulty_stream_is_what_its_client_has_got(
    feed: FeedServer, path: str, trouble: list[tuple[str, int, int]]
) -> None:
    rules(feed, "the OR a OR i")
    hands = Hands(feed, path)
    for kind, every, times in trouble:
        feed.fault(kind, route="stream", every=every, times=times, seconds=0.02)
    turns = 0
    while turns < 20 or feed.state()["faults"]:
        turns += 1
        assert turns < 500
        hands.go_on()
    feed.limits(keep_alive_seconds=0.05)
    hands.settle()
    counts = served(feed)
    got = hands.tweets()
    assert counts["tweets"] == len(set(got))
    assert counts["tweets_repeated"] == len(got) - len(set(got))
    assert counts["malformed"] == hands.others()["malformed"]
    assert counts["truncated"] == hands.broken_lines
    assert len(set(got)) > 60


def test_the_account_of_two_streams_counts_a_tweet_once_and_the_second_giving_as_a_repeat(
    feed: FeedServer, connect: Connect
) -> None:
    first, second = connect(), connect()
    feed.step(50)
    wait_until(lambda: len(first.lines) == len(second.lines) == 100)
    counts = served(feed)
    assert (counts["tweets"], counts["tweets_repeated"]) == (100, 100)


def test_the_account_of_faulty_quotes_is_what_their_client_has_got(feed: FeedServer, browser: Browser) -> None:
    browser.greet()
    trouble = [("duplicate", 3), ("malformed", 5), ("status", 4), ("truncate", 7), ("disconnect", 9), ("latency", 2)]
    for kind, every in trouble:
        feed.fault(kind, route="quote", every=every, times=100, seconds=0.01)
    got: Counter[Any] = Counter()
    fates: Counter[str] = Counter()
    for turn in range(60):
        try:
            answer = browser.ask("/v7/finance/quote", symbols="JPM,BAC")
            found = answer.json()["quoteResponse"]["result"] if answer.status_code == 200 else []
            got.update((quote["symbol"], quote["regularMarketTime"]) for quote in found)
        except BROKEN:
            fates["broken"] += 1
        except ValueError:
            fates["malformed"] += 1
        if turn % 2:
            feed.step()
    counts = served(feed)
    assert counts["quotes"] == len(got)
    assert counts["quotes_repeated"] == got.total() - len(got)
    assert counts["malformed"] == fates["malformed"] > 0
    assert 0 < counts["truncated"] <= fates["broken"]


def test_a_replay_begun_again_at_the_same_origin_repeats_what_was_given(
    feed: FeedServer, browser: Browser, connect: Connect
) -> None:
    reader = connect()
    for _ in range(2):
        feed.clock(start="2008-09-15")
        feed.step(4)
        browser.quotes("JPM")
    wait_until(lambda: len(reader.lines) == 20)
    assert len(set(ids(reader.lines))) == 10
    counts = served(feed)
    assert (counts["tweets"], counts["tweets_repeated"]) == (10, 10)
    assert (counts["quotes"], counts["quotes_repeated"]) == (1, 1)


def test_a_client_that_has_gone_before_its_stream_began_was_given_nothing(feed: FeedServer) -> None:
    feed.step(50)
    feed.fault("latency", route="stream", seconds=0.3)
    token = {"Authorization": f"Bearer {feed.token.get_secret_value()}"}
    with pytest.raises(requests.Timeout):
        requests.get(
            f"{feed.url}/2/tweets/sample/stream?backfill_minutes=5", headers=token, timeout=(10.0, 0.05), stream=True
        )
    feed.fault("latency", route="stream", seconds=0.6)
    Reader(feed).close()  # it is served after the first would have been
    assert served(feed)["tweets"] == 0
