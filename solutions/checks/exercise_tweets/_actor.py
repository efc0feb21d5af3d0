"""Gaps 4 to 7: the actor receives, sends, and is started; the listener tells it of tweets."""

import json
import time
from contextlib import suppress
from functools import partial
from itertools import cycle, islice
from queue import Queue
from typing import Any

import pykka
from pykka.messages import ProxyCall

from kit.errors import ExerciseError
from kit.exercises import CheckContext, StudentError, plain, shown
from kit.servers.ports import choose_port

from ..judging import difference, judge, same
from . import _common as common

_EVERY, _COUNT = (4, 5), 43  # many times ten, so that a ten that was written down is seen; and no multiple
_TURN = "the text of a tweet is shown when its number divides by self.every"
_ONLY = "only start it: its user tells it what to do, and stops it"
_RESPONSE = "the text above says where a response has its text, and where its list of users the author's username"


def receive(context: CheckContext) -> None:
    kind: Any = context.named("TweetActor")
    context.named("TweetActor.on_receive"), context.named("to_record")
    context.advise, made = common.advise, common.tweet_class(context.namespace)
    base = enumerate(islice(cycle(common.TWEETS.values()), _COUNT), 1)
    tweets = [made(at, user, f"{text} no. {number}.") for number, (at, user, text) in base]
    tweets[21] = tweets[20]  # what comes twice is sent twice
    actors, steps = list[Any](), list[Any]()
    for every in _EVERY:
        spy, live = common.KafkaProducer(), common.live_list(context)
        actor = context.call(kind, spy, spy.topic, live, every, on=f"TweetActor(producer, topic, live, {every})")
        actor.send = spy.take
        actors.append((actor, spy, live, every))
        steps += [actor.on_start, partial(actor.actor_ref.tell, tweets[0])]  # mail that waits
    steps += [partial(actor.on_receive, tweet) for tweet in tweets for actor, *_ in actors]
    on = f"{_COUNT} tweets for each of two actors in turn, while more mail waits; every={_EVERY[0]} and {_EVERY[1]}"
    try:
        common.run(context, "on_receive", [(on, step) for step in steps], *(spy for _, spy, *_ in actors))
    except StudentError as error:
        if not isinstance(error.error, NotImplementedError):
            _records(context, tweets)  # if it is to_record that fails, this gap is not to blame
        raise
    records = _records(context, tweets)
    for actor, spy, live, every in actors:
        context.on = f"{on}: the one with every={every}"
        judge(context, "an actor that waits for the next tweet", "one with mail from itself",
            (actor.actor_inbox.qsize() != 1, "neither tell nor stop it from within: its user does that"))  # fmt: skip
        common.check_records(context, spy, records, "on_receive")
        _check_shown(context, plain(getattr(actor, "received", None)), every, live.items(), tweets)


def _records(context: CheckContext, tweets: list[Any]) -> list[Any]:
    """What the student's to_record makes of the tweets; an error if it is not known what on_receive should send."""
    for got in (found := [context.call(context.namespace["to_record"], tweet) for tweet in tweets]):
        if not isinstance(plain(got), list) or [type(part) for part in plain(got)] != [str, str]:
            todo = "fill gap 3 first: exercise.check(3) says what it lacks"
            raise ExerciseError("a pair of text (key, value) from to_record, gap 3", got=shown(got), todo=todo)
    return [plain(got) for got in found]


def _check_shown(context: CheckContext, count: Any, every: int, live: list[Any], tweets: list[Any]) -> None:
    items, wanted, numbers = [str(plain(item)) for item in live][::-1], list(range(every, _COUNT + 1, every)), [0]
    for item in items:  # it may say more than the text, who wrote it for example; but a line of CSV is another thing
        found = [n for n, tweet in enumerate(tweets, 1) if tweet.text in item and str(common.AT) not in item]
        numbers.append(next((n for n in found if n > numbers[-1]), max(found, default=0)))
    del numbers[0]
    if numbers == wanted and count in (0, _COUNT):  # 0: a counter of the student's own, which counts as well
        return
    strange = items[numbers.index(0)] if 0 in numbers else ""
    shown_then = tweets[wanted[numbers.index(0) % len(wanted)] - 1].text if strange else ""
    changed = difference(shown_then, strange)
    got = shown(strange) if strange else f"tweets number {', '.join(map(str, numbers))}" if items else "an empty list"
    judge(context, f"the texts of tweets number {every}, {2 * every} … {wanted[-1]}, of {_COUNT}", got,
        (count != _COUNT and (count != 0 or len(items) in (0, _COUNT)), f"each actor counts its own tweets, every one of them, in self.received: it is {shown(count)} after {_COUNT} tweets"),
        (not items, f"nothing is shown on the actor's own list, self.live: {_TURN}"),
        (0 in numbers, f"the list takes the tweet's text, as it is: {changed}".rstrip(": ")),
        (len(items) == _COUNT, f"show only one in self.every: {_TURN}"),
        (len(set(numbers)) < len(numbers), "show each of them once"),
        (not set(numbers) & set(wanted) and len(numbers) > 2 * len(wanted), f"these are all but one in {every}: {_TURN}"),
        (len(items) == 1 and numbers[0] > 2 * every, "those before are gone: a list that is appended to keeps the others"),
        (numbers[:1] == [1], f"the first tweet is number 1: count before you look, and {_TURN}"),
        (True, f"every {every}th is shown, not only some: {_TURN}"))  # fmt: skip


def send(context: CheckContext) -> None:
    kind: Any = context.named("TweetActor")
    context.named("TweetActor.send"), context.named("TweetActor.on_stop")
    context.advise, spy = common.advise, common.KafkaProducer("check-send")
    actor = context.call(kind, spy, spy.topic, common.live_list(context), 4, on="TweetActor(producer, topic, live, 4)")
    sent = [(tweet.user, f"{number},{tweet.text}") for number, tweet in enumerate(common.TWEETS.values())]
    steps: list[Any] = [(f"send({key!r}, {shown(value)})", partial(actor.send, key, value)) for key, value in sent]
    common.run(context, "send", [("on_start()", actor.on_start), *steps], spy)
    context.on = f"{len(sent)} calls of send"
    common.check_records(context, spy, sent, "send")
    context.call(spy.stop, actor.on_stop, on=f"on_stop(), after {len(sent)} records")
    got = f"{len(sent) - spy.late or 'none'} sent, and a producer that is {'closed' if spy._closed else 'open'}"
    judge(context, f"{len(sent)} records sent to a slow broker, and a producer that stays open", got,
        (spy._closed, "leave the producer open: its maker closes it, and others may still need it"),
        (spy.late, f"the producer still has the others: {common.UNTIL}"))  # fmt: skip


def start_actor(context: CheckContext) -> None:
    function, kind = context.named("start_actor"), context.named("TweetActor")
    given = {"producer": common.KafkaProducer(), "topic": "check-start", "live": common.live_list(context), "every": 7}
    names = {id(value): shown(value) if isinstance(value, int | str) else name for name, value in given.items()}
    known = set(before := pykka.ActorRegistry.get_all())
    context.defer(lambda: _stop(set(pykka.ActorRegistry.get_all()) - set(before)))
    context.advise = common.advise
    for again in ("", ", once more with the same arguments"):
        ref = context.call(function, *given.values(), on=f"start_actor(producer, 'check-start', live, 7){again}")
        new, is_ref = set(pykka.ActorRegistry.get_all()) - known, isinstance(ref, pykka.ActorRef)
        judge(context, "one actor that runs, and its ref (ActorRef)", f"{shown(ref)}, and {len(new) or 'none'} started",
            (isinstance(ref, pykka.ActorProxy), "that is a proxy: its actor's ref is wanted"),
            (not is_ref and callable(ref), "call it, with the four arguments"),
            (not is_ref and new, "one was started: return what the start gave, its ref"),
            (is_ref and ref not in known and not ref.is_alive(), f"that actor has stopped: {_ONLY}"),
            (is_ref and not issubclass(ref.actor_class, kind), "start TweetActor itself"),
            (is_ref and not new and ref in known, "start a new actor in each call: the one before may have been stopped"),
            (not new, f"none was started in this call: {common.START}"),
            (new != {ref}, "start one actor in each call, and return its ref"))  # fmt: skip
        known |= new
        actor = ref._actor_weakref()
        for name, wanted in given.items():
            got = vars(actor).get(name, "nothing")
            right = got is wanted or (isinstance(wanted, int | str) and same(got, wanted))
            judge(context, f"self.{name} = {names[id(wanted)]}", f"self.{name} = {names.get(id(got), shown(got))}",
                (not right and id(got) in names, "pass the arguments on in this order: producer, topic, live, every"),
                (not right, f"pass {name} on as it came"))  # fmt: skip
        with suppress(pykka.ActorDeadError, pykka.Timeout):
            ref.proxy().actor_urn.get(timeout=1)  # behind all that it was told before
        judge(context, "an actor that waits for its first message", "one that was told something, or has stopped",
            (given["producer"].given or not ref.is_alive(), _ONLY))  # fmt: skip


def _stop(refs: set[Any]) -> None:
    """Stop actors, without what they do at their end: that is another gap, and may be open."""
    for ref in refs:
        with suppress(pykka.ActorDeadError, AttributeError):  # AttributeError: it has gone
            ref._actor_weakref().on_stop = lambda: None
            ref.stop(block=False)


class _Mailbox(Queue[Any]):
    """That of an actor which is not started: it keeps all that comes, and notes that a listener waits for an answer."""

    waits, from_another_thread = 0, False

    def put(self, envelope: Any, *args: Any) -> None:
        super().put(envelope, *args)
        if envelope.reply_to:
            envelope.reply_to.set_get_hook(self._wait)

    def _wait(self, timeout: float | None) -> None:
        self.waits += 1


class _BusyActor(pykka.ThreadingActor):
    _create_actor_inbox = staticmethod(_Mailbox)


def listen(context: CheckContext) -> None:
    kind = context.named("TweetListener")
    context.named("TweetListener.on_response")
    actors = [_BusyActor(), _BusyActor()]
    address = {"url": f"http://127.0.0.1:{choose_port()}", "token": "check"}  # no server is there
    missing = AttributeError, TypeError, LookupError
    context.advise = lambda error: common.advise(error) or (_RESPONSE if isinstance(error, missing) else "")
    listeners = [context.call(kind, actor.actor_ref, on="TweetListener(ref)", **address) for actor in actors]
    expected, steps = (list[Any](), list[Any]()), list[Any]()
    for number, tweet in enumerate(common.TWEETS.values()):
        step = partial(_hear, listeners[number % 2], number, tweet, expected[number % 2])
        steps.append((f"the tweet {shown(tweet.text)} of {tweet.user!r}, while the actor is busy", step))
    for listener in listeners:
        context.defer(listener.disconnect)
        listener.running = True  # as if it were connected
    common.run(context, "on_response", steps, *(actor.actor_inbox for actor in actors))
    judge(context, "a listener that goes on listening", "it has hung up",
        (not all(one.running for one in listeners), "leave out disconnect(): the one that made the listener ends it"))  # fmt: skip
    context.on = f"{len(common.TWEETS)} tweets, for two listeners in turn, while their actors are busy"
    received = [[actor.actor_inbox.get().message for _ in range(actor.actor_inbox.qsize())] for actor in actors]
    for messages, mine in zip(received, expected, strict=True):
        stopped = any(type(message).__name__ == "_ActorStop" for message in messages)
        judge(context, f"{len(mine)} messages for each actor, one for each tweet", f"{len(messages) or 'none'} for one of them",
            (stopped, "leave stopping to the one that started the actor: there are more tweets to come"),
            (not messages and any(received), "each listener has a ref of its own, in self.ref"),
            (not messages, f"nothing is in the mailbox of self.ref; {common.TELL}"),
            (len(messages) > len(mine), "tell the actor once"),
            (len(messages) < len(mine), "each tweet is one message: also a retweet, one that comes again, or one that comes while more mail waits"))  # fmt: skip
    for messages, mine in zip(received, expected, strict=True):
        for message, (tweet, after) in zip(messages, mine, strict=True):
            _check_message(context, message.args[0] if isinstance(message, ProxyCall) else message, tweet, after)


def _hear(listener: Any, number: int, tweet: common.Tweet, expected: list[Any]) -> None:
    """Have tweepy read a line of the stream, and call the student's hook."""
    author = str(900 + number)
    data = {"id": str(2_000_000 + number), "text": tweet.text, "author_id": author, "edit_history_tweet_ids": []}
    users = [{"id": author, "name": tweet.user.title(), "username": tweet.user}]
    time.sleep(0.002)  # so that a time that was kept from the tweet before is another
    before = time.time_ns() // 1_000_000
    listener.on_data(json.dumps({"data": data, "includes": {"users": users}, "matching_rules": []}).encode())
    expected.append((tweet._replace(fetched_ms=before), time.time_ns() // 1_000_000 + 1))


def _check_message(context: CheckContext, message: Any, tweet: common.Tweet, after: int) -> None:
    before, user, text = tweet
    context.on, kind = f"the tweet {shown(text)} of {user!r}", type(message).__name__
    expected = f"Tweet(fetched_ms=<now, in whole milliseconds>, user={user!r}, text={shown(text)})"
    judge(context, expected, shown(message) if kind in shown(message) else f"{kind}: {shown(message)}",
        (kind == "Tweet" and not isinstance(message, tuple), f"that is tweepy's; make one of yours of it: {common.FIELDS}"),
        (getattr(type(message), "_fields", ()) != common.Tweet._fields, f"the message is to be a Tweet of yours: {common.FIELDS}"))  # fmt: skip
    at, author, words = plain(message)
    other = same(words, text) or any(same(words, tweet.text) for tweet in common.TWEETS.values())
    swapped = not same(author, user) and any(same(part, user) for part in (at, words))
    number = at if isinstance(at, int | float) and not isinstance(at, bool) else 0
    judge(context, expected, message,
        (swapped, f"the order is another: {common.FIELDS}"),
        (not same(author, user), f"that is not the author's username, as it is; {_RESPONSE}"),
        (not same(words, text) and other, f"that is the text of another tweet; {_RESPONSE}"),
        (not same(words, text), f"that is not the text, as it is; {difference(text, words) or _RESPONSE}"),
        (isinstance(at, str), f"a number, not a text: {common.NOW}"),
        (abs(number - before / 1000) < 60, "these are seconds; a second has 1000 milliseconds"),
        (abs(number - before * 1e3) < 60e6, "these are microseconds; a millisecond has 1000 of them"),
        (abs(number - before * 1e6) < 60e9, "these are nanoseconds; a millisecond has 1_000_000 of them"),
        (isinstance(at, float), "a whole number is wanted: round it"),
        (number != 0 and number % 1000 == 0 and before - 2000 < number < before, "the milliseconds are cut off with the rest of the second: multiply before you round"),
        (before - 86_400_000 < number < before, "ask for the time at the moment when each tweet comes, in on_response, not before"),
        (not isinstance(at, int) or not before <= number <= after, f"what is wanted is {common.NOW}"))  # fmt: skip
