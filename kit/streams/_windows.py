"""Windows of event time, closed by a watermark."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any, NamedTuple

import pandas as pd

from kit.errors import ConfigError
from kit.streams._parsing import joined
from kit.streams._stream import Stream

__all__ = ["Windows", "windows"]

_ENOUGH = 20  # records: if none of so many has the column, its name is wrong
_LONGEST = 366 * 86_400.0
_AT = "\0 event time"  # a column of our own, beside those of the records
_LONG_AGO = pd.Timestamp.min.tz_localize("UTC")

Take = Callable[[pd.DataFrame], None]


class _State(NamedTuple):
    """What is known of the windows so far. It is replaced as a whole, so an interrupt leaves the one before."""

    open: Mapping[pd.Timestamp, tuple[pd.DataFrame, ...]] = MappingProxyType({})
    newest: Mapping[Any, pd.Timestamp] = MappingProxyType({})  # event time, by partition
    closed_until: pd.Timestamp = _LONG_AGO
    ready: tuple[pd.DataFrame, ...] = ()


class Windows:
    """A topic cut into tumbling windows of event time. A window is given when the watermark passes its end.

    The watermark is the newest event time seen, less `lateness`; while a partition is still being caught up with, it is
    that partition's newest, less `lateness`. A record of a window that is over already is late: it goes to `late`, or
    is dropped. A record without an event time that can be used is in no window: it goes to `bad`.

    After an interrupt it goes on as a `Stream` does. `bad` counts the records without an event time so far.

    Parameters
    ----------
    seconds
        How long a window is. They start at multiples of that since 1970, as in Spark.
    lateness
        For how many seconds the watermark holds back.
    on
        The column with the event time: times (or ISO 8601 text) of the years 1679 to 2260, or milliseconds since 1970.
        The default is Kafka's own time; a field of the records that is called so is ``value_timestamp``.
    windows
        End after so many.
    late, bad
        Called with the late records of a batch, and with those that have no usable event time: none, no time, a
        negative number, or one so far away that it must be in other units. Without `bad`, a warning names the first.
    stop_after
        End after so many seconds of reading; the windows that are open are then given as they are.
    **options
        As in `Stream`. After `count` records, too, the open windows are given.

    Yields
    ------
    DataFrame
        The records of one window, as in `batches`, by event time; `attrs` has ``start`` and ``end``.

    Raises
    ------
    ConfigError
        None of the first 20 records has a column `on`, or none at all when the reading ends; also as `Stream`.

    Examples
    --------
    >>> for window in windows("quotes", seconds=20, windows=3):                      # doctest: +SKIP
    ...     print(window.attrs["start"], window.groupby("symbol").price.mean())
    """

    def __init__(
        self,
        topic: str,
        *,
        seconds: float = 20.0,
        lateness: float = 0.0,
        on: str = "timestamp",
        windows: int | None = None,
        late: Take | None = None,
        bad: Take | None = None,
        stop_after: float | None = None,
        **options: Any,
    ) -> None:
        if not (0.001 <= seconds <= _LONGEST and 0 <= lateness <= _LONGEST and (windows is None or windows >= 1)):
            raise ConfigError(
                "seconds from 0.001 to a year, lateness from 0 to a year, and windows=1 or more",
                got=f"seconds={seconds}, lateness={lateness}, windows={windows}",
                todo="write for instance streams.windows(topic, seconds=20, lateness=5)",
            )
        self.bad = 0
        self._cutter = _Cutter(pd.Timedelta(seconds=seconds), pd.Timedelta(seconds=lateness), on)
        self._stream = Stream(topic, seconds=stop_after, **options)
        self._left, self._take_late, self._take_bad = windows, late, bad or _warn
        self._batch: pd.DataFrame | None = None
        self._columns: dict[Any, None] = {}  # of all records so far
        self._state = _State()

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return self

    def __next__(self) -> pd.DataFrame:
        while not self._state.ready and self._left != 0 and self._read():
            pass
        if not self._state.ready or self._left == 0:
            self.close()
            raise StopIteration
        rest = self._state._replace(ready=self._state.ready[1:])
        window = self._state.ready[0]
        left = None if self._left is None else self._left - 1
        # As in `Stream`: no call, so no interrupt, from here on.
        self._state, self._left = rest, left
        return window

    def _read(self) -> bool:
        """Cut the next batch; False when there is none, and no window is left open."""
        if self._batch is None:
            for self._batch in self._stream:  # noqa: B020  # stored by the loop itself: no interrupt comes in between
                break
        if self._batch is None:
            self._check_column()
            self._state = self._cutter.rest(self._state)
            return bool(self._state.ready)
        self._columns |= dict.fromkeys(self._batch)
        if self._stream.records >= _ENOUGH:
            self._check_column()
        state, late, bad = self._cutter.cut(self._state, self._batch, self._stream.behind)
        self._state, self._batch = state, None
        if len(bad):
            self.bad += len(bad)
            self._take_bad(bad)
        if len(late) and self._take_late is not None:
            self._take_late(late)
        return True

    def _check_column(self) -> None:
        if self._columns and self._cutter.on not in self._columns:
            raise ConfigError(
                f"a column {self._cutter.on!r} with times or milliseconds since 1970",
                got=f"the columns are {', '.join(map(str, self._columns))}",
                todo='name another column with on=…, or leave it out for Kafka\'s own "timestamp"',
            )

    def stop(self) -> None:
        """End the reading: the windows that are open are given as they are. From any thread; idempotent."""
        self._stream.stop()

    def close(self) -> None:
        """Stop, and close the consumer. For the thread that iterates. Idempotent."""
        self._stream.close()


class _Cutter:
    """Puts records into windows, and says which windows the watermark has passed."""

    def __init__(self, length: pd.Timedelta, lateness: pd.Timedelta, on: str) -> None:
        self._length, self._lateness, self.on = length, lateness, on

    def cut(self, before: _State, batch: pd.DataFrame, behind: set[int]) -> tuple[_State, pd.DataFrame, pd.DataFrame]:
        """Sort a batch into its windows: the state after it, its late records, and those without an event time."""
        times = batch[self.on] if self.on in batch else pd.Series(pd.NA, index=batch.index, dtype=object)
        at = _event_times(times, margin=self._length + self._lateness)
        known = at.notna()
        bad = batch[~known].reset_index(drop=True)
        batch, at = batch[known], at[known]
        begin = at.dt.floor(self._length)
        in_time = begin >= before.closed_until
        late = batch[~in_time].reset_index(drop=True)
        opened = dict(before.open)
        for start, part in batch.assign(**{_AT: at})[in_time].groupby(begin[in_time]):
            opened[pd.Timestamp(start)] = (*opened.get(pd.Timestamp(start), ()), part)
        newest = dict(before.newest)
        for partition, moment in at.groupby(batch["partition"]).max().items():
            newest[partition] = max(newest.get(partition, _LONG_AGO), moment)
        held_by = [newest.get(partition, _LONG_AGO) for partition in behind]
        watermark = min(held_by) if held_by else max(newest.values(), default=_LONG_AGO)
        closed_until = before.closed_until
        if watermark > _LONG_AGO:
            closed_until = max(closed_until, (watermark - self._lateness).floor(self._length))
        over = sorted(start for start in opened if start < closed_until)
        ready = tuple(self._window(start, opened.pop(start)) for start in over)
        return _State(opened, newest, closed_until, before.ready + ready), late, bad

    def rest(self, state: _State) -> _State:
        """All windows that are open."""
        ready = tuple(self._window(start, state.open[start]) for start in sorted(state.open))
        return state._replace(open={}, ready=state.ready + ready)

    def _window(self, start: pd.Timestamp, parts: tuple[pd.DataFrame, ...]) -> pd.DataFrame:
        window = joined(parts).sort_values(_AT, kind="stable", ignore_index=True).drop(columns=_AT)
        window.attrs |= {"start": start, "end": start + self._length}
        return window


def _warn(bad: pd.DataFrame) -> None:
    first = bad.iloc[0]
    text = f"{len(bad)} record(s) without a usable event time are in no window, the first one at"
    warnings.warn(f"{text} {first['topic']}-{first['partition']}, offset {first['offset']}", stacklevel=4)


def _event_times(column: "pd.Series[Any]", *, margin: pd.Timedelta) -> Any:
    """A column as UTC times (ns), NaT for what is no event time.

    Numbers are milliseconds since 1970, and not negative; text is ISO 8601, in UTC if it names no zone. `margin`: how
    far from the ends of what pandas can count in nanoseconds (1677 and 2262) a time must be.
    """
    first, last = pd.Timestamp.min + margin, pd.Timestamp.max - margin
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return column.where(column.between(first.tz_localize("UTC"), last.tz_localize("UTC"))).dt.as_unit("ns")
    numbers = column.map(_number).astype("float64")  # in the range, floats are exact
    numbers = numbers.where(numbers.between(0, last.value // 10**6))
    texts = column.astype(object).where(column.map(_is_time))
    times = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce").dt.as_unit("ns")
    times = times.where(times.between(first.tz_localize("UTC"), last.tz_localize("UTC")))
    return times.fillna(pd.to_datetime(numbers, unit="ms", utc=True).dt.as_unit("ns"))


def _number(one: Any) -> float:
    fits = isinstance(one, int | float) and not isinstance(one, bool) and abs(one) < 2**63
    return float(one) if fits else float("nan")


def _is_time(one: Any) -> bool:
    return isinstance(one, date) or (isinstance(one, str) and one[:1].isdigit())  # pandas would take "now", too


windows = Windows
