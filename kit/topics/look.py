"""Looking into topics: where their partitions are, and what they hold."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

import pandas as pd
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import LeaderNotAvailableError, RetriableError, UnknownBrokerIdError, UnknownTopicOrPartitionError
from kafka.protocol.consumer import IsolationLevel, OffsetSpec

from kit.deadline import pause
from kit.errors import ConfigError
from kit.servers import addresses
from kit.servers.clients import admin, ask, consumer
from kit.topics import names
from kit.topics.reading import read
from kit.topics.records import columns, readable

__all__ = ["all_offsets", "describe", "frame", "metadata", "offsets", "partition_offsets", "table", "tail"]

_UNKNOWN = UnknownTopicOrPartitionError.errno
_ANSWER_MS = 2000
# A broker of several may hear of a new topic a little later than the one that was asked to make it.
_NEWS_LOOKS = 10  # in a third of a second
_KINDS: dict[str, Any] = {"topic": object, "partition": "int64", "replicas": object, "in_sync": object}


def describe(*topics: str, bootstrap_servers: str | None = None) -> pd.DataFrame:
    """Where the partitions of topics are, and what they hold: one row a partition.

    Parameters
    ----------
    *topics
        Their names; none: all but Kafka's own.
    bootstrap_servers
        ``host:port,…``; default: the lab's.

    Returns
    -------
    DataFrame
        ``topic``, ``partition``; ``leader``, a broker id, missing while there is none; ``replicas``, broker ids, the
        preferred leader first; ``in_sync``, those of them that have every record; ``earliest``, the offset of the
        oldest record, ``latest``, the offset the next record gets; ``records`` between the two (at most: compaction
        leaves gaps, and the end of a transaction takes an offset). The last three are missing while the leader does
        not answer.

    Raises
    ------
    TopicError, BrokerUnavailable
        A topic does not exist (the message has the names that look like it); no broker answered.

    Examples
    --------
    >>> topics.describe("quotes")                            # doctest: +SKIP
        topic  partition  leader replicas in_sync  earliest  latest  records
    0  quotes          0       1      [1]     [1]         0     120      120
    """
    with admin(bootstrap_servers or addresses.bootstrap_servers()) as client:
        return table(client, metadata(client, topics))


def offsets(topic: str, *, bootstrap_servers: str | None = None) -> pd.DataFrame:
    """What each partition of a topic holds: the offsets of its oldest and of its next record, and the records between.

    Returns
    -------
    DataFrame
        ``topic``, ``partition``, ``earliest``, ``latest``, ``records``; columns and errors as in `describe`.

    Examples
    --------
    >>> topics.offsets("quotes")                             # doctest: +SKIP
        topic  partition  earliest  latest  records
    0  quotes          0         0     120      120
    """
    return describe(topic, bootstrap_servers=bootstrap_servers)[["topic", "partition", "earliest", "latest", "records"]]


def tail(topic: str, n: int = 10, *, bootstrap_servers: str | None = None) -> pd.DataFrame:
    """The last `n` records of a topic.

    Parameters
    ----------
    topic
        Its name.
    n
        How many records, 1 or more.
    bootstrap_servers
        ``host:port,…``; default: the lab's.

    Returns
    -------
    DataFrame
        ``partition``, ``offset``, ``timestamp`` (``datetime64[ms, UTC]``), ``key``, ``value``; keys and values as text
        if they are UTF-8, else as bytes, None if there is none. One partition: by offset. Several: by timestamp, for
        that is the only order that partitions share; records without a time (NaT) come first.
        Records of a transaction come when it has been committed, or never.

    Raises
    ------
    TopicError, BrokerUnavailable
        As in `describe`; also, a partition has had no leader for 15 seconds.

    Examples
    --------
    >>> topics.tail("quotes", 2)                             # doctest: +SKIP
       partition  offset                        timestamp   key             value
    0          0     118 2008-09-15 14:30:01.000000+00:00  JPM    {"price": 57.1}
    1          0     119 2008-09-15 14:30:02.000000+00:00  JPM    {"price": 57.2}
    """
    if not isinstance(n, int) or n < 1:
        raise ConfigError("a whole number of records, 1 or more", got=f"n={n!r}", todo="leave n out for the last 10")
    servers = bootstrap_servers or addresses.bootstrap_servers()
    with admin(servers) as client:
        earliest, latest = all_offsets(client, topic, OffsetSpec.EARLIEST, OffsetSpec.LATEST)
    records: list[Any] = []
    filled = {tp: (first, latest[tp]) for tp, first in earliest.items() if first < latest[tp]}
    if filled:
        # What is asked for is there: a fetch that finds nothing must not hold up the one for the next partition.
        with consumer(servers, fetch_max_wait_ms=10) as reader:
            for tp, (first, end) in filled.items():
                records += _last(reader, tp, first, end, n)
    found = pd.DataFrame(columns(records) | {"value": pd.Series([readable(r.value) for r in records], dtype=object)})
    order = ["offset"] if len(latest) == 1 else ["timestamp", "partition", "offset"]
    last = found.sort_values(order, na_position="first").tail(n).reset_index(drop=True)
    return last[["partition", "offset", "timestamp", "key", "value"]]


def metadata(client: KafkaAdminClient, topics: Collection[str] = ()) -> list[dict[str, Any]]:
    """What the brokers say of topics (none named: of all but Kafka's own), in the order of their names."""
    for topic in topics:
        names.check(topic)
    for _ in range(_NEWS_LOOKS):
        found = ask(client.describe_topics, list(topics) or None)
        missing = [topic["name"] for topic in found if topic["error_code"] == _UNKNOWN]
        if not missing:
            return sorted((t for t in found if topics or not t["is_internal"]), key=lambda topic: str(topic["name"]))
        pause(0.03)
    known = [topic["name"] for topic in ask(client.describe_topics, None) if not topic["is_internal"]]
    raise names.unknown(missing, known)


def table(client: KafkaAdminClient, topics: Collection[dict[str, Any]]) -> pd.DataFrame:
    """What `describe` shows of `metadata`."""
    earliest = partition_offsets(client, topics, OffsetSpec.EARLIEST)
    latest = partition_offsets(client, topics, OffsetSpec.LATEST)
    rows = []
    for tp, partition in _partitions(topics):
        brokers = (_leader(partition), list(partition["replica_nodes"]), sorted(partition["isr_nodes"]))
        rows.append((*tp, *brokers, earliest.get(tp), latest.get(tp)))
    found = frame(rows, "topic", "partition", "leader", "replicas", "in_sync", "earliest", "latest")
    return found.assign(records=found["latest"] - found["earliest"])


def partition_offsets(
    client: KafkaAdminClient, topics: Iterable[dict[str, Any]], spec: OffsetSpec | int, *, committed: bool = False
) -> dict[TopicPartition, int]:
    """The offset of each partition that `spec` asks for. A partition whose leader does not answer is left out.

    `committed`: the latest offset is the one up to which a reader of committed records can read.
    """
    led_by: dict[int, dict[TopicPartition, OffsetSpec | int]] = defaultdict(dict)
    for tp, partition in _partitions(topics):
        if (leader := _leader(partition)) is not None:
            led_by[leader][tp] = spec
    level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
    found: dict[TopicPartition, int] = {}
    for specs in led_by.values():
        try:
            answers = client.list_partition_offsets(specs, isolation_level=level, timeout_ms=_ANSWER_MS)
        except (RetriableError, UnknownBrokerIdError):
            continue
        found |= {tp: int(answer.offset) for tp, answer in answers.items()}
    return found


def all_offsets(client: KafkaAdminClient, topic: str, *specs: OffsetSpec | int) -> list[dict[TopicPartition, int]]:
    """For each of `specs` the offsets of all partitions of a topic, as a reader of committed records sees them.

    It waits for a leader where one is just being chosen.
    """

    def look() -> list[dict[TopicPartition, int]]:
        known = metadata(client, [topic])
        found = [partition_offsets(client, known, spec, committed=True) for spec in specs]
        waiting = [tp.partition for tp, _ in _partitions(known) if not all(tp in offsets for offsets in found)]
        if waiting:
            raise LeaderNotAvailableError(f"no broker leads partition {', '.join(map(str, waiting))} of {topic}")
        return found

    return ask(look)


def frame(rows: list[tuple[Any, ...]], *head: str) -> pd.DataFrame:
    """Rows as a DataFrame. Each column has one dtype in all tables of this room, in an empty one too."""
    kinds = {name: _KINDS.get(name, "Int64") for name in head}
    return pd.DataFrame(rows, columns=list(head), dtype=object).astype(kinds)


def _partitions(topics: Iterable[dict[str, Any]]) -> list[tuple[TopicPartition, dict[str, Any]]]:
    return sorted(
        ((TopicPartition(topic["name"], p["partition_index"]), p) for topic in topics for p in topic["partitions"]),
        key=lambda pair: pair[0],
    )


def _leader(partition: dict[str, Any]) -> int | None:
    leader = int(partition["leader_id"])
    return leader if leader >= 0 else None


def _last(reader: KafkaConsumer, tp: TopicPartition, first: int, end: int, n: int) -> list[Any]:
    """The last `n` records of a partition, or all there are, and maybe some before them.

    Offsets do not count records (compaction leaves gaps, and the end of a transaction takes one), so it reaches back
    further until it has enough.
    """
    reach = n
    while True:
        start = max(first, end - reach)
        records = [record for batch in read(reader, {tp: (start, end)}) for record in batch]
        if len(records) >= n or start == first:
            return records
        reach *= 4
