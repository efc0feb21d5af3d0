"""What the tests of the collectors share: numbered records, sources that give them, a whole topic read back."""

import json
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from kit.collectors import Record

ORIGIN = 1_767_623_400_000  # 2026-01-05T14:30:00Z in milliseconds
_NOW = time.time_ns() // 1_000_000

Receive = Callable[[bytes], None]


def payload(number: int) -> bytes:
    return b'{"id": %d, "text": "number %d"}' % (number, number)


def payloads(*numbers: int) -> list[bytes]:
    return [payload(number) for number in range(*numbers)]


def to_records(raw: bytes) -> list[Record]:
    number = json.loads(raw)["id"]
    return [Record(str(number).encode(), raw, ORIGIN + number)]


def of_today(raw: bytes) -> list[Record]:
    """The same, as of a replay that begins now: over a restart a broker remembers who sent records, if they are new."""
    number = json.loads(raw)["id"]
    return [Record(str(number).encode(), raw, _NOW + number)]


def stream(lines: Iterable[bytes]) -> Callable[[Receive], None]:
    """A `listen` function that gives some lines and ends."""

    def listen(receive: Receive) -> None:
        for line in lines:
            receive(line)

    return listen


class QuietStream:
    """A stream that gives some lines and then nothing more, until `hung_up` is set."""

    def __init__(self, lines: Iterable[bytes] = ()) -> None:
        self._lines, self.hung_up = lines, threading.Event()

    def __call__(self, receive: Receive) -> None:
        for line in self._lines:
            receive(line)
        self.hung_up.wait(60.0)


def records(broker: str, topic: str) -> list[Any]:
    """Every record of a topic, as it stands now."""
    consumer = KafkaConsumer(bootstrap_servers=broker, enable_auto_commit=False)
    try:
        partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))]
        ends = consumer.end_offsets(partitions)
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        found: list[Any] = []
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            found += [record for batch in consumer.poll(timeout_ms=500).values() for record in batch]
        return found
    finally:
        consumer.close()


def numbers(broker: str, topic: str) -> list[int]:
    """The ids in a topic, sorted: equal to ``list(range(n))`` when nothing is lost and nothing comes twice."""
    return sorted(int(record.key) for record in records(broker, topic))
