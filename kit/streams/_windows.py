"""Windows of event time, closed by a watermark."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from kit.errors import ConfigError
from kit.streams._stream import Stream

__all__ = ["windows"]

_LONGEST = 366 * 86_400.0
_AT = "\0 event time"  # a column of our own, beside those of the records
_LONG_AGO = pd.Timestamp.min.tz_localize("UTC")


def windows(
    topic: str,
    *,
    seconds: float = 20.0,
    lateness: float = 0.0,
    on: str = "timestamp",
    windows: int | None = None,
    late: Callable[[pd.DataFrame], None] | None = None,
    stop_after: float | None = None,
    **options: Any,
) -> Iterator[pd.DataFrame]:
    """A topic cut into tumbling windows of event time. A window is given when the watermark passes its end.

    The watermark is the newest event time seen, less `lateness`; while a partition is still being caught up with, it is
    that partition's newest, less `lateness`. A record of a window that is over already is late: it goes to `late`, or
    is dropped.

    Parameters
    ----------
    seconds
        How long a window is. They start at multiples of that since 1970, as in Spark.
    lateness
        For how many seconds the watermark holds back.
    on
        The column with the event time: times (or ISO 8601 text), or milliseconds since 1970.
    windows
        End after so many.
    late
        Called with the late records of a batch.
    stop_after
        End after so many seconds of reading; the windows that are open are then given as they are.
    **options
        As in `Stream`. After `count` records, too, the open windows are given.

    Yields
    ------
    DataFrame
        The records of one window, as in `batches`, by event time; its `attrs` has ``start`` and ``end``.

    Raises
    ------
    ConfigError
        There is no column `on`, or it holds no times; also as `Stream`.

    Examples
    --------
    >>> for window in windows("quotes", seconds=20, windows=3):                      # doctest: +SKIP
    ...     print(window.attrs["start"], window.groupby("symbol").price.mean())
    """
    if not (0.001 <= seconds <= _LONGEST and 0 <= lateness <= _LONGEST and (windows is None or windows >= 1)):
        raise ConfigError(
            "seconds from 0.001 to a year, lateness from 0 to a year, and windows=1 or more",
            got=f"seconds={seconds}, lateness={lateness}, windows={windows}",
            todo="write for instance windows(topic, seconds=20, lateness=5)",
        )
    cutter = _Cutter(pd.Timedelta(seconds=seconds), pd.Timedelta(seconds=lateness), on, late)
    return _cut(Stream(topic, seconds=stop_after, **options), cutter, windows)


def _cut(stream: Stream, cutter: "_Cutter", most: int | None) -> Iterator[pd.DataFrame]:
    given = 0
    with stream:
        for batch in stream:
            for window in cutter.cut(batch, stream.origins, stream.behind):
                yield window
                given += 1
                if given == most:
                    return
        for window in cutter.rest():
            yield window
            given += 1
            if given == most:
                return


class _Cutter:
    """Puts records into windows, and gives a window away when the watermark has passed its end."""

    def __init__(
        self, length: pd.Timedelta, lateness: pd.Timedelta, on: str, late: Callable[[pd.DataFrame], None] | None
    ) -> None:
        self._length, self._lateness, self._on, self._late = length, lateness, on, late
        self._open: dict[pd.Timestamp, list[pd.DataFrame]] = {}
        self._newest: dict[Any, pd.Timestamp] = {}  # event time, by partition
        self._closed_until = _LONG_AGO

    def cut(self, batch: pd.DataFrame, partitions: Sequence[int], behind: set[int]) -> list[pd.DataFrame]:
        """Sort a batch, whose records are from these partitions, into its windows; the windows that are over."""
        at = _event_times(batch, self._on)
        begin = at.dt.floor(self._length)
        in_time = begin >= self._closed_until
        if self._late is not None and not in_time.all():
            self._late(batch[~in_time].reset_index(drop=True))
        for start, part in batch.assign(**{_AT: at})[in_time].groupby(begin[in_time]):
            self._open.setdefault(pd.Timestamp(start), []).append(part)
        for partition, newest in at.groupby(np.asarray(partitions)).max().items():
            self._newest[partition] = max(self._newest.get(partition, _LONG_AGO), newest)
        held_by = [self._newest.get(partition, _LONG_AGO) for partition in behind]
        watermark = min(held_by) if held_by else max(self._newest.values())
        if watermark > _LONG_AGO:
            self._closed_until = max(self._closed_until, (watermark - self._lateness).floor(self._length))
        return [self._give(start) for start in sorted(self._open) if start < self._closed_until]

    def rest(self) -> list[pd.DataFrame]:
        return [self._give(start) for start in sorted(self._open)]

    def _give(self, start: pd.Timestamp) -> pd.DataFrame:
        window = pd.concat(self._open.pop(start), ignore_index=True)
        window = window.sort_values(_AT, kind="stable", ignore_index=True).drop(columns=_AT)
        window.attrs |= {"start": start, "end": start + self._length}
        return window


def _event_times(batch: pd.DataFrame, on: str) -> "pd.Series[pd.Timestamp]":
    """The column with the event time, as UTC times."""
    try:
        column = batch[on]
        how: Any = {"unit": "ms"} if pd.api.types.is_numeric_dtype(column) else {"format": "ISO8601"}
        times = pd.to_datetime(column, utc=True, **how).dt.as_unit("ns")
        if times.isna().any():
            raise ValueError("some records have none")
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise ConfigError(
            f"a column {on!r} with times or milliseconds since 1970",
            got=f"{str(error).splitlines()[0]}; the columns are {', '.join(map(str, batch.columns))}",
            todo='name another column with on=…, or leave it out for Kafka\'s own "timestamp"',
        ) from error
    return times
