"""A sender's Kafka: an idempotent producer that takes records by the batch, and looks at the end of a topic."""

from collections.abc import Callable, Hashable, Mapping
from typing import NamedTuple

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.producer.producer_batch import ProducerBatch
from kafka.record.memory_records import MemoryRecordsBuilder

from kit import topics
from kit.collectors._records import DEAD_LETTER, DeadLetter, Record, identity_in_topic
from kit.errors import KitError, TopicError
from kit.servers import clients
from kit.topics.reading import read

__all__ = ["MOST_BYTES", "Batch", "Start", "close_producer", "obstacle", "open_producer", "prepare", "tails"]

MOST_BYTES = 262_144  # of a batch with more than one record
_TIMES = "message.timestamp.type"
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


class Batch(ProducerBatch):  # type: ignore[misc]  # kafka-python has no type hints
    """Records of one partition, given to kafka-python's producer together, with one future for all.

    kafka-python's `send` takes 20 to 30 microseconds for a record: a future, locks, a look at the metadata. This does
    that once a batch.
    """

    def __init__(self, tp: TopicPartition, *, most_bytes: int, keep_time: bool) -> None:
        super().__init__(tp, MemoryRecordsBuilder(2, 0, most_bytes))
        self.tp, self._keep_time, self.future = tp, keep_time, self.produce_future
        self.held: list[Record | DeadLetter] = []

    def add(self, record: Record | DeadLetter) -> bool:
        """Add a record; False if there is no room for it. An empty batch has room for a record of any size."""
        headers = record.headers(keep_time=self._keep_time)
        if self.records.append(record.time, record.key, record.value, headers) is None:
            return False
        self.held.append(record)
        return True

    def send(self, producer: KafkaProducer) -> None:
        """Give the batch to Kafka. The producer's thread sends it."""
        accumulator = producer._accumulator
        with accumulator._tp_lock(self.tp):
            accumulator._batches[self.tp].append(self)
            accumulator._incomplete.add(self)
        producer._sender.wakeup()

    @property
    def errors(self) -> list[Exception]:
        """Of a batch whose future is done: the error of each record; none if Kafka has acknowledged them."""
        error = self.future.value[2]
        return [error(number) for number in range(len(self.held))] if error is not None else []

    @property
    def acknowledged(self) -> bool:
        return bool(self.future.is_done) and self.future.value[2] is None


def open_producer(servers: str) -> KafkaProducer:
    """An idempotent producer with acks=all that tries for as long as it takes."""
    producer = clients.producer(servers, **_OPTIONS)
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


def prepare(servers: str, topic: str, most: int) -> Start:
    """Create a topic and its dead-letter topic if need be, and look at the last `most` records of each partition."""
    both = [topic, topic + DEAD_LETTER]
    with clients.consumer(servers) as consumer:
        for name in set(both) - consumer.topics():
            topics.create(name, bootstrap_servers=servers)
        spans = _spans(consumer, both, lambda tp, end: end - most if tp.topic == topic else end)
        known = [identity_in_topic(record)[1] for batch in read(consumer, spans) for record in batch]
    with clients.admin(servers) as admin:
        asked = ConfigResource(ConfigResourceType.TOPIC, topic, {_TIMES: None})
        answer = clients.ask(admin.describe_configs, [asked], config_filter="all")
    keep_time = answer["topic"][topic][_TIMES]["value"] == "LogAppendTime"
    return Start(known, {tp: end for tp, (_, end) in spans.items()}, keep_time)


def tails(servers: str, names: list[str], ends: Mapping[TopicPartition, int]) -> list[tuple[str, Hashable]]:
    """Topic and identity of each record that topics have beyond the offsets `ends` (0 where there is none)."""
    with clients.consumer(servers) as consumer:
        # A topic that ends before these offsets was made anew.
        spans = _spans(consumer, names, lambda tp, end: ends.get(tp, 0) if ends.get(tp, 0) <= end else 0)
        return [identity_in_topic(record) for batch in read(consumer, spans) for record in batch]


def _spans(
    consumer: KafkaConsumer, names: list[str], begin: Callable[[TopicPartition, int], int]
) -> dict[TopicPartition, tuple[int, int]]:
    """Of each partition of these topics: the offsets from `begin`, which is given the end, to the end."""
    partitions = [TopicPartition(n, number) for n in names for number in consumer.partitions_for_topic(n) or ()]
    first, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
    return {tp: (max(first[tp], begin(tp, ends[tp])), ends[tp]) for tp in partitions}


def obstacle(servers: str, topic: str) -> KitError | None:
    """Why Kafka acknowledges no record of a topic, as far as it can be seen: brokers or topic are gone."""
    try:
        with clients.consumer(servers) as consumer:
            if topic in consumer.topics():
                return None
    except KitError as error:
        return error
    todo = "stop the collector, and start it again: it makes the topic"
    return TopicError(f"topic {topic!r} to exist as long as a collector runs", got="it was deleted", todo=todo)
