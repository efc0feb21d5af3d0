"""Kafka's record batches, decoded without what a stream does not show."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from kafka import KafkaConsumer
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecord, DefaultRecordBatch
from kafka.record.util import decode_varint

__all__ = ["decode_quickly"]


class Record(NamedTuple):
    """What a stream shows of a record."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def decode_quickly(consumer: KafkaConsumer) -> None:
    """Have a consumer give `Record`s.

    kafka-python takes 12 microseconds for a record, three quarters of the time of a stream: it makes two objects of
    it, with its headers and sizes, and calls some forty functions. Checksums, transactions, compression and positions
    stay kafka-python's: it is given a whole batch as if that were one record.
    """
    consumer._fetcher.PartitionRecords = _PartitionRecords


class _PartitionRecords(Fetcher.PartitionRecords):  # type: ignore[misc]  # kafka-python has no type hints
    def _unpack_records(self, tp: Any, records: Any, *deserializers: None) -> Iterator[Any]:
        for found in super()._unpack_records(tp, _Batches(records), *deserializers):
            if not isinstance(found.value, list):  # a record in the format of before Kafka 0.11
                yield found
                continue
            for offset, timestamp, key, value in found.value:
                self.next_fetch_offset = offset + 1
                yield Record(tp.topic, tp.partition, offset, timestamp, key, value)


class _Batches:
    def __init__(self, records: Any) -> None:
        self._records = records

    def next_batch(self) -> Any:
        batch = self._records.next_batch()
        return _Batch(batch._buffer) if isinstance(batch, DefaultRecordBatch) else batch


class _Batch(DefaultRecordBatch):  # type: ignore[misc]
    """A batch that gives one record, whose value is the list of its records."""

    __slots__ = ()

    def __iter__(self) -> Iterator[DefaultRecord]:
        try:
            records = self._decoded()
        except (ValueError, IndexError) as error:
            raise CorruptRecordError(f"the batch at offset {self.base_offset} is not in Kafka's format") from error
        if records:
            yield DefaultRecord(self.size_in_bytes, records[-1][0], self.max_timestamp, 0, None, records, [])

    def _decoded(self) -> list[tuple[int, int, bytes | None, bytes | None]]:
        """Offset, timestamp, key and value of each record (Kafka documentation, "Message Format")."""
        self._maybe_uncompress()
        data, at = bytes(self._buffer), self._pos
        base, first = self.base_offset, self.first_timestamp
        appended = self.max_timestamp if self.timestamp_type == self.LOG_APPEND_TIME else None
        records = []
        for _ in range(self.records_count):
            length, at = decode_varint(data, at)
            end = at + length
            delta, at = decode_varint(data, at + 1)  # a byte of attributes is passed over
            number, at = decode_varint(data, at)
            size, at = decode_varint(data, at)
            key, at = (data[at : at + size], at + size) if size >= 0 else (None, at)
            size, at = decode_varint(data, at)
            value, at = (data[at : at + size], at + size) if size >= 0 else (None, at)
            if at >= end:  # no room for the number of headers
                raise ValueError("a record is longer than its length")
            records.append((base + number, first + delta if appended is None else appended, key, value))
            at = end  # the headers are passed over, too
        if at != len(data):
            raise ValueError("the records are shorter than the batch")
        return records
