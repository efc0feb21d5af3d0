"""Gap 4: what the actor does with a message."""

import csv
import operator
from itertools import pairwise
from typing import Any

from kit.errors import ExerciseError, PlotError
from kit.exercises import CheckContext, StudentError, plain, shown

from ._actor import Running, SpyProducer, live_list, probe
from ._common import TWEETS, about, difference, first, tweet_class

__all__ = ["receive"]

_EVERY = 4
_COUNT = 43  # many times ten, so that a ten that was written down is seen; and no multiple of four
_TURN = "a tweet is shown when its number divides by self.every"
_PAIR = "to_record gives a pair, and send takes its two parts"
_SENT = "give the record that to_record makes to self.send, once for each tweet"


def _send(actor: Any, key: str, value: str) -> Any:
    """A `send` that is known to work, in the place of the student's."""
    return actor.producer.send(actor.topic, key=key, value=value)


_send.__qualname__ = "TweetActor.send"


def receive(context: CheckContext) -> None:
    kind: Any = context.named("TweetActor")
    context.named("to_record")
    lists = [live_list(context), live_list(context)]
    derived = probe(kind, send=_send)
    actor = Running(context, derived, SpyProducer("check-tweets"), lists[0], _EVERY, method="on_receive")
    other = Running(context, derived, SpyProducer("check-tweets"), lists[1], 1, method="on_receive")
    context.advise = _advice
    made = tweet_class(context.namespace)
    places = [8 + n // _EVERY if n % _EVERY == _EVERY - 1 else n % len(TWEETS) for n in range(_COUNT)]
    base = [TWEETS[place][1] for place in places]  # the ten that are shown are the last ten, with all that is special
    tweets = [made(at, user, f"{text} {n}") for n, (at, user, text) in enumerate(base)]
    tweets[21] = tweets[20]  # what comes twice is sent twice
    context.on = f"{_COUNT} tweets in the mailbox of one actor, every={_EVERY}; and 2 of them for another"
    try:
        for number, tweet in enumerate(tweets):
            actor.tell(tweet)
            if number in (4, 5):
                other.tell(tweet)
        actor.settle()
        other.settle()
    except StudentError as error:
        if not isinstance(error.error, NotImplementedError):
            _records(context, tweets)  # if it is to_record that fails, this gap is not to blame
        raise
    wanted = _records(context, tweets)
    _check_sent(context, actor.producer, wanted)
    _check_shown(context, actor, lists[0], [tweet.text for tweet in tweets])
    if len(other.producer.given) != 2 or len(_items(lists[1])) != 2:
        on = "a second actor, with every=1, which gets 2 tweets"
        got = f"{len(other.producer.given)} sent, {len(_items(lists[1]))} shown"
        advice = f"each actor has a count of its own; {_TURN}, so with every=1 each of them"
        context.wrong("2 tweets sent, and 2 on its list", got=got, on=on, advice=advice)


def _records(context: CheckContext, tweets: list[Any]) -> list[tuple[str, str]]:
    """What the student's to_record makes of the tweets.

    Raises
    ------
    ExerciseError
        It fails, or makes something else than a pair of text: then it is not known what on_receive should send.
    """
    wanted = []
    for tweet in tweets:
        try:
            record = context.call(context.namespace["to_record"], tweet)
            pair, got = plain(record), shown(record)
        except StudentError as error:
            if isinstance(error.error, NotImplementedError):
                raise
            pair, got = None, shown(error.error)
        if not isinstance(pair, list) or [type(part) for part in pair] != [str, str]:
            todo = "fill gap 3 first: exercise.check(3) says what it lacks"
            raise ExerciseError("a pair of text (key, value) from to_record, gap 3", got=got, todo=todo)
        wanted.append((pair[0], pair[1]))
    return wanted


def _check_sent(context: CheckContext, producer: SpyProducer, wanted: list[tuple[str, str]]) -> None:
    if producer.elsewhere:
        got, advice = f"one for {shown(producer.elsewhere[0])}", "self.send(key, value) knows the topic: use that"
        context.wrong("records for self.topic", got=got, advice=advice)
    found, raw = producer.given, [(key.encode(), value.encode()) for key, value in wanted]
    if found == raw:
        return
    if not found:
        context.wrong("a record for each tweet", got="none was sent", advice=_SENT)
    expected, got = f"{len(raw)} records, one for each tweet", f"{len(found)}"
    if len(found) > len(raw):
        context.wrong(expected, got=got, advice="send each tweet once")
    if len(found) < len(raw):
        advice = "every tweet is sent, also one that is not shown, comes again, or comes while more mail waits"
        context.wrong(expected, got=got, advice=advice)
    number = next(n for n, pair in enumerate(found) if pair != raw[n])
    key, value = found[number]
    advice = "send what to_record makes of the tweet, as it is"
    if (value, key) == raw[number]:
        advice = f"key and value are swapped: {_PAIR}, the key first"
    got = f"{shown(key)}, {shown(value)}"
    context.wrong(f"the record {wanted[number]}", got=got, advice=advice)


def _items(live: Any) -> list[str]:
    """The list's texts, the oldest first."""
    return [str(plain(item)) for item in live.items()][::-1]


def _check_shown(context: CheckContext, actor: Running, live: Any, texts: list[str]) -> None:
    items, wanted = _items(live), texts[_EVERY - 1 :: _EVERY]
    count = plain(getattr(actor.actor, "received", None))
    lines = {record[1].decode() for record in actor.producer.given}
    right = len(items) == len(wanted) and all(map(operator.contains, items, wanted)) and not lines.intersection(items)
    if right and count in (0, _COUNT):  # 0: a counter of the student's own, which counts as well
        return
    places = _places(items, texts)
    last = _COUNT - _COUNT % _EVERY
    expected = f"the texts of tweets number {_EVERY}, {2 * _EVERY} … {last}, of {_COUNT}"
    if not items:
        got = "an empty list"
    elif None in places:
        got = shown(items[places.index(None)])
    else:
        got = f"tweets number {', '.join(str(place + 1) for place in places)}"
    context.wrong(expected, got=got, advice=_shown_advice(items, places, count, wanted))


def _places(items: list[str], texts: list[str]) -> list[Any]:
    """Which tweets are on the list, in order; None for what is none of them."""
    places: list[Any] = []
    for item in items:
        after = max([place for place in places if place is not None], default=-1)
        again = texts[after] == item if after >= 0 else False
        found = [n for n in range(after + 1, len(texts)) if texts[n] == item]
        places.append(found[0] if found else after if again else None)
    return places


def _shown_advice(items: list[str], places: list[Any], count: Any, wanted: list[str]) -> str:
    steps = {after - before for before, after in pairwise(places)} if None not in places else set()
    left_out = [n for n in range(_COUNT) if n not in places]
    own = "each actor counts its own tweets, every one of them, in self.received"
    changed = next((difference(text, item) for text, item in zip(wanted, items, strict=False) if text != item), "")
    return first(
        (
            count == 0 and len(places) in (0, _COUNT),
            "count each tweet in self.received: it is still 0 after all of them",
        ),
        (
            count == 1 and len(places) in (0, _COUNT),
            "add one to self.received for each tweet: it is still 1 after all of them",
        ),
        (not places and count == _COUNT, f"append the tweet's text to self.live: {_TURN}"),
        (None in places, f"append the tweet's text to self.live, as it is{f': {changed}' if changed else ''}"),
        (len(places) == _COUNT, f"show only one in self.every: {_TURN}"),
        (0 in steps, "append each of them once"),
        (left_out[::1] == list(range(_EVERY - 1, _COUNT, _EVERY)), f"these are all but one in {_EVERY}: {_TURN}"),
        (len(places) == 1 and places[0] > 2 * _EVERY, "those before are gone: append adds one, and keeps the others"),
        (count != _COUNT, f"{own}: it is {shown(count)} after {_COUNT} tweets"),
        (bool(places) and places[0] == 0, f"the count begins at 1: the first tweet is number 1, and {_TURN}"),
        (True, f"the count is right, it ends with {_COUNT}; every {_EVERY}th is shown, not only some: {_TURN}"),
    )


def _advice(error: BaseException) -> str:
    by_self = "a method reaches what its actor has by self: self.live, self.every"
    return about(
        error,
        (TypeError, r"send\(\)", _PAIR),
        (NameError, "'received'", "the count is the actor's own: self.received"),  # UnboundLocalError is one
        (RecursionError, "", "on_receive is called for each message; it need not call itself"),
        (AttributeError, "'to_record'", "to_record is a function, and no method"),
        ((TypeError, csv.Error), r"to_record\(\)|not TweetActor", "to_record takes the tweet"),
        ((TypeError, AttributeError), "LiveList", "the list takes a text by self.live.append"),
        (NameError, "'(live|every|producer|topic|send)'", by_self),
        (AttributeError, "encode", f"send takes text; {_PAIR}"),
        (TypeError, "indices must be integers", "a Tweet has its fields by name: tweet.user, tweet.text"),
        (PlotError, "", "the list takes text: the tweet's"),
    )
