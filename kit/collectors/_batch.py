"""Records of one partition, written and given to kafka-python's producer together."""

import time
from typing import Any

from kafka import KafkaProducer, TopicPartition
from kafka.producer.producer_batch import ProducerBatch
from kafka.record.memory_records import MemoryRecordsBuilder

from kit.collectors._records import DeadLetter, Record, varint

__all__ = ["MOST_BYTES", "Batch"]

MOST_BYTES = 262_144  # of a batch with more than one record
_SMALL = {number: varint(number) for number in range(-1, 8192)}


class Batch:
    """Records of one partition with one future for all of them.

    kafka-python's `send` takes 20 to 30 microseconds for a record: a future, locks, a look at the metadata, and the
    record itself, byte by byte. This writes a record at once, and does the rest once a batch. The format is Kafka's
    record format, version 2 (Kafka documentation, "Message Format").
    """

    __slots__ = ("_keep_time", "_most_bytes", "future", "records", "sent", "size", "tp", "written")

    def __init__(self, tp: TopicPartition, *, most_bytes: int, keep_time: bool) -> None:
        self.tp, self._keep_time, self._most_bytes = tp, keep_time, most_bytes
        self.records: list[Record | DeadLetter] = []
        self.written: list[bytes] = []
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
        self.written += (small.get(size) or varint(size), body)
        self.size += size + 2
        records.append(record)
        return True

    def send(self, producer: KafkaProducer) -> None:
        """Give the batch to Kafka. The producer's thread sends it."""
        records = MemoryRecordsBuilder(2, 0, self._most_bytes)
        inner, records._next_offset = records._builder, len(self.records)
        inner._buffer += b"".join(self.written)
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
