"""Looking at consumer groups: what they read, and how far they are behind."""

from collections.abc import Iterable
from typing import Any

import pandas as pd
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.protocol.consumer import OffsetSpec

from kit.deadline import pause
from kit.errors import ConfigError, TopicError
from kit.servers import addresses
from kit.servers.clients import admin, ask
from kit.topics import names
from kit.topics.look import frame, partition_offsets

__all__ = ["lag"]

_TAKEOVER_LOOKS = 60  # in three seconds


def lag(group: str, *, bootstrap_servers: str | None = None) -> pd.DataFrame:
    """How far a consumer group is behind the end of what it reads: one row a partition.

    Parameters
    ----------
    group
        Its id.
    bootstrap_servers
        ``host:port,…``; default: the lab's.

    Returns
    -------
    DataFrame
        ``topic``, ``partition``; ``committed``, the offset at which the group goes on after a restart, missing if it
        has committed none; ``latest``, the offset the next record gets; ``lag`` between the two, in records. A
        partition is here if the group has committed an offset of it, or if it is assigned to one of its members.

    Raises
    ------
    TopicError, BrokerUnavailable
        No such group (the message has the names that look like it), or a share group; no broker answered.

    Examples
    --------
    >>> topics.lag("dashboard")                              # doctest: +SKIP
        topic  partition  committed  latest  lag
    0  quotes          0        100     120   20
    """
    if not isinstance(group, str):
        raise ConfigError("the name of a consumer group", got=repr(group), todo="give the name as text")
    with admin(bootstrap_servers or addresses.bootstrap_servers()) as client:
        committed, assigned = _places(client, group)
        read = sorted({*committed, *assigned})
        # A group's commits outlive a topic for a while: one that is gone has no partitions here, and so no offsets.
        there = ask(client.describe_topics, sorted({tp.topic for tp in read}))
        latest = partition_offsets(client, there, OffsetSpec.LATEST)
    rows = [(tp.topic, tp.partition, committed.get(tp), latest.get(tp)) for tp in read]
    found = frame(rows, "topic", "partition", "committed", "latest")
    return found.assign(lag=found["latest"] - found["committed"])


def _places(client: KafkaAdminClient, group: str) -> tuple[dict[TopicPartition, int], set[TopicPartition]]:
    """The offsets that a group has committed, and the partitions that its members read now.

    A broker that has just taken a group over from one that died may answer at first as if it had never heard of it:
    first that the state of the group is "", for it is not there yet, then that it is "Dead", which means unknown.
    """
    several = len(ask(client.describe_cluster)["brokers"]) > 1
    for _ in range(_TAKEOVER_LOOKS if several else 1):
        about = ask(client.describe_groups, [group])[group]  # first: who knows the group, knows what it committed
        committed = {tp: at.offset for tp, at in ask(client.list_group_offsets, group)[group].items() if at.offset >= 0}
        if about["group_state"] and (committed or about["group_state"] != "Dead"):
            return committed, _assigned(about["members"])
        pause(0.05)
    kinds = {str(other["group_id"]): str(other.get("group_type") or "consumer") for other in ask(client.list_groups)}
    if group not in kinds:
        raise names.unknown([group], kinds, what="consumer group")
    if kinds[group].lower() not in ("consumer", "classic"):
        raise TopicError(
            "a consumer group",
            got=f"{group!r} is a {kinds[group].lower()} group: its members share records, and it commits no offsets",
            todo="look at the group of a KafkaConsumer(group_id=…)",
        )
    return {}, set()


def _assigned(members: Iterable[dict[str, Any]]) -> set[TopicPartition]:
    shares = [member["member_assignment"] for member in members]
    return {
        TopicPartition(part["topic"], partition)
        for share in shares
        if isinstance(share, dict)  # while the group shares out its partitions anew, its members have none
        for part in share["assigned_partitions"]
        for partition in part["partitions"]
    }
