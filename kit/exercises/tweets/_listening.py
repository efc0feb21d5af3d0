"""Gap 7: the actor told what the listener hears."""

import json
import threading
import time
from numbers import Integral
from typing import Any

import pykka

from kit.exercises._running import TookTooLong
from kit.exercises._trial import Trial, shown
from kit.exercises.tweets._advice import about, first
from kit.exercises.tweets._recording import Tweet
from kit.exercises.tweets._watched import AT_ONCE
from kit.servers.ports import choose_port

__all__ = ["listen"]

_BUSY_SECONDS = 5.0
_A_WHILE_MS = 86_400_000
_TELL = "self.ref.tell(Tweet(…))"
_NOW = "round(time.time() * 1000)"
_AUTHOR, _TEXT = "response.includes['users'][0].username", "response.data.text"


class _Busy(pykka.ThreadingActor):
    """Notes what it is told; until it may go on, whoever asks it must wait."""

    use_daemon_thread = True

    def __init__(self, told: list[Any], may_go_on: threading.Event) -> None:
        super().__init__()
        self._told, self._may_go_on = told, may_go_on

    def on_receive(self, message: Any) -> None:
        self._told.append(message)
        self._may_go_on.wait(_BUSY_SECONDS)


class _Inbox:
    """A busy actor's ref, and what it has been told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self._may_go_on = threading.Event()
        self.ref = _Busy.start(self.told, self._may_go_on)

    def settle(self) -> bool:
        """Let the actor read its mail, and be busy again with the next. Whether it is still there."""
        self._may_go_on.set()
        try:
            self.ref.proxy().actor_urn.get(timeout=2)
        except pykka.ActorDeadError:
            return False
        self._may_go_on.clear()
        return True

    def stop(self) -> None:
        self._may_go_on.set()
        self.ref.stop(timeout=1)


def listen(trial: Trial) -> None:
    kind = trial.named("TweetListener")
    inboxes = [_Inbox(), _Inbox()]
    for inbox in inboxes:
        trial.defer(inbox.stop)
    address: dict[str, Any] = {"url": f"http://127.0.0.1:{choose_port()}", "token": "check"}  # nobody is called there
    listeners = [trial.call(kind, inbox.ref, on="TweetListener(ref)", **address) for inbox in inboxes]
    for listener in listeners:
        trial.defer(listener.disconnect)
    trial.advise = _listen_advice
    slow = 0
    for number, (user, text) in enumerate([("ana", "one, two"), ("zoë", "🚀"), ("bo", "third")]):
        mine, other = inboxes[number % 2], inboxes[1 - number % 2]
        count, strange = len(mine.told), len(other.told)
        before = time.time_ns() // 1_000_000
        _hear(trial, listeners[number % 2], number, user, text)
        after = time.time_ns() // 1_000_000 + 1
        slow += after - before > AT_ONCE * 1000
        if slow > 1:
            trial.wrong("on_response to come back at once", got="it waited", advice="no sleep: the stream goes on")
        for inbox in inboxes:
            if not inbox.settle():
                advice = "leave stopping to who started it: there are more tweets to come"
                trial.wrong("an actor that runs on", got="it was stopped", advice=advice)
        if len(other.told) > strange:
            trial.wrong(
                "a message to the ref it was made with",
                got="one to another actor",
                advice="each listener has a ref of its own, in self.ref: tell that",
            )
        _check_message(trial, mine.told[count:], Tweet(before, user, text), after)


def _hear(trial: Trial, listener: Any, number: int, user: str, text: str) -> None:
    """Have tweepy read a line of the stream, and call the student's hook, while the actor is busy."""
    data = {"id": str(2_000_000 + number), "text": text, "author_id": str(900 + number), "edit_history_tweet_ids": []}
    users = [{"id": str(900 + number), "name": user.title(), "username": user}]
    listener.running = True  # as if it were connected
    line = json.dumps({"data": data, "includes": {"users": users}, "matching_rules": []}).encode()
    try:
        trial.call(listener.on_data, line, on=f"the tweet {text!r} of {user!r}, while the actor is busy", seconds=2.0)
    except TookTooLong as late:
        if late.stopped:  # it was busy by itself
            raise
        got = f"it waited, at {late.line}" if late.line else "it waited"
        advice = "tell puts a message in the mailbox and goes on; ask, and get, wait for the actor"
        trial.wrong("on_response to come back at once", got=got, advice=advice)
    if not listener.running:
        advice = "leave out disconnect(): whoever made the listener ends it"
        trial.wrong("a listener that goes on listening", got="it has hung up", advice=advice)


def _check_message(trial: Trial, told: list[Any], tweet: Tweet, after: int) -> None:
    before, user, text = tweet
    expected = f"Tweet(fetched_ms=<now>, user={user!r}, text={text!r})"
    if not told:
        trial.wrong("one message to the actor", got="none", advice=f"{_TELL} puts a message in its mailbox")
    if len(told) > 1:
        trial.wrong("one message for each tweet", got=f"{len(told)}", advice="tell the actor once")
    message = told[0]
    parts = [getattr(message, name, None) for name in Tweet._fields]
    if not isinstance(message, tuple) or len(message) != 3 or list(message) != parts:
        got, kind = shown(message), type(message).__name__
        advice = f"tell it a Tweet, with its three fields: {_TELL}"
        if kind == "Tweet":
            advice = "that is tweepy's; make one of yours of it, and tell that: Tweet(fetched_ms, user, text)"
        trial.wrong(expected, got=got if kind in got else f"{kind}: {got}", advice=advice)
    at, author, words = parts
    if author != user or words != text:
        trial.wrong(expected, got=message, advice=_who_advice(message, tweet))
    if not isinstance(at, Integral) or isinstance(at, bool) or not before <= int(at) <= after:
        trial.wrong("fetched_ms: now, in whole milliseconds", got=shown(at), advice=_time_advice(at, before))


def _who_advice(message: Any, tweet: Tweet) -> str:
    both = tweet.user in message and tweet.text in message
    return first(
        (both, "the order is fetched_ms, user, text; or name them: Tweet(fetched_ms=…, user=…, text=…)"),
        (message[1] == tweet.user, f"the text, as it is, is {_TEXT}"),
        (message[2] == tweet.text, f"the author's user name, as it is, is {_AUTHOR}"),
        (True, f"the author's user name is {_AUTHOR}, the text {_TEXT}"),
    )


def _time_advice(at: Any, now: int) -> str:
    by_clock = f"the time of fetching, by this machine's clock: {_NOW}"
    if not isinstance(at, Integral | float):
        return f"a number, not a text: {_NOW}" if isinstance(at, str) else by_clock
    number = float(at)
    return first(
        (abs(number - now / 1000) < 60, f"time.time() is in seconds, so times 1000: {_NOW}"),
        (abs(number - now * 1e3) < 60e6, "these are microseconds; a millisecond has 1000 of them"),
        (abs(number - now * 1e6) < 60e9, "these are nanoseconds; a millisecond has 1_000_000 of them"),
        (isinstance(at, float), "a whole number, please: round(…)"),
        (
            number % 1000 == 0 and abs(number - now) < 60_000,
            f"first times 1000, then round, else it is cut off: {_NOW}",
        ),
        (0 < now - number < _A_WHILE_MS, "ask for the time when the tweet comes, in on_response, not before"),
        (True, by_clock),
    )


def _listen_advice(error: BaseException) -> str:
    return about(
        error,
        (pykka.Timeout, "", f"ask waits for an answer, which may take long; tell does not: {_TELL}"),
        (pykka.ActorDeadError, "", f"that actor has stopped; yours is self.ref: {_TELL}"),
        (TypeError, r"tell\(\)", "tell takes one message, the Tweet as a whole: self.ref.tell(tweet)"),
        (AttributeError, "TweetActor", f"a message goes to a ref, not to the class: {_TELL}"),
        ((AttributeError, TypeError), "ActorRef", f"who has a ref can only send messages: {_TELL}"),
        (NameError, "'ref'", f"a method reaches what its object has by self: {_TELL}"),
        (AttributeError, "'(dict|list)'", f"the includes are a dict, with a list of users in it: {_AUTHOR}"),
        (
            AttributeError,
            "StreamResponse",
            f"the tweet is in response.data, its text is {_TEXT}; its author is {_AUTHOR}",
        ),
        (AttributeError, "NoneType", f"X tells that only if it is asked to; the time is that of fetching: {_NOW}"),
        (AttributeError, "TweetListener", f"the listener has what __init__ put in self: {_TELL}"),
        (AttributeError, "Tweet|^$", f"a tweet of X has no such thing: its text is {_TEXT}, its author is {_AUTHOR}"),
        (TypeError, "list indices", f"the users are a list, [0] is the first of them: {_AUTHOR}"),
        (TypeError, "tuple indices|attribute name", f"this is the way there: {_TEXT}, and {_AUTHOR}"),
        (IndexError, "", f"the author is the first of the users, [0]: {_AUTHOR}"),
        (KeyError, "", f"the includes have the authors by the key 'users': {_AUTHOR}"),
        (TypeError, "Tweet.*argument", "a Tweet takes three: Tweet(fetched_ms, user, text)"),
    )
