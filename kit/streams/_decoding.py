"""Kafka's record batches, decoded without what a stream does not show."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple

from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecord, DefaultRecordBatch
from kafka.record.util import decode_varint

__all__ = ["PartitionRecords"]


class Record(NamedTuple):
    """What a stream shows of a record."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class PartitionRecords(Fetcher.PartitionRecords):  # type: ignore[misc]  # kafka-python has no type hints
    """What a consumer has fetched from a partition, as `Record`s.

    kafka-python takes 12 microseconds for a record, three quarters of the time of a stream: it makes two objects, with
    headers and sizes, by some forty calls. Checksums, transactions, compression and positions stay kafka-python's: it
    gets each batch as if that were one record.
    """

    def _unpack_records(self, tp: Any, records: Any, *deserializers: None) -> Iterator[Any]:
        batches = SimpleNamespace(next_batch=lambda: _whole(records.next_batch(), tp))
        for found in super()._unpack_records(tp, batches, *deserializers):
            # A record in the format of before Kafka 0.11 comes alone.
            for record in found.value if isinstance(found.value, list) else [found]:
                self.next_fetch_offset = record.offset + 1
                yield record


def _whole(batch: Any, tp: Any) -> Any:
    if isinstance(batch, DefaultRecordBatch):
        batch = _Batch(batch._buffer)
        batch.tp = tp
    return batch


class _Batch(DefaultRecordBatch):  # type: ignore[misc]
    """A batch with one record, whose value is the list of its records."""

    __slots__ = ("tp",)

    def __iter__(self) -> Iterator[DefaultRecord]:
        self._maybe_uncompress()
        try:
            records = self._records()
        except (ValueError, IndexError) as error:
            raise CorruptRecordError(f"the batch at offset {self.base_offset} is not in Kafka's format") from error
        if records:
            yield DefaultRecord(self.size_in_bytes, records[-1].offset, self.max_timestamp, 0, None, records, [])

    def _records(self) -> list[Record]:
        """The records (Kafka documentation, "Message Format")."""
        (topic, partition), data, at = self.tp, bytes(self._buffer), self._pos
        base, first = self.base_offset, self.first_timestamp
        append_time = self.max_timestamp if self.timestamp_type == self.LOG_APPEND_TIME else None
        records = []
        for _ in range(self.records_count):
            length, at = decode_varint(data, at)
            end = at + length
            delta, at = decode_varint(data, at + 1)  # behind a byte of attributes
            number, at = decode_varint(data, at)
            size, at = decode_varint(data, at)
            key, at = (data[at : at + size], at + size) if size >= 0 else (None, at)
            size, at = decode_varint(data, at)
            value, at = (data[at : at + size], at + size) if size >= 0 else (None, at)
            if at >= end:  # no room for the number of headers
                raise ValueError("a record is longer than its length")
            time = first + delta if append_time is None else append_time
            records.append(Record(topic, partition, base + number, time, key, value))
            at = end  # behind the headers
        if at != len(data):
            raise ValueError("the records are shorter than the batch")
        return records
