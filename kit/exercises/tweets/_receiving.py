"""Gap 4: what the actor does with a message."""

import csv
import time
from itertools import pairwise
from typing import Any

from kit.errors import ExerciseError, PlotError
from kit.exercises._running import StudentError
from kit.exercises._trial import Trial, shown
from kit.exercises.tweets._advice import about, first
from kit.exercises.tweets._recording import AT, Tweet
from kit.exercises.tweets._watched import AT_ONCE, Watched, watched
from kit.plots import LiveList

__all__ = ["live_list", "receive"]

_EVERY = 4
_COUNT = 24  # more than twice ten, so that a ten that was written down is seen
_CONDITION = "self.received % self.every == 0"
_PAIR = "to_record gives a pair, and send takes its two parts: record = to_record(tweet), then self.send(*record)"


def receive(trial: Trial) -> None:
    base: Any = trial.named("TweetActor")
    trial.named("to_record")
    topic = trial.topic(partitions=3)
    producer = watched(trial, topic)
    lists = [live_list(trial), live_list(trial)]
    probe, made = _probe(base), f"TweetActor(producer, topic, live, {_EVERY})"
    actor = trial.call(probe, producer, topic, lists[0], _EVERY, on=made)
    other = trial.call(probe, producer, topic, lists[1], 1, on="TweetActor(producer, topic, live, 1)")
    trial.advise = _receive_advice
    kind = trial.namespace.get("Tweet", Tweet)
    tweets = [kind(AT + n, f"user{n % 3}", f'tweet number {n + 1}, of "{_COUNT}"') for n in range(_COUNT)]
    _tell_all(trial, producer, actor, other, tweets)
    producer.flush()
    wanted = _records(trial, tweets)
    trial.on = f"{_COUNT} tweets for one actor, every={_EVERY}; and 2 of them for another"
    _check_sent(trial, producer, wanted, [*wanted, *wanted[4:6]])
    _check_shown(trial, actor, lists[0].items()[::-1], [tweet.text for tweet in tweets])
    if len(lists[1].items()) != 2:
        advice = f"with every=1 each tweet is shown: {_CONDITION}"
        on = "a second actor, with every=1, which gets 2 tweets"
        trial.wrong("2 tweets on its list", got=f"{len(lists[1].items())}", on=on, advice=advice)


def _tell_all(trial: Trial, producer: Watched, actor: Any, other: Any, tweets: list[Any]) -> None:
    """The tweets for one actor, and two of them for another in between."""
    slow = 0
    for number, tweet in enumerate(tweets):
        began = time.monotonic()
        _tell(trial, actor, tweet, f"the message {tweet!r}")
        slow += time.monotonic() - began > AT_ONCE
        if producer.waits or slow > 1:
            advice = "an actor that waits keeps all its mail waiting; on_stop waits, once"
            trial.wrong("on_receive to come back at once", got="it waited", advice=advice)
        if number in (4, 5):
            _tell(trial, other, tweet, "a second actor with every=1, which gets 2 of the tweets")
    if not actor.actor_inbox.empty():
        advice = "neither tell nor stop it from within: who uses an actor does that"
        trial.wrong("an actor that waits for the next tweet", got="one with mail from itself", advice=advice)


def _probe(base: Any) -> Any:
    """The student's actor, with a `send` and an `on_stop` that are known to work."""

    class Probe(base):  # type: ignore[misc]
        def send(self, key: str, value: str) -> Any:
            return self.producer.send(self.topic, key=key, value=value)

        def on_stop(self) -> None:
            self.producer.flush()

    # In errors of the student's code it is what it is to the student.
    Probe.__name__ = Probe.__qualname__ = base.__name__
    Probe.send.__qualname__ = f"{base.__name__}.send"
    return Probe


def _tell(trial: Trial, actor: Any, tweet: Any, on: str) -> None:
    try:
        trial.call(actor.on_receive, tweet, on=on)
    except StudentError as error:
        if not isinstance(error.error, NotImplementedError):
            _records(trial, [tweet])  # if it is to_record that fails, this gap is not to blame
            trial.on = on
        raise


def _records(trial: Trial, tweets: list[Any]) -> list[tuple[str, str]]:
    """What the student's to_record makes of the tweets.

    Raises
    ------
    ExerciseError
        It fails, or makes something else than a pair of text: then nobody can say what on_receive is to send.
    """
    wanted = []
    for tweet in tweets:
        try:
            pair = trial.call(trial.namespace["to_record"], tweet)
            got = shown(pair)
        except StudentError as error:
            if isinstance(error.error, NotImplementedError):
                raise
            pair, got = None, f"{type(error.error).__name__}: {error.error}".splitlines()[0]
        if not isinstance(pair, tuple | list) or [type(part) for part in pair] != [str, str]:
            todo = "fill gap 3 first: exercise.check(3) says what it lacks"
            raise ExerciseError("a pair of text (key, value) from to_record, gap 3", got=got, todo=todo)
        wanted.append((pair[0], pair[1]))
    return wanted


def _check_sent(trial: Trial, producer: Watched, wanted: list[tuple[str, str]], all_: list[tuple[str, str]]) -> None:
    if producer.elsewhere:
        got = f"one for {shown(producer.elsewhere[0])}"
        advice = "hand each record to self.send(key, value): it knows the topic"
        trial.wrong("records for self.topic", got=got, advice=advice)
    found = [(record.key, record.value) for record in trial.records(producer.topic, len(all_), seconds=0.2)]
    raw = [(key.encode(), value.encode()) for key, value in all_]
    if sorted(found, key=repr) == sorted(raw, key=repr):
        return
    if not found:
        advice = "hand each record to self.send: self.send(*to_record(tweet))"
        trial.wrong(f"{len(raw)} records in the topic", got="none", advice=advice)
    if len(found) != len(raw):
        fewer = "send every tweet; only what is shown is one in self.every"
        advice = fewer if len(found) < len(raw) else "send each tweet once"
        trial.wrong(f"{len(raw)} records for {len(raw)} messages", got=f"{len(found)}", advice=advice)
    key, value = next(pair for pair in found if pair not in raw)
    advice = "send what to_record makes of the tweet, and nothing else: self.send(*to_record(tweet))"
    if (value, key) in raw:
        advice = "the two are swapped: self.send takes the key first, then the value"
    trial.wrong(f"records as {wanted[0]!r}", got=f"({_text(key)}, {_text(value)})", advice=advice)


def _text(raw: bytes | None) -> str:
    return repr(raw.decode("utf-8", "replace")) if raw is not None else "None"


def _check_shown(trial: Trial, actor: Any, items: list[str], texts: list[str]) -> None:
    """One in `every`, whichever the first is."""
    places = [next((n for n, text in enumerate(texts) if text in item), -1) for item in items]
    expected = f"{len(texts) // _EVERY} tweets on self.live, each the {_EVERY}th after the one before"
    if -1 in places:
        stranger = items[places.index(-1)]
        trial.wrong("the texts of tweets on self.live", got=stranger, advice="append tweet.text to self.live")
    if places and places == list(range(places[0], len(texts), _EVERY)) and places[0] < _EVERY:
        return
    numbers = ", ".join(str(place + 1) for place in places[:12]) + (", …" if len(places) > 12 else "")
    got = f"tweets number {numbers}" if places else "an empty list"
    trial.wrong(expected, got=got, advice=_shown_advice(getattr(actor, "received", None), places, len(texts)))


def _shown_advice(counted: object, places: list[int], count: int) -> str:
    steps, left_out = set(_steps(places)), set(_steps([n for n in range(count) if n not in places]))
    all_or_none = len(places) in (0, count)
    last_only = len(places) == 1 and places[0] >= count - _EVERY and places[0] % _EVERY in (0, _EVERY - 1)
    own = "each actor counts its own tweets, every one of them: self.received += 1"
    return first(
        (counted == 0 and all_or_none, "count each tweet: self.received += 1; it is still 0 after all of them"),
        (counted == 1 and all_or_none, "self.received += 1 adds one; it is still 1 after all of them"),
        (not places, f"append tweet.text to self.live if {_CONDITION}"),
        (len(places) == count, f"show only one in self.every: if {_CONDITION}"),
        (0 in steps, "append each of them once"),
        (
            left_out == {_EVERY},
            f"these are all but one in {_EVERY}: the remainder is 0 for the others, so {_CONDITION}",
        ),
        (last_only, "those before are gone: self.live.append(tweet.text) adds one, and keeps the others"),
        (
            steps == {1 + sum(places[:1])} - {1} and counted == count,
            f"how many make one stands in self.every: {_CONDITION}",
        ),
        (counted == count, f"the count is right, it ends with {count}; now show a tweet if {_CONDITION}"),
        (True, f"{own}, and shows one if {_CONDITION}"),
    )


def _steps(places: list[int]) -> list[int]:
    return [after - before for before, after in pairwise(places)]


def _receive_advice(error: BaseException) -> str:
    return about(
        error,
        (TypeError, r"send\(\)", _PAIR),
        (NameError, "'received'", "the count is the actor's own: self.received += 1"),  # UnboundLocalError is one
        (RecursionError, "", "on_receive is called for each message; it need not call itself"),
        (AttributeError, "'to_record'", "to_record is a function, and no method: to_record(tweet)"),
        ((TypeError, csv.Error), r"to_record\(\)|not TweetActor", "to_record takes the tweet: to_record(tweet)"),
        ((TypeError, AttributeError), "LiveList", "the list takes a text by self.live.append(tweet.text)"),
        (NameError, "'(live|every|producer|topic|send)'", "a method reaches what its actor has by self: self.live"),
        (AttributeError, "encode", f"send takes text; {_PAIR}"),
        (TypeError, "indices must be integers", "a Tweet has its fields by name: tweet.user, tweet.text"),
        (PlotError, "", "the list takes text: self.live.append(tweet.text)"),
    )


def live_list(trial: Trial) -> LiveList:
    live = LiveList(last=2 * _COUNT)
    trial.defer(live.close)
    return live
