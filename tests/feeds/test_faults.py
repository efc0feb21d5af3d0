"""Faults on demand: each does what it says, as often as it says, and the account stays what clients really got."""

import json
import time
from collections.abc import Callable

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from kit.feeds.faults import Fault, Faults
from kit.servers.feeds import FeedServer
from tests.feeds.tools import ORIGIN, TIMEOUT, Browser, Reader, Witness, post_rules, rules, served, streams_open
from tests.wait import wait_until

Connect = Callable[..., Reader]
BROKEN = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)
QUESTIONS = {"quote": "/v7/finance/quote?symbols=JPM,BAC", "chart": "/v8/finance/chart/JPM?range=5d"}
ROUTES = pytest.mark.parametrize("route", QUESTIONS)


# ---- counting -------------------------------------------------------------------------------------------------


@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 6), st.integers(0, 40))
def test_a_fault_lets_some_pass_hits_each_nth_and_ends(times: int, every: int, after: int, payloads: int) -> None:
    faults = Faults()
    faults.append(Fault("truncate", times=times, every=every, after=after))
    hit = [number for number in range(1, payloads + 1) if list(faults.hits("quote"))]
    due = [after + every * turn for turn in range(1, times + 1)]
    assert hit == [number for number in due if number <= payloads]
    assert faults.active("quote") == (len(hit) < times)


def test_a_fault_hits_its_own_route_only_and_a_star_hits_all() -> None:
    faults = Faults()
    faults.append(Fault("truncate", "quote", times=9))
    assert [len(list(faults.hits(route))) for route in ("chart", "stream", "rules", "quote")] == [0, 0, 0, 1]
    faults.append(Fault("malformed", times=9))
    assert [len(list(faults.hits(route))) for route in ("chart", "stream", "rules", "quote")] == [1, 1, 1, 2]


def test_on_the_stream_status_and_latency_hit_the_connection_and_the_others_its_lines() -> None:
    kinds = ("status", "latency", "stall", "malformed")
    faults = Faults()
    for kind in kinds:
        faults.append(Fault(kind, "stream", times=9))  # type: ignore[arg-type]
    assert [fault.kind for fault in faults.hits("stream", connecting=True)] == ["status", "latency"]
    assert [fault.kind for fault in faults.hits("stream")] == ["stall", "malformed"]


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(0, 3)), max_size=5))
def test_faults_that_look_the_same_are_counted_apart(orders: list[tuple[int, int, int]]) -> None:
    faults = Faults()
    for times, every, after in orders:
        faults.append(Fault("stall", times=times, every=every, after=after))
    hits = sum(len(list(faults.hits("quote"))) for _ in range(40))
    assert hits == sum(times for times, _, _ in orders)
    assert faults == []


# ---- quotes and charts ----------------------------------------------------------------------------------------


@ROUTES
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_status_on_demand(feed: FeedServer, browser: Browser, route: str, status: int) -> None:
    feed.fault("status", route=route, status=status, times=2)
    answers = [browser.ask(QUESTIONS[route]) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [status, status, 200]
    assert answers[0].headers.get("retry-after") == (None if status == 500 else "1")
    assert answers[0].headers["content-type"].startswith("text/plain")
    assert (answers[0].text == "Too Many Requests") == (status == 429)
    assert served(feed)["quotes"] == (2 if route == "quote" else 0)


@pytest.mark.parametrize(("route", "kind"), [("quote", "latency"), ("chart", "stall")])
def test_a_late_answer_is_longer_than_an_impatient_client_waits_and_counts_as_not_given(
    feed: FeedServer, browser: Browser, route: str, kind: str
) -> None:
    browser.greet()
    feed.fault(kind, route=route, seconds=0.2)
    with pytest.raises(requests.Timeout):
        browser.ask(QUESTIONS[route], timeout=(TIMEOUT, 0.05))
    feed.fault("malformed", route=route)
    feed.fault(kind, route=route, seconds=0.2)
    with pytest.raises(requests.Timeout):
        browser.ask(QUESTIONS[route], timeout=(TIMEOUT, 0.05))
    feed.fault("latency", route=route, seconds=0.3)
    assert browser.ask(QUESTIONS[route]).status_code == 200  # later than the two others were due
    counts = served(feed)
    assert (counts["quotes"], counts["malformed"]) == (2 if route == "quote" else 0, 0)


@ROUTES
@pytest.mark.parametrize("kind", ["disconnect", "truncate"])
def test_a_broken_answer_is_a_connection_error_and_gives_no_record(
    feed: FeedServer, browser: Browser, route: str, kind: str
) -> None:
    browser.greet()
    feed.fault(kind, route=route)
    with pytest.raises(BROKEN):
        browser.ask(QUESTIONS[route])
    counts = served(feed)
    assert (counts["quotes"], counts["truncated"]) == (0, int(kind == "truncate"))
    assert browser.ask(QUESTIONS[route]).status_code == 200


def test_a_truncated_answer_promised_its_whole_length_and_came_to_half(feed: FeedServer, browser: Browser) -> None:
    whole = browser.ask(QUESTIONS["quote"]).content
    feed.fault("truncate", route="quote")
    answer = browser.get(browser.url + QUESTIONS["quote"], timeout=5.0, stream=True)
    assert int(answer.headers["content-length"]) == len(whole)
    half = answer.raw.read(len(whole) // 2)
    assert half == whole[: len(whole) // 2]
    with pytest.raises(Exception, match="IncompleteRead"):
        answer.raw.read()


@ROUTES
def test_a_malformed_answer_comes_whole_with_status_200(feed: FeedServer, browser: Browser, route: str) -> None:
    feed.fault("malformed", route=route)
    feed.fault("malformed", route=route, after=1, body='{"quoteResponse": null}')
    first, second = browser.ask(QUESTIONS[route]), browser.ask(QUESTIONS[route])
    assert (first.status_code, second.status_code) == (200, 200)
    with pytest.raises(ValueError, match="Unterminated"):
        first.json()
    assert second.json() == {"quoteResponse": None}
    counts = served(feed)
    assert (counts["malformed"], counts["quotes"]) == (2, 0)


def test_a_duplicate_gives_each_quote_of_an_answer_twice(feed: FeedServer, browser: Browser) -> None:
    feed.fault("duplicate", route="quote")
    found = browser.quotes("JPM", "BAC")
    assert [quote["symbol"] for quote in found] == ["JPM", "BAC", "JPM", "BAC"]
    assert found[:2] == found[2:]
    counts = served(feed)
    assert (counts["quotes"], counts["quotes_repeated"]) == (2, 2)


def test_a_late_quote_shows_the_moment_at_which_it_was_asked_for(feed: FeedServer, browser: Browser) -> None:
    browser.greet()
    feed.clock(paused=False, speed=50.0)
    feed.fault("latency", route="quote", seconds=0.2)
    (quote,) = browser.quotes("JPM")
    feed.clock(paused=True)
    assert quote["regularMarketTime"] <= ORIGIN + feed.state()["clock"]["tick"] - 10


# ---- the stream -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
def test_a_status_refuses_the_connection_in_xs_own_words(feed: FeedServer, connect: Connect, status: int) -> None:
    feed.fault("status", route="stream", status=status, times=2)
    client = Witness(feed)
    client.sample()
    assert (client.refusals, client.connects) == ([status], 0)
    refused = connect()
    assert (refused.body["status"], refused.body["type"]) == (status, "about:blank")
    wait = int(refused.headers["x-rate-limit-reset"]) - time.time()
    assert (refused.headers["x-rate-limit-remaining"] == "0") == (wait <= 2) == (status == 429)
    assert connect().status == 200


def test_a_connection_that_comes_late_comes_all_the_same(feed: FeedServer, connect: Connect) -> None:
    feed.fault("latency", route="stream", seconds=0.1)
    reader = connect()
    assert reader.status == 200
    assert feed.state()["faults"] == []


def test_a_malformed_line_comes_besides_the_tweets(feed: FeedServer, connect: Connect) -> None:
    reader = connect()
    feed.fault("malformed", route="stream", after=1, body="<html>busy</html>")
    feed.step(2)
    wait_until(lambda: len(reader.lines) == 5)
    assert [line[:5] for line in reader.lines] == [b'{"dat', b"<html", b'{"dat', b'{"dat', b'{"dat']
    counts = served(feed)
    assert (counts["tweets"], counts["malformed"]) == (4, 1)


def test_tweepy_meets_the_malformed_line_as_an_error_in_its_own_decoding(feed: FeedServer) -> None:
    client = Witness(feed)
    feed.fault("malformed", route="stream", after=1)
    feed.step(2)
    client.sample(backfill_minutes=1)
    assert [type(crash) for crash in client.crashes] == [json.JSONDecodeError]
    assert len(client.tweets) == 1


def test_a_duplicate_line_is_the_same_tweet_byte_by_byte(feed: FeedServer, connect: Connect) -> None:
    reader = connect()
    feed.fault("duplicate", route="stream", every=2, times=2)
    feed.step(2)
    wait_until(lambda: len(reader.lines) == 6)
    assert reader.lines[1] == reader.lines[2]
    assert reader.lines[4] == reader.lines[5]
    assert len(set(reader.lines)) == 4
    counts = served(feed)
    assert (counts["tweets"], counts["tweets_repeated"]) == (4, 2)


def test_a_truncated_line_breaks_off_with_the_connection(feed: FeedServer, connect: Connect) -> None:
    reader = connect("sample/stream")
    feed.fault("truncate", route="stream", after=1)
    feed.step(2)
    wait_until(lambda: reader.end)
    assert reader.end == "broken"
    assert len(reader.lines) == 1
    assert reader.rest.startswith(b'{"data":{')
    counts = served(feed)
    assert (counts["tweets"], counts["truncated"]) == (1, 1)


def test_a_disconnect_ends_the_stream_between_two_lines(feed: FeedServer, connect: Connect) -> None:
    reader = connect()
    feed.fault("disconnect", route="stream", after=3)
    feed.step(2)
    wait_until(lambda: reader.end)
    assert (reader.end, len(reader.lines), reader.rest) == ("broken", 3, b"")
    assert served(feed)["tweets"] == 3


def test_a_stalled_stream_is_silent_without_even_a_keep_alive_and_then_goes_on(
    feed: FeedServer, connect: Connect
) -> None:
    feed.limits(keep_alive_seconds=0.02)
    reader = connect()
    feed.fault("stall", route="stream", after=1, seconds=0.4)
    feed.step()
    wait_until(lambda: len(reader.lines) == 2)
    assert reader.heard.index(reader.lines[1]) == reader.heard.index(reader.lines[0]) + 1
    wait_until(lambda: reader.heard[-1] == b"")


def test_a_client_that_gives_up_a_stalled_stream_makes_room_at_once_and_was_given_nothing(
    feed: FeedServer, connect: Connect
) -> None:
    reader = connect()
    feed.fault("malformed", route="stream", after=1)
    feed.fault("stall", route="stream", seconds=100.0)
    feed.step()
    wait_until(lambda: feed.state()["faults"][-1]["kind"] == "malformed")
    reader.close()
    wait_until(lambda: streams_open(feed) == 0, timeout=5.0)
    counts = served(feed)
    assert (counts["tweets"], counts["malformed"]) == (0, 0)


# ---- rules ----------------------------------------------------------------------------------------------------


def test_faults_on_the_rules_leave_them_as_they_were(feed: FeedServer) -> None:
    feed.fault("status", route="rules", status=503)
    assert rules(feed, "love").json()["title"] == "Service Unavailable"
    feed.fault("malformed", route="rules")
    with pytest.raises(ValueError, match="Unterminated"):
        rules(feed, "love").json()
    feed.fault("disconnect", route="rules")
    with pytest.raises(BROKEN):
        rules(feed, "love")
    feed.fault("truncate", route="rules")
    with pytest.raises(BROKEN):
        rules(feed, "love")
    feed.fault("latency", route="rules", seconds=0.05)
    added = rules(feed, "love").json()
    assert added["meta"]["summary"]["created"] == 1
    assert post_rules(feed, {"delete": {"ids": [added["data"][0]["id"]]}}).status_code == 200
