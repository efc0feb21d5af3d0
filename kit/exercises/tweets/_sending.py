"""Gap 5: the actor's way to Kafka."""

import time
from typing import Any

from kafka.errors import IllegalStateError, KafkaTimeoutError

from kit.exercises._running import StudentError, TookTooLong
from kit.exercises._trial import Trial, shown
from kit.exercises.tweets._advice import about
from kit.exercises.tweets._receiving import live_list
from kit.exercises.tweets._recording import AT
from kit.exercises.tweets._watched import AT_ONCE, Watched, watched

__all__ = ["send"]

_OPEN = "leave the producer open: whoever made it closes it, and the next record needs it"
_NO_WAIT = "an actor that waits keeps all its mail waiting: no .get(), no flush(), no sleep and no loop here"
_NAMED = "self.producer.send(self.topic, key=key, value=value)"


def send(trial: Trial) -> None:
    base = trial.named("TweetActor")
    topic = trial.topic(partitions=3)
    producer = watched(trial, topic)
    actor = trial.call(base, producer, topic, live_list(trial), 4, on="TweetActor(producer, topic, live, 4)")
    trial.advise = _send_advice
    sent = [(f"user{number}", f"{AT + number},user{number},text") for number in range(4)]
    sent.append(("zoë", f"{AT},zoë,🚀"))
    _send_all(trial, actor, producer, sent)
    trial.advise = lambda error: _OPEN if producer.closed else _stop_advice(error)
    trial.call(actor.on_stop, on="on_stop(), after 5 records")
    found = sorted(((record.key, record.value) for record in trial.records(topic, seconds=0)), key=repr)
    if found == sorted((key.encode(), value.encode()) for key, value in sent):
        return
    _tell_what_was_sent(trial, producer, found, sent)


def _send_all(trial: Trial, actor: Any, producer: Watched, sent: list[tuple[str, str]]) -> None:
    slow = 0
    for key, value in sent:
        began = time.monotonic()
        _send_one(trial, actor, producer, key, value)
        slow += time.monotonic() - began > AT_ONCE
        if producer.closed:
            trial.wrong("a producer that stays open", got="it was closed", advice=_OPEN)
        if producer.waits or slow > 1:
            trial.wrong("send to come back at once", got="it waited", advice=_NO_WAIT)
        if producer.elsewhere:
            other = producer.elsewhere[0]
            advice = f"the topic comes first: {_NAMED}" if other in (key, value) else "the actor's topic is self.topic"
            trial.wrong(f"a record for self.topic, {producer.topic!r}", got=f"one for {shown(other)}", advice=advice)
        if not producer.given:
            trial.wrong(
                "the record given to self.producer",
                got="it was given nothing",
                advice="the actor's own gets it: self.producer.send(…)",
            )


def _send_one(trial: Trial, actor: Any, producer: Watched, key: str, value: str) -> None:
    try:
        trial.call(actor.send, key, value, on=f"send({key!r}, {value!r})")
    except TookTooLong as late:
        if late.stopped and not producer.given:  # it was busy by itself
            raise
        got = f"it was still busy after {late.seconds:g} s, at {late.line}"
        trial.wrong("send to come back at once", got=got, advice=_NO_WAIT)
    except StudentError:
        if producer.closed:
            trial.wrong("a producer that stays open", got="it was closed", advice=_OPEN)
        raise


def _tell_what_was_sent(trial: Trial, producer: Watched, found: list[Any], sent: list[tuple[str, str]]) -> None:
    expected = "5 records in the topic, once the actor has stopped"
    if not found:
        advice = "flush in on_stop: self.producer.flush(), with its (), waits until all is sent"
        trial.wrong(expected, got="none: the producer still has them", advice=advice)
    if len(found) != len(sent):
        trial.wrong(expected, got=f"{len(found)}", advice="send each record once")
    raw = [(key.encode(), value.encode()) for key, value in sent]
    number, (got_key, got_value) = next((n, pair) for n, pair in enumerate(found) if pair not in raw)
    key, value = next((one for one in sent if one[1].encode() in (got_key, got_value)), sent[number])
    advice = "give the producer key and value just as they came"
    if got_key is None:
        advice = f"the key is missing: {_NAMED}"
    elif got_key == value.encode():
        advice = f"by place, the value comes first; so name them: {_NAMED}"
    trial.wrong(f"key {key!r}, value {value!r}", got=f"key {_text(got_key)}, value {_text(got_value)}", advice=advice)


def _text(raw: bytes | None) -> str:
    return repr(raw.decode("utf-8", "replace")) if raw is not None else "None"


def _send_advice(error: BaseException) -> str:
    return about(
        error,
        (KafkaTimeoutError, "", _NO_WAIT),
        (RecursionError, "", f"self.send is this method itself; the producer has one of its own: {_NAMED}"),
        (UnicodeError, "", f"the producer makes UTF-8 of text by itself: {_NAMED}"),
        (NameError, "'(producer|topic)'", f"a method reaches what its actor has by self: {_NAMED}"),
        (IllegalStateError, "", "that producer is closed; the actor's own is self.producer"),
        (AttributeError, "encode", f"key and value are text, each by itself: {_NAMED}"),
        (AttributeError, "'str'.*'send'", f"it is the producer that sends: {_NAMED}"),
        (AttributeError, "FutureRecordMetadata", _NO_WAIT),
        (AttributeError, "KafkaProducer", f"a producer takes a record with send: {_NAMED}"),
        (TypeError, r"send\(\)|headers", f"these are all it needs: {_NAMED}"),
        (TypeError, "bytes|serialized|encoding", f"give the producer text, and it makes bytes of it: {_NAMED}"),
    )


def _stop_advice(error: BaseException) -> str:
    flush = "self.producer.flush()"
    return about(
        error,
        (KafkaTimeoutError, "", f"give flush the time it needs: {flush}"),
        (AttributeError, "KafkaProducer", f"what waits until all is sent is {flush}"),
        ((AttributeError, NameError), "flush", f"it is the producer that is flushed: {flush}"),
        (NameError, "'producer'", f"a method reaches what its actor has by self: {flush}"),
    )
