"""X's stream by tweepy, against the local feeds and against servers that answer by a script."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from kit.errors import ConfigError, RateLimited, SourceError, Unauthorized
from kit.servers.feeds import FeedServer
from kit.servers.ports import choose_port
from kit.sources import StreamingClient, TweetStream
from tests.sources.tools import AT_ONCE, Answer, Listening, ScriptedServer, texts
from tests.wait import wait_until

Scripted = Callable[..., ScriptedServer]

pytestmark = pytest.mark.usefixtures("no_thread_left")


class Printer(StreamingClient):
    """As a student would write it."""

    def __init__(self, *args: Any, enough: int | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.tweets: list[Any] = []
        self.connects = self.errors = 0
        self._enough = enough

    def on_tweet(self, tweet: Any) -> None:
        self.tweets.append(tweet)
        if len(self.tweets) == self._enough:
            self.disconnect()

    def on_connect(self) -> None:
        self.connects += 1

    def on_connection_error(self) -> None:
        self.errors += 1
        super().on_connection_error()


def streams_open(feed: FeedServer) -> int:
    count: int = feed.state()["served"]["streams_open"]
    return count


@contextmanager
def printing(feed: FeedServer, *, filtered: bool = False, **options: Any) -> Iterator[Printer]:
    """A `Printer` whose stream is open, in the background."""
    client = Printer(feed.url, feed.token, **options)
    thread = client.filter(threaded=True) if filtered else client.sample(threaded=True)
    try:
        wait_until(lambda: client.connects)
        yield client
    finally:
        client.disconnect()
        thread.join(AT_ONCE)
        assert not thread.is_alive()


@contextmanager
def listening(feed: FeedServer, **options: Any) -> Iterator[Listening]:
    """A `TweetStream` whose stream is open, in the background."""
    found = Listening(TweetStream(feed.url, feed.token, **options))
    try:
        wait_until(lambda: found.stream.connected and streams_open(feed))
        yield found
    finally:
        found.stream.disconnect()
        assert found.ended()


def refused(stream: TweetStream) -> BaseException:
    """What `listen` raises."""
    listening = Listening(stream)
    assert listening.ended()
    assert listening.error is not None
    return listening.error


# ---- StreamingClient -----------------------------------------------------------------------------------------------


def test_a_students_client_gets_the_tweets_of_the_feed(feed: FeedServer) -> None:
    with printing(feed) as client:
        feed.step(3)
        wait_until(lambda: len(client.tweets) == 6)
    assert [tweet.text for tweet in client.tweets] == texts()[2:8]


def test_a_filter_gives_what_its_rules_match_and_the_rules_can_be_set_by_the_same_client(feed: FeedServer) -> None:
    import tweepy

    client = Printer(feed.url, feed.token)
    client.add_rules(tweepy.StreamRule("the", tag="mine"))
    assert [(rule.value, rule.tag) for rule in client.get_rules().data] == [("the", "mine")]
    with printing(feed, filtered=True) as client:
        feed.step(200)
        wait_until(lambda: len(client.tweets) > 20)
    assert all("the" in tweet.text.lower() for tweet in client.tweets)


def test_disconnect_ends_a_waiting_stream_at_once_and_without_an_error(
    feed: FeedServer, caplog: pytest.LogCaptureFixture
) -> None:
    with printing(feed) as client:
        wait_until(lambda: streams_open(feed) == 1)
        assert client.thread is not None
        client.disconnect()
        client.thread.join(AT_ONCE)
        assert not client.thread.is_alive()
    client.disconnect()
    assert not client.running
    assert [record for record in caplog.records if record.name == "tweepy.streaming" and record.levelno > 20] == []


def test_a_client_can_disconnect_itself_and_be_used_again(feed: FeedServer) -> None:
    client = Printer(feed.url, feed.token, enough=2)
    for total in (2, 4):
        client._enough = total
        thread = client.sample(threaded=True)
        wait_until(lambda: streams_open(feed) == 1)
        feed.step(1)
        thread.join(AT_ONCE)
        assert not thread.is_alive()
    assert [tweet.text for tweet in client.tweets] == texts()[2:6]


def test_connecting_again_right_after_a_disconnect_is_one_stream_not_two(feed: FeedServer) -> None:
    with printing(feed) as client:
        for number in range(2, 6):
            client.disconnect()
            client.sample(threaded=True)
            wait_until(lambda: client.connects == number)  # noqa: B023  # it is asked here and now
        wait_until(lambda: streams_open(feed) == 1)
        feed.step(1)
        wait_until(lambda: len(client.tweets) >= 2)
        feed.step(1)
        wait_until(lambda: len(client.tweets) >= 4)
        assert client.connects == 5
    assert [tweet.text for tweet in client.tweets] == texts()[2:6]


def test_a_disconnect_before_the_thread_got_going_holds(feed: FeedServer) -> None:
    go = threading.Event()

    class Slow(Printer):
        def _connect(self, *args: Any, **options: Any) -> None:
            go.wait(10.0)
            super()._connect(*args, **options)

    client = Slow(feed.url, feed.token)
    thread = client.sample(threaded=True)
    client.disconnect()
    go.set()
    thread.join(AT_ONCE)
    assert not thread.is_alive()
    assert feed.state()["served"]["requests"] == 0


def test_a_disconnect_ends_a_connect_that_gets_no_answer(scripted: Scripted) -> None:
    server = scripted(threading.Event())
    client = Printer(server.url, "a token")
    thread = client.sample(threaded=True)
    assert server.got_request.wait(AT_ONCE)
    client.disconnect()
    thread.join(AT_ONCE)
    assert not thread.is_alive()


def test_rules_can_be_looked_at_after_a_disconnect(feed: FeedServer) -> None:
    client = Printer(feed.url, feed.token)
    client.disconnect()
    assert client.get_rules().data is None


def test_live_without_a_token_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIT_FEEDS", "live")
    for kind in (StreamingClient, TweetStream):
        with pytest.raises(ConfigError, match="ask_token"):
            kind()


def test_a_url_without_a_token_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="token"):
        StreamingClient("http://127.0.0.1:1")


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    feed: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            patched.setenv(name, f"http://127.0.0.1:{choose_port()}")
        stream = TweetStream(feed.url, feed.token, rules=["bank"])
        one = Listening(stream)
        wait_until(lambda: stream.connected)
        stream.disconnect()
        assert one.ended()
    assert one.error is None


# ---- TweetStream: lines --------------------------------------------------------------------------------------------


def test_lines_arrive_raw_and_in_order(feed: FeedServer) -> None:
    with listening(feed) as one:
        feed.step(50)
        wait_until(lambda: len(one.lines) == 100)
    found = [json.loads(line) for line in one.lines]
    assert [tweet["data"]["text"] for tweet in found] == texts()[2:102]
    assert all(line.startswith(b'{"data":{') and line.endswith(b"}") for line in one.lines)
    assert all(tweet["includes"]["users"][0]["username"].startswith("reader_") for tweet in found)


def test_a_line_that_is_no_tweet_arrives_too(feed: FeedServer) -> None:
    feed.fault("malformed", route="stream", body='{"data": {"id": "1", "te')
    with listening(feed) as one:
        feed.step(1)
        wait_until(lambda: len(one.lines) == 3)
    assert one.lines[0] == b'{"data": {"id": "1", "te'


@pytest.mark.parametrize("kind", ["disconnect", "truncate", "operational-disconnect"])
def test_a_stream_that_ends_is_an_error_and_the_next_listen_goes_on(feed: FeedServer, kind: str) -> None:
    stream = TweetStream(feed.url, feed.token)
    one = Listening(stream)
    wait_until(lambda: streams_open(feed) == 1)
    feed.step(3)
    wait_until(lambda: len(one.lines) == 6)
    feed.fault(kind, route="stream")
    feed.step(2)
    assert one.ended()
    assert type(one.error) is SourceError
    assert len(str(one.error).splitlines()) <= 4
    if kind == "operational-disconnect":
        assert "operational-disconnect" in one.error.got
    assert len(one.lines) == 6
    two = Listening(stream)
    # With five minutes of backfill: from the first tweet of the replay's instant 0 on.
    wait_until(lambda: len({json.loads(line)["data"]["id"] for line in [*one.lines, *two.lines]}) == 12)
    assert {json.loads(line)["data"]["text"] for line in one.lines} <= set(texts()[:12])
    stream.disconnect()
    assert two.ended()
    assert two.error is None


def test_without_backfill_a_second_listen_begins_with_what_comes_then(feed: FeedServer) -> None:
    stream = TweetStream(feed.url, feed.token, backfill=False)
    one = Listening(stream)
    wait_until(lambda: streams_open(feed) == 1)
    feed.fault("disconnect", route="stream")
    feed.step(1)
    assert one.ended()
    wait_until(lambda: streams_open(feed) == 0)
    two = Listening(stream)
    wait_until(lambda: streams_open(feed) == 1)
    feed.step(1)
    wait_until(lambda: len(two.lines) == 2)
    stream.disconnect()
    assert two.ended()
    assert [json.loads(line)["data"]["text"] for line in two.lines] == texts()[4:6]


def test_a_line_that_is_dead_for_longer_than_the_time_out_is_an_error(feed: FeedServer) -> None:
    one = Listening(TweetStream(feed.url, feed.token, read_timeout=0.3))
    assert one.ended()
    assert type(one.error) is SourceError
    assert one.stream.connected


def test_keep_alives_keep_a_silent_stream_alive(feed: FeedServer) -> None:
    feed.limits(keep_alive_seconds=0.05)
    with listening(feed, read_timeout=1.0) as one:
        kept = threading.Event()
        alive = iter(range(30))
        one.stream.on_keep_alive = lambda: kept.set() if next(alive, 30) >= 29 else None  # type: ignore[method-assign]
        assert kept.wait(10.0)
        feed.step(1)
        wait_until(lambda: len(one.lines) == 2)


def test_what_the_receiver_raises_comes_out_as_it_is(feed: FeedServer) -> None:
    def full(line: bytes) -> None:
        raise ZeroDivisionError("the receiver's own")

    stream = TweetStream(feed.url, feed.token)
    one = Listening(stream, before=full)
    wait_until(lambda: streams_open(feed) == 1)
    feed.step(1)
    assert one.ended()
    assert isinstance(one.error, ZeroDivisionError)


# ---- TweetStream: refusals -----------------------------------------------------------------------------------------


def test_a_wrong_token_is_unauthorized(feed: FeedServer) -> None:
    for rules in ([], ["bank"]):
        error = refused(TweetStream(feed.url, "wrong", rules=rules))
        assert isinstance(error, Unauthorized)
        assert "401" in error.got
        assert "KIT_X_BEARER_TOKEN" in error.todo


def test_a_rate_limit_says_how_long_to_wait(feed: FeedServer) -> None:
    feed.limits(connects_per_15min=1)
    with listening(feed):
        error = refused(TweetStream(feed.url, feed.token))
    assert isinstance(error, RateLimited)
    assert error.retry_after is not None
    assert 800 <= error.retry_after <= 900


def test_too_many_streams_are_no_reason_to_wait_for_a_quarter_of_an_hour(feed: FeedServer) -> None:
    feed.limits(stream_connections=1)
    with listening(feed):
        error = refused(TweetStream(feed.url, feed.token))
    assert isinstance(error, RateLimited)
    assert "TooManyConnections" in error.got
    assert error.retry_after is None


@pytest.mark.parametrize(
    ("remaining", "reset", "least", "most"),
    [
        ("0", lambda: "0", 1.0, 1.0),
        ("0", lambda: "9" * 400, 900.0, 900.0),
        (None, lambda: str(int(time.time()) + 300), 200.0, 300.0),
    ],
)
def test_whatever_the_reset_header_says_the_wait_is_bounded(
    scripted: Scripted, remaining: str | None, reset: Callable[[], str], least: float, most: float
) -> None:
    headers = {"x-rate-limit-reset": reset()} | ({"x-rate-limit-remaining": remaining} if remaining else {})
    server = scripted(Answer(429, b"slow down", headers))
    error = refused(TweetStream(server.url, "a token"))
    assert isinstance(error, RateLimited)
    assert error.retry_after is not None
    assert least <= error.retry_after <= most


@pytest.mark.parametrize("headers", [{}, {"x-rate-limit-reset": "soon"}])
def test_a_429_that_does_not_say_how_long_has_no_retry_after(scripted: Scripted, headers: dict[str, str]) -> None:
    error = refused(TweetStream(scripted(Answer(429, b"", headers)).url, "a token"))
    assert isinstance(error, RateLimited)
    assert error.retry_after is None


@pytest.mark.parametrize("status", [409, 500, 503])
def test_other_refusals_are_source_errors_that_are_not_waited_for(feed: FeedServer, status: int) -> None:
    feed.fault("status", route="stream", status=status)
    error = refused(TweetStream(feed.url, feed.token))
    assert type(error) is SourceError
    assert str(status) in error.got


def test_feeds_that_are_down_are_an_error_with_what_to_do() -> None:
    for rules in ([], ["bank"]):
        error = refused(TweetStream(f"http://127.0.0.1:{choose_port()}", "a token", rules=rules))
        assert type(error) is SourceError
        assert "kit status" in error.todo


# ---- TweetStream: rules --------------------------------------------------------------------------------------------


def rules_of(feed: FeedServer) -> dict[str, str | None]:
    return {rule.value: rule.tag for rule in StreamingClient(feed.url, feed.token).get_rules().data or []}


def test_rules_are_set_and_foreign_ones_left_alone(feed: FeedServer) -> None:
    import tweepy

    client = StreamingClient(feed.url, feed.token)
    client.add_rules([tweepy.StreamRule("coffee", tag="theirs"), tweepy.StreamRule("tea")])
    with listening(feed, rules=["bank", "tea"]):
        assert rules_of(feed) == {"coffee": "theirs", "tea": None, "bank": "pipeline-kit"}
    with listening(feed, rules="the"):
        assert rules_of(feed) == {"coffee": "theirs", "tea": None, "the": "pipeline-kit"}


def test_a_filtered_stream_gives_what_its_rules_match(feed: FeedServer) -> None:
    with listening(feed, rules=["the"]) as one:
        feed.step(50)
        wait_until(lambda: one.lines)
    assert all("the" in json.loads(line)["data"]["text"].lower() for line in one.lines)
    assert all(json.loads(line)["matching_rules"][0]["tag"] == "pipeline-kit" for line in one.lines)


@pytest.mark.parametrize("rules", [["("], ["bank", "bogus:operator"]])
def test_a_rule_that_x_cannot_read_is_a_config_error_that_names_it(feed: FeedServer, rules: list[str]) -> None:
    error = refused(TweetStream(feed.url, feed.token, rules=rules))
    assert isinstance(error, ConfigError)
    assert repr(rules[-1]) in error.got
    assert streams_open(feed) == 0


def test_a_rule_that_another_client_set_a_moment_ago_is_no_trouble(scripted: Scripted) -> None:
    twice = {"errors": [{"value": "bank", "id": "1", "title": "DuplicateRule"}], "meta": {"summary": {}}}
    server = scripted(Answer(200, b'{"meta": {}}'), Answer(200, json.dumps(twice).encode()), Answer(503))
    error = refused(TweetStream(server.url, "a token", rules=["bank"]))
    assert "503" in str(error)
    assert server.asked[-1].startswith("/2/tweets/search/stream?")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"data": [{}]}', b'{"data": 5}'])
def test_an_answer_about_rules_that_is_garbage_is_a_source_error(scripted: Scripted, body: bytes) -> None:
    error = refused(TweetStream(scripted(Answer(200, body)).url, "a token", rules=["bank"]))
    assert type(error) is SourceError


@pytest.mark.parametrize("status", [429, 500])
def test_an_error_about_rules_is_like_one_about_the_stream(feed: FeedServer, status: int) -> None:
    feed.fault("status", route="rules", status=status)
    error = refused(TweetStream(feed.url, feed.token, rules=["bank"]))
    assert type(error) is (RateLimited if status == 429 else SourceError)


# ---- TweetStream: disconnect ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rules", [[], ["bank"]])
def test_a_disconnect_before_listening_holds(feed: FeedServer, rules: list[str]) -> None:
    stream = TweetStream(feed.url, feed.token, rules=rules)
    stream.disconnect()
    one = Listening(stream)
    assert one.ended()
    assert one.error is None
    assert feed.state()["served"]["requests"] == 0


def test_a_disconnect_while_listening_returns_at_once(feed: FeedServer) -> None:
    with listening(feed) as one:
        one.stream.disconnect()
        assert one.ended()
    assert one.error is None
    one.stream.disconnect()


@pytest.mark.parametrize("rules", [[], ["bank"]])
def test_a_disconnect_while_the_feed_does_not_answer_returns_at_once(scripted: Scripted, rules: list[str]) -> None:
    server = scripted(threading.Event())
    one = Listening(TweetStream(server.url, "a token", rules=rules))
    assert server.got_request.wait(AT_ONCE)
    one.stream.disconnect()
    assert one.ended()
    assert one.error is None


def test_a_disconnect_from_the_receiver_itself_ends_the_stream(feed: FeedServer) -> None:
    stream = TweetStream(feed.url, feed.token)
    one = Listening(stream, before=lambda _: stream.disconnect())
    wait_until(lambda: streams_open(feed) == 1)
    feed.step(5)
    assert one.ended()
    assert one.error is None
    assert len(one.lines) == 1


# ---- the token -----------------------------------------------------------------------------------------------------


def strings_within(root: object) -> Iterator[str]:
    """Every text in an object, and in what it holds, but for what a SecretStr keeps."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, SecretStr | type | logging.Logger) or callable(one):
            continue
        seen.add(id(one))
        if isinstance(one, str):
            yield one
        elif isinstance(one, bytes):
            yield one.decode("latin-1")
        elif isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list | tuple | set | frozenset):
            waiting += one
        else:
            waiting += vars(one).values() if hasattr(one, "__dict__") else []


def test_the_token_is_nowhere_but_in_its_secret(feed: FeedServer, caplog: pytest.LogCaptureFixture) -> None:
    token = feed.token.get_secret_value()
    caplog.set_level(logging.DEBUG)
    errors: list[BaseException] = []
    with listening(feed, rules=["the"]) as one:
        feed.step(20)
        wait_until(lambda: one.lines)
        found = list(strings_within(one.stream))
        shown = [repr(one.stream), str(one.stream), repr(vars(one.stream)), repr(vars(one.stream._adapter))]
        feed.fault("disconnect", route="stream")
        feed.step(20)
        assert one.ended()
        errors.append(one.error or AssertionError())
    for status in (401, 429, 503):
        for route in ("stream", "rules"):
            feed.clear_faults()
            feed.fault("status", route=route, status=status)
            stream = TweetStream(feed.url, feed.token, rules=["the"])
            errors.append(refused(stream))
            found += strings_within(stream)
    stream = TweetStream(f"http://127.0.0.1:{choose_port()}", token)
    errors.append(refused(stream))
    found += strings_within(stream)
    while errors:
        error = errors.pop()
        shown += [str(error), repr(error)]
        found += strings_within(error)
        errors += [inner for inner in (error.__cause__, error.__context__) if inner is not None]
    assert any("/2/tweets/" in record.getMessage() for record in caplog.records)
    assert any("held by the adapter" in record.getMessage() for record in caplog.records)
    assert not [record for record in caplog.records if token in record.getMessage() + repr(record.__dict__)]
    assert len(found) > 100
    assert not [text for text in [*found, *shown] if token in text]


def test_the_token_reaches_the_feed_and_not_the_request_that_is_left(feed: FeedServer) -> None:
    with listening(feed) as one:
        answer = one.stream._adapter.last
        assert isinstance(answer, requests.Response)
        assert "Authorization" not in answer.request.headers
