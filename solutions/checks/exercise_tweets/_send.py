"""Gap 5: the actor's way to Kafka."""

from typing import Any

from kafka.errors import IllegalStateError, KafkaTimeoutError

from kit.exercises import CheckContext, StudentError, TookTooLong, shown

from ._actor import Running, SpyProducer, live_list, probe
from ._common import TWEETS, about, difference

__all__ = ["send"]

_OPEN = "leave the producer open: its maker closes it, and others may still need it"
_NO_WAIT = "an actor that waits keeps all its mail waiting: no .get(), no flush(), no sleep and no loop here"
_NAMED = "self.producer.send takes the topic, and key and value by name"
_UNTIL = "wait in on_stop until every record is sent, as long as that takes: flush the producer"
_COUNT = 12


def send(context: CheckContext) -> None:
    kind: Any = context.named("TweetActor")
    producer = SpyProducer(context.topic(partitions=3))
    actor = Running(context, probe(kind), producer, live_list(context), 4, method="send")
    context.advise = _send_advice
    sent = [(tweet.user, f"{tweet.fetched_ms},{n},{tweet.text}") for n, (_, tweet) in enumerate(TWEETS[-_COUNT:])]
    for number, (key, value) in enumerate(sent):
        context.on = f"send({key!r}, {shown(value)})"
        try:
            actor.do(lambda key=key, value=value: actor.actor.send(key, value))
        except StudentError:
            if not producer._closed:
                raise
        except TookTooLong as late:
            if not producer.given:  # it was busy by itself
                raise
            context.wrong("send to come back at once", got=f"it was still busy, at {late.line}", advice=_NO_WAIT)
        _check_sending(context, actor, number + 1, key, value)
    context.on = f"on_stop(), after {_COUNT} records"
    context.advise = lambda error: _OPEN if producer._closed else _stop_advice(error)
    actor.stop()
    if producer._closed:
        context.wrong("a producer that stays open", got="on_stop closed it", advice=_OPEN)
    _check_records(context, producer, sent)


def _check_sending(context: CheckContext, actor: Running, number: int, key: str, value: str) -> None:
    producer = actor.producer
    if producer._closed:
        context.wrong("a producer that stays open", got="it was closed", advice=_OPEN)
    if producer.elsewhere:
        other = producer.elsewhere[0]
        advice = f"the topic comes first: {_NAMED}" if other in (key, value) else "the actor's topic is self.topic"
        context.wrong(f"a record for self.topic, {producer.topic!r}", got=f"one for {shown(other)}", advice=advice)
    if len(producer.given) != number:
        got = f"{len(producer.given)} after {number} calls" if producer.given else "it was given nothing"
        advice = "give each record at once to the actor's own: self.producer.send(…)"
        if len(producer.given) > number:
            advice = "send each record once"
        context.wrong("one record for self.producer in each call of send", got=got, advice=advice)


def _check_records(context: CheckContext, producer: SpyProducer, sent: list[tuple[str, str]]) -> None:
    if (count := producer.in_time) < len(sent):
        expected = f"{len(sent)} records sent to a slow broker, once the actor has stopped"
        got = f"{count}: the producer still has the others" if count else "none: the producer still has them"
        context.wrong(expected, got=got, advice=_UNTIL if count else f"{_UNTIL}; a method is called with its ()")
    raw = [(key.encode(), value.encode()) for key, value in sent]
    number = next((n for n, pair in enumerate(producer.given) if pair != raw[n]), None)
    if number is None:
        return
    key, value = sent[number]
    got_key, got_value = producer.given[number]
    advice = "give the producer key and value just as they came"
    if got_key is None:
        advice = f"the key is missing: {_NAMED}"
    elif got_key == value.encode():
        advice = f"by place, the value comes first; so name them: {_NAMED}"
    elif got_key != key.encode():
        advice = f"give the producer the key just as it came: {difference(key, _text(got_key))}".rstrip(": ")
    elif changed := difference(value, _text(got_value)):
        advice = f"give the producer key and value just as they came: {changed}"
    expected = f"key {key!r}, value {shown(value)}"
    context.wrong(expected, got=f"key {shown(_text(got_key))}, value {shown(_text(got_value))}", on="", advice=advice)


def _text(raw: bytes | None) -> str:
    return raw.decode("utf-8", "replace") if raw is not None else "None"


def _send_advice(error: BaseException) -> str:
    return about(
        error,
        (KafkaTimeoutError, "", _NO_WAIT),
        (RecursionError, "", "self.send is this method itself; the producer has one of its own: self.producer.send"),
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
    return about(
        error,
        (KafkaTimeoutError, "", f"a short time-out is not enough. {_UNTIL[0].upper()}{_UNTIL[1:]}"),
        (AttributeError, "KafkaProducer", "the producer has a method that waits until all is sent: flush"),
        ((AttributeError, NameError), "flush", "it is the producer that is flushed, and the actor has it in self"),
        (NameError, "'producer'", "a method reaches what its actor has by self: self.producer"),
    )
