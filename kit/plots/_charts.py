"""The charts: what BokehJS draws in the page; and those whose points have an x and a y."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from kit.errors import PlotError
from kit.plots import _bokeh, _stills
from kit.plots._plot import Plot
from kit.plots._text import DAY, clean, csv_of, digits_of, iso
from kit.plots._window import Array, Column

__all__ = ["LAST", "Chart", "LineChart", "ScatterChart"]

LAST = 5_000
_AXES = {None: "axis", "linear": "number", "datetime": "time"}
_FEW_POINTS = 60  # of a line, that are drawn as dots, too: more would hide it
_NO_POINTS = (np.zeros(0), np.zeros(0))

Sources = dict[str, dict[str, Array]]  # the columns of each source of a figure, by its name


class Chart(Plot):
    """A plot that BokehJS draws in the page: a figure, and columns for its sources."""

    def __init__(
        self, columns: list[Column], *, last: int, seconds: float | None = None, title: str, height: int
    ) -> None:
        self.height = height
        self._without = 0  # points that have no finite value
        self._sent: Sources = {}  # what the pages have
        self._look: Any = None  # what the figure depends on
        self._layout: dict[str, Any] = {"number": 0, "look": "none yet", "height": height}
        super().__init__(columns, last=last, seconds=seconds, title=title)

    def _sources(self) -> Sources:
        """What is drawn now."""
        raise NotImplementedError

    def _extras(self) -> dict[str, Any]:
        """What a message has beside the columns."""
        return {}

    def _figure(self) -> Any:
        """The figure without its data."""
        raise NotImplementedError

    def _labels(self) -> tuple[str, str]:
        """What is written at the axes."""
        raise NotImplementedError

    def _news(self, everything: bool) -> tuple[dict[str, Any], list[bytes]]:
        sources, content = self._sources(), self._extras()
        everything |= self._layout["look"] != self._look
        if everything:
            content["layout"] = self._made()
        parts: list[Any] = []
        buffers: list[bytes] = []
        for name, columns in sources.items():
            old, new = list(self._sent.get(name, {}).values()), list(columns.values())
            keep = 0 if everything or not old else _overlap(old, new)
            if everything or not old or "texts" in content or not keep == len(old[0]) == len(new[0]):
                parts.append([name, keep, list(columns)])
                buffers += [array[keep:].tobytes() for array in new]
        self._sent = sources
        return {**content, "parts": parts}, buffers

    def _made(self) -> dict[str, Any]:
        """What the page has to know before there is data: the figure, and how to read it."""
        if self._layout["look"] != self._look:
            import bokeh
            from bokeh.embed import json_item

            made = {"look": self._look, "bokeh": bokeh.__version__, "item": json_item(self._figure())}
            labels = [clean(label) for label in self._labels()]
            self._layout |= {
                "number": self._layout["number"] + 1,
                "lines": False,
                "many": False,
                "labels": labels,
                **made,
            }
        return self._layout

    def _remarks(self) -> Iterator[str]:
        if self._without:
            yield f"{self._without:,} without a finite value"

    def still(self) -> dict[str, Any]:
        return _stills.picture(self)


def _overlap(old: list[Array], new: list[Array]) -> int:
    """How many of the first rows of `new` are the last rows of `old`."""
    for start in np.flatnonzero(old[0] == new[0][0])[:8] if len(new[0]) else ():
        count = len(old[0]) - int(start)
        if all(
            np.array_equal(a[start:].view(np.int64), b[:count].view(np.int64)) for a, b in zip(old, new, strict=True)
        ):
            return count
    return 0


class _Series(Chart):
    """Points with an x and a y, in one series or in one for each value of a column."""

    _lines = False

    def __init__(
        self,
        x: str,
        y: str | Sequence[str],
        *,
        by: str | None = None,
        last: int = LAST,
        seconds: float | None = None,
        x_axis_type: str | None = None,
        title: str = "",
        height: int = 280,
    ) -> None:
        self.x, self.y, self.by = x, [y] if isinstance(y, str) else list(y), by
        if not self.y or (by is not None and len(self.y) > 1):
            expected = "one column for y and one for by, or several columns for y"
            raise PlotError(expected, got=f"y={y!r}, by={by!r}", todo="leave one out")
        if x_axis_type not in _AXES:
            got = f"x_axis_type={x_axis_type!r}"
            raise PlotError('x_axis_type "linear" or "datetime"', got=got, todo='write x_axis_type="datetime"')
        columns = [Column(x, _AXES[x_axis_type]), *(Column(name, "number") for name in self.y)]
        columns += [Column(by, "text")] if by else []
        self._many = by is not None or len(self.y) > 1
        self._slots: dict[str, int] = {}  # the place of each series that is drawn: its colour and dash
        super().__init__(columns, last=last, seconds=seconds, title=title, height=height)

    def _points(self) -> dict[str, tuple[Array, Array]]:
        """The points of each series, by its name."""
        at, *ys = self._window.arrays
        names = ys.pop() if self.by else None
        there = np.isfinite(at)
        if not there.all():
            at, ys, names = at[there], [y[there] for y in ys], None if names is None else names[there]
        if self._lines and (at[1:] < at[:-1]).any():
            order = np.argsort(at, kind="stable")
            at, ys, names = at[order], [y[order] for y in ys], None if names is None else names[order]
        ys = [np.where(np.isfinite(y), y, math.nan) for y in ys]
        if names is None:
            return {name: (at, y) for name, y in zip(self.y, ys, strict=True)}
        codes, known = pd.factorize(names)
        order = np.argsort(codes, kind="stable")
        parts = np.split(order, np.cumsum(np.bincount(codes, minlength=len(known)))[:-1])
        return {name: (at[part], ys[0][part]) for name, part in zip(known, parts, strict=False)}

    def _assign(self, names: list[str]) -> None:
        """Give each series its slot; those that have one keep it."""
        there = {name: slot for name, slot in self._slots.items() if name in set(names)}
        free = iter(sorted(set(range(_bokeh.MOST_SERIES)) - set(there.values())))
        new = [name for name in names if name not in there][: _bokeh.MOST_SERIES - len(there)]
        self._slots = there | dict(zip(new, free, strict=False))

    def _sources(self) -> Sources:
        points = self._points()
        self._assign(list(points))
        slots = _bokeh.slots_for(1 + max(self._slots.values(), default=0))
        self._look = (slots, self._window.columns[0].kind, self._digits() == DAY)
        drawn = {slot: points[name] for name, slot in self._slots.items()}
        sources: Sources = {}
        for slot in range(slots):
            x, y = drawn.get(slot, _NO_POINTS)
            sources[f"source {slot}"] = {"x": x, "y": y}
            if self._lines:
                few = len(x) if len(x) <= _FEW_POINTS else 0
                sources[f"few {slot}"] = {"x": x[:few], "y": y[:few]}
        return sources

    def _digits(self) -> int:
        return digits_of(self._window.arrays[0]) if self._window.columns[0].kind == "time" else 0

    def _extras(self) -> dict[str, Any]:
        names = [[slot, clean(name), _bokeh.colour(slot)] for name, slot in self._slots.items()]
        return {"names": names, "digits": self._digits(), "lines": self._lines}

    def _labels(self) -> tuple[str, str]:
        zone = " (UTC)" if self._digits() > DAY else ""
        return f"{self.x}{zone}", self.y[0] if len(self.y) == 1 else ""

    def _figure(self) -> Any:
        slots, kind, _ = self._look
        return _bokeh.series(self, slots=slots, times=kind == "time", lines=self._lines)

    def _made(self) -> dict[str, Any]:
        labels = [clean(self.x), clean(self.y[0]) if len(self.y) == 1 else "value"]
        return super()._made() | {"many": self._many, "labels": labels}

    def _remarks(self) -> Iterator[str]:
        at = np.isfinite(self._window.arrays[0])
        ys = self._window.arrays[1 : 1 + len(self.y)]
        self._without = sum(int((~(np.isfinite(y) & at)).sum()) for y in ys)
        yield from super()._remarks()
        names = len(set(self._window.arrays[-1])) if self.by else len(self.y)
        if (undrawn := names - _bokeh.MOST_SERIES) > 0:
            yield f"{undrawn:,} more series are not drawn"

    def csv(self) -> str:
        digits = self._digits()
        head = [*(["series"] if self._many else []), self.x, self.y[0] if len(self.y) == 1 else "value"]
        rows = (
            [*([name] if self._many else []), iso(x, digits) if digits else x, y]
            for name, points in self._points().items()
            for x, y in zip(*(values.tolist() for values in points), strict=True)
        )
        return csv_of(head, rows)


class LineChart(_Series):
    """Values along an axis, joined by lines; by time, or by a number.

    Parameters
    ----------
    x
        The column along the axis: numbers, or times (datetimes, dates, or text in ISO 8601), which are shown in UTC.
        Points are joined in its order, in whatever order they come.
    y
        The column with the values, or several of them: a line each. A missing or infinite value is a gap.
    by
        A column whose values name the lines: ``by="symbol"``.
    last
        How many rows are kept and shown, of all lines together.
    seconds
        Keep only rows whose `x` is at most so many seconds (or units of x, if it is a number) before the newest.
    x_axis_type
        ``"datetime"``: numbers in `x` are milliseconds since 1970. ``"linear"``: they are numbers, as without it.
    title, height
        The height is in pixels; the width is that of the page.

    Examples
    --------
    >>> chart = LineChart("timestamp", "price", by="symbol", seconds=60, x_axis_type="datetime")
    >>> chart.append({"timestamp": 1_767_623_400_000, "price": 25.3, "symbol": "JPM"})
    LineChart(timestamp, price, symbol: 1 rows)
    """

    _lines = True


class ScatterChart(_Series):
    """Points with an x and a y; the parameters are those of `LineChart`.

    Examples
    --------
    >>> ScatterChart("JPM", "BAC").append({"JPM": [0.01, -0.02], "BAC": [0.02, -0.03]})
    ScatterChart(JPM, BAC: 2 rows)
    """
