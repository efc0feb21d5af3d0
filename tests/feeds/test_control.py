"""The instructor's side: setting the clock, ordering faults, changing limits, reading the account."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from kit.errors import ConfigError
from kit.servers.feeds import FeedServer
from tests.feeds.tools import CHROME, ORIGIN, ORIGIN_TEXT, TIMEOUT, Browser, Reader, rules, served, streams_open
from tests.wait import wait_until

Connect = Callable[..., Reader]


def control(feed: FeedServer, method: str, what: str, body: Any = None) -> requests.Response:
    return requests.request(method, f"{feed.url}/control/{what}", json=body, timeout=TIMEOUT)


# ---- the clock ------------------------------------------------------------------------------------------------


def test_the_status_tells_clock_account_faults_and_limits(feed: FeedServer) -> None:
    status = feed.state()
    assert status["clock"] == {
        "start": "2008-09-15",
        "origin": ORIGIN_TEXT,
        "tick": 0,
        "day": "2008-09-15",
        "instant": ORIGIN_TEXT,
        "speed": 1.0,
        "paused": True,
    }
    assert set(status["served"].values()) == {0}
    assert status["faults"] == []
    assert status["limits"]["keep_alive_seconds"] <= 20


def test_the_clock_starts_at_any_trading_day_steps_and_rewinds(feed: FeedServer) -> None:
    assert feed.clock(start="2020-03-09")["day"] == "2020-03-09"
    stepped = feed.step(4)
    assert (stepped["tick"], stepped["day"], stepped["instant"]) == (4, "2020-03-13", "2026-01-05T14:30:04Z")
    assert feed.step()["day"] == "2020-03-16"
    rewound = feed.rewind()
    assert (rewound["tick"], rewound["day"], rewound["instant"]) == (0, "2020-03-09", ORIGIN_TEXT)


def test_the_clock_runs_at_the_speed_that_is_set_until_it_is_paused(feed: FeedServer) -> None:
    feed.clock(speed=500.0, paused=False)
    wait_until(lambda: feed.state()["clock"]["tick"] >= 50)
    stopped = feed.clock(paused=True)
    assert stopped["paused"]
    assert feed.state()["clock"] == stopped
    assert feed.clock(paused=False, speed=0.001)["tick"] == stopped["tick"]


def test_the_origin_can_be_set_and_without_a_zone_it_is_utc(feed: FeedServer) -> None:
    for text in ("2027-02-01T09:00:00Z", "2027-02-01T09:00:00", "2027-02-01T10:00:00+01:00"):
        assert feed.clock(origin=text)["origin"] == "2027-02-01T09:00:00Z"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"start": "2008-09-13"}, "the nearest are 2008-09-12 and 2008-09-15"),
        ({"start": "someday"}, "must be a trading day"),
        ({"speed": 0.0}, "speed must be above 0"),
        ({"speed": 1e9}, "at most 10000"),
        ({"origin": "2008-09-15T13:30:00Z"}, "origin must be from 2010-11-04"),
        ({"origin": "yesterday"}, "origin"),
        ({"paused": "perhaps"}, "paused"),
    ],
)
def test_a_clock_setting_that_cannot_be_is_refused_with_what_could_and_changes_nothing(
    feed: FeedServer, change: dict[str, Any], why: str
) -> None:
    before = feed.state()
    with pytest.raises(ConfigError, match=why):
        feed.clock(**change)
    assert feed.state() == before


@pytest.mark.parametrize("ticks", [0, -3, 10_000_000])
def test_a_step_that_cannot_be_is_refused(feed: FeedServer, ticks: int) -> None:
    with pytest.raises(ConfigError, match="ticks must be 1 to 1000000"):
        feed.step(ticks)


@pytest.mark.parametrize(
    ("method", "what", "body"),
    [
        ("PATCH", "clock", {"begin": "2008-09-15"}),
        ("POST", "step", {"days": 3}),
        ("POST", "faults", {"kind": "latency", "second": 3}),
        ("PATCH", "limits", {"requests": 3}),
    ],
)
def test_a_setting_that_is_not_known_is_refused_by_its_name(
    feed: FeedServer, method: str, what: str, body: dict[str, Any]
) -> None:
    answer = control(feed, method, what, body)
    assert answer.status_code == 422
    assert list(body)[-1] in str(answer.json()["detail"])


# ---- faults and limits ----------------------------------------------------------------------------------------


def test_ordered_faults_are_listed_with_what_they_have_done_and_can_be_cleared(
    feed: FeedServer, browser: Browser
) -> None:
    feed.fault("status", route="quote", status=500, times=3, every=2)
    for _ in range(3):
        browser.ask("/v7/finance/quote", symbols="JPM")
    (fault,) = feed.state()["faults"]
    assert (fault["kind"], fault["seen"], fault["done"]) == ("status", 3, 1)
    assert feed.clear_faults() == {"faults": []}
    assert browser.ask("/v7/finance/quote", symbols="JPM").status_code == 200


@pytest.mark.parametrize(
    "order",
    [
        {"kind": "earthquake"},
        {"kind": "latency", "route": "everywhere"},
        {"kind": "latency", "times": 0},
        {"kind": "latency", "every": 0},
        {"kind": "latency", "after": -1},
        {"kind": "latency", "seconds": -1},
        {"kind": "latency", "seconds": 1000},
        {"kind": "status", "status": 200},
        {"kind": "malformed", "body": ""},
        {"kind": "malformed", "body": "  "},
        {"kind": "malformed", "body": "two\r\nlines"},
        {"kind": "malformed", "body": "a line\n"},
        {"kind": "malformed", "body": "\ud800"},
        {"kind": "latency", "times": True},
        {"kind": "latency", "seconds": True},
        {"kind": "latency", "seconds": "nan"},
        {"kind": "latency", "seen": 5},
    ],
)
def test_a_fault_that_cannot_be_is_refused(feed: FeedServer, order: dict[str, Any]) -> None:
    assert control(feed, "POST", "faults", order).status_code == 422
    assert feed.state()["faults"] == []


@pytest.mark.parametrize(
    "limit",
    [
        {"requests_per_minute": 0},
        {"stream_connections": -1},
        {"connects_per_15min": 0},
        {"keep_alive_seconds": 0},
        {"keep_alive_seconds": 21},
        {"keep_alive_seconds": True},
        {"requests_per_minute": True},
        {"requests_per_minute": "7"},
    ],
)
def test_a_limit_that_cannot_be_is_refused(feed: FeedServer, limit: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        feed.limits(**limit)


def test_a_limit_changes_and_the_others_stay(feed: FeedServer) -> None:
    before = feed.state()["limits"]
    assert feed.limits(stream_connections=0) == before | {"stream_connections": 0}


def test_no_stream_opens_where_none_may(feed: FeedServer, connect: Connect) -> None:
    feed.limits(stream_connections=0)
    assert connect().status == 429


# ---- the account and the reset --------------------------------------------------------------------------------


def test_a_quote_is_counted_once_a_symbol_and_tick_and_otherwise_as_repeated(
    feed: FeedServer, browser: Browser
) -> None:
    browser.quotes("JPM", "BAC")
    browser.quotes("JPM", "XOM", "NOSUCH")
    feed.step()
    browser.quotes("JPM")
    counts = served(feed)
    assert (counts["quotes"], counts["quotes_repeated"]) == (4, 1)


def test_what_was_refused_is_counted_as_a_request_and_as_nothing_else(feed: FeedServer, connect: Connect) -> None:
    requests.get(f"{feed.url}/v7/finance/quote?symbols=JPM", timeout=TIMEOUT)
    requests.get(f"{feed.url}/v7/finance/quote", headers={"User-Agent": CHROME}, timeout=TIMEOUT)
    connect(token="wrong")
    connect("search/stream")
    assert {name: count for name, count in served(feed).items() if count} == {"requests": 4}


def test_tweets_that_no_rule_lets_through_are_not_served(feed: FeedServer, connect: Connect) -> None:
    rules(feed, "from:reader_0001")  # the author of the first tweet
    reader = connect("search/stream", backfill_minutes=5)
    feed.step(100)
    wait_until(lambda: len(reader.lines) == 1)
    assert served(feed)["tweets"] == 1


def test_open_streams_are_counted_as_long_as_they_are_open(feed: FeedServer, connect: Connect) -> None:
    first, second = connect(), connect()
    assert streams_open(feed) == 2
    first.close()
    wait_until(lambda: streams_open(feed) == 1)
    second.close()
    wait_until(lambda: streams_open(feed) == 0)


def test_a_reset_brings_all_back_as_it_was_at_the_start(feed: FeedServer, browser: Browser) -> None:
    fresh = feed.state()
    browser.quotes("JPM")
    rules(feed, "love")
    feed.clock(start="2020-03-09", origin="2027-01-01T00:00:00Z", speed=9.0, paused=False)
    feed.fault("latency", route="chart", times=9)
    feed.limits(requests_per_minute=1, stream_connections=0)
    feed.reset()
    assert feed.state() == fresh
    token = {"Authorization": f"Bearer {feed.token.get_secret_value()}"}
    listed = requests.get(f"{feed.url}/2/tweets/search/stream/rules", headers=token, timeout=TIMEOUT).json()
    assert listed["meta"]["result_count"] == 0
    assert browser.quotes("JPM")[0]["regularMarketTime"] == ORIGIN


def test_a_stream_that_is_open_over_a_reset_begins_with_the_replay_again(feed: FeedServer, connect: Connect) -> None:
    reader = connect()
    feed.step(2)
    wait_until(lambda: len(reader.lines) == 4)
    feed.reset()
    wait_until(lambda: len(reader.lines) == 6)  # tick 0
    assert served(feed)["tweets"] == 2
    assert streams_open(feed) == 1


def test_the_token_is_in_no_answer_and_in_no_repr(feed: FeedServer) -> None:
    secret = feed.token.get_secret_value()
    said = [control(feed, "GET", "status").text, repr(feed), repr(feed.token), str(feed.processes)]
    assert not [text for text in said if secret in text]
