"""The collector of tweets: X's stream, listened to for as long as it runs."""

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import msgspec
from pydantic import SecretStr

from kit.collectors._collector import Collector
from kit.collectors._records import Record
from kit.collectors._sources import Listener
from kit.collectors._supervisor import Supervisor
from kit.errors import BadPayload, CollectorError, KitError
from kit.sources import TweetStream

__all__ = ["collect_tweets"]

# A collector shows its failures in its repr and in stop(): tweepy would print them into the cell that ran last.
logging.getLogger("tweepy").addHandler(logging.NullHandler())

_SNOWFLAKE_EPOCH = 1_288_834_974_657  # 4 November 2010, in milliseconds since 1970


def collect_tweets(
    topic: str = "tweets",
    *,
    rules: Iterable[str] = (),
    url: str | None = None,
    token: SecretStr | str | None = None,
    supervisor: Supervisor | None = None,
    bootstrap_servers: str | None = None,
) -> Collector:
    """Listen to X's stream, and pass each tweet on to a topic.

    If the topic has records already, it goes on where an earlier collector was, however that ended: the local feeds
    give the last five minutes once more, and what the topic has is dropped.

    Parameters
    ----------
    topic
        Its records: key is the tweet's id, by which they are known; Kafka timestamp the moment it was written; value
        compact JSON with `id`, `user`, `text` and `ts` (milliseconds since 1970).
    rules
        Rules of the filtered stream, ``["$JPM OR bank"]``; none: the sample stream.
    url, token
        Where to listen, and its bearer token; default: the lab's feeds, or with ``KIT_FEEDS=live`` the live X.

    Raises
    ------
    ConfigError, Unauthorized, SourceError, BrokerUnavailable, TopicError
        No token, a rule that X cannot read, no stream (later failures go to the supervisor), or nowhere to send to.

    Examples
    --------
    >>> with collect_tweets(rules=["bank"]) as collector:                           # doctest: +SKIP
    ...     collector.wait(sent=10)
    """
    stream = TweetStream(url, token, rules=rules)

    def listen(receive: Callable[[bytes], None]) -> None:
        stream.resume = listener.resume
        stream.listen(receive)

    listener = Listener(listen, hang_up=stream.disconnect)
    collector = Collector(listener, topic, tweet_records, supervisor=supervisor, bootstrap_servers=bootstrap_servers)
    try:
        collector._wait_for(lambda: stream.connected, "the stream to be open", 10.0)  # no tweet after this is missed
    except BaseException as error:
        with suppress(CollectorError):
            collector.stop()
        if isinstance(error, CollectorError) and isinstance(error.__cause__, KitError):
            raise error.__cause__ from None  # X's own error, in place of the collector's
        raise
    return collector


class _Tweet(msgspec.Struct):
    id: str
    text: str


class _Line(msgspec.Struct):
    data: _Tweet
    includes: Any = None


_decode, _encode = msgspec.json.Decoder(_Line).decode, msgspec.json.Encoder().encode


def tweet_records(line: bytes) -> list[Record]:
    """The record of one line of the stream; raises `BadPayload` if the line is not a tweet."""
    try:
        found = _decode(line)
        number, text = found.data.id, found.data.text
        if not (number.isascii() and number.isdigit() and 0 < int(number) < 1 << 63):
            raise ValueError(f"a number of 63 bits, not {number:.40}")
        at = (int(number) >> 22) + _SNOWFLAKE_EPOCH  # a snowflake holds its time (X documentation, "Snowflake IDs")
        value = _encode({"id": number, "user": _author(found.includes), "text": text, "ts": at})
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        got, todo = f"{type(error).__name__}: {str(error)[:120]}", "see the bytes in the dead letter"
        raise BadPayload("a tweet with data.id and data.text", got=got, todo=todo, raw=line) from error
    return [Record(key := number.encode(), value, at, id=key)]


def _author(includes: Any) -> str | None:
    """The author's user name, where the line includes it."""
    try:
        return str(includes["users"][0]["username"])
    except (KeyError, TypeError, IndexError):
        return None
