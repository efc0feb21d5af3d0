"""The charts: what BokehJS draws in the page; and those whose points have an x and a y."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from kit.errors import PlotError
from kit.plots._figures import FEW_POINTS, MOST_SERIES, Look, colour, layout, picture
from kit.plots._plot import Plot
from kit.plots._values import DAY, clean, csv_of, digits_of, iso
from kit.plots._window import Array, Column, Window

__all__ = ["LAST", "Chart", "Drawing", "LineChart", "ScatterChart"]

LAST = 5_000
_AXES = {None: "axis", "linear": "number", "datetime": "time"}
_ROOMS = (1, 8, MOST_SERIES)  # for how many series a figure may have room: it grows seldom


@dataclass(frozen=True)
class Drawing:
    """What a chart draws of a window."""

    look: Look
    sources: dict[str, dict[str, Array]]  # the columns of each source of the figure, by its name
    more: dict[str, Any] = field(default_factory=dict)  # what else the page gets
    remarks: dict[str, int] = field(default_factory=dict)  # what the note counts


class Chart(Plot):
    """A plot that BokehJS draws in the page: a figure, and columns for its sources."""

    def __init__(self, columns: list[Column], *, height: int, **options: Any) -> None:
        self.height = height
        self._sent: dict[str, dict[str, Array]] = {}  # what the pages have
        self._look: Look | None = None
        self._drawn: tuple[Window, Drawing] | None = None  # the newest drawing, and of what
        super().__init__(columns, **options)

    def _draw(self) -> Drawing:
        """What is to be drawn of the window."""
        raise NotImplementedError

    def drawing(self) -> Drawing:
        """What is drawn now; made once for each state of the window."""
        with self._lock:
            if self._drawn is None or self._drawn[0] is not self._window:
                self._drawn = self._window, self._draw()
            return self._drawn[1]

    def _news(self, everything: bool) -> tuple[dict[str, Any], list[bytes]]:
        drawing = self.drawing()
        content, parts, buffers = dict(drawing.more), list[Any](), list[bytes]()
        if everything or drawing.look != self._look:
            everything, content["layout"] = True, layout(drawing.look, self.title, self.height)
        for name, columns in drawing.sources.items():
            old, new = list(self._sent.get(name, {}).values()), list(columns.values())
            keep = 0 if everything or not old else _overlap(old, new)
            if everything or not old or "texts" in content or not keep == len(old[0]) == len(new[0]):
                parts.append([name, keep, list(columns)])
                buffers += [array[keep:].tobytes() for array in new]
        self._look, self._sent = drawing.look, drawing.sources
        return {**content, "parts": parts}, buffers

    def _remarks(self) -> dict[str, int]:
        return self.drawing().remarks

    still = picture


def _overlap(old: list[Array], new: list[Array]) -> int:
    """How many of the first rows of `new` are the last rows of `old`."""
    old, new = ([array.view(np.int64) for array in arrays] for arrays in (old, new))  # as bits: NaN is NaN
    for start in np.flatnonzero(old[0] == new[0][0])[:8] if len(new[0]) else ():
        if all(np.array_equal(a[start:], b[: len(a) - start]) for a, b in zip(old, new, strict=True)):
            return len(old[0]) - int(start)
    return 0


class _Series(Chart):
    """Points with an x and a y, in one series or in one for each value of a column."""

    _glyph = ""

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
            raise PlotError("several columns for y, or one and by", got=f"y={y!r}, by={by!r}", todo="leave one out")
        if x_axis_type not in _AXES:
            raise PlotError('x_axis_type "linear" or "datetime"', got=repr(x_axis_type), todo='x_axis_type="datetime"')
        columns = [Column(x, _AXES[x_axis_type]), *(Column(name, "number") for name in self.y)]
        columns += [Column(by, "text")] if by else []
        self._slots: dict[str, int] = {}  # the place of each series that is drawn: its colour and dash
        super().__init__(columns, last=last, seconds=seconds, title=title, height=height)

    def _points(self) -> dict[str, tuple[Array, Array]]:
        """The points of each series, by its name."""
        at = self._window.arrays[0]
        places = np.flatnonzero(np.isfinite(at))
        if self._glyph == "line" and (np.diff(at[places]) < 0).any():
            places = places[np.argsort(at[places], kind="stable")]
        x, *others = (array[places] for array in self._window.arrays)
        ys = [np.where(np.isfinite(y), y, math.nan) for y in others[: len(self.y)]]
        if self.by is None:
            return {name: (x, y) for name, y in zip(self.y, ys, strict=True)}
        codes, names = pd.factorize(others[-1])
        parts = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
        return {name: (x[part], ys[0][part]) for name, part in zip(names, parts, strict=False)}

    def _assign(self, names: dict[str, Any]) -> None:
        """Give each series its slot; those that have one keep it."""
        there = {name: slot for name, slot in self._slots.items() if name in names}
        free = iter(sorted(set(range(MOST_SERIES)) - set(there.values())))
        new = [name for name in names if name not in there][: MOST_SERIES - len(there)]
        self._slots = there | dict(zip(new, free, strict=False))

    def _draw(self) -> Drawing:
        points = self._points()
        at, *ys = self._window.arrays[: 1 + len(self.y)]
        digits = digits_of(at) if self._window.columns[0].kind == "time" else 0
        self._assign(points)
        slots = next(room for room in _ROOMS if room > max(self._slots.values(), default=0))
        drawn = {slot: points[name] for name, slot in self._slots.items()}
        sources = {}
        for slot in range(slots):
            x, y = drawn.get(slot, (np.zeros(0), np.zeros(0)))
            sources[f"source {slot}"] = {"x": x, "y": y}
            if self._glyph == "line":
                few = len(x) if len(x) <= FEW_POINTS else 0
                sources[f"few {slot}"] = {"x": x[:few], "y": y[:few]}
        remarks = {
            "without a finite value": sum(int((~(np.isfinite(at) & np.isfinite(y))).sum()) for y in ys),
            "more series are not drawn": len(points) - len(self._slots),
        }
        axis = "number" if not digits else "day" if digits == DAY else "time"
        labels = self.x, self.y[0] if len(self.y) == 1 else "value"
        look = Look(self._glyph, labels, axis, slots, many=self.by is not None or len(self.y) > 1)
        names = [[slot, clean(name), colour(slot)] for name, slot in self._slots.items()]
        return Drawing(look, sources, {"names": names, "digits": digits, "lines": self._glyph == "line"}, remarks)

    def csv(self) -> str:
        with self._lock:
            look, digits, points = self.drawing().look, self.drawing().more["digits"], self._points()
        first = 0 if look.many else 1
        rows = (
            (name, iso(x, digits) if digits else x, y)[first:]
            for name, series in points.items()
            for x, y in zip(*(values.tolist() for values in series), strict=True)
        )
        return csv_of(("series", *look.labels)[first:], rows)


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

    _glyph = "line"


class ScatterChart(_Series):
    """Points with an x and a y; the parameters are those of `LineChart`.

    Examples
    --------
    >>> ScatterChart("JPM", "BAC").append({"JPM": [0.01, -0.02], "BAC": [0.02, -0.03]})
    ScatterChart(JPM, BAC: 2 rows)
    """

    _glyph = "scatter"
