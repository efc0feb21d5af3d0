"""The two Kafka clients of a sender: a producer that neither loses nor doubles, and a look at the end of a topic."""

from functools import lru_cache
from typing import Any

from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaError
from kafka.partitioner import murmur2

from kit import topics
from kit.collectors._records import DEAD_LETTER, Identity, identity
from kit.servers import clients
from kit.topics.reading import read

__all__ = ["close_producer", "open_producer", "partition_of", "prepare", "tail"]

_CONNECT = {
    "bootstrap_timeout_ms": 8000,
    "reconnect_backoff_ms": 50,
    "reconnect_backoff_max_ms": 1000,
    "metrics_enabled": False,
}
_WEEKS = 2**31 - 1  # the longest Kafka knows: 24 days


def open_producer(bootstrap_servers: str) -> Any:
    """An idempotent producer with acks=all that tries for as long as it takes.

    A batch whose time is up may or may not be in the topic: giving up on it means to lose it or to send it twice. So it
    never is given up: while the brokers are away it waits, in its order, and the sender's mailbox fills.

    Raises
    ------
    BrokerUnavailable
        No broker answered.
    """
    try:
        return KafkaProducer(
            bootstrap_servers=clients.reachable(bootstrap_servers),
            acks="all",
            enable_idempotence=True,
            delivery_timeout_ms=_WEEKS,
            request_timeout_ms=10_000,
            max_block_ms=10_000,
            batch_size=65_536,
            **_CONNECT,
        )
    except KafkaError as error:
        raise clients.unavailable(bootstrap_servers, f"{type(error).__name__}: {error}") from error


def close_producer(producer: Any, *, flushed: bool) -> None:
    """Close a producer; one that is not `flushed` drops what it still holds, at once."""
    if not flushed:
        # close() flushes first, and without a broker it ends there, its thread running: this is the way past that.
        producer._sender.force_close()
        producer._sender.join(10.0)
    producer.close(timeout=10.0)


def prepare(topic: str, most: int, *, bootstrap_servers: str) -> list[Identity]:
    """See to it that a topic and its dead-letter topic exist; returns the `tail` of the topic.

    Raises
    ------
    BrokerUnavailable
        No broker answered.
    TopicError
        Kafka refused a topic.
    """
    with clients.consumer(bootstrap_servers) as consumer:
        there = consumer.topics()
        for name in {topic, topic + DEAD_LETTER} - there:
            topics.create(name, bootstrap_servers=bootstrap_servers)
        return _read_tail(consumer, topic, most) if topic in there else []


def tail(topic: str, most: int, *, bootstrap_servers: str) -> list[Identity]:
    """The identities of the last `most` records of each partition of a topic.

    Raises
    ------
    BrokerUnavailable
        No broker answered.
    """
    with clients.consumer(bootstrap_servers) as consumer:
        return _read_tail(consumer, topic, most)


def _read_tail(consumer: Any, topic: str, most: int) -> list[Identity]:
    partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
    first, end = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
    spans = {tp: (max(first[tp], end[tp] - most), end[tp]) for tp in partitions}
    return [identity(r.key, r.value or b"", r.timestamp) for batch in read(consumer, spans) for r in batch]


@lru_cache(maxsize=4096)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, as every Kafka client reckons it; remembered, since murmur2 in Python takes its time."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)
