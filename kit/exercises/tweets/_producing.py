"""Gaps 1 and 2: a topic, and a producer."""

import json
from typing import Any, NoReturn

from kafka import KafkaProducer
from kafka.errors import KafkaError, TopicAlreadyExistsError

from kit.errors import BrokerUnavailable, ConfigError, TopicError
from kit.exercises._running import StudentError, TookTooLong
from kit.exercises._trial import Trial, shown
from kit.exercises.tweets._advice import about, first
from kit.exercises.tweets._door import Door

__all__ = ["create_topic", "make_producer"]

_CREATE_SECONDS = 6.0  # deleting and creating may take three; who does that is to hear what is wrong with it
_SERVERS = "use the servers that the function gets: bootstrap_servers=servers"
_ENCODE = "text.encode() makes UTF-8 of text, and so does a DefaultSerializer()"


def create_topic(trial: Trial) -> None:
    function = trial.named("create_topic")
    name, before = trial.new_topic(), trial.topics()
    trial.advise = _create_advice
    _create(trial, function, name, f"create_topic({name!r}), a name that is new")
    partitions = trial.partitions(name)
    if not partitions:
        _tell_none(trial, name, sorted(trial.topics() - before))
    if partitions != 3:
        trial.wrong("3 partitions", got=f"{partitions}", advice="say how many when you create it: partitions=3")
    trial.producer().send(name, key="k", value="v").get(timeout=2)
    trial.advise = _create_again_advice
    _create(trial, function, name, f"create_topic({name!r}) once more, when the topic is there and has one record")
    count, partitions = len(trial.records(name, 1)), trial.partitions(name)
    if not count:
        advice = "leave a topic that is there as it is: no fresh=True, and no delete"
        trial.wrong("the record still there", got="the topic is empty", advice=advice)
    if count > 1:
        advice = "only make the topic, and send nothing to it: others find that among their records"
        trial.wrong("that one record, and no other", got=f"{count} records", advice=advice)
    if partitions != 3:
        advice = "leave a topic that is there as it is, with its partitions"
        trial.wrong("still 3 partitions", got=f"{partitions}", advice=advice)
    other, before = trial.new_topic(), trial.topics()
    trial.advise = _create_advice
    _create(trial, function, other, f"create_topic({other!r}), another name that is new")
    if not trial.partitions(other):
        _tell_none(trial, other, sorted(trial.topics() - before))


def _create(trial: Trial, function: Any, name: str, on: str) -> None:
    try:
        trial.call(function, name, on=on, seconds=_CREATE_SECONDS)
    except TookTooLong as late:
        if not late.stopped or trial.partitions(name):
            raise
        advice = "look for a loop that does not end, or a wait for a topic that nobody has made: "
        advice += "sending to it does not, topics.create does"
        trial.wrong(f"an end within {late.seconds:g} s", got=f"it was still busy, at {late.line}", advice=advice)


def _tell_none(trial: Trial, name: str, others: list[str]) -> NoReturn:
    got, advice = "the broker has none", "use the name that the function gets, and have the broker make the topic: "
    advice += "topics.create does; an object that describes a topic is none yet"
    if others:
        got, advice = f"another: {others[0]!r}", "use the name that the function gets, as it is: name, without quotes"
    trial.wrong(f"a topic {name!r}, the name that was given", got=got, advice=advice)


def _create_advice(error: BaseException) -> str:
    todo = error.todo if isinstance(error, TopicError) else ""
    return about(
        error,
        (
            ConfigError,
            "partitions as",
            "partitions is a whole number, without quotes and without a point: partitions=3",
        ),
        (BrokerUnavailable, "", "there is none; leave bootstrap_servers out, for the kit knows where the broker is"),
        (TopicError, "to exist", "a topic that is new cannot be deleted, and one that is there is to stay: no delete"),
        (TopicError, "eplication", f"partitions=3 is what is wanted; replicas are copies on other brokers: {todo}"),
        (TypeError, r"create\(\)", "its options go by their names: topics.create(name, partitions=3)"),
        (NameError, "'topic'", "the module is called topics: topics.create(…)"),
    )


def _create_again_advice(error: BaseException) -> str:
    if isinstance(error, TopicError | TopicAlreadyExistsError):
        return "the topic is there already, and that is fine: let nothing happen then (topics.create does so by itself)"
    return _create_advice(error)


def make_producer(trial: Trial) -> None:
    producer = _made_producer(trial)
    _check_acks(trial, producer.config["acks"])
    topic = trial.topic()
    key, value = "zoë", 'à la hausse, "to the moon" 🚀'
    on = f"send(topic, key={key!r}, value={value!r})"
    try:
        trial.call(lambda: _sent(producer, topic, key, value), on=on, seconds=5)
    except StudentError as told:
        _tell_refusal(trial, producer, told.error)
    except TookTooLong:
        trial.wrong("the broker's word within 5 s", got="none", advice="leave the producer's time-outs as they are")
    found = trial.records(topic, 1)
    if not found:
        trial.wrong("the record in the topic", got="none", advice="leave the producer's other settings as they are")
    for what, text, raw in (("key", key, found[0].key), ("value", value, found[0].value)):
        if raw != text.encode():
            trial.wrong(f"the {what} {text.encode()!r}", got=shown(raw), advice=_bytes_advice(text, raw))
    _check_anew(trial, producer)


def _check_anew(trial: Trial, producer: Any) -> None:
    again = trial.call(trial.named("make_producer"), trial.servers, on="make_producer(servers), once more")
    trial.defer(lambda: again.close(timeout=1))
    if again is producer:
        advice = "make one in each call: whoever got it closes it, and then nobody else can use it"
        trial.wrong("a producer for each call", got="the same one again", advice=advice)


def _check_acks(trial: Trial, acks: Any) -> None:
    if acks in (-1, "all"):
        return
    advice = 'acks="all" waits for every replica in sync: then a broker may die'
    if acks is all:
        advice = 'acks takes a text: acks="all", with its quotes'
    trial.wrong("acks='all'", got=f"acks={acks if acks is all else shown(acks)}", on="", advice=advice)


def _sent(producer: Any, topic: str, key: str, value: str) -> None:
    future = producer.send(topic, key=key, value=value)
    producer.flush(timeout=3)  # one that likes to wait for more is right, too
    future.get(timeout=3)


def _tell_refusal(trial: Trial, producer: Any, error: BaseException) -> None:
    """Say why it does not take text."""
    if getattr(producer, "_closed", False):
        advice = "return it open, so without `with` and close(): who uses it closes it"
        trial.wrong("a producer that is open", got="one that was closed", advice=advice)
    said = f"{type(error).__name__}: {error}".splitlines()[0]
    which = "key" if "serialized key" in said else "value"
    missing = [name for name in ("key_serializer", "value_serializer") if producer.config[name] is None]
    cases = (
        (isinstance(error, KafkaError), "leave the producer's other settings as they are"),
        (isinstance(error, UnicodeError), f"that encoding has no sign for it, UTF-8 has them all: {_ENCODE}"),
        (
            "serialized" in said and bool(missing),
            f"Kafka stores bytes, and it has no {' and no '.join(missing)}: {_ENCODE}",
        ),
        ("<class 'str'>" in said, f"its {which}_serializer gives text again, where bytes are wanted: {_ENCODE}"),
        (
            "Serializer" in said,
            f"that is only the class of a serializer: {which}_serializer=DefaultSerializer(), with ()",
        ),
    )
    advice = first(*cases, (True, f"key_serializer and value_serializer get text, and must give bytes: {_ENCODE}"))
    trial.wrong("a producer that takes text, and sends it as UTF-8", got=said, advice=advice)


def _bytes_advice(text: str, raw: bytes | None) -> str:
    raw = raw or b""
    if raw.startswith((b"b'", b'b"')):
        return "str() of bytes writes b'…' around them, and that was sent: text.encode() alone is enough"
    if raw in (json.dumps(text).encode(), json.dumps(text, ensure_ascii=False).encode()):
        return "json.dumps puts quotes around a text, and that was sent: text.encode() alone is enough"
    if len(raw) < len(text.encode()):
        return "UTF-8 has bytes for each sign, so nothing need be left out or replaced: text.encode()"
    return "UTF-8 is what text.encode() gives, with nothing before, behind or around it"


def _made_producer(trial: Trial) -> KafkaProducer:
    function = trial.named("make_producer")
    door = Door(trial.servers.partition(",")[0])
    trial.defer(door.close)
    trial.advise = _made_advice
    try:
        producer = trial.call(function, door.address, on=f"make_producer({door.address!r})", seconds=5.0)
    except TookTooLong as late:
        if door.visits or late.stopped:  # it has found the broker, or was busy by itself
            raise
        trial.wrong(
            "a producer within 5 s",
            got=f"it was still busy, at {late.line}",
            advice=f"no broker is where it looks; {_SERVERS}",
        )
    if not isinstance(producer, KafkaProducer):
        trial.wrong("a KafkaProducer", got=producer, advice="make one, and return it: return KafkaProducer(…)")
    trial.defer(lambda: producer.close(timeout=1))
    if not door.visits:
        got = f"one for {producer.config['bootstrap_servers']!r}"
        trial.wrong(f"a producer for {door.address!r}, as it was given", got=got, advice=_SERVERS)
    return producer


def _made_advice(error: BaseException) -> str:
    return about(
        error,
        (TypeError, "descriptor|unbound method", "give the function itself, without () behind it: it is called later"),
        (TypeError, r"__init__\(\)", "KafkaProducer takes everything by its name: bootstrap_servers=servers, …"),
        (
            Exception,
            "nrecognized configs",
            "look how it is spelled: bootstrap_servers, acks, key_serializer, value_serializer",
        ),
    )
