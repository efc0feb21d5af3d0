"""Kafka records as DataFrame columns."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["columns", "readable", "times"]

_NO_TIMESTAMP = -1  # what Kafka keeps for a record that was sent without a time


def columns(records: Sequence[Any]) -> dict[str, Any]:
    """Where the records stand in Kafka: topic, partition, offset, timestamp (ms, UTC) and key, a column each."""
    return {
        "topic": np.array([record.topic for record in records], dtype=object),
        "partition": np.array([record.partition for record in records], "int64"),
        "offset": np.array([record.offset for record in records], "int64"),
        "timestamp": times(np.array([record.timestamp for record in records], "int64")),
        "key": np.array([readable(record.key) for record in records], dtype=object),
    }


def times(milliseconds: "np.ndarray[Any, np.dtype[np.int64]]") -> pd.DatetimeIndex:
    """Milliseconds since 1970 as times with dtype ``datetime64[ms, UTC]``; -1, which is no time, as NaT."""
    known = np.where(milliseconds == _NO_TIMESTAMP, np.iinfo("int64").min, milliseconds)
    return pd.DatetimeIndex(known.view("datetime64[ms]")).tz_localize("UTC")


def readable(raw: bytes | None) -> str | bytes | None:
    """Bytes as text if they are UTF-8, else as they are."""
    if raw is None:
        return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw
