"""A sender's Kafka: a producer that takes records by the batch, and a look at the end of a topic."""

from collections.abc import Callable, Hashable, Mapping
from typing import NamedTuple

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from kit import topics
from kit.collectors._records import DEAD_LETTER, identity_in_topic
from kit.errors import KitError, TopicError
from kit.servers import clients
from kit.topics.reading import read

__all__ = ["Start", "close_producer", "obstacle", "open_producer", "prepare", "tails"]

_WEEKS = 2**31 - 1  # the longest delivery time-out that Kafka knows: 24 days
_OPTIONS = {
    "acks": "all",
    "enable_idempotence": True,
    "allow_auto_create_topics": False,
    # A batch whose time is up may or may not be in the topic: giving up on it means to lose it or to send it twice. So
    # the producer never does. While the brokers are away the batch waits, and the sender's mailbox fills.
    "delivery_timeout_ms": _WEEKS,
    "max_block_ms": 5_000,
    "reconnect_backoff_max_ms": 1000,
}


def open_producer(bootstrap_servers: str) -> KafkaProducer:
    """An idempotent producer with acks=all that tries for as long as it takes."""
    producer = clients.producer(bootstrap_servers, **_OPTIONS)
    # A batch that is too large comes back whole: the sender makes smaller ones, and knows what is in them.
    producer._sender._can_split = lambda *_: False
    return producer


def close_producer(producer: KafkaProducer, *, flushed: bool) -> None:
    """Close a producer; one that is not `flushed` drops what it still holds, at once."""
    if not flushed:
        # close() flushes first, and without a broker, or a thread, it ends there: this is the way past that.
        producer._sender.force_close()
        producer._sender.join(10.0)
        producer._accumulator.abort_incomplete_batches()
        producer._sender._client.close()
    producer.close(timeout=10.0)


class Start(NamedTuple):
    """What a collector must know of its topic when it starts."""

    known: list[Hashable]  # the identities of the last records of each partition
    ends: dict[TopicPartition, int]
    keep_time: bool  # the topic replaces event times (message.timestamp.type=LogAppendTime)


def prepare(topic: str, most: int, *, bootstrap_servers: str) -> Start:
    """Create a topic and its dead-letter topic if need be, and look at the last `most` records of each partition."""
    setting, both = "message.timestamp.type", [topic, topic + DEAD_LETTER]
    with clients.consumer(bootstrap_servers) as consumer:
        there = consumer.topics()
        for name in set(both) - there:
            topics.create(name, bootstrap_servers=bootstrap_servers)
        spans = _spans(consumer, both, lambda tp, end: end - most if tp.topic == topic else end)
        known = [identity_in_topic(record)[1] for batch in read(consumer, spans) for record in batch]
    with clients.admin(bootstrap_servers) as admin:
        asked = ConfigResource(ConfigResourceType.TOPIC, topic, {setting: None})
        answer = clients.ask(admin.describe_configs, [asked], config_filter="all")
    keep_time = answer["topic"][topic][setting]["value"] == "LogAppendTime"
    return Start(known, {tp: end for tp, (_, end) in spans.items()}, keep_time)


def tails(
    names: list[str], ends: Mapping[TopicPartition, int], *, bootstrap_servers: str
) -> list[tuple[str, Hashable]]:
    """Topic and identity of each record that topics have beyond the offsets `ends` (0 where there is none)."""

    def begin(tp: TopicPartition, end: int) -> int:
        after = ends.get(tp, 0)
        return after if after <= end else 0  # else the topic was made anew

    with clients.consumer(bootstrap_servers) as consumer:
        spans = _spans(consumer, names, begin)
        return [identity_in_topic(record) for batch in read(consumer, spans) for record in batch]


def _spans(
    consumer: KafkaConsumer, names: list[str], begin: Callable[[TopicPartition, int], int]
) -> dict[TopicPartition, tuple[int, int]]:
    """Of each partition of these topics: the offsets from `begin`, which is given the end, to the end."""
    partitions = [TopicPartition(n, number) for n in names for number in consumer.partitions_for_topic(n) or ()]
    first, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
    return {tp: (max(first[tp], begin(tp, ends[tp])), ends[tp]) for tp in partitions}


def obstacle(topic: str, *, bootstrap_servers: str) -> KitError | None:
    """Why Kafka acknowledges no record of a topic, as far as it can be seen: brokers or topic are gone."""
    try:
        with clients.consumer(bootstrap_servers) as consumer:
            if topic in consumer.topics():
                return None
    except KitError as error:
        return error
    return TopicError(
        f"topic {topic!r} to exist as long as a collector runs",
        got="it was deleted",
        todo="stop the collector, and start it again: it makes the topic",
    )
