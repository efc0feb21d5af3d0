"""The collector of tweets from the stream to the topic: what was served is there, once, whatever the feed does."""

import json
import time
from collections.abc import Sequence
from typing import Any

import pytest
import tweepy
from hypothesis import example, given
from hypothesis import strategies as st

from kit.collectors import Collector, Supervisor, collect_tweets
from kit.collectors._tweets import tweet_records
from kit.errors import BadPayload, BrokerUnavailable, ConfigError, SourceError, Unauthorized
from kit.servers.feeds import FeedServer
from kit.servers.ports import choose_port
from kit.sources import StreamingClient
from tests.collectors.tools import records
from tests.sources.tools import AT_ONCE, ORIGIN, texts, tweets
from tests.wait import wait_until

pytestmark = pytest.mark.usefixtures("no_thread_left")

EPOCH = 1_288_834_974_657  # of X's ids, in milliseconds since 1970


def collect(feed: FeedServer, broker: str, topic: str, **options: Any) -> Collector:
    supervisor = Supervisor(restarts=1000, first=0.01, longest=0.2)
    return collect_tweets(
        topic, url=feed.url, token=feed.token, supervisor=supervisor, bootstrap_servers=broker, **options
    )


def served(feed: FeedServer) -> dict[str, int]:
    counts: dict[str, int] = feed.state()["served"]
    return counts


def expected(numbers: Sequence[int]) -> list[tuple[bytes, int, dict[str, Any]]]:
    """Key, timestamp and value of the records of these tweets of the replay, two an instant."""
    made = []
    for number in numbers:
        at = (ORIGIN + number // 2) * 1000
        name = str(((at - EPOCH) << 22) | number % 2)
        row, text = tweets()[number % len(tweets())]
        made.append((name.encode(), at, {"id": name, "user": f"reader_{row:04d}", "text": text, "ts": at}))
    return made


def found(broker: str, topic: str) -> list[tuple[bytes, int, dict[str, Any]]]:
    """The same of each record in the topic, by id."""
    found = [(record.key, record.timestamp, json.loads(record.value)) for record in records(broker, topic)]
    return sorted(found, key=lambda record: int(record[0]))


def test_every_tweet_of_the_data_is_in_the_topic_once_and_true(feed: FeedServer, broker: str, topic: str) -> None:
    with collect(feed, broker, topic) as collector:
        feed.step(len(tweets()) // 2)
        counts = collector.wait(sent=len(tweets()) - 2)
    assert counts.received == counts.sent == served(feed)["tweets"]
    assert found(broker, topic) == expected(range(2, len(tweets()) // 2 * 2 + 2))


def test_emoji_quotes_and_commas_are_among_them(feed: FeedServer, broker: str, topic: str) -> None:
    assert any(ord(sign) > 0xFFFF for text in texts() for sign in text) or any(not text.isascii() for text in texts())
    assert any('"' in text for text in texts())
    assert any("," in text for text in texts())
    assert any("&amp;" in text for text in texts())


def test_a_filtered_stream_brings_what_its_rules_match(feed: FeedServer, broker: str, topic: str) -> None:
    with collect(feed, broker, topic, rules=["the"]) as collector:
        feed.step(100)
        wait_until(lambda: collector.counts.sent == served(feed)["tweets"] > 10)
    everything = {record[0]: record for record in expected(range(2, 202))}
    there = found(broker, topic)
    assert there == [everything[key] for key, _, _ in there]
    assert all("the" in value["text"].lower() for _, _, value in there)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "disconnect"},
        {"kind": "truncate"},
        {"kind": "operational-disconnect"},
        {"kind": "stall", "seconds": 0.2},
        {"kind": "duplicate", "times": 5},
        {"kind": "malformed", "body": '{"data": {"id": "1", "te'},
    ],
    ids=lambda fault: str(fault["kind"]),
)
def test_a_fault_of_the_stream_loses_no_tweet_and_doubles_none(
    feed: FeedServer, broker: str, topic: str, fault: dict[str, Any]
) -> None:
    with collect(feed, broker, topic) as collector:
        for ticks in (10, 20, 30):
            feed.fault(route="stream", **fault)
            feed.step(10)
            wait_until(lambda: not feed.state()["faults"], what="the fault to hit")
            collector.wait(sent=2 * ticks)
        counts = collector.stop()
    assert found(broker, topic)[-60:] == expected(range(2, 62))
    assert len({key for key, _, _ in found(broker, topic)}) == counts.sent
    letters = [letter.value for letter in records(broker, f"{topic}.dead-letter")]
    assert letters == ([b'{"data": {"id": "1", "te'] * 3 if fault["kind"] == "malformed" else [])
    assert counts.restarts == (3 if fault["kind"] in ("disconnect", "truncate", "operational-disconnect") else 0)


@pytest.mark.parametrize("status", [429, 503, 409])
def test_a_reconnect_that_is_refused_is_tried_again(feed: FeedServer, broker: str, topic: str, status: int) -> None:
    with collect(feed, broker, topic) as collector:
        feed.step(5)
        collector.wait(sent=10)
        feed.fault("status", route="stream", status=status)
        feed.fault("disconnect", route="stream")
        feed.step(5)
        wait_until(lambda: not feed.state()["faults"])
        feed.step(5)
        wait_until(lambda: found(broker, topic)[-30:] == expected(range(2, 32)))
        assert collector.counts.restarts == 2


def test_the_same_tweet_with_other_matching_rules_is_not_sent_twice(feed: FeedServer, broker: str, topic: str) -> None:
    with collect(feed, broker, topic, rules=["the"]) as collector:
        feed.step(60)
        wait_until(lambda: collector.counts.sent == served(feed)["tweets"] > 10)
        client = StreamingClient(feed.url, feed.token)
        client.add_rules(tweepy.StreamRule("to"))
        client.delete_rules([rule.id for rule in client.get_rules().data if rule.value == "the"])
        client.session.close()
        feed.fault("disconnect", route="stream")  # then the collector's rule is made anew, with another id
        wait_until(lambda: feed.step(1) and collector.counts.restarts)
        wait_until(lambda: collector.counts.duplicate > 10)
    there = found(broker, topic)
    assert len({key for key, _, _ in there}) == len(there) == collector.counts.sent


def test_a_collector_started_again_goes_on_where_the_first_one_was(feed: FeedServer, broker: str, topic: str) -> None:
    with collect(feed, broker, topic) as collector:
        feed.step(10)
        collector.wait(sent=20)
    feed.step(10)  # while no collector runs
    with collect(feed, broker, topic) as collector:
        feed.step(10)
        wait_until(lambda: found(broker, topic)[-60:] == expected(range(2, 62)))
    assert len({key for key, _, _ in found(broker, topic)}) == len(found(broker, topic))


def test_stop_is_quick_while_the_stream_is_silent(feed: FeedServer, broker: str, topic: str) -> None:
    collector = collect(feed, broker, topic)
    begun = time.monotonic()
    collector.stop()
    assert time.monotonic() - begun < AT_ONCE
    assert collector.state == "stopped"
    wait_until(lambda: served(feed)["streams_open"] == 0)


# ---- errors at once ------------------------------------------------------------------------------------------------


def test_a_wrong_token_is_an_error_at_once_and_leaves_nothing_running(
    feed: FeedServer, broker: str, topic: str
) -> None:
    begun = time.monotonic()
    with pytest.raises(Unauthorized, match="401"):
        collect_tweets(topic, url=feed.url, token="wrong", bootstrap_servers=broker)
    assert time.monotonic() - begun < AT_ONCE
    assert served(feed)["streams_open"] == 0


def test_a_rule_that_cannot_be_read_is_an_error_at_once(feed: FeedServer, broker: str, topic: str) -> None:
    with pytest.raises(ConfigError, match=r"'\(bank'"):
        collect(feed, broker, topic, rules=["(bank"])


def test_feeds_that_are_down_are_an_error_when_the_supervisor_gives_up(broker: str, topic: str) -> None:
    url, supervisor = f"http://127.0.0.1:{choose_port()}", Supervisor(restarts=1, first=0.01)
    with pytest.raises(SourceError, match="kit status"):
        collect_tweets(topic, url=url, token="a token", supervisor=supervisor, bootstrap_servers=broker)


def test_brokers_that_are_down_are_an_error_at_once(feed: FeedServer, topic: str) -> None:
    with pytest.raises(BrokerUnavailable, match="kit up"):
        collect(feed, f"127.0.0.1:{choose_port()}", topic)


def test_live_without_a_token_says_what_to_do(broker: str, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIT_FEEDS", "live")
    with pytest.raises(ConfigError, match="ask_token"):
        collect_tweets(topic, bootstrap_servers=broker)


# ---- one line ------------------------------------------------------------------------------------------------------


def line(text: Any = "a text", number: Any = "2001984374857723904", **more: Any) -> bytes:
    return json.dumps({"data": {"id": number, "text": text}, **more}).encode()


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
@example('"quoted", and, commas\n')
@example("\U0001f680\u200d\u2028\\ \x00")
def test_every_text_survives(text: str) -> None:
    (record,) = tweet_records(line(text))
    assert json.loads(record.value) == {"id": "2001984374857723904", "user": None, "text": text, "ts": record.time}
    assert record.key == b"2001984374857723904"


@given(raw=st.binary(max_size=200) | st.builds(line, st.none() | st.integers() | st.text(), st.floats() | st.text()))
@example(line("half a pair \ud83d"))
@example(line(number="0"))
@example(line(number=str(1 << 63)))
@example(line(number="9" * 5000))
@example(line(number=12))
@example(line(number=1.5))
@example(line(number=float("inf")))
@example(line(number="\u0661\u0662"))
@example(b"[" * 100_000)
@example(b"null")
@example(b'{"data": "text"}')
def test_what_is_no_tweet_is_a_bad_payload_with_its_bytes(raw: bytes) -> None:
    refused: BadPayload | None = None
    try:
        tweet_records(raw)
    except BadPayload as error:
        refused = error
    assert refused is None or (refused.raw == raw and len(refused.got) < 200)


@pytest.mark.parametrize(
    "wrong", [line(number=12), line(number="0"), line(number=str(1 << 63)), line(text=None), b"{}"]
)
def test_a_tweet_needs_a_text_and_an_id(wrong: bytes) -> None:
    with pytest.raises(BadPayload, match=r"data\.id and data\.text"):
        tweet_records(wrong)


@pytest.mark.parametrize("users", [None, [], {}, "x", [{}], [None]])
def test_a_missing_author_is_none(users: Any) -> None:
    (record,) = tweet_records(line(includes={"users": users}))
    assert json.loads(record.value)["user"] is None
