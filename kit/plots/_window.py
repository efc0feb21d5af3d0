"""What a plot holds: the newest rows of a few columns, bounded by count and by time."""

import math
import re
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
_NUMBER = re.compile(r"[+-]?[\d_.]+(e[+-]?\d+)?|[+-]?(inf(inity)?|nan)", re.IGNORECASE)


@dataclass(frozen=True)
class Column:
    """One column: its name, and what its values are: ``number``, ``time``, ``text``, ``any``, or ``axis``.

    An axis gets its kind with its first value: a datetime, a date or a text is a time. Times are kept as milliseconds
    since 1970, in UTC; a time without a zone is taken as UTC.
    """

    name: str
    kind: str

    def with_values(self, values: Values) -> "Column":
        """The column, which has these values too: an axis may learn its kind by them."""
        if self.kind != "axis":
            return self
        known = (v for v in values if not (is_missing(v) or (isinstance(v, float) and math.isinf(v))))
        first = next(known, None)
        if first is None:
            return self
        number = is_number(first) or (isinstance(first, str) and _NUMBER.fullmatch(first))  # the latter is an error
        return replace(self, kind="number" if number else "time")

    def convert(self, values: Values) -> Array:
        """The values as floats or text, or as they are; an error if one of them is of another kind."""
        dtype = values.dtype if isinstance(values, pd.Series) else None
        if self.kind in ("number", "axis"):
            fast = isinstance(dtype, np.dtype) and dtype.kind in "iufb"
            return np.array(values if fast else [self._number(value) for value in values], float)
        if self.kind == "time":
            is_dates = isinstance(values, pd.Series) and values.dtype.kind == "M"
            return _milliseconds(pd.Series(values)) if is_dates else self._times(list(values))
        found = values.tolist() if isinstance(values, pd.Series) else values
        if self.kind == "text":
            found = ["" if is_missing(value) else clean(value) for value in found]
        return np.fromiter(found, dtype=object, count=len(found))

    def _number(self, value: Any) -> float:
        if is_missing(value):
            return math.nan
        if is_number(value):
            try:
                return float(value)
            except (TypeError, ValueError, OverflowError):
                pass
        raise self._wrong(value, "a number")

    def _times(self, values: list[Any]) -> Array:
        found = np.array([self._number(value) if is_number(value) else math.nan for value in values], float)
        others = [n for n, value in enumerate(values) if not is_number(value) and not is_missing(value)]
        if others:
            found[others] = self._parsed([values[n] for n in others])
        return found

    def _parsed(self, values: list[Any]) -> Array:
        try:
            # Of texts only ISO 8601: day and month of others would be guessed, and guessed differently by their size.
            return _milliseconds(pd.to_datetime(pd.Series(values, dtype=object), utc=True, format="ISO8601"))
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

    @property
    def columns(self) -> tuple[Column, ...]:
        return self._rows.columns

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The rows, an array a column; the arrays never change."""
        return self._rows.arrays

    @property
    def total(self) -> int:
        return self._rows.total

    def __len__(self) -> int:
        return len(self.arrays[0]) if self.arrays else 0

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
            return replace(held, arrays=self._joined(held.arrays, rows))
        newest = max(held.newest, *rows[0][np.isfinite(rows[0])], -math.inf)
        oldest = newest - self.seconds * (1000 if held.columns[0].kind == "time" else 1)
        # Filtered twice: what comes too late pushes nothing out.
        arrays = self._joined(held.arrays, _young(rows, oldest))
        return replace(held, arrays=_young(arrays, oldest), newest=newest)

    def _joined(self, old: tuple[Array, ...], new: tuple[Array, ...]) -> tuple[Array, ...]:
        return tuple(np.concatenate([a, b])[-self.last :] for a, b in zip(old, new, strict=True))


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
        return replace(held, arrays=arrays, by_key=by_key)


def _young(columns: tuple[Array, ...], oldest: float) -> tuple[Array, ...]:
    keep = ~(columns[0] < oldest)
    return columns if keep.all() else tuple(column[keep] for column in columns)


def _milliseconds(at: "pd.Series[Any]") -> Array:
    """Times as milliseconds since 1970, to the microsecond."""
    naive = at.dt.tz_convert("UTC").dt.tz_localize(None) if getattr(at.dtype, "tz", None) else at
    exact = naive.to_numpy().astype("datetime64[us]")
    return np.where(np.isnat(exact), math.nan, exact.astype(np.int64) / 1000)
