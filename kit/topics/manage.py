"""Making, deleting and moving topics. Each call returns when what it asked for can be seen."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import (
    InvalidConfigurationError,
    InvalidReplicationFactorError,
    KafkaError,
    LeaderNotAvailableError,
    NoError,
    RetriableError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)

from kit.deadline import wait_until
from kit.errors import ConfigError, TopicError
from kit.servers import addresses
from kit.servers.clients import admin, ask, ask_each_broker
from kit.topics import names
from kit.topics.look import metadata, table

__all__ = ["create", "delete", "reassign"]

_MIN_IN_SYNC = "min.insync.replicas"
_SECONDS = 60.0


def create(
    name: str,
    *,
    partitions: int = 1,
    replication_factor: int | None = None,
    config: Mapping[str, object] | None = None,
    fresh: bool = False,
    bootstrap_servers: str | None = None,
) -> pd.DataFrame:
    """Make a topic; if it exists as it is wanted, nothing happens.

    Parameters
    ----------
    name
        1 to 249 characters: a-z, A-Z, 0-9, dot, underscore, dash.
    partitions
        How many logs the topic consists of: so many consumers of a group can share the work.
    replication_factor
        How many brokers keep a copy of each partition. Default: all live ones, at most three. A topic with three or
        more also gets ``min.insync.replicas=2``: a record counts as sent when two brokers have it.
    config
        Topic settings by their Kafka names, ``{"retention.ms": 60_000}``.
    fresh
        If it exists, delete it first, with all its records.
    bootstrap_servers
        ``host:port,…``; default: the lab's.

    Returns
    -------
    DataFrame
        As `describe`.

    Raises
    ------
    TopicError
        Kafka does not take the name or a setting; or the topic exists, and differs in what the message says.
    ConfigError, BrokerUnavailable
        `partitions` or `replication_factor` is not a whole number, 1 or more; no broker answered.

    Examples
    --------
    >>> topics.create("quotes", partitions=2)                # doctest: +SKIP
        topic  partition  leader replicas in_sync  earliest  latest  records
    0  quotes          0       1      [1]     [1]         0       0        0
    1  quotes          1       1      [1]     [1]         0       0        0
    """
    names.check(name)
    _check_counts(partitions=partitions, replication_factor=replication_factor)
    asked = {key: _as_text(value) for key, value in (config or {}).items()}
    with admin(bootstrap_servers or addresses.bootstrap_servers()) as client:
        if fresh and name in {topic["name"] for topic in metadata(client)}:
            delete(name, bootstrap_servers=bootstrap_servers)
        try:
            ask(_create, client, name, partitions, replication_factor, asked)
        except TopicAlreadyExistsError:
            _compare(client, name, {"partitions": partitions, "replication_factor": replication_factor, **asked})
        return ask(_served, client, name)


def delete(*topics: str, bootstrap_servers: str | None = None) -> None:
    """Delete topics with all their records; returns when they are gone.

    Parameters
    ----------
    *topics
        Their names; none: nothing happens.
    bootstrap_servers
        ``host:port,…``; default: the lab's.

    Raises
    ------
    TopicError, BrokerUnavailable
        One of them does not exist, or is Kafka's own: then none is deleted; no broker answered.

    Examples
    --------
    >>> topics.delete("quotes", "quotes.dead-letter")        # doctest: +SKIP
    """
    if not topics:
        return
    with admin(bootstrap_servers or addresses.bootstrap_servers()) as client:
        own = [topic["name"] for topic in metadata(client, topics) if topic["is_internal"]]
        if own:
            raise TopicError("a topic of yours", got=f"{own[0]}, a topic of Kafka's own", todo="leave its name out")
        ask(_delete, client, topics)
        _wait(
            lambda: all(topic["error_code"] for found in _seen(client, *topics) for topic in found),
            f"topic {', '.join(topics)} to be gone",
            "try again",
        )


def reassign(topic: str, *, replication_factor: int, bootstrap_servers: str | None = None) -> pd.DataFrame:
    """Spread the replicas of a topic over the live brokers; returns, when all are in sync, what `describe` shows.

    The partitions take the brokers in turn, and so do their leaders. ``min.insync.replicas`` follows: at least 2 for
    three replicas or more, and never more than there are.

    Parameters
    ----------
    topic
        Its name.
    replication_factor
        How many brokers keep a copy of each partition from now on, 1 to the number of live brokers.
    bootstrap_servers
        ``host:port,…``; default: the lab's.

    Raises
    ------
    TopicError, BrokerUnavailable
        No such topic, fewer live brokers than replicas, or not in sync after 60 seconds; no broker answered.

    Examples
    --------
    >>> lab.kafka.add_broker()                                 # doctest: +SKIP
    2
    >>> topics.reassign("quotes", replication_factor=2)      # doctest: +SKIP
        topic  partition  leader replicas in_sync  earliest  latest  records
    0  quotes          0       1   [1, 2]  [1, 2]         0     120      120
    """
    _check_counts(replication_factor=replication_factor)
    with admin(bootstrap_servers or addresses.bootstrap_servers()) as client:
        found = metadata(client, [topic])[0]["partitions"]
        brokers = _live_brokers(client)
        if replication_factor > len(brokers):
            raise TopicError(
                f"1 to {len(brokers)} replicas, for {len(brokers)} live broker(s)",
                got=f"replication_factor={replication_factor}",
                todo="add a broker first (lab.kafka.add_broker()), or ask for fewer replicas",
            )
        around = brokers * 2
        starts = {p["partition_index"]: p["partition_index"] % len(brokers) for p in found}
        plan = {partition: around[start : start + replication_factor] for partition, start in starts.items()}
        in_sync = int(_settings(client, topic)[0][_MIN_IN_SYNC])
        if in_sync > replication_factor:  # before a replica goes: else no producer could send until this returns
            _set_min_in_sync(client, topic, replication_factor)
        moves = {TopicPartition(topic, partition): replicas for partition, replicas in plan.items()}
        for tp, refused in ask(client.alter_partition_reassignments, moves).items():
            if refused is not None:
                raise TopicError(f"{topic}-{tp.partition} to move", got=refused.__name__, todo="try again later")
        _wait(
            lambda: _settled(client, topic, plan),
            f"all replicas of topic {topic!r} to be in sync",
            f"look with topics.describe({topic!r}): a broker that stopped cannot follow",
        )
        if in_sync < 2 and replication_factor >= 3:
            _set_min_in_sync(client, topic, 2)
        return ask(_served, client, topic)


def _check_counts(**counts: int | None) -> None:
    for what, count in counts.items():
        if count is not None and (not isinstance(count, int) or count < 1):
            raise ConfigError(f"{what} as a whole number, 1 or more", got=repr(count), todo=f"write {what}=1")


def _create(
    client: KafkaAdminClient, name: str, partitions: int, replication_factor: int | None, asked: Mapping[str, str]
) -> None:
    """One attempt; what may be better in a moment is raised as kafka-python's own retriable error."""
    copies = replication_factor or min(3, len(_live_brokers(client)))
    settings = ({_MIN_IN_SYNC: "2"} if copies >= 3 else {}) | dict(asked)
    wanted = {"num_partitions": partitions, "replication_factor": copies, "configs": settings}
    answer = client.create_topics({name: wanted}, raise_errors=False)["topics"][0]
    kind = for_code(answer["error_code"])
    said = answer["error_message"] or kind.__name__
    if issubclass(kind, RetriableError | TopicAlreadyExistsError):
        raise kind(said)
    if kind is not NoError:
        raise TopicError(f"Kafka to create topic {name!r}", got=said, todo=_remedy(client, kind, name, asked))


def _remedy(client: KafkaAdminClient, kind: type[KafkaError], name: str, asked: Mapping[str, str]) -> str:
    """What to do when Kafka refused a topic."""
    if kind is InvalidReplicationFactorError:
        return f"ask for at most {len(_live_brokers(client))}, or add a broker first (lab.kafka.add_broker())"
    if kind is InvalidConfigurationError:  # which settings there are, Kafka tells of a topic that it only checks
        probe = client.create_topics({name: {}}, validate_only=True, raise_errors=False)["topics"][0]
        known = probe.get("configs") or {}
        close = {key: names.alike(key, known) for key in asked if key not in known}
        meant = [f"{guesses[0]!r} instead of {key!r}" for key, guesses in close.items() if guesses]
        if meant:
            return f"did you mean {', '.join(meant)}?"
    return "change what the message names"


def _delete(client: KafkaAdminClient, topics: tuple[str, ...]) -> None:
    """One attempt; a topic that is gone already is no error, for an earlier attempt may have done it."""
    for answer in client.delete_topics(list(topics), raise_errors=False)["topics"]:
        kind = for_code(answer["error_code"])
        if kind not in (NoError, UnknownTopicOrPartitionError):
            raise kind(f"{answer['name']}: {answer['error_message']}")


def _compare(client: KafkaAdminClient, name: str, wanted: Mapping[str, object]) -> None:
    """Say in what an existing topic differs from what is wanted (None: no matter what), if it does."""
    there = metadata(client, [name])[0]["partitions"]
    now: dict[str, object] = {"partitions": len(there), "replication_factor": len(there[0]["replica_nodes"])}
    now |= _settings(client, name)[0]
    differing = [key for key, value in wanted.items() if value is not None and now.get(key) != value]
    if differing:
        as_it_is = ", ".join(f"{key}={now.get(key, 'no such setting')}" for key in differing)
        raise TopicError(
            f"topic {name!r} with {', '.join(f'{key}={wanted[key]}' for key in differing)}",
            got=f"it exists with {as_it_is}",
            todo=f"use it as it is, or topics.delete({name!r}) first: that also deletes its records",
        )


def _settings(client: KafkaAdminClient, topic: str) -> list[dict[str, str]]:
    """Every setting of a topic, defaults included, as each broker knows it now."""
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic)]
    answers = ask(ask_each_broker, client, client.describe_configs, asked, config_filter="all")
    return [{key: str(value["value"]) for key, value in answer["topic"][topic].items()} for answer in answers]


def _set_min_in_sync(client: KafkaAdminClient, topic: str, replicas: int) -> None:
    value = str(replicas)
    ask(client.alter_configs, [ConfigResource(ConfigResourceType.TOPIC, topic, {_MIN_IN_SYNC: value})])
    _wait(
        lambda: all(known[_MIN_IN_SYNC] == value for known in _settings(client, topic)),
        f"{_MIN_IN_SYNC}={value} of topic {topic!r} to be known to every broker",
        "try again",
    )


def _seen(client: KafkaAdminClient, *topics: str) -> list[list[dict[str, Any]]]:
    """What each live broker knows of topics."""
    return ask(ask_each_broker, client, client.describe_topics, list(topics))


def _served(client: KafkaAdminClient, topic: str) -> pd.DataFrame:
    """What `describe` shows, once every broker knows the topic, and each partition has a leader that answers."""
    seen = _seen(client, topic)
    shown = table(client, seen[0])
    if not all(found["partitions"] for (found,) in seen) or shown["records"].isna().any():
        raise LeaderNotAvailableError(f"topic {topic} has partitions without a leader")
    return shown


def _live_brokers(client: KafkaAdminClient) -> list[int]:
    brokers = ask(client.describe_cluster)["brokers"]
    return sorted(int(broker["broker_id"]) for broker in brokers if not broker.get("is_fenced"))


def _settled(client: KafkaAdminClient, topic: str, plan: Mapping[int, list[int]]) -> bool:
    """Whether every broker sees the replicas in place, in sync and led by the first; has that one elected."""
    late = set()
    for (found,) in _seen(client, topic):
        for partition in found["partitions"]:
            number, wanted = partition["partition_index"], plan[partition["partition_index"]]
            if partition["replica_nodes"] != wanted or set(partition["isr_nodes"]) != set(wanted):
                return False
            if partition["leader_id"] != wanted[0]:
                late.add(number)
    if late:
        ask(client.elect_leaders, 0, {topic: sorted(late)}, raise_errors=False)
    return not late


def _wait(done: Callable[[], bool], what: str, todo: str) -> None:
    if not wait_until(done, seconds=_SECONDS):
        raise TopicError(what, got=f"after {_SECONDS:.0f} s it was not so", todo=todo)


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
