"""Kafka records as columns: which dtype each has, and that no byte changes on the way."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.topics.records import columns, readable, times


class Fetched(NamedTuple):
    """What `columns` needs of kafka-python's ConsumerRecord."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None


DTYPES = {
    "topic": "object",
    "partition": "int64",
    "offset": "int64",
    "timestamp": "datetime64[ms, UTC]",
    "key": "object",
}


@pytest.mark.parametrize("count", [0, 1, 3])
def test_columns_have_the_same_dtypes_for_any_number_of_records(count: int) -> None:
    frame = pd.DataFrame(columns([Fetched("t", 1, number, 1000 * number, None) for number in range(count)]))
    assert frame.dtypes.astype(str).to_dict() == DTYPES
    assert len(frame) == count


def test_a_record_is_a_row_with_its_place_its_time_and_its_key() -> None:
    (row,) = pd.DataFrame(columns([Fetched("t", 2, 7, 1_767_614_400_123, b"IBM")])).to_dict("records")
    when = pd.Timestamp("2026-01-05T12:00:00.123Z")
    assert row == {"topic": "t", "partition": 2, "offset": 7, "timestamp": when, "key": "IBM"}


@given(st.lists(st.one_of(st.none(), st.binary(), st.text().map(str.encode)), max_size=20))
def test_keys_stay_one_to_a_row_whatever_they_hold(keys: list[bytes | None]) -> None:
    found = columns([Fetched("t", 0, number, 0, key) for number, key in enumerate(keys)])["key"]
    assert [key.encode() if isinstance(key, str) else key for key in found] == keys


@given(st.text())
def test_text_is_read_as_it_was_written(text: str) -> None:
    assert readable(text.encode()) == text


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"\x80abc", b"\xc3"])
def test_bytes_that_are_not_text_stay_bytes(raw: bytes) -> None:
    assert readable(raw) is raw


def test_a_missing_value_stays_missing_and_an_empty_value_stays_empty() -> None:
    assert readable(None) is None
    assert readable(b"") == ""


@given(st.lists(st.integers(0, 4_102_444_800_000), max_size=10))
def test_times_are_kept_to_the_millisecond(milliseconds: list[int]) -> None:
    found = times(np.array(milliseconds, "int64"))
    assert str(found.dtype) == "datetime64[ms, UTC]"
    assert found.asi8.tolist() == milliseconds
