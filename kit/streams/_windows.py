"""Windows of event time, closed by a watermark."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pandas as pd

from kit.errors import ConfigError
from kit.streams._parsing import joined
from kit.streams._stream import Stream
from kit.streams._times import event_times

__all__ = ["Windows", "windows"]

_LONGEST = 366 * 86_400.0
_AT = "\0 event time"  # a column of our own, beside those of the records
_LONG_AGO = pd.Timestamp.min.tz_localize("UTC")

Take = Callable[[pd.DataFrame], None]


def windows(
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
) -> "Windows":
    """A topic cut into tumbling windows of event time. A window is given when the watermark passes its end.

    The watermark is the newest event time seen, less `lateness`; while a partition is still being caught up with, it is
    that partition's newest, less `lateness`. A record of a window that is over already is late: it goes to `late`, or
    is dropped. A record without an event time that can be used is in no window: it goes to `bad`.

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
    late
        Called with the late records of a batch.
    bad
        Called with the records of a batch that have no usable event time: none, no time, a negative number, or one so
        far away that it must be in other units. Without it, a warning names the first of them.
    stop_after
        End after so many seconds of reading; the windows that are open are then given as they are.
    **options
        As in `Stream`. After `count` records, too, the open windows are given.

    Returns
    -------
    Windows
        An iterator of DataFrames: the records of one window, as in `batches`, by event time; `attrs` has ``start`` and
        ``end``. Its `bad` counts the records that are in no window for want of an event time.

    Raises
    ------
    ConfigError
        No record has had a column `on` so far (while iterating); also as `Stream`.

    Examples
    --------
    >>> for window in windows("quotes", seconds=20, windows=3):                      # doctest: +SKIP
    ...     print(window.attrs["start"], window.groupby("symbol").price.mean())
    """
    if not (0.001 <= seconds <= _LONGEST and 0 <= lateness <= _LONGEST and (windows is None or windows >= 1)):
        raise ConfigError(
            "seconds from 0.001 to a year, lateness from 0 to a year, and windows=1 or more",
            got=f"seconds={seconds}, lateness={lateness}, windows={windows}",
            todo="write for instance streams.windows(topic, seconds=20, lateness=5)",
        )
    cutter = _Cutter(pd.Timedelta(seconds=seconds), pd.Timedelta(seconds=lateness), on)
    return Windows(Stream(topic, seconds=stop_after, **options), cutter, windows, late=late, bad=bad or _warn)


class _State(NamedTuple):
    """What is known of the windows so far. It is replaced as a whole, so an interrupt leaves the one before."""

    open: Mapping[pd.Timestamp, tuple[pd.DataFrame, ...]] = MappingProxyType({})
    newest: Mapping[Any, pd.Timestamp] = MappingProxyType({})  # event time, by partition
    closed_until: pd.Timestamp = _LONG_AGO
    ready: tuple[pd.DataFrame, ...] = ()
    late: pd.DataFrame | None = None
    bad: pd.DataFrame | None = None


class Windows:
    """The windows of a topic, an iterator; made by `windows`. After an interrupt it goes on as a `Stream` does."""

    def __init__(self, stream: Stream, cutter: "_Cutter", most: int | None, *, late: Take | None, bad: Take) -> None:
        self.bad = 0
        self._stream, self._cutter, self._left = stream, cutter, most
        self._take_late, self._take_bad = late, bad
        self._batch: pd.DataFrame | None = None
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
            self._state = self._cutter.rest(self._state)
            return bool(self._state.ready)
        state = self._cutter.cut(self._state, self._batch, self._stream.behind)
        self._state, self._batch = state._replace(late=None, bad=None), None
        if state.bad is not None:
            self.bad += len(state.bad)
            self._take_bad(state.bad)
        if state.late is not None and self._take_late is not None:
            self._take_late(state.late)
        return True

    def stop(self) -> None:
        """End the reading: the windows that are open are given as they are. From any thread; idempotent."""
        self._stream.stop()

    def close(self) -> None:
        """Stop, and close the consumer. For the thread that iterates. Idempotent."""
        self._stream.close()


class _Cutter:
    """Puts records into windows, and says which windows the watermark has passed."""

    def __init__(self, length: pd.Timedelta, lateness: pd.Timedelta, on: str) -> None:
        self._length, self._lateness, self._on = length, lateness, on
        self._seen = False  # whether a record had the column

    def cut(self, before: _State, batch: pd.DataFrame, behind: set[int]) -> _State:
        """Sort a batch into its windows."""
        at = self._times(batch)
        known = at.notna()
        bad = None if known.all() else batch[~known].reset_index(drop=True)
        batch, at = batch[known], at[known]
        begin = at.dt.floor(self._length)
        in_time = begin >= before.closed_until
        late = None if in_time.all() else batch[~in_time].reset_index(drop=True)
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
        return _State(opened, newest, closed_until, before.ready + ready, late, bad)

    def rest(self, state: _State) -> _State:
        """All windows that are open."""
        ready = tuple(self._window(start, state.open[start]) for start in sorted(state.open))
        return state._replace(open={}, ready=state.ready + ready)

    def _times(self, batch: pd.DataFrame) -> Any:
        if self._on in batch:
            self._seen = True
            return event_times(batch[self._on], margin=self._length + self._lateness)
        if not self._seen:
            raise ConfigError(
                f"a column {self._on!r} with times or milliseconds since 1970",
                got=f"the columns are {', '.join(map(str, batch.columns))}",
                todo='name another column with on=…, or leave it out for Kafka\'s own "timestamp"',
            )
        return pd.Series(pd.NaT, index=batch.index, dtype="datetime64[ns, UTC]")

    def _window(self, start: pd.Timestamp, parts: tuple[pd.DataFrame, ...]) -> pd.DataFrame:
        window = joined(parts).sort_values(_AT, kind="stable", ignore_index=True).drop(columns=_AT)
        window.attrs |= {"start": start, "end": start + self._length}
        return window


def _warn(bad: pd.DataFrame) -> None:
    first = bad.iloc[0]
    text = f"{len(bad)} record(s) without a usable event time are in no window, the first one at"
    warnings.warn(f"{text} {first['topic']}-{first['partition']}, offset {first['offset']}", stacklevel=4)
