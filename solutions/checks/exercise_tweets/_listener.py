"""Gap 7: from the listener to the actor."""

import json
import threading
import time
from typing import Any

import pykka

from kit.exercises import CheckContext, TookTooLong, plain, shown
from kit.servers.ports import choose_port

from ._common import TWEETS, Tweet, about, difference, first, same, waited

__all__ = ["listen"]

_A_WHILE_MS = 86_400_000
_TELL = "tell puts a message in the actor's mailbox, and goes on"
_NOW = "the time of fetching, by this machine's clock, in whole milliseconds"
_AUTHOR, _TEXT = "response.includes['users'][0].username", "response.data.text"
_NO_WAIT = "on_response only puts a message in the mailbox and goes on: no ask, no .get(), no sleep, no loop"
_ALL = "each tweet is one message: also a retweet, one that comes again, or one that comes while more mail waits"
_HEARD = [tweet for _, tweet in TWEETS]


class _Busy(pykka.ThreadingActor):
    """Keeps its messages; it is busy until the end of the check, so that a listener that waits for it does wait."""

    use_daemon_thread = True

    def __init__(self, received: list[Any], over: threading.Event) -> None:
        super().__init__()
        self.received, self.over = received, over

    def on_receive(self, message: Any) -> None:
        self.received.append(message)
        self.over.wait(10)


class _Inbox:
    """A busy actor's ref; `messages` lets it read its mail."""

    def __init__(self, context: CheckContext) -> None:
        self._received, self._over = list[Any](), threading.Event()
        self.ref = _Busy.start(self._received, self._over)
        context.defer(self._end)

    def messages(self) -> list[Any] | None:
        """All messages that it got; None: it was stopped."""
        self._over.set()
        try:
            self.ref.proxy().actor_urn.get(timeout=2)
        except pykka.ActorDeadError:
            return None
        return self._received

    def _end(self) -> None:
        self._over.set()
        self.ref.stop(block=False)


def listen(context: CheckContext) -> None:
    kind = context.named("TweetListener")
    inboxes = [_Inbox(context), _Inbox(context)]
    address = {"url": f"http://127.0.0.1:{choose_port()}", "token": "check"}  # no server is there
    listeners = [context.call(kind, inbox.ref, on="TweetListener(ref)", **address) for inbox in inboxes]
    for listener in listeners:
        context.defer(listener.disconnect)
    context.advise = _advice
    seconds: list[float] = []
    expected: tuple[list[Any], list[Any]] = [], []
    for number, tweet in enumerate(_HEARD):
        before = time.time_ns() // 1_000_000
        seconds.append(_hear(context, listeners[number % 2], number, tweet))
        expected[number % 2].append((tweet._replace(fetched_ms=before), time.time_ns() // 1_000_000 + 1))
        if waited(seconds):
            context.wrong("on_response to come back at once", got="it waited", advice=_NO_WAIT)
    context.on = f"{len(_HEARD)} tweets, for two listeners in turn, while the actors are busy"
    received = [inbox.messages() for inbox in inboxes]
    if {len(messages or ()) for messages in received} == {0, len(_HEARD)}:
        advice = "each listener has a ref of its own, in self.ref: tell that"
        context.wrong("messages to the ref it was made with", got="all to another actor", advice=advice)
    for messages, mine in zip(received, expected, strict=True):
        if messages is None:
            advice = "leave stopping to the one that started it: there are more tweets to come"
            context.wrong("an actor that runs on", got="it was stopped", advice=advice)
        _check_messages(context, messages, mine)


def _hear(context: CheckContext, listener: Any, number: int, tweet: Tweet) -> float:
    """Have tweepy read a line of the stream, and call the student's hook; gives the seconds it took."""
    author = str(900 + number)
    data = {"id": str(2_000_000 + number), "text": tweet.text, "author_id": author, "edit_history_tweet_ids": []}
    users = [{"id": author, "name": tweet.user.title(), "username": tweet.user}]
    line = json.dumps({"data": data, "includes": {"users": users}, "matching_rules": []}).encode()
    listener.running = True  # as if it were connected
    began = time.perf_counter()
    try:
        on = f"the tweet {shown(tweet.text)} of {tweet.user!r}, while the actor is busy"
        context.call(listener.on_data, line, on=on, seconds=1.0)
    except TookTooLong as late:
        if late.stopped:  # it was busy by itself
            raise
        got = f"it waited, at {late.line}" if late.line else "it waited"
        context.wrong("on_response to come back at once", got=got, advice=f"{_TELL}; ask, and get, wait for the actor")
    if not listener.running:
        advice = "leave out disconnect(): the one that made the listener ends it"
        context.wrong("a listener that goes on listening", got="it has hung up", advice=advice)
    return time.perf_counter() - began


def _check_messages(context: CheckContext, messages: list[Any], expected: list[Any]) -> None:
    if len(messages) != len(expected):
        wanted, got = f"{len(expected)} messages for this actor, one for each tweet", f"{len(messages)}"
        advice = first(
            (not messages, f"{_TELL}: self.ref is the actor's address"),
            (len(messages) > len(expected), "tell the actor once"),
            (True, _ALL),
        )
        context.wrong(wanted, got=got if messages else "none", advice=advice)
    for message, (tweet, after) in zip(messages, expected, strict=True):
        _check_message(context, message, tweet, after)


def _check_message(context: CheckContext, message: Any, tweet: Tweet, after: int) -> None:
    before, user, text = tweet
    expected = f"Tweet(fetched_ms=<now>, user={user!r}, text={shown(text)})"
    context.on = f"the tweet {shown(text)} of {user!r}"
    parts = plain(message)
    if getattr(type(message), "_fields", ()) != Tweet._fields:
        kind, got = type(message).__name__, shown(message)
        advice = "tell it a Tweet, with its three fields"
        if kind == "Tweet":
            advice = "that is tweepy's; make one of yours of it, with fetched_ms, user, text, and tell that"
        context.wrong(expected, got=got if kind in got else f"{kind}: {got}", advice=advice)
    at, author, words = parts
    if not (same(author, user) and same(words, text)):
        context.wrong(expected, got=message, advice=_who_advice(parts, tweet))
    if not isinstance(at, int) or isinstance(at, bool) or not before <= at <= after:
        context.wrong("fetched_ms: now, in whole milliseconds", got=shown(at), advice=_time_advice(at, before))


def _who_advice(parts: list[Any], tweet: Tweet) -> str:
    _, author, words = parts
    changed = difference(tweet.text, words) if isinstance(words, str) else ""
    heard = words in [other.text for other in _HEARD] if isinstance(words, str) else False
    return first(
        (
            any(part == tweet.user for part in parts if isinstance(part, str)) and not same(author, tweet.user),
            "the order is fetched_ms, user, text; or name the fields",
        ),
        (same(author, tweet.user) and heard, f"that is the text of another tweet; this one's is {_TEXT}"),
        (
            same(author, tweet.user),
            (changed and f"the text stays as it is: {changed}") or f"the text, as it is, is {_TEXT}",
        ),
        (same(words, tweet.text), f"the author's user name (username), as it is, is {_AUTHOR}"),
        (True, f"the author's user name is {_AUTHOR}, the text {_TEXT}"),
    )


def _time_advice(at: Any, now: int) -> str:
    if not isinstance(at, int | float):
        return f"a number, not a text: {_NOW}" if isinstance(at, str) else _NOW
    number = float(at)
    return first(
        (abs(number - now / 1000) < 60, "time.time() is in seconds; a millisecond is a thousandth, so times 1000"),
        (abs(number - now * 1e3) < 60e6, "these are microseconds; a millisecond has 1000 of them"),
        (abs(number - now * 1e6) < 60e9, "these are nanoseconds; a millisecond has 1_000_000 of them"),
        (isinstance(at, float), "a whole number is wanted: round it"),
        (number % 1000 == 0 and abs(number - now) < 60_000, "first times 1000, then round, else it is cut off"),
        (0 < now - number < _A_WHILE_MS, "ask for the time when each tweet comes, in on_response, not before"),
        (True, _NOW),
    )


def _advice(error: BaseException) -> str:
    by_self = "the ref is in self.ref: a method reaches what its object has by self"
    return about(
        error,
        (pykka.Timeout, "", f"ask waits for an answer, which may take long; {_TELL}"),
        (pykka.ActorDeadError, "", "that actor has stopped; yours is self.ref"),
        (TypeError, r"tell\(\)", "tell takes one message: the Tweet as a whole"),
        (AttributeError, "TweetActor", "a message goes to a ref (self.ref), not to the class"),
        ((AttributeError, TypeError), "ActorRef", f"a ref can only send messages; {_TELL}"),
        (NameError, "'ref'", by_self),
        (AttributeError, "'(dict|list)'", f"the includes are a dict, with a list of users in it: {_AUTHOR}"),
        (
            AttributeError,
            "StreamResponse",
            f"the tweet is in response.data: its text is {_TEXT}; its author is {_AUTHOR}",
        ),
        (
            AttributeError,
            "NoneType",
            f"X gives that only if it is asked to; what is wanted is that of fetching: {_NOW}",
        ),
        (AttributeError, "TweetListener", "the listener has what __init__ put in self: self.ref"),
        (AttributeError, "Tweet|^$", f"a tweet of X has no such thing: its text is {_TEXT}, its author is {_AUTHOR}"),
        (TypeError, "list indices", f"the users are a list, [0] is the first of them: {_AUTHOR}"),
        (TypeError, "tuple indices|attribute name", f"this is the way there: {_TEXT}, and {_AUTHOR}"),
        (IndexError, "", f"the author is the first of the users, [0]: {_AUTHOR}"),
        (KeyError, "", f"the includes have the authors by the key 'users': {_AUTHOR}"),
        (TypeError, "Tweet.*argument", "a Tweet takes three: fetched_ms, user, text"),
    )
