"""The collector of quotes from the feed to the topic: what was served is there, once, whatever the feed does."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from kit.collectors import Collector, Supervisor, collect_quotes
from kit.errors import (
    BadPayload,
    BrokerUnavailable,
    CollectorError,
    ConfigError,
    SourceError,
    Unauthorized,
    UnknownSymbol,
)
from kit.servers.feeds import FeedServer
from kit.servers.ports import choose_port
from tests.collectors.tools import records
from tests.sources.tools import AT_ONCE, MONDAY, ORIGIN, days, prices
from tests.wait import wait_until

pytestmark = pytest.mark.usefixtures("no_thread_left")


def collect(feed: FeedServer, broker: str, topic: str, *symbols: str) -> Collector:
    supervisor = Supervisor(restarts=1000, first=0.01, longest=0.2)
    options: dict[str, Any] = {"every": 0.01, "supervisor": supervisor, "bootstrap_servers": broker}
    return collect_quotes(symbols or prices(), topic, base_url=feed.url, **options)


def served(feed: FeedServer) -> int:
    count: int = feed.state()["served"]["quotes"]
    return count


def expected(symbol: str, tick: int) -> tuple[bytes, int, dict[str, Any]]:
    """Key, timestamp and value of the record of a symbol, so many trading days after that Monday."""
    day = days()[days().index(MONDAY) + tick]
    at = (ORIGIN + tick) * 1000
    return symbol.encode(), at, {"symbol": symbol, "price": prices()[symbol][day], "ts": at, "day": day}


def found(broker: str, topic: str) -> list[tuple[bytes, int, dict[str, Any]]]:
    """The same of each record in the topic, by time and symbol."""
    found = [(record.key, record.timestamp, json.loads(record.value)) for record in records(broker, topic)]
    return sorted(found, key=lambda record: (record[1], record[0]))


def test_every_quote_that_was_served_is_in_the_topic_once_and_true(feed: FeedServer, broker: str, topic: str) -> None:
    with collect(feed, broker, topic) as collector:
        for tick in range(10):
            collector.wait(sent=20 * (tick + 1))
            feed.step()
        counts = collector.wait(sent=220)
    assert counts.dead_lettered == counts.restarts == 0
    assert found(broker, topic) == [expected(symbol, tick) for tick in range(11) for symbol in sorted(prices())]
    assert served(feed) == 220


def test_values_are_compact_json(feed: FeedServer, broker: str, topic: str) -> None:
    with collect(feed, broker, topic, "JPM") as collector:
        collector.wait(sent=1)
    (record,) = records(broker, topic)
    price = prices()["JPM"][MONDAY]
    assert record.value == b'{"symbol":"JPM","price":%a,"ts":1767623400000,"day":"2008-09-15"}' % price


def test_a_quote_that_has_not_changed_is_a_duplicate(feed: FeedServer, broker: str, topic: str) -> None:
    with collect(feed, broker, topic, "JPM", "GE") as collector:
        collector.wait(sent=2)
        wait_until(lambda: collector.counts.duplicate >= 10)
    assert collector.counts.sent == 2
    assert len(records(broker, topic)) == 2


def test_a_symbol_given_twice_is_collected_once(feed: FeedServer, broker: str, topic: str) -> None:
    with collect(feed, broker, topic, "JPM", "JPM") as collector:
        collector.wait(sent=1)
        assert wait_until(lambda: collector.counts.received >= 3)
    assert len(records(broker, topic)) == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 401},
        {"kind": "disconnect"},
        {"kind": "truncate"},
        {"kind": "latency", "seconds": 0.2},
        {"kind": "duplicate"},
        {"kind": "malformed", "body": "garbage"},
    ],
    ids=lambda fault: "-".join(map(str, fault.values())),
)
def test_a_fault_of_the_feed_loses_no_quote_and_doubles_none(
    feed: FeedServer, broker: str, topic: str, fault: dict[str, Any]
) -> None:
    with collect(feed, broker, topic) as collector:
        collector.wait(sent=20)
        for tick in range(1, 3):
            feed.fault(route="quote", **fault)
            wait_until(lambda: not feed.state()["faults"], what="the fault to hit")
            feed.step()
            counts = collector.wait(sent=20 * (tick + 1))
    assert found(broker, topic) == [expected(symbol, tick) for tick in range(3) for symbol in sorted(prices())]
    letters = records(broker, f"{topic}.dead-letter")
    assert [letter.value for letter in letters] == ([b"garbage"] * 2 if fault["kind"] == "malformed" else [])
    if fault["kind"] in ("disconnect", "truncate") or fault.get("status", 0) >= 500:
        assert counts.restarts == 2


def test_the_feeds_retry_after_is_waited_for(feed: FeedServer, broker: str, topic: str) -> None:
    with collect(feed, broker, topic, "JPM") as collector:
        collector.wait(sent=1)
        feed.fault("status", route="quote", status=429)
        wait_until(lambda: collector.trouble)
        begun = time.monotonic()
        feed.step()
        assert collector.wait(sent=2).restarts == 1
        assert time.monotonic() - begun > 0.5  # the fault says: after a second


def test_a_part_of_an_answer_that_is_no_quote_is_a_dead_letter_and_the_rest_gets_through(
    feed: FeedServer, broker: str, topic: str
) -> None:
    good = {"symbol": "GE", "regularMarketPrice": 25.5, "regularMarketTime": ORIGIN + 1}
    bad = {"symbol": "JPM", "regularMarketPrice": None, "regularMarketTime": ORIGIN + 1}
    body = json.dumps({"quoteResponse": {"result": [bad, good], "error": None}})
    with collect(feed, broker, topic, "JPM", "GE") as collector:
        collector.wait(sent=2)
        feed.fault("malformed", route="quote", body=body)
        collector.wait(sent=3)
        wait_until(lambda: collector.counts.dead_lettered == 1, what="the dead letter")
    (letter,) = records(broker, f"{topic}.dead-letter")
    assert json.loads(letter.value) == bad
    assert dict(letter.headers)["error"].startswith(b"BadPayload: regularMarketPrice")
    assert (b"GE", (ORIGIN + 1) * 1000) in [record[:2] for record in found(broker, topic)]


def test_a_collector_started_again_sends_only_what_is_new(feed: FeedServer, broker: str, topic: str) -> None:
    for tick in range(3):
        with collect(feed, broker, topic) as collector:
            collector.wait(sent=20)
        feed.step()
        assert found(broker, topic) == [expected(one, number) for number in range(tick + 1) for one in sorted(prices())]


def test_feeds_that_go_down_and_come_back_are_collected_on(tmp_path: Path, broker: str, topic: str) -> None:
    port = choose_port()
    again: dict[str, Any] = {"port": port, "must": True, "origin": "2026-01-05T14:30:00Z", "paused": True}
    with FeedServer(tmp_path / "one", **again) as feed:
        collector = collect(feed, broker, topic, "JPM")
        collector.wait(sent=1)
    wait_until(lambda: isinstance(collector.trouble, SourceError))
    with collector, FeedServer(tmp_path / "two", **again) as feed:  # with another cookie and crumb
        feed.step()
        collector.wait(sent=2)
    assert found(broker, topic) == [expected("JPM", 0), expected("JPM", 1)]


# ---- errors at once ------------------------------------------------------------------------------------------------


def test_an_unknown_symbol_is_an_error_at_once(feed: FeedServer, broker: str, topic: str) -> None:
    with pytest.raises(UnknownSymbol, match="JMP"):
        collect(feed, broker, topic, "JPM", "JMP")


@pytest.mark.parametrize("wrong", ["JPM", [], ["JPM,GE"], [None], None])
def test_what_is_no_list_of_symbols_is_an_error_at_once(feed: FeedServer, broker: str, topic: str, wrong: Any) -> None:
    with pytest.raises(ConfigError, match="symbol"):
        collect_quotes(wrong, topic, base_url=feed.url, bootstrap_servers=broker)


def test_feeds_that_are_down_are_an_error_at_once(broker: str, topic: str) -> None:
    begun = time.monotonic()
    with pytest.raises(SourceError, match="kit up"):
        collect_quotes(["JPM"], topic, base_url=f"http://127.0.0.1:{choose_port()}", bootstrap_servers=broker)
    assert time.monotonic() - begun < AT_ONCE


def test_a_first_answer_that_is_garbage_is_an_error_at_once(feed: FeedServer, broker: str, topic: str) -> None:
    feed.fault("malformed", route="quote", body="garbage")
    with pytest.raises(BadPayload) as raised:
        collect(feed, broker, topic, "JPM")
    assert raised.value.raw == b"garbage"


def test_brokers_that_are_down_are_an_error_at_once(feed: FeedServer, topic: str) -> None:
    with pytest.raises(BrokerUnavailable, match="kit up"):
        collect(feed, f"127.0.0.1:{choose_port()}", topic, "JPM")


def test_a_feed_that_takes_no_credentials_any_more_is_given_up_on(feed: FeedServer, broker: str, topic: str) -> None:
    collector = collect(feed, broker, topic, "JPM")
    collector.wait(sent=1)
    feed.fault("status", route="quote", status=401, times=2)
    wait_until(lambda: collector.state == "failed")
    with pytest.raises(CollectorError, match="401"):
        collector.stop()
    assert isinstance(collector.failed, Unauthorized)


def test_stop_does_not_wait_for_the_next_poll(feed: FeedServer, broker: str, topic: str) -> None:
    with collect_quotes(
        ["JPM"], topic, every=60.0, base_url=feed.url, supervisor=Supervisor(), bootstrap_servers=broker
    ) as collector:
        collector.wait(sent=1)
        begun = time.monotonic()
        collector.stop()
        assert time.monotonic() - begun < AT_ONCE
