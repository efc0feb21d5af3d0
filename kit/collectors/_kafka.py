"""A sender's Kafka: an idempotent producer that takes records by the batch, and looks at the end of a topic."""

import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.producer.producer_batch import ProducerBatch
from kafka.record.memory_records import MemoryRecordsBuilder

from kit import topics
from kit.collectors._records import DEAD_LETTER, DeadLetter, Record, identity_in_topic, varint
from kit.errors import KitError, TopicError
from kit.servers import clients
from kit.topics.reading import read

__all__ = ["MOST_BYTES", "Batch", "Start", "close_producer", "obstacle", "open_producer", "prepare", "tails"]

MOST_BYTES = 262_144  # of a batch with more than one record
_SMALL = {number: varint(number) for number in range(-1, 8192)}
_OPTIONS = {
    "acks": "all",
    "enable_idempotence": True,
    "allow_auto_create_topics": False,
    # A batch whose time is up may or may not be in the topic: giving up on it means to lose it or to send it twice. So
    # the producer never does. While the brokers are away the batch waits, and the sender's mailbox fills.
    "delivery_timeout_ms": 2**31 - 1,  # the longest that Kafka knows: 24 days
    "max_block_ms": 5_000,
    "reconnect_backoff_max_ms": 1000,
}


class Batch:
    """Records of one partition, written and given to kafka-python's producer together, with one future for all.

    kafka-python's `send` takes 20 to 30 microseconds for a record: a future, locks, a look at the metadata, and the
    record itself, byte by byte. This writes a record at once, and does the rest once a batch. The format is Kafka's
    record format, version 2 (Kafka documentation, "Message Format").
    """

    def __init__(self, tp: TopicPartition, *, most_bytes: int, keep_time: bool) -> None:
        self.tp, self._keep_time, self._most_bytes = tp, keep_time, most_bytes
        self.records: list[Record | DeadLetter] = []
        self._written: list[bytes] = []
        self.size, self.sent = 0, 0.0
        self.future: Any = None

    def add(self, record: Record | DeadLetter) -> bool:
        """Add a record; False if there is no room for it. An empty batch has room for a record of any size."""
        records, small = self.records, _SMALL
        key, value, number = record.key, record.value, len(records)
        delta = record.time - records[0].time if number else 0
        key_size, value_size = -1 if key is None else len(key), -1 if value is None else len(value)
        # After a byte of attributes: time and offset, less those of the first record; key, value, headers.
        head = (b"\0", small.get(delta) or varint(delta), small.get(number) or varint(number))
        sized_key = (small.get(key_size) or varint(key_size), key or b"")
        sized_value = (small.get(value_size) or varint(value_size), value or b"")
        body = b"".join((*head, *sized_key, *sized_value, record.headers(keep_time=self._keep_time)))
        size = len(body)
        if number and self.size + size + 5 > self._most_bytes:
            return False
        self._written += (small.get(size) or varint(size), body)
        self.size += size + 2
        records.append(record)
        return True

    def send(self, producer: KafkaProducer) -> None:
        """Give the batch to Kafka. The producer's thread sends it."""
        records = MemoryRecordsBuilder(2, 0, self._most_bytes)
        inner, records._next_offset = records._builder, len(self.records)
        inner._buffer += b"".join(self._written)
        inner._num_records, inner._last_offset = len(self.records), len(self.records) - 1
        inner._first_timestamp, inner._max_timestamp = self.records[0].time, max(r.time for r in self.records)
        batch, accumulator = ProducerBatch(self.tp, records), producer._accumulator
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
    def end(self) -> int:
        """Of a batch that Kafka has acknowledged: the offset after it, or 0 if the answer does not say."""
        base: int = self.future.value[0]
        return base + len(self.records) if base >= 0 else 0


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
        for name in set(both) - consumer.topics():
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
