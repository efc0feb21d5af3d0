"""X's side: streams that drop out and come back, replays begun again, readers that are too slow."""

import json
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from kit.servers.feeds import FeedServer
from tests.feeds.tools import TIMEOUT, Reader, Witness, served, streams_open, texts
from tests.wait import wait_until

Make = Callable[..., Witness]
Connect = Callable[..., Reader]


# ---- dropping out and coming back -------------------------------------------------------------------------------


def test_backfill_gives_the_last_minutes_of_the_replay_once_more(feed: FeedServer, witness: Make) -> None:
    feed.step(100)
    client = witness().open(backfill_minutes=1)
    wait_until(lambda: len(client.tweets) == 120)  # 60 s of the replay: 60 ticks
    assert [tweet.text for tweet in client.tweets] == texts()[82:202]
    feed.step()
    wait_until(lambda: len(client.tweets) == 122)


def test_backfill_goes_no_further_back_than_the_replay(feed: FeedServer, connect: Connect) -> None:
    feed.step(9)
    reader = connect(backfill_minutes=5)
    wait_until(lambda: len(reader.lines) == 20)
    assert [json.loads(line)["data"]["text"] for line in reader.lines] == texts()[:20]


@pytest.mark.parametrize("minutes", ["6", "-1", "many", "1.5"])
def test_a_backfill_that_x_does_not_give_is_refused(connect: Connect, minutes: str) -> None:
    refused = connect(backfill_minutes=minutes)
    assert (refused.status, refused.body["title"]) == (400, "Invalid Request")
    assert f"[{minutes}] is not between 0 and 5" in refused.body["detail"]


def test_tweepy_gets_an_operational_disconnect_in_the_stream(feed: FeedServer, witness: Make) -> None:
    client = witness().open()
    feed.fault("operational-disconnect", route="stream", after=1)
    feed.step()
    client.thread.join(TIMEOUT)
    (problem,) = client.problems
    assert (problem["title"], problem["disconnect_type"]) == ("operational-disconnect", "OperationalDisconnect")
    assert (len(client.tweets), client.closed, client.broken) == (1, 1, 0)


def test_tweepy_reconnects_by_itself_after_a_broken_line_and_misses_nothing_with_backfill(
    feed: FeedServer, witness: Make
) -> None:
    feed.step(4)
    client = witness(once=False).open(backfill_minutes=5)
    wait_until(lambda: len(client.tweets) == 10)
    feed.fault("disconnect", route="stream", after=3)
    feed.step(3)
    wait_until(lambda: client.connects == 2 and len(client.tweets) == 10 + 3 + 16)
    assert client.broken == 1
    assert len({tweet.id for tweet in client.tweets}) == 16
    counts = served(feed)
    assert (counts["tweets"], counts["tweets_repeated"]) == (16, 13)


def test_a_rewind_gives_an_open_stream_the_same_tweets_once_more_even_from_tick_0(
    feed: FeedServer, connect: Connect
) -> None:
    reader = connect()
    feed.rewind()
    wait_until(lambda: len(reader.lines) == 2)
    feed.step(4)
    wait_until(lambda: len(reader.lines) == 10)
    feed.rewind()
    feed.step(4)
    wait_until(lambda: len(reader.lines) == 20)
    assert reader.lines[:10] == reader.lines[10:]
    counts = served(feed)
    assert (counts["tweets"], counts["tweets_repeated"]) == (10, 10)


def test_another_server_with_the_same_start_gives_the_same_tweets_byte_by_byte_at_any_speed(
    feed: FeedServer, connect: Connect, other: FeedServer
) -> None:
    asked: dict[str, Any] = {"tweet.fields": "created_at,lang", "expansions": "author_id"}
    fast = Reader(other, **asked)
    other.clock(paused=False, speed=2000.0)
    wait_until(lambda: len(fast.lines) >= 2000)
    other.clock(paused=True)
    fast.close()
    slow = connect(**asked)
    feed.step(700)
    feed.step(300)
    wait_until(lambda: len(slow.lines) == 2000)
    assert slow.lines == fast.lines[:2000]


# ---- slow readers -----------------------------------------------------------------------------------------------


def test_a_reader_that_does_not_read_costs_no_memory_and_misses_nothing(feed: FeedServer, connect: Connect) -> None:
    (process,) = feed.processes
    server = psutil.Process(process.pid)
    slow, quick = connect("sample/stream", read=False), connect()
    before = server.memory_info().rss
    feed.step(50_000)  # 100,000 tweets, about 20 MB
    wait_until(lambda: len(quick.lines) == 100_000, timeout=30.0, what="the quick reader to be served")
    assert server.memory_info().rss - before < 8 << 20
    assert streams_open(feed) == 2
    slow.start()
    wait_until(lambda: len(slow.lines) >= 1000, what="the slow reader to be served")
    assert slow.lines[:1000] == quick.lines[:1000]
