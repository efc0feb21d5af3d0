"""What a plot holds: the newest rows of a few columns, bounded by count and by time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from kit.errors import PlotError
from kit.plots._rows import Data, Values, columns_of, is_missing, is_number
from kit.plots._text import clean

__all__ = ["Array", "Column", "KeyedWindow", "Window"]

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Column:
    """One column: its name, and what its values are: ``number``, ``time``, ``text``, ``any``, or ``axis``.

    An axis gets its kind with its first value: numbers are numbers; a datetime, a date or a text is a time. Times are
    kept as milliseconds since 1970, in UTC; a time without a zone is taken as UTC.
    """

    name: str
    kind: str

    def with_values(self, values: Values) -> "Column":
        """The column, which has these values too: an axis may learn its kind by them."""
        if self.kind != "axis":
            return self
        first = next((value for value in values if not (is_missing(value) or _is_infinite(value))), None)
        if first is None:
            return self
        number = is_number(first) or (isinstance(first, str) and _is_number_text(first))  # the latter is an error
        return replace(self, kind="number" if number else "time")

    def convert(self, values: Values) -> Array:
        """The values as floats or text, or as they are; an error if one of them is of another kind."""
        if self.kind in ("number", "axis"):
            return self._numbers(values)
        if self.kind == "time":
            return self._times(values)
        found = values.tolist() if isinstance(values, pd.Series) else values
        if self.kind == "text":
            found = ["" if is_missing(value) else clean(value) for value in found]
        return np.fromiter(found, dtype=object, count=len(found))

    def _numbers(self, values: Values) -> Array:
        if isinstance(values, pd.Series) and isinstance(values.dtype, np.dtype) and values.dtype.kind in "iufb":
            return values.to_numpy(float)
        return np.array([self._number(value) for value in values], float)

    def _number(self, value: Any) -> float:
        if is_missing(value):
            return math.nan
        if is_number(value):
            try:
                return float(value)
            except (TypeError, ValueError, OverflowError):
                pass
        raise self._wrong(value, "a number")

    def _times(self, values: Values) -> Array:
        if isinstance(values, pd.Series) and values.dtype.kind == "M":
            return _milliseconds(values)
        found = np.array([self._number(value) if is_number(value) else math.nan for value in values], float)
        others = [n for n, value in enumerate(values) if not is_number(value) and not is_missing(value)]
        if others:
            rows = list(values)
            found[others] = self._parsed([rows[n] for n in others])
        return found

    def _parsed(self, values: Sequence[Any]) -> Array:
        try:
            # Of texts only ISO 8601: day and month of others would be guessed, and guessed differently by their size.
            return _milliseconds(pd.to_datetime(pd.Series(list(values), dtype=object), utc=True, format="ISO8601"))
        except (TypeError, ValueError, OverflowError):
            if len(values) > 1:  # which of them it is
                return np.concatenate([self._parsed([value]) for value in values])
            raise self._wrong(values[0], "a time (ISO 8601 if it is text)") from None

    def _wrong(self, value: Any, wanted: str) -> PlotError:
        todo = "convert the column first (pd.to_numeric, pd.to_datetime), or leave out the rows that do not fit"
        got = f"{str(value)[:60]!r}, a {type(value).__name__}"
        return PlotError(f"{wanted} in each row of column {self.name!r}", got=got, todo=todo)


@dataclass(frozen=True)
class _Rows:
    """All that a window holds, put in its place by one assignment: an interrupt leaves the old or the new."""

    columns: tuple[Column, ...]
    arrays: tuple[Array, ...]
    total: int = 0  # rows that ever came
    added: int = 0  # of them, those that did not come too late
    newest: float = -math.inf  # the greatest value of the first column that ever came
    by_key: dict[str, tuple[Any, ...]] = field(default_factory=dict)


class Window:
    """The newest rows, by arrival: at most `last` of them, and none older than `seconds` before the newest.

    Not safe for several threads: the plot has the lock.
    """

    def __init__(self, columns: Sequence[Column], *, last: int, seconds: float | None = None) -> None:
        self.last, self.seconds = last, seconds
        self._most: int | None = last  # of the rows of one `append`, how many count
        self._rows = _Rows(tuple(columns), tuple(column.convert([]) for column in columns))

    columns = property(lambda self: self._rows.columns)
    arrays = property(lambda self: self._rows.arrays)  # of the rows in the window, one a column; they never change
    total = property(lambda self: self._rows.total)
    added = property(lambda self: self._rows.added)

    @property
    def oldest(self) -> float | None:
        """What is less in the first column has left the window; None without `seconds`."""
        if self.seconds is None or not math.isfinite(self._rows.newest):
            return None
        return self._rows.newest - self._span(self.columns[0])

    def __len__(self) -> int:
        return len(self.arrays[0]) if self.arrays else 0

    def snapshot(self) -> dict[str, list[Any]]:
        """The rows that are in the window, a list a column."""
        return {column.name: array.tolist() for column, array in zip(self.columns, self.arrays, strict=True)}

    def append(self, data: Data) -> None:
        """Add rows; all of them, or none if one does not fit."""
        # What would fall out at once is not converted: a million rows cost as little as `last` of them.
        count, found = columns_of(data, [column.name for column in self.columns], newest=self._most)
        if not count:
            return
        columns = tuple(column.with_values(values) for column, values in zip(self.columns, found, strict=True))
        rows = tuple(column.convert(values) for column, values in zip(columns, found, strict=True))
        self._rows = self._with(replace(self._rows, columns=columns, total=self.total + count), rows)

    def _with(self, held: _Rows, rows: tuple[Array, ...]) -> _Rows:
        if self.seconds is None:
            return replace(held, arrays=self._joined(held.arrays, rows), added=held.added + len(rows[0]))
        newest = max(held.newest, *rows[0][np.isfinite(rows[0])], -math.inf)
        oldest = newest - self._span(held.columns[0])
        rows = _kept(rows, ~(rows[0] < oldest))  # what came too late pushes nothing out
        arrays = self._joined(held.arrays, rows)
        arrays = _kept(arrays, ~(arrays[0] < oldest))
        return replace(held, arrays=arrays, added=held.added + len(rows[0]), newest=newest)

    def _joined(self, old: tuple[Array, ...], new: tuple[Array, ...]) -> tuple[Array, ...]:
        return tuple(np.concatenate([a, b])[-self.last :] for a, b in zip(old, new, strict=True))

    def _span(self, first: Column) -> float:
        return (self.seconds or 0) * (1000 if first.kind == "time" else 1)


class KeyedWindow(Window):
    """The newest row of each key, in the order in which the keys first came; at most `last` keys."""

    def __init__(self, columns: Sequence[Column], *, last: int, by: str) -> None:
        super().__init__(columns, last=last)
        self._most = None
        self._place = [column.name for column in columns].index(by)

    def _with(self, held: _Rows, rows: tuple[Array, ...]) -> _Rows:
        by_key = dict(held.by_key)
        for row in zip(*rows, strict=True):
            by_key[str(row[self._place])] = row
        for key in list(by_key)[: -self.last]:
            del by_key[key]
        arrays = tuple(np.fromiter(column, dtype=object) for column in zip(*by_key.values(), strict=True))
        return replace(held, arrays=arrays, added=held.added + len(rows[0]), by_key=by_key)


def _kept(columns: tuple[Array, ...], keep: Array) -> tuple[Array, ...]:
    return columns if keep.all() else tuple(column[keep] for column in columns)


def _milliseconds(at: "pd.Series[Any]") -> Array:
    """Times as milliseconds since 1970, to the microsecond."""
    naive = at.dt.tz_convert("UTC").dt.tz_localize(None) if getattr(at.dtype, "tz", None) else at
    exact = naive.to_numpy().astype("datetime64[us]")
    found: Array = exact.astype(np.int64) / 1000
    found[np.isnat(exact)] = math.nan
    return found


def _is_infinite(value: Any) -> bool:
    return isinstance(value, float) and math.isinf(value)


def _is_number_text(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
