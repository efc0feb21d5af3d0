"""Gap 2: the producer."""

import json
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from kit.exercises import CheckContext, StudentError, TookTooLong, plain, shown

from ._common import about, difference, first, same

__all__ = ["make_producer"]

_SERVERS = "use the servers that the function gets, for bootstrap_servers"
_UTF8 = "a DefaultSerializer() makes UTF-8 of text"
_SENT = (("zoë", ' à la hausse, "to the moon" 🚀 '), ("Hal", "RT @bo: AT&amp;T\tup"))


def make_producer(context: CheckContext) -> None:
    local = context.servers.replace("127.0.0.1", "localhost")
    servers = local if local != context.servers else f"{local},{local}"  # an address that is only written here
    producer = _made(context, servers)
    _check_acks(context, producer.config["acks"])
    topic = context.topic()
    for key, value in _SENT:
        _send(context, producer, topic, key, value)
    found = context.records(topic, len(_SENT))
    if len(found) != len(_SENT):
        advice = "leave the producer's other settings as they are"
        context.wrong(f"{len(_SENT)} records in the topic", got=f"{len(found)}", advice=advice)
    for (key, value), record in zip(_SENT, found, strict=True):
        for what, text, raw in (("key", key, record.key), ("value", value, record.value)):
            if raw != text.encode():
                context.wrong(f"the {what} {text.encode()!r}", got=shown(raw), advice=_bytes_advice(text, raw))
    again = context.call(context.named("make_producer"), servers, on="make_producer(servers), once more")
    if again is producer:
        advice = "make a new one in each call: the caller closes it, and then it is closed for others"
        context.wrong("a producer for each call", got="the same one again", advice=advice)
    if isinstance(again, KafkaProducer):
        context.defer(lambda: again.close(timeout=1))


def _made(context: CheckContext, servers: str) -> KafkaProducer:
    context.advise = _made_advice
    try:
        on = f"make_producer({servers!r})"
        producer = context.call(context.named("make_producer"), servers, on=on, seconds=5.0)
    except TookTooLong as late:
        if late.stopped:  # it was busy by itself
            raise
        got = f"it was still busy, at {late.line}"
        context.wrong("a producer within 5 s", got=got, advice=f"no broker is where it looks; {_SERVERS}")
    if not isinstance(producer, KafkaProducer):
        context.wrong("a KafkaProducer", got=producer, advice="make one, and return it: return KafkaProducer(…)")
    context.defer(lambda: producer.close(timeout=1))
    given = plain(producer.config["bootstrap_servers"])
    if (",".join(given) if isinstance(given, list) else given) != servers:
        advice = _SERVERS if not producer._closed else "return it open, and for the servers that the function gets"
        context.wrong(f"a producer for {servers!r}, as it was given", got=f"one for {given!r}", advice=advice)
    return producer


def _check_acks(context: CheckContext, acks: Any) -> None:
    if same(acks, -1) or same(acks, "all"):
        return
    advice = 'acks="all" waits for every replica in sync: then a broker may die'
    if acks is all:
        advice = 'acks takes a text: acks="all", with its quotes'
    context.wrong("acks='all'", got=f"acks={acks if acks is all else shown(acks)}", on="", advice=advice)


def _send(context: CheckContext, producer: Any, topic: str, key: str, value: str) -> None:
    def sent() -> None:
        future = producer.send(topic, key=key, value=value)
        producer.flush(timeout=3)  # one that likes to wait for more is right, too
        future.get(timeout=3)

    try:
        context.call(sent, on=f"send(topic, key={key!r}, value={value!r})", seconds=5)
    except StudentError as raised:
        _refused(context, producer, raised.error)
    except TookTooLong:
        advice = "leave the producer's time-outs as they are"
        context.wrong("the broker's answer within 5 s", got="none", advice=advice)


def _refused(context: CheckContext, producer: Any, error: BaseException) -> None:
    """Say why it does not take text."""
    if getattr(producer, "_closed", False):
        advice = "return it open, so without `with` and close(): the caller closes it"
        context.wrong("a producer that is open", got="one that was closed", advice=advice)
    text = f"{type(error).__name__}: {error}".splitlines()[0]
    which = "key" if "serialized key" in text else "value"
    missing = [name for name in ("key_serializer", "value_serializer") if producer.config[name] is None]
    no_bytes = f"its {which}_serializer gives text again, where bytes are wanted: {_UTF8}"
    advice = first(
        (isinstance(error, KafkaError), "leave the producer's other settings as they are"),
        (isinstance(error, UnicodeError), f"that encoding has no sign for it, UTF-8 has them all: {_UTF8}"),
        (
            "serialized" in text and bool(missing),
            f"Kafka stores bytes, and it has no {' and no '.join(missing)}: {_UTF8}",
        ),
        ("<class 'str'>" in text, no_bytes),
        ("Serializer" in text, f"that is only the class of a serializer: {which}_serializer wants an object, with ()"),
        (True, f"key_serializer and value_serializer get text, and must give bytes: {_UTF8}"),
    )
    context.wrong("a producer that takes text, and sends it as UTF-8", got=text, advice=advice)


def _bytes_advice(text: str, raw: bytes | None) -> str:
    raw = raw or b""
    if raw.startswith((b"b'", b'b"')):
        return "str() of bytes writes b'…' around them, and that was sent: encode to UTF-8, and no more"
    if raw in (json.dumps(text).encode(), json.dumps(text, ensure_ascii=False).encode()):
        return "json.dumps puts quotes around a text, and that was sent: encode to UTF-8, and no more"
    changed = difference(text, raw.decode("utf-8", "replace"))
    if not changed and len(raw) < len(text.encode()):
        changed = "UTF-8 has bytes for each sign, so nothing need be left out or replaced"
    return changed or "that is not UTF-8; UTF-8 of the text is wanted, with nothing before or behind it"


def _made_advice(error: BaseException) -> str:
    spelled = "look how it is spelled: bootstrap_servers, acks, key_serializer, value_serializer"
    return about(
        error,
        (TypeError, "descriptor|unbound method", "give the function itself, without () behind it: it is called later"),
        (TypeError, r"__init__\(\)", "KafkaProducer takes everything by its name: bootstrap_servers=…, acks=…, …"),
        (Exception, "nrecognized configs", spelled),
        (KafkaError, "", f"no broker is where it looks; {_SERVERS}"),
    )
