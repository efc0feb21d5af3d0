"""A sender's Kafka: a producer that takes records by the batch, and a look at the end of a topic."""

import time
from collections.abc import Hashable, Mapping
from typing import Any

from kafka import KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.producer.producer_batch import ProducerBatch
from kafka.record.memory_records import MemoryRecordsBuilder

from kit import topics
from kit.collectors._records import DEAD_LETTER, DeadLetter, Record, headers_of, identity_in_topic
from kit.errors import KitError, TopicError
from kit.servers import clients
from kit.topics.reading import read

__all__ = ["MOST_BYTES", "Batch", "close_producer", "obstacle", "open_producer", "prepare", "tail"]

MOST_BYTES = 65_536  # of a batch with more than one record
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


class Batch:
    """Records of one partition that are given to Kafka together, with one future for all of them.

    kafka-python's `send` takes 20 to 30 microseconds for a record, most of it for a future, locks and a look at the
    metadata. This takes its record builder and its accumulator, and does the rest once a batch.
    """

    __slots__ = ("_append", "_builder", "_keep_time", "future", "records", "sent", "since", "tp")

    def __init__(self, tp: TopicPartition, *, most_bytes: int, keep_time: bool, since: float | None) -> None:
        self.tp, self.since, self._keep_time = tp, since, keep_time
        self.records: list[Record | DeadLetter] = []
        self.future: Any = None
        self.sent = 0.0
        self._builder = MemoryRecordsBuilder(2, 0, most_bytes)
        self._append = self._builder.append

    def add(self, record: Record | DeadLetter) -> bool:
        """Add a record; False if there is no room for it. An empty batch has room for a record of any size."""
        kept = self._keep_time
        headers = record.headers if isinstance(record, DeadLetter) else headers_of(record, keep_time=kept)
        if self._append(record.time, record.key, record.value, headers) is None:
            return False
        self.records.append(record)
        return True

    @property
    def size(self) -> int:
        return int(self._builder.size_in_bytes())

    def send(self, producer: KafkaProducer) -> None:
        """Give the batch to Kafka. The producer's thread sends it."""
        batch, accumulator = ProducerBatch(self.tp, self._builder), producer._accumulator
        self.future, self.sent = batch.produce_future, time.monotonic()
        with accumulator._tp_lock(self.tp):
            accumulator._batches[self.tp].append(batch)
            accumulator._incomplete.add(batch)
        producer._sender.wakeup()

    @property
    def failed(self) -> bool:
        """Of a batch whose future is done: whether Kafka has not acknowledged it."""
        return self.future.value[2] is not None

    @property
    def errors(self) -> list[Exception]:
        """Of a batch that failed: the error of each record."""
        return [self.future.value[2](number) for number in range(len(self.records))]

    @property
    def dropped(self) -> bool:
        """Of a batch that failed: the producer dropped it; the broker did not refuse it."""
        return bool(self.future.value[0] is not None)

    @property
    def last_offset(self) -> int:
        """Of a batch that Kafka has acknowledged; -1 if its answer does not say."""
        base: int = self.future.value[0]
        return base + len(self.records) - 1 if base >= 0 else -1


def open_producer(bootstrap_servers: str) -> KafkaProducer:
    """An idempotent producer with acks=all that tries for as long as it takes.

    Raises
    ------
    BrokerUnavailable
        No broker answered.
    """
    producer = clients.producer(bootstrap_servers, **_OPTIONS)
    # A batch that is too large comes back whole: the sender makes smaller ones, and knows what is in them.
    producer._sender._can_split = lambda *_: False
    return producer


def close_producer(producer: KafkaProducer, *, flushed: bool) -> None:
    """Close a producer; one that is not `flushed` drops what it still holds, at once."""
    if not flushed:
        # close() flushes first, and without a broker it ends there, its thread running: this is the way past that.
        producer._sender.force_close()
        producer._sender.join(10.0)
    producer.close(timeout=10.0)


def prepare(topic: str, most: int, *, bootstrap_servers: str) -> tuple[list[Hashable], bool]:
    """See to it that a topic and its dead-letter topic exist.

    Returns
    -------
    (list, bool)
        The identities of the last `most` records of each partition; whether the topic replaces event times
        (``message.timestamp.type=LogAppendTime``).

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
        known = [identity_in_topic(found) for found in _read_tail(consumer, topic, most, {})] if topic in there else []
    setting = "message.timestamp.type"
    with clients.admin(bootstrap_servers) as admin:
        asked = ConfigResource(ConfigResourceType.TOPIC, topic, {setting: None})
        answer = clients.ask(admin.describe_configs, [asked], config_filter="all")
    return known, answer["topic"][topic][setting]["value"] == "LogAppendTime"


def tail(topic: str, most: int, acknowledged: Mapping[TopicPartition, int], *, bootstrap_servers: str) -> list[Any]:
    """The last records of a topic: of each partition at most `most`, and none up to the offset `acknowledged`.

    Raises
    ------
    BrokerUnavailable
        No broker answered.
    """
    with clients.consumer(bootstrap_servers) as consumer:
        return _read_tail(consumer, topic, most, acknowledged)


def _read_tail(consumer: Any, topic: str, most: int, acknowledged: Mapping[TopicPartition, int]) -> list[Any]:
    partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
    first, end = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
    spans = {}
    for tp in partitions:
        after = acknowledged.get(tp, -1) + 1
        start = after if after <= end[tp] else 0  # else the topic was deleted and made again
        spans[tp] = (max(first[tp], start or end[tp] - most), end[tp])
    return [record for batch in read(consumer, spans) for record in batch]


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
