"""Gap 1: the topic."""

from typing import Any, NoReturn

from kafka.errors import TopicAlreadyExistsError

from kit import topics
from kit.errors import BrokerUnavailable, ConfigError, TopicError
from kit.exercises import CheckContext, TookTooLong

from ._common import about

__all__ = ["create_topic"]

_SECONDS = 6.0  # deleting and creating may take three; the student is to read what is wrong with it
_FINE = "the topic is there already, and that is fine: leave it, without an error (topics.create does so by itself)"


def create_topic(context: CheckContext) -> None:
    function = context.named("create_topic")
    name, before = context.new_topic(), context.topics()
    context.advise = _advice
    _create(context, function, name, f"create_topic({name!r}), a name that is new")
    partitions = context.partitions(name)
    if not partitions:
        _none(context, name, sorted(context.topics() - before))
    if partitions != 3:
        context.wrong("3 partitions", got=f"{partitions}", advice="say how many when you create it: partitions=…")
    _leaves_alone(context, function, name)
    # A topic that another program has made: whatever the student's code remembers, it does not know this one.
    theirs = context.new_topic()
    topics.create(theirs, partitions=3, bootstrap_servers=context.servers)
    _leaves_alone(context, function, theirs)
    other, before = context.new_topic(), context.topics()
    _create(context, function, other, f"create_topic({other!r}), another name that is new")
    if not context.partitions(other):
        _none(context, other, sorted(context.topics() - before))


def _leaves_alone(context: CheckContext, function: Any, name: str) -> None:
    context.producer().send(name, key="k", value="v").get(timeout=2)
    context.advise = _again
    _create(context, function, name, f"create_topic({name!r}), when the topic is there and has one record")
    count, partitions = len(context.records(name, 1, seconds=0.5)), context.partitions(name)
    if not count:
        advice = "leave a topic that is there as it is: no fresh=True, and no delete"
        context.wrong("the record still there", got="the topic is empty", advice=advice)
    if count > 1:
        advice = "only make the topic, and send nothing to it: others find that among their records"
        context.wrong("that one record, and no other", got=f"{count} records", advice=advice)
    if partitions != 3:
        advice = "leave a topic that is there as it is, with its partitions"
        context.wrong("still 3 partitions", got=f"{partitions}", advice=advice)
    context.advise = _advice


def _create(context: CheckContext, function: Any, name: str, on: str) -> None:
    try:
        context.call(function, name, on=on, seconds=_SECONDS)
    except TookTooLong as late:
        if not late.stopped or context.partitions(name):
            raise
        advice = (
            "look for a loop that does not end, or a wait for a topic that does not exist: sending to a topic does "
        )
        advice += "not make it"
        context.wrong(f"an end within {late.seconds:g} s", got=f"it was still busy, at {late.line}", advice=advice)


def _none(context: CheckContext, name: str, others: list[str]) -> NoReturn:
    got, advice = "the broker has none", "use the name that the function gets, and have the broker make the topic, in "
    advice += "each call: an object that describes a topic is none yet"
    if others:
        got, advice = f"another: {others[0]!r}", "use the name that the function gets, as it is: name, without quotes"
    context.wrong(f"a topic {name!r}, the name that was given", got=got, advice=advice)


def _again(error: BaseException) -> str:
    kinds = (TopicError, TopicAlreadyExistsError, ValueError, KeyError, RuntimeError)
    return _FINE if isinstance(error, kinds) and not isinstance(error, ConfigError) else _advice(error)


def _advice(error: BaseException) -> str:
    number = "partitions is a whole number, without quotes and without a point"
    return about(
        error,
        (ConfigError, "partitions as", number),
        (BrokerUnavailable, "", "that broker does not exist; leave bootstrap_servers out: the kit knows the broker"),
        (TopicError, "to exist", "a topic that is new cannot be deleted, and one that is there is to stay: no delete"),
        (TopicError, "eplication", "partitions are what is wanted; replicas are copies on other brokers"),
        (TypeError, r"create\(\)", "its options go by their names: partitions=…"),
        (NameError, "'topic'", "the module is called topics: topics.create(…)"),
    )
