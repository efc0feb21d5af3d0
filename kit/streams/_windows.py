"""Windows of event time, closed by a watermark."""

import warnings
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
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
_SINCE = datetime(1970, 1, 1, tzinfo=UTC)
_LONG_AGO = pd.Timestamp.min.tz_localize("UTC")


class _State(NamedTuple):
    """What is known of the windows so far. It is replaced as a whole, so an interrupt leaves the one before."""

    open: Mapping[pd.Timestamp, tuple[pd.DataFrame, ...]] = MappingProxyType({})
    newest: Mapping[Any, pd.Timestamp] = MappingProxyType({})  # event time, by partition
    closed_until: pd.Timestamp = _LONG_AGO
    ready: tuple[pd.DataFrame, ...] = ()
    late: int = 0
    bad: int = 0


class Windows:
    """A topic cut into tumbling windows of event time. A window is given when the watermark passes its end.

    The watermark is the newest event time seen, less `lateness`; while a partition is still being caught up with, it is
    that partition's newest, less `lateness`. Two kinds of record are in no window: a late one, whose window is over
    already, and a bad one, whose event time is missing, negative, or so far away that it must be in other units. `late`
    and `bad` count them; a warning names the first bad one. After an interrupt it goes on as a `Stream` does.

    Parameters
    ----------
    seconds
        How long a window is. They start at multiples of that since 1970, as in Spark.
    lateness
        For how many seconds the watermark holds back.
    on
        The column with the event time: times (or ISO 8601 text) of the years 1679 to 2260, or milliseconds since 1970.
        The default is Kafka's own time; a field of the records that is called so is ``value_timestamp``.
    windows, stop_after
        End after so many; or after so many seconds of reading: the open windows are then given as they are.
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
        self, topic: str, *, seconds: float = 20.0, lateness: float = 0.0, on: str = "timestamp",
        windows: int | None = None, stop_after: float | None = None, **options: Any,
    ) -> None:  # fmt: skip
        if not (0.001 <= seconds <= _LONGEST and 0 <= lateness <= _LONGEST and (windows is None or windows >= 1)):
            wanted = "seconds from 0.001 to a year, lateness from 0 to a year, and windows=1 or more"
            got = f"seconds={seconds}, lateness={lateness}, windows={windows}"
            raise ConfigError(wanted, got=got, todo="write for instance streams.windows(topic, seconds=20, lateness=5)")
        self._cutter = _Cutter(pd.Timedelta(seconds=seconds), pd.Timedelta(seconds=lateness), on)
        self._stream = Stream(topic, seconds=stop_after, **options)
        self._left = windows
        self._batch: pd.DataFrame | None = None
        self._columns: dict[Any, None] = {}  # of all records so far
        self._state = _State()

    @property
    def late(self) -> int:
        """How many records came after their window was over."""
        return self._state.late

    @property
    def bad(self) -> int:
        """How many records had no usable event time."""
        return self._state.bad

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
        state, bad = self._cutter.cut(self._state, self._batch, self._stream.behind)
        self._state, self._batch = state, None
        if len(bad):
            text = f"{len(bad)} record(s) without a usable event time are in no window, the first one at"
            topic, partition, offset = bad.iloc[0][["topic", "partition", "offset"]]
            warnings.warn(f"{text} {topic}-{partition}, offset {offset}", stacklevel=3)
        return True

    def _check_column(self) -> None:
        if self._columns and self._cutter.on not in self._columns:
            wanted = f"a column {self._cutter.on!r} with times or milliseconds since 1970"
            todo = 'name another column with on=…, or leave it out for Kafka\'s own "timestamp"'
            raise ConfigError(wanted, got=f"the columns are {', '.join(map(str, self._columns))}", todo=todo)

    def stop(self) -> None:
        """End the reading: the windows that are open are given as they are. From any thread; idempotent."""
        self._stream.stop()

    def close(self) -> None:
        """Stop, and close the consumer. For the thread that iterates. Idempotent."""
        self._stream.close()


class _Cutter(NamedTuple):
    """Puts records into windows, and says which windows the watermark has passed."""

    length: pd.Timedelta
    lateness: pd.Timedelta
    on: str

    def cut(self, before: _State, batch: pd.DataFrame, behind: set[int]) -> tuple[_State, pd.DataFrame]:
        """Sort a batch into its windows: the state after it, and the records without an event time."""
        times = batch[self.on] if self.on in batch else pd.Series(pd.NA, index=batch.index, dtype=object)
        at = _event_times(times, margin=self.length + self.lateness)
        bad = batch[at.isna()]
        batch, at = batch[at.notna()], at.dropna()
        begin = at.dt.floor(self.length)
        in_time = begin >= before.closed_until
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
            closed_until = max(closed_until, (watermark - self.lateness).floor(self.length))
        over = sorted(start for start in opened if start < closed_until)
        ready = before.ready + tuple(self._window(start, opened.pop(start)) for start in over)
        late = before.late + int((~in_time).sum())
        return _State(opened, newest, closed_until, ready, late, before.bad + len(bad)), bad

    def rest(self, state: _State) -> _State:
        """All windows that are open."""
        ready = tuple(self._window(start, state.open[start]) for start in sorted(state.open))
        return state._replace(open={}, ready=state.ready + ready)

    def _window(self, start: pd.Timestamp, parts: tuple[pd.DataFrame, ...]) -> pd.DataFrame:
        window = joined(parts).sort_values(_AT, kind="stable", ignore_index=True).drop(columns=_AT)
        window.attrs |= {"start": start, "end": start + self.length}
        return window


def _event_times(column: "pd.Series[Any]", *, margin: pd.Timedelta) -> Any:
    """A column as UTC times (ns), NaT for what is no event time.

    `margin`: how far from the ends of what pandas can count in nanoseconds (1677 and 2262) a time must be.
    """
    if not isinstance(column.dtype, pd.DatetimeTZDtype):
        times = list(map(_event_time, column.astype(object)))
        column = pd.Series(times, index=column.index, dtype="datetime64[us, UTC]")
    first, last = pd.Timestamp.min + margin, pd.Timestamp.max - margin
    return column.where(column.between(first.tz_localize("UTC"), last.tz_localize("UTC"))).dt.as_unit("ns")


def _event_time(one: Any) -> datetime | None:
    """A time, ISO 8601 text (in UTC if it names no zone) or milliseconds since 1970, not negative, as a UTC time."""
    try:
        if isinstance(one, int | float) and not isinstance(one, bool) and one >= 0:
            return _SINCE + timedelta(milliseconds=one)
        if isinstance(one, str | date):
            found = datetime.fromisoformat(str(one))
            return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        pass  # no time, or one that is too far away
    return None


windows = Windows
