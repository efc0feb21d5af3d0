"""What the tests of the topics share: records written and groups that read, both by kafka-python itself."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from tests.wait import wait_until

NOON = 1_767_614_400_000  # 2026-01-05T12:00:00Z in milliseconds

Pair = tuple[bytes | None, bytes | None]


def write(servers: str, topic: str, *values: bytes | None, partition: int = 0) -> None:
    """Write values, without a key, to one partition."""
    write_pairs(servers, topic, [(None, value) for value in values], partition=partition)


def write_pairs(servers: str, topic: str, pairs: Iterable[Pair], *, partition: int = 0, at: int = NOON) -> None:
    """Write keys and values to one partition, a second apart, the first one at the time `at`."""
    producer = KafkaProducer(bootstrap_servers=servers)
    try:
        sent = [
            producer.send(topic, key=key, value=value, partition=partition, timestamp_ms=at + 1000 * number)
            for number, (key, value) in enumerate(pairs)
        ]
        producer.flush(20)
        assert all(future.succeeded() for future in sent)
    finally:
        producer.close()


def write_in_transactions(servers: str, topic: str, *values: bytes) -> None:
    """Write each value in a transaction of its own: its commit marker takes an offset after it."""
    producer = KafkaProducer(bootstrap_servers=servers, transactional_id=f"{topic}-{time.monotonic_ns()}")
    try:
        producer.init_transactions()
        for value in values:
            producer.begin_transaction()
            producer.send(topic, value, partition=0)
            producer.commit_transaction()
    finally:
        producer.close()


def commit(servers: str, group: str, topic: str, *offsets: int) -> None:
    """Have a group commit these offsets for the first partitions of a topic, and go."""
    consumer = KafkaConsumer(bootstrap_servers=servers, group_id=group, enable_auto_commit=False)
    try:
        consumer.assign([TopicPartition(topic, partition) for partition in range(len(offsets))])
        consumer.commit(
            {TopicPartition(topic, number): OffsetAndMetadata(offset, "", -1) for number, offset in enumerate(offsets)}
        )
    finally:
        consumer.close()


@contextmanager
def member(servers: str, group: str, topic: str) -> Iterator[KafkaConsumer]:
    """A member of a group that has its share of the topic's partitions, and commits only when the test says so."""
    consumer = KafkaConsumer(
        bootstrap_servers=servers, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    try:
        # kafka-python 3.0 may never end a join that short polls interrupt while it has yet to hear of the topic.
        assert consumer.partitions_for_topic(topic)
        consumer.subscribe([topic])
        wait_until(lambda: consumer.poll(1000, max_records=1) is not None and consumer.assignment(), timeout=20)
        yield consumer
    finally:
        consumer.close()
