"""X's side: who may listen, by which rules, and how many at a time."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
import tweepy

from kit.servers.feeds import FeedServer
from tests.feeds.tools import TIMEOUT, Reader, Witness, post_rules, rules, streams_open
from tests.wait import wait_until

Make = Callable[..., Witness]
Connect = Callable[..., Reader]


# ---- who may listen ---------------------------------------------------------------------------------------------


def test_a_wrong_token_is_refused_and_tweepy_gets_401(feed: FeedServer, witness: Make) -> None:
    for open_stream in (Witness.sample, Witness.filter):
        client = witness(token="wrong")
        open_stream(client)
        assert (client.refusals, client.connects) == ([401], 0)
    with pytest.raises(tweepy.Unauthorized):
        witness(token="wrong").get_rules()


@pytest.mark.parametrize(
    ("header", "status", "kind"),
    [
        (None, 401, "about:blank"),
        ("Bearer", 401, "about:blank"),
        ("Basic dXNlcjpwYXNz", 403, "https://api.twitter.com/2/problems/unsupported-authentication"),
        ('OAuth oauth_consumer_key="x"', 403, "https://api.twitter.com/2/problems/unsupported-authentication"),
    ],
)
def test_other_credentials_are_refused_with_a_problem_as_x_words_it(
    feed: FeedServer, header: str | None, status: int, kind: str
) -> None:
    headers = {"Authorization": header} if header is not None else {}
    for path in ("sample/stream", "search/stream", "search/stream/rules"):
        answer = requests.get(f"{feed.url}/2/tweets/{path}", headers=headers, timeout=TIMEOUT)
        problem = answer.json()
        assert (answer.status_code, problem["status"], problem["type"]) == (status, status, kind)
        assert set(problem) == {"title", "detail", "type", "status"}


def test_one_stream_too_many_is_refused_with_429(feed: FeedServer, witness: Make, connect: Connect) -> None:
    feed.limits(stream_connections=1)
    witness().open()
    late = witness()
    late.sample()
    assert late.refusals == [429]
    refused = connect()
    assert (refused.status, refused.body["title"]) == (429, "ConnectionException")
    assert refused.body["connection_issue"] == "TooManyConnections"
    assert "x-rate-limit-reset" not in refused.headers  # no time is known at which another stream will have ended


def test_a_stream_that_hangs_up_makes_room_at_once_though_the_stream_is_silent(
    feed: FeedServer, connect: Connect
) -> None:
    feed.limits(stream_connections=1, keep_alive_seconds=20.0)
    for _ in range(3):
        reader = connect()
        assert reader.status == 200
        reader.close()
        wait_until(lambda: streams_open(feed) == 0, timeout=5.0)


def test_streams_that_come_late_at_the_same_moment_are_counted_all_the_same(feed: FeedServer, connect: Connect) -> None:
    feed.limits(stream_connections=2)
    feed.fault("latency", route="stream", times=5, seconds=0.2)
    with ThreadPoolExecutor(5) as pool:
        statuses = [reader.status for reader in pool.map(lambda _: connect(), range(5))]
    assert sorted(statuses) == [200, 200, 429, 429, 429]


def test_too_many_connects_are_refused_with_the_time_to_come_again(feed: FeedServer, connect: Connect) -> None:
    feed.limits(connects_per_15min=2)
    left = []
    for _ in range(2):
        reader = connect()
        left.append((reader.status, reader.headers["x-rate-limit-limit"], reader.headers["x-rate-limit-remaining"]))
        reader.close()
    assert left == [(200, "2", "1"), (200, "2", "0")]
    refused = connect()
    assert (refused.status, refused.body["title"], refused.body["type"]) == (429, "Too Many Requests", "about:blank")
    assert 0 < int(refused.headers["x-rate-limit-reset"]) - time.time() <= 901


def test_the_rules_have_their_own_rate_limit_in_their_headers(feed: FeedServer) -> None:
    first, second = post_rules(feed, {"add": []}), post_rules(feed, {"add": []})
    assert first.headers["x-rate-limit-limit"] == "450"
    assert int(first.headers["x-rate-limit-remaining"]) - int(second.headers["x-rate-limit-remaining"]) == 1


# ---- rules ------------------------------------------------------------------------------------------------------


def test_tweepy_adds_lists_and_deletes_rules(feed: FeedServer, witness: Make) -> None:
    client = witness()
    assert client.get_rules().data is None
    added = client.add_rules([tweepy.StreamRule("love", tag="hearts"), tweepy.StreamRule("coffee -tea")])
    assert added.meta["summary"] == {"created": 2, "not_created": 0, "valid": 2, "invalid": 0}
    listed = client.get_rules()
    assert listed.data == added.data
    assert [(rule.value, rule.tag) for rule in listed.data] == [("love", "hearts"), ("coffee -tea", None)]
    assert listed.meta["result_count"] == 2
    gone = client.delete_rules(listed.data[0].id)
    assert gone.meta["summary"] == {"deleted": 1, "not_deleted": 0}
    assert [rule.value for rule in client.get_rules().data] == ["coffee -tea"]


def test_a_rule_that_is_there_already_is_refused_with_its_id(feed: FeedServer, witness: Make) -> None:
    client = witness()
    (rule,) = client.add_rules(tweepy.StreamRule("love")).data
    again = client.add_rules([tweepy.StreamRule("love"), tweepy.StreamRule("hate"), tweepy.StreamRule("hate")])
    assert [(error["title"], error["value"]) for error in again.errors] == [
        ("DuplicateRule", "love"),
        ("DuplicateRule", "hate"),
    ]
    assert again.errors[0]["id"] == rule.id
    assert again.meta["summary"]["created"] == 1


def test_a_rule_that_cannot_be_read_is_refused_with_the_reason(feed: FeedServer, witness: Make) -> None:
    with pytest.raises(tweepy.BadRequest):
        witness().add_rules(tweepy.StreamRule("has:media"))
    mixed = witness().add_rules([tweepy.StreamRule("has:media"), tweepy.StreamRule("love")])
    (error,) = mixed.errors
    assert (error["title"], error["value"]) == ("UnprocessableEntity", "has:media")
    assert "unknown operator" in error["details"][0]
    assert mixed.meta["summary"] == {"created": 1, "not_created": 1, "valid": 1, "invalid": 1}


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "love",
        {},
        {"add": {"value": "love"}},
        {"add": [], "delete": {"ids": []}},
        {"delete": ["1"]},
        {"delete": {"ids": 1}},
        {"delete": {"values": ["love"]}},
        {"delete": {"ids": "1"}},
    ],
)
def test_a_body_that_asks_for_nothing_sensible_is_a_bad_request(feed: FeedServer, body: Any) -> None:
    answer = post_rules(feed, body)
    assert (answer.status_code, answer.json()["title"]) == (400, "Invalid Request")


@pytest.mark.parametrize("rule", [1, None, "love", {}, {"value": 1}, {"value": None}, {"value": ["love"]}, []])
def test_a_rule_of_the_wrong_shape_is_invalid(feed: FeedServer, rule: Any) -> None:
    answer = post_rules(feed, {"add": [rule]})
    assert (answer.status_code, answer.json()["meta"]["summary"]["invalid"]) == (400, 1)


def test_half_a_surrogate_in_a_rule_and_its_tag_breaks_no_answer_and_no_stream(
    feed: FeedServer, connect: Connect
) -> None:
    rules = [{"value": "lang:en", "tag": "\ud800"}, {"value": "\udfff"}]
    assert post_rules(feed, {"add": rules}).json()["meta"]["summary"]["created"] == 2
    reader = connect("search/stream")
    feed.step()
    wait_until(lambda: len(reader.lines) == 2)
    assert json.loads(reader.lines[0])["matching_rules"][0]["tag"] == "\ud800"


def test_rules_are_deleted_by_id_and_what_is_not_there_is_counted(feed: FeedServer) -> None:
    first, second, _ = (rule["id"] for rule in rules(feed, "love", "hate", "coffee").json()["data"])
    answer = post_rules(feed, {"delete": {"ids": [first, first, second, "98", "99"]}})
    assert answer.status_code == 200
    assert answer.json()["meta"]["summary"] == {"deleted": 2, "not_deleted": 2}
    nothing = post_rules(feed, {"delete": {"ids": [first]}})
    assert (nothing.status_code, nothing.json()["errors"][0]["detail"]) == (400, "Rule does not exist")


def test_there_are_a_thousand_rules_at_most(feed: FeedServer) -> None:
    assert rules(feed, *(f"word{number}" for number in range(999))).status_code == 201
    body = rules(feed, "onemore", "onetoomany").json()
    assert body["meta"]["summary"]["created"] == 1
    assert [error["title"] for error in body["errors"]] == ["RulesCapExceeded"]
