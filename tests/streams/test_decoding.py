"""The stream's own decoding of a batch finds what kafka-python finds."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.record import MemoryRecords
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.legacy_records import LegacyRecordBatchBuilder

from kit.streams._decoding import PartitionRecords
from tests.streams.tools import NOON

TP = TopicPartition("quotes", 3)
SHOWN = ("topic", "partition", "offset", "timestamp", "key", "value")

some_bytes = st.none() | st.binary(max_size=300)
headers = st.lists(st.tuples(st.text(max_size=3), some_bytes), max_size=3)
record = st.tuples(st.integers(0, 3), st.integers(-1, 2**45), some_bytes, some_bytes, headers)
batches_of = st.lists(st.lists(record, max_size=5), min_size=1, max_size=3)


def encoded(batches: list[list[Any]], *, codec: int = 0, log_append_time: bool = False) -> bytes:
    """Record batches as a broker sends them. The first number of a record is a gap that compaction has left."""
    data, offset = b"", 10
    for records in batches:
        builder = DefaultRecordBatchBuilder(2, codec, False, -1, -1, -1, 10**6)
        for number, (gap, *parts) in enumerate(records):
            builder.append(offset + gap if number else offset, *parts)
            offset += gap + 1 if number else 1
        if records:
            whole = builder.build()
            base = offset - 1 - builder._last_offset
            whole[:8] = base.to_bytes(8, "big")
            if log_append_time:
                whole[22] |= 8
            data += bytes(whole)
    return data


def shown(kind: Any, data: bytes, *, start: int, most: int | None = None) -> tuple[list[Any], int]:
    """What a stream shows of the first `most` records, and the offset that is fetched next."""
    partition = kind(start, TP, MemoryRecords(data), check_crcs=False)
    found = partition.take(most)
    return [tuple(getattr(record, name) for name in SHOWN) for record in found], partition.next_fetch_offset


@given(
    batches=batches_of, codec=st.integers(0, 4), log_append_time=st.booleans(),
    start=st.integers(10, 20), most=st.none() | st.integers(1, 10),
)  # fmt: skip
def test_a_record_is_what_kafka_python_makes_of_it(
    batches: list[list[Any]], codec: int, log_append_time: bool, start: int, most: int | None
) -> None:
    data = encoded(batches, codec=codec, log_append_time=log_append_time)
    theirs = shown(Fetcher.PartitionRecords, data, start=start, most=most)
    assert shown(PartitionRecords, data, start=start, most=most) == theirs


def test_a_record_of_an_old_format_is_read_too() -> None:
    builder = LegacyRecordBatchBuilder(1, 0, 10**6)
    builder.append(0, NOON, b"key", b"value")
    assert shown(PartitionRecords, bytes(builder.build()), start=0)[0] == [(*TP, 0, NOON, b"key", b"value")]


@pytest.mark.parametrize(
    ("place", "byte"),
    [(61, 0x7E), (61, 0x10), (65, 0x7E), (69, 0x7E), (57, 0x7F)],
    ids=["record too long", "record too short", "key too long", "value too long", "too many records"],
)
def test_a_batch_that_is_not_in_kafkas_format_is_an_error_of_kafka(place: int, byte: int) -> None:
    data = bytearray(encoded([[(0, NOON, b"key", b"value", [])]]))
    data[place] = byte
    with pytest.raises(CorruptRecordError):
        shown(PartitionRecords, bytes(data), start=10)


def test_a_batch_whose_checksum_is_wrong_is_an_error_of_kafka() -> None:
    data = bytearray(encoded([[(0, NOON, b"key", b"value", [])]]))
    data[70] ^= 1
    partition = PartitionRecords(10, TP, MemoryRecords(bytes(data)))
    with pytest.raises(CorruptRecordError, match="crc"):
        partition.take()
