"""What a plot holds: the newest rows of a few columns, bounded by count and by time."""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd

from kit.errors import PlotError
from kit.plots._rows import Data, columns_of, is_missing

_SINCE_1973, _UNTIL_2286 = 1e11, 1e13  # milliseconds
_EPOCH, _MILLISECOND = pd.Timestamp(0, tz="UTC"), pd.Timedelta(milliseconds=1)

__all__ = ["Column", "KeyedWindow", "Window"]


class Column:
    """One column: its name, and what its values are: ``number``, ``time``, ``text``, ``any``, or ``axis``.

    An axis decides with its first value whether it is one of numbers or of times; numbers that can only be milliseconds
    since 1970 are times. Times are kept as such milliseconds, in UTC.
    """

    def __init__(self, name: str, kind: str) -> None:
        self.name, self.kind = name, kind

    def kind_with(self, values: Sequence[Any]) -> str:
        """What the column is when it has these values, too: an axis may get to know its kind by them."""
        if self.kind != "axis":
            return self.kind
        first = next((value for value in values if not (is_missing(value) or _is_infinite(value))), None)
        if first is None:
            return "axis"
        if isinstance(first, str) and _is_number_text(first):
            return "number"  # which it is not: that is what the error says
        return "number" if isinstance(first, Number) and not _is_milliseconds(first) else "time"

    def convert(self, values: Sequence[Any], kind: str) -> list[Any]:
        """The values as floats or text, or as they are.

        Raises
        ------
        PlotError
            One of them is of another kind.
        """
        if kind == "any":
            return list(values)
        if kind == "text":
            return ["" if is_missing(value) else str(value) for value in values]
        return self._times(values) if kind == "time" else self._numbers(values)

    def _numbers(self, values: Sequence[Any]) -> list[float]:
        return [self._number(value) for value in values]

    def _number(self, value: Any) -> float:
        if is_missing(value):
            return math.nan
        if isinstance(value, Number | np.bool_):
            try:
                return float(value)  # type: ignore[arg-type]
            except (TypeError, ValueError, OverflowError):
                pass
        raise self._wrong(value, "a number")

    def _times(self, values: Sequence[Any]) -> list[float]:
        found = [self._milliseconds(value) if isinstance(value, Number) else math.nan for value in values]
        others = [n for n, value in enumerate(values) if not isinstance(value, Number) and not is_missing(value)]
        for number, at in zip(others, self._parsed([values[n] for n in others]), strict=True):
            found[number] = at
        return found

    def _milliseconds(self, value: Any) -> float:
        number = self._number(value)
        if math.isfinite(number) and not _is_milliseconds(number):
            raise self._wrong(value, "a time, or milliseconds since 1970,")
        return number

    def _parsed(self, values: Sequence[Any]) -> list[float]:
        try:
            at = pd.to_datetime(pd.Series(list(values), dtype=object), utc=True, format="mixed")
        except (TypeError, ValueError, OverflowError):
            if len(values) > 1:  # which of them it is
                return [ms for value in values for ms in self._parsed([value])]
            raise self._wrong(values[0], "a time") from None
        found: list[float] = ((at - _EPOCH) / _MILLISECOND).tolist()
        return found

    def _wrong(self, value: Any, wanted: str) -> PlotError:
        return PlotError(
            f"{wanted} in each row of column {self.name!r}",
            got=f"{str(value)[:60]!r}, a {type(value).__name__}",
            todo="convert the column first, or leave out the rows that do not fit",
        )


class Window:
    """The newest rows, by arrival: at most `last` of them, and none older than `seconds` before the newest.

    Not safe for several threads: the plot has the lock.
    """

    def __init__(self, columns: Sequence[Column], *, last: int, seconds: float | None = None) -> None:
        self.columns, self.last, self.seconds = list(columns), last, seconds
        self._values: list[deque[Any]] = [deque(maxlen=last) for _ in self.columns]
        self._most: int | None = last  # of the rows of one `append`, how many count
        self.total = 0  # rows that ever came
        self._newest = -math.inf  # the greatest value of the first column that ever came, if there are `seconds`

    def __len__(self) -> int:
        self._drop_old()
        return len(self._values[0]) if self._values else 0

    def append(self, data: Data) -> None:
        """Add rows; all of them, or none if one does not fit."""
        # What would fall out at once is not converted: a million rows cost as little as `last` of them.
        count, found = columns_of(data, [column.name for column in self.columns], newest=self._most)
        if not count:
            return
        kinds = [column.kind_with(values) for column, values in zip(self.columns, found, strict=True)]
        rows = [column.convert(values, kind) for column, values, kind in zip(self.columns, found, kinds, strict=True)]
        for column, kind in zip(self.columns, kinds, strict=True):
            column.kind = kind
        self.total += count
        self._add(rows)

    def _add(self, rows: list[list[Any]]) -> None:
        if self.seconds is not None:
            self._newest = max(self._newest, *filter(math.isfinite, rows[0]), -math.inf)
            if any(at < self._oldest() for at in rows[0]):  # what came too late pushes nothing out
                rows = _kept(rows, [not at < self._oldest() for at in rows[0]])
        for values, more in zip(self._values, rows, strict=True):
            values.extend(more)
        while self.seconds is not None and self._values[0] and self._values[0][0] < self._oldest():
            for values in self._values:
                values.popleft()

    def _oldest(self) -> float:
        return self._newest - (self.seconds or 0) * (1000 if self.columns[0].kind == "time" else 1)

    def _drop_old(self) -> None:
        """Drop what is too old and stands behind newer rows, for it came late."""
        if self.seconds is None or not self._values[0]:
            return
        old = np.array(self._values[0], float) < self._oldest()
        if old.any():
            rows = _kept(self._values, ~old)
            self._values = [deque(values, maxlen=self.last) for values in rows]

    def snapshot(self) -> dict[str, list[Any]]:
        """The rows that are in the window, a list a column."""
        self._drop_old()
        return {column.name: list(values) for column, values in zip(self.columns, self._values, strict=True)}


class KeyedWindow(Window):
    """The newest row of each key, in the order in which the keys first came; at most `last` keys."""

    def __init__(self, columns: Sequence[Column], *, last: int, by: str) -> None:
        super().__init__(columns, last=last)
        self._most = None
        self._place = [column.name for column in columns].index(by)
        self._rows: dict[str, tuple[Any, ...]] = {}

    def _add(self, rows: list[list[Any]]) -> None:
        for row in zip(*rows, strict=True):
            self._rows[str(row[self._place])] = row
        for key in list(self._rows)[: -self.last]:
            del self._rows[key]
        self._values = [deque(values, maxlen=self.last) for values in zip(*self._rows.values(), strict=True)]


def _kept(columns: Iterable[Iterable[Any]], keep: Iterable[Any]) -> list[list[Any]]:
    return [[value for value, kept in zip(values, keep, strict=True) if kept] for values in columns]


def _is_infinite(value: Any) -> bool:
    return isinstance(value, float) and math.isinf(value)


def _is_milliseconds(value: Any) -> bool:
    return bool(_SINCE_1973 < value < _UNTIL_2286)


def _is_number_text(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
