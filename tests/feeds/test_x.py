"""X's side: the official tweepy client as a witness, and the bytes themselves where tweepy does not look."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime

import tweepy

from kit.servers.feeds import FeedServer
from tests.feeds.tools import ORIGIN, Reader, Witness, authors, ids, rules, texts
from tests.wait import wait_until

Make = Callable[..., Witness]
Connect = Callable[..., Reader]


# ---- the sample stream ------------------------------------------------------------------------------------------


def test_tweepy_samples_the_real_tweets_in_their_order(feed: FeedServer, witness: Make) -> None:
    client = witness().open()
    feed.step(5)
    wait_until(lambda: len(client.tweets) == 10)
    assert [tweet.text for tweet in client.tweets] == texts()[2:12]
    assert [tweet.id for tweet in client.tweets] == sorted({tweet.id for tweet in client.tweets})
    assert client.crashes == client.problems == client.matching == client.included == []


def test_a_tweet_has_the_fields_that_were_asked_for_and_no_others(feed: FeedServer, witness: Make) -> None:
    plain = witness().open()
    full = witness().open(
        tweet_fields=["created_at", "lang", "author_id"],
        expansions=["author_id"],
        user_fields="username",
    )
    feed.step()
    wait_until(lambda: len(plain.tweets) == len(full.tweets) == 2)
    assert set(plain.tweets[0].data) == {"id", "text", "edit_history_tweet_ids"}
    first = full.tweets[0]
    assert first.created_at == datetime(2026, 1, 5, 14, 30, 1, tzinfo=UTC)
    assert (first.lang, first.author_id) == ("en", full.included[0]["users"][0].id)
    assert full.included[0]["users"][0].username == f"reader_{first.author_id:04d}"
    assert (first.id, first.text) == (plain.tweets[0].id, plain.tweets[0].text)


def test_an_id_is_a_snowflake_of_the_replay_clocks_instant(feed: FeedServer, connect: Connect) -> None:
    reader = connect()
    feed.step(3)
    wait_until(lambda: len(reader.lines) == 6)
    numbers = [int(one) for one in ids(reader.lines)]
    assert [(number >> 22) + 1_288_834_974_657 for number in numbers] == [
        (ORIGIN + tick) * 1000 for tick in (1, 1, 2, 2, 3, 3)
    ]
    assert [number % 2**22 for number in numbers] == [0, 1] * 3


def test_html_entities_stay_as_the_api_sends_them(feed: FeedServer, connect: Connect) -> None:
    reader = connect()
    feed.step(400)
    wait_until(lambda: len(reader.lines) == 800)
    assert any("&amp;" in json.loads(line)["data"]["text"] for line in reader.lines)
    assert [json.loads(line)["data"]["text"] for line in reader.lines] == texts()[2:802]


def test_the_tweets_go_on_from_the_first_when_all_have_been(feed: FeedServer, connect: Connect) -> None:
    count = len(texts())
    reader = connect()
    feed.step(count)  # twice through, at two a tick
    wait_until(lambda: len(reader.lines) == 2 * count)
    heard = [json.loads(line)["data"]["text"] for line in reader.lines]
    assert heard == [texts()[number % count] for number in range(2, 2 * count + 2)]
    assert len(set(ids(reader.lines))) == 2 * count


def test_a_late_stream_gets_what_comes_from_then_on(feed: FeedServer, connect: Connect) -> None:
    feed.step(10)
    reader = connect()
    feed.step()
    wait_until(lambda: len(reader.lines) == 2)
    assert [json.loads(line)["data"]["text"] for line in reader.lines] == texts()[22:24]


def test_a_line_ends_with_crlf_and_the_stream_says_what_it_is(connect: Connect, feed: FeedServer) -> None:
    reader = connect()
    assert reader.headers["content-type"] == "application/json; charset=utf-8"
    assert reader.headers["transfer-encoding"] == "chunked"
    feed.step()
    wait_until(lambda: len(reader.lines) == 2)
    assert reader.rest == b""
    assert all(line.startswith(b'{"data":{') and b"\n" not in line for line in reader.lines)


# ---- keep-alives ------------------------------------------------------------------------------------------------


def test_a_quiet_stream_is_kept_alive(feed: FeedServer, witness: Make) -> None:
    client = witness().open()
    feed.limits(keep_alive_seconds=0.02)  # it holds for the streams that are open, too
    wait_until(lambda: client.keep_alives >= 5)
    assert client.tweets == []


def test_a_stream_whose_rules_match_nothing_is_kept_alive_while_the_clock_runs(
    feed: FeedServer, connect: Connect
) -> None:
    rules(feed, "nobodyeversaysthis")
    feed.limits(keep_alive_seconds=0.2)
    reader = connect("search/stream")
    feed.clock(paused=False, speed=100.0)  # a tick each 10 ms is no reason for silence
    wait_until(lambda: reader.keep_alives >= 4)
    assert reader.lines == []


def test_a_busy_stream_needs_no_keep_alive(feed: FeedServer, connect: Connect) -> None:
    feed.limits(keep_alive_seconds=1.0)
    reader = connect()
    feed.clock(paused=False, speed=100.0)
    wait_until(lambda: len(reader.lines) >= 100)
    feed.clock(paused=True)
    assert reader.keep_alives == 1  # the one that opens it


# ---- the filtered stream ----------------------------------------------------------------------------------------


def test_without_rules_there_is_no_filtered_stream(feed: FeedServer, witness: Make, connect: Connect) -> None:
    client = witness()
    client.filter()
    assert client.refusals == [409]
    refused = connect("search/stream")
    assert (refused.body["title"], refused.body["connection_issue"]) == (
        "ConnectionException",
        "RuleConfigurationIssue",
    )


def test_tweepy_filters_exactly_the_tweets_that_match_and_gets_which_rules(feed: FeedServer, witness: Make) -> None:
    client = witness()
    wanted = [tweepy.StreamRule("love", tag="hearts"), tweepy.StreamRule("amazing OR day")]
    last = tweepy.StreamRule(f"from:{authors()[401]}", tag="the last")
    added = client.add_rules([*wanted, last]).data
    client.open("filter", expansions="author_id")
    feed.step(200)
    wait_until(lambda: client.matching and "the last" in [rule.tag for rule in client.matching[-1]])
    tweets_and_words = [(text, set(re.findall(r"\w+", text.lower()))) for text in texts()[2:402]]
    due = [
        text
        for text, words in tweets_and_words
        if words & {"love", "amazing", "day"} or text == tweets_and_words[-1][0]
    ]
    assert [tweet.text for tweet in client.tweets] == due
    for tweet, matched in zip(client.tweets, client.matching, strict=True):
        words = set(re.findall(r"\w+", tweet.text.lower()))
        known = {(rule.id, rule.tag) for rule in matched} - {(added[2].id, "the last")}
        assert known == {
            (rule.id, tag)
            for rule, tag, of in zip(added, ("hearts", ""), ({"love"}, {"amazing", "day"}), strict=False)
            if words & of
        }
    assert [tweet.author_id for tweet in client.tweets] == [one["users"][0].id for one in client.included]
    assert client.crashes == []


def test_a_rule_holds_for_open_streams_from_the_next_tweet_on(feed: FeedServer, witness: Make) -> None:
    client = witness()
    client.add_rules(tweepy.StreamRule("nobodyeversaysthis"))
    client.open("filter")
    feed.step(3)
    client.add_rules(tweepy.StreamRule("lang:en", tag="all"))
    feed.step(1)
    wait_until(lambda: len(client.tweets) >= 2)
    assert [tweet.text for tweet in client.tweets] == texts()[8:10]
