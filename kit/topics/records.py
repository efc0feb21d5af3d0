"""Kafka records as DataFrame columns."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["columns", "readable", "times"]


def columns(records: Sequence[Any]) -> dict[str, Any]:
    """Where the records stand in Kafka: topic, partition, offset, timestamp (ms, UTC) and key, a column each."""
    count = len(records)
    return {
        "topic": np.array([record.topic for record in records], dtype=object),
        "partition": np.fromiter((record.partition for record in records), "int64", count),
        "offset": np.fromiter((record.offset for record in records), "int64", count),
        "timestamp": times(np.fromiter((record.timestamp for record in records), "int64", count)),
        "key": np.array([readable(record.key) for record in records], dtype=object),
    }


def times(milliseconds: "np.ndarray[Any, np.dtype[np.int64]]") -> pd.DatetimeIndex:
    """Milliseconds since 1970 as times with dtype ``datetime64[ms, UTC]``."""
    return pd.DatetimeIndex(milliseconds.view("datetime64[ms]")).tz_localize("UTC")


def readable(raw: bytes | None) -> str | bytes | None:
    """Bytes as text if they are UTF-8, else as they are."""
    if raw is None:
        return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw
