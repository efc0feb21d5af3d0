"""What a plot holds: the newest rows of a few columns, bounded by count and by time, whatever shape they came in."""

import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Self, TypeAlias

import numpy as np
import pandas as pd

from kit.errors import PlotError
from kit.plots._values import clean, is_missing, is_number

__all__ = ["Array", "Column", "Data", "Window"]

Array = np.ndarray[Any, np.dtype[Any]]
Data: TypeAlias = pd.DataFrame | Mapping[str, Any] | Iterable[Mapping[str, Any]]
Values: TypeAlias = "pd.Series[Any] | list[Any]"  # of one column

_NUMBER = re.compile(r"[+-]?[\d_.]+(e[+-]?\d+)?|[+-]?(inf(inity)?|nan)", re.IGNORECASE)
_FIELDS = ("_asdict", "asDict", "model_dump", "to_dict")  # of a named tuple, Spark's Row, a pydantic model, a Series


@dataclass(frozen=True)
class Column:
    """The name of a column, and what its values are: ``number``, ``time``, ``text``, ``any``, or ``axis``.

    An axis becomes one of numbers or times with its first value. Times are milliseconds since 1970, in UTC.
    """

    name: str
    kind: str

    def with_values(self, values: Values) -> "Column":
        """The column, which has these values too: an axis may learn its kind by them."""
        known = (v for v in values if not (is_missing(v) or (isinstance(v, float) and math.isinf(v))))
        if self.kind != "axis" or (first := next(known, None)) is None:
            return self
        number = is_number(first) or (isinstance(first, str) and _NUMBER.fullmatch(first))  # the latter is an error
        return replace(self, kind="number" if number else "time")

    def named(self, data: Any) -> Any:
        """A bare value, or a list of them, as values of this column; other data as it is."""
        if isinstance(data, np.ndarray):
            data = data.tolist()
        values = data if type(data) in (list, tuple) else [data]
        is_bare = all(isinstance(value, str) if self.kind == "text" else is_number(value) for value in values)
        return {self.name: values} if is_bare else data

    def convert(self, values: Values) -> Array:
        """The values as floats or text, or as they are; an error if one of them is of another kind."""
        if self.kind in ("number", "axis"):
            fast = isinstance(values, pd.Series) and isinstance(values.dtype, np.dtype) and values.dtype.kind in "iufb"
            return np.array(values if fast else [self._number(value) for value in values], float)
        if self.kind == "time":
            return self._times(values)
        found = list(values)
        if self.kind == "text":
            found = ["" if is_missing(value) else clean(value) for value in found]
        return np.fromiter(found, dtype=object, count=len(found))

    def _number(self, value: Any) -> float:
        if is_missing(value):
            return math.nan
        with suppress(TypeError, ValueError, OverflowError):
            if is_number(value):
                return float(value)
        raise self._wrong(value, "a number")

    def _times(self, values: Values) -> Array:
        if isinstance(values, pd.Series) and values.dtype.kind == "M":
            return self._parsed(values)
        values = list(values)
        others = [n for n, value in enumerate(values) if not is_number(value) and not is_missing(value)]
        found = np.array([self._number(value) if is_number(value) else math.nan for value in values], float)
        if others:
            found[others] = self._parsed(pd.Series([values[n] for n in others], dtype=object))
        return found

    def _parsed(self, values: "pd.Series[Any]") -> Array:
        """Times as milliseconds since 1970, to the microsecond."""
        try:
            # Of texts only ISO 8601: day and month of others would be guessed, and guessed differently by their size.
            at = pd.to_datetime(values, utc=True, format="ISO8601").dt.tz_localize(None).to_numpy("datetime64[us]")
        except (TypeError, ValueError, OverflowError):
            if len(values) > 1:  # which of them it is
                return np.concatenate([self._parsed(values.iloc[[n]]) for n in range(len(values))])
            raise self._wrong(values.iloc[0], "a time (ISO 8601 if it is text)") from None
        return np.where(np.isnat(at), math.nan, at.astype(np.int64) / 1000)

    def _wrong(self, value: Any, wanted: str) -> PlotError:
        todo = "convert the column first (pd.to_numeric, pd.to_datetime), or leave out the rows that do not fit"
        got = f"{str(value)[:60]!r}, a {type(value).__name__}"
        return PlotError(f"{wanted} in each row of column {self.name!r}", got=got, todo=todo)


@dataclass(frozen=True)
class Window:
    """The newest rows, by arrival: at most `last` of them, and none older than `seconds` before the newest.

    With `by`, the newest row of each value of that column, in the order in which these first came. Without columns, it
    has those of the first data. It never changes: `appended` makes another, and an interrupt leaves the old or the new.
    """

    columns: tuple[Column, ...]
    arrays: tuple[Array, ...]  # an array a column
    last: int
    seconds: float | None = None
    by: str | None = None
    total: int = 0  # rows that ever came
    newest: float = -math.inf  # the greatest value of the first column that ever came

    @classmethod
    def empty(cls, columns: Sequence[Column], last: int, seconds: float | None = None, by: str | None = None) -> Self:
        if by and columns:
            _check([by], [column.name for column in columns])
        return cls(tuple(columns), tuple(column.convert([]) for column in columns), last, seconds, by)

    def __len__(self) -> int:
        return len(self.arrays[0]) if self.arrays else 0

    def appended(self, data: Data) -> "Window":
        """The window with these rows, too; an error if one of them does not fit."""
        if len(self.columns) == 1:
            data = self.columns[0].named(data)
        # What would fall out at once is not converted: a million rows cost as little as `last` of them.
        newest = sys.maxsize if self.by else self.last
        count, found = _columns_of(data, [column.name for column in self.columns], newest)
        if not count:
            return self
        learnt = [Column(name, "any") for name in found]
        held = self if self.columns else self.empty(learnt, self.last, self.seconds, self.by)
        values = [found[column.name] for column in held.columns]
        columns = tuple(map(Column.with_values, held.columns, values))
        rows = tuple(map(Column.convert, columns, values))
        return replace(held, columns=columns, total=held.total + count)._with(rows)

    def _with(self, rows: tuple[Array, ...]) -> "Window":
        arrays = [np.concatenate(both) for both in zip(self.arrays, rows, strict=True)]
        newest, last, keep = self.newest, slice(-self.last, None), None
        if self.seconds is not None:
            newest = max(newest, *rows[0][np.isfinite(rows[0])], -math.inf)
            oldest = newest - self.seconds * (1000 if self.columns[0].kind == "time" else 1)
            keep = np.flatnonzero(~(arrays[0] < oldest))  # before the last are taken: the late push nothing out
        if self.by:
            keys = arrays[[column.name for column in self.columns].index(self.by)]
            keep = np.array(list({str(key): n for n, key in enumerate(keys)}.values()))
        return replace(self, arrays=tuple(a[last if keep is None else keep[last]] for a in arrays), newest=newest)


def _columns_of(data: Any, names: Sequence[str], newest: int) -> tuple[int, dict[str, Values]]:
    """How many rows there are, and of the newest of them the named columns; all columns, if none is named."""
    data = _tidy(data)
    if not data:
        return 0, {}
    rows = data if isinstance(data, list) else [data]
    names = names or list(rows[0])
    for row in rows:
        _check(names, row)
    if isinstance(data, list) or not all(_is_column(data[name]) for name in names):
        return len(rows), {name: [row[name] for row in rows[-newest:]] for name in names}
    columns = {name: _series(data[name]) for name in names}
    if len({len(column) for column in columns.values()}) > 1:
        got = ", ".join(f"{name}: {len(column)}" for name, column in columns.items())
        raise PlotError("columns of one length", got=got, todo="give each column as many values")
    return len(columns[names[0]]), {name: column.iloc[-newest:] for name, column in columns.items()}


def _tidy(data: Any) -> Mapping[str, Any] | list[Mapping[str, Any]]:
    """A mapping, of a record or of columns, or a list of records; what can be read only once is read."""
    if isinstance(data, pd.DataFrame):
        if not data.columns.is_unique:
            twice = data.columns[data.columns.duplicated()][0]
            raise PlotError(f"one column {twice!r}", got="several of that name", todo="rename one of them")
        return {str(name): column for name, column in data.items()}
    if isinstance(data, Iterable) and not isinstance(data, Mapping | str | bytes) and not _namer(data):
        return [_record(row) for row in data]
    return _record(data)


def _record(row: Any) -> Mapping[str, Any]:
    if isinstance(row, Mapping):
        return row
    if name := _namer(row):
        return dict(getattr(row, name)())
    got, todo = f"a {type(row).__name__}: {str(row)[:60]!r}", 'write plot.append({"symbol": "JPM", "price": 25.3})'
    raise PlotError("a DataFrame, a record (dict), or a list of records", got=got, todo=todo)


def _namer(row: Any) -> str | None:
    return next((name for name in _FIELDS if hasattr(row, name)), None)


def _is_column(value: Any) -> bool:
    return pd.api.types.is_list_like(value, allow_sets=False) and not isinstance(value, Mapping)


def _series(column: Any) -> "pd.Series[Any]":
    return pd.Series(column) if getattr(column, "ndim", 0) == 1 else pd.Series(list(column), dtype=object)


def _check(names: Sequence[str], there: Iterable[str]) -> None:
    """An error if one of the names is not there."""
    if missing := [name for name in names if name not in there]:
        got = f"the columns {', '.join(map(str, list(there)[:12]))}"
        todo = "name another column when you make the plot, or rename the data's"
        raise PlotError(f"a column {', '.join(map(repr, missing))}", got=got, todo=todo)
