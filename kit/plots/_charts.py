"""The charts that have points with an x and a y; and what these and the bars have in common."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from kit.errors import PlotError
from kit.plots import _bokeh, _stills
from kit.plots._plot import Plot
from kit.plots._text import clean, csv_of, iso, unit_of
from kit.plots._window import Array, Column

__all__ = ["LAST", "Chart", "LineChart", "ScatterChart"]

LAST = 5_000
_AXES = {None: "axis", "linear": "number", "datetime": "time"}


class Chart(Plot):
    """A plot that BokehJS draws in the page."""

    def __init__(
        self, columns: list[Column], *, last: int, seconds: float | None = None, title: str, height: int
    ) -> None:
        self.height = height
        self._without = 0  # points that have no finite value
        self._look: Any = None  # what the figure depends on
        self._made: dict[str, Any] = {"number": 0}
        super().__init__(columns, last=last, seconds=seconds, title=title)

    def _figure(self) -> Any:
        """The figure without its data."""
        raise NotImplementedError

    def _layout(self) -> dict[str, Any]:
        if self._made.get("look") != self._look or "item" not in self._made:
            import bokeh
            from bokeh.embed import json_item

            figure = {"bokeh": bokeh.__version__, "item": json_item(self._figure()), "height": self.height}
            self._made = {"number": self._made["number"] + 1, "look": self._look, **figure}
        return self._made

    def _remarks(self) -> Iterator[str]:
        if self._without:
            yield f"{self._without:,} without a finite value"


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
        self._slots: dict[str, int] = {}  # the place of each series that is drawn: its colour and dash
        self._sent = 0  # rows of the window that the pages have, counted as `Window.added`
        self._undrawn = 0  # series
        super().__init__(columns, last=last, seconds=seconds, title=title, height=height)
        self._look = (1, False, "")  # slots, whether the axis has times, and their zone

    @property
    def _many(self) -> bool:
        return self.by is not None or len(self.y) > 1

    def _names(self) -> list[str]:
        return list(dict.fromkeys(self._window.arrays[-1].tolist())) if self.by else self.y

    def _assign(self) -> bool:
        """Give each series its slot, those that have one first; says whether what was sent is wrong by that."""
        names = self._names()
        there = {name: slot for name, slot in self._slots.items() if name in set(names)}
        free = iter(sorted(set(range(_bokeh.MOST_SERIES)) - set(there.values())))
        new = [name for name in names if name not in there][: _bokeh.MOST_SERIES - len(there)]
        was_full = self._undrawn > 0
        self._slots = there | dict(zip(new, free, strict=False))
        self._undrawn = len(names) - len(self._slots)
        return bool(new) and was_full

    def _news(self, everything: bool) -> tuple[dict[str, Any], list[bytes]]:
        before = self._slots
        window = self._window
        everything |= self._assign()
        times = window.columns[0].kind == "time"
        unit = unit_of(window.arrays[0]) if times else ""
        look = (_bokeh.slots_for(1 + max(self._slots.values(), default=0)), times, "" if unit == "day" else " (UTC)")
        everything |= look != self._look
        self._look = look
        fresh = len(window) if everything else min(window.added - self._sent, len(window))
        self._sent = window.added
        self._count()
        content: dict[str, Any] = {"all": everything, "keep": len(window), "oldest": window.oldest, "unit": unit}
        if everything or self._slots != before:
            content["names"] = [[slot, clean(name), _bokeh.colour(slot)] for name, slot in self._slots.items()]
        start = len(window) - fresh
        arrays = [array[start:] for array in window.arrays]
        if self.by:
            arrays[-1] = np.array([self._slots.get(name, -1) for name in arrays[-1]], float)
        return content, [array.tobytes() for array in arrays]

    def _layout(self) -> dict[str, Any]:
        labels = [clean(self.x), "" if self._many else clean(self.y[0])]
        how = {"kind": "series", "sorted": self._lines, "many": self._many, "by": bool(self.by), "labels": labels}
        return {**super()._layout(), **how}

    def _figure(self) -> Any:
        slots, times, zone = self._look
        axes = {"x_label": f"{self.x}{zone if times else ''}", "y_label": self.y[0] if len(self.y) == 1 else ""}
        return _bokeh.series(self.title, self.height, **axes, slots=slots, times=times, lines=self._lines)

    def _count(self) -> None:
        at = np.isfinite(self._window.arrays[0])
        ys = self._window.arrays[1 : 1 + len(self.y)]
        self._without = sum(int((~(np.isfinite(y) & at)).sum()) for y in ys)

    def _remarks(self) -> Iterator[str]:
        self._count()
        yield from super()._remarks()
        if (undrawn := len(self._names()) - _bokeh.MOST_SERIES) > 0:
            yield f"{undrawn:,} more series are not drawn"

    def _data(self) -> dict[str, tuple[Array, Array]]:
        """The points of each series, by its name: what the page draws, too."""
        at, *columns = self._window.arrays
        if not self.by:
            return {name: self._points(at, y) for name, y in zip(self.y, columns, strict=True)}
        y, names = columns
        return {name: self._points(at[names == name], y[names == name]) for name in self._names()}

    def _points(self, at: Array, y: Array) -> tuple[Array, Array]:
        there = np.isfinite(at)
        at, y = at[there], np.where(np.isfinite(y[there]), y[there], math.nan)
        if not self._lines:
            return at, y
        order = np.argsort(at, kind="stable")
        return at[order], y[order]

    def csv(self) -> str:
        column = self._window.columns[0]
        unit = unit_of(self._window.arrays[0]) if column.kind == "time" else ""
        head = [*(["series"] if self._many else []), self.x, self.y[0] if len(self.y) == 1 else "value"]
        rows = (
            [*([name] if self._many else []), iso(x, unit) if unit else x, y]
            for name, points in self._data().items()
            for x, y in zip(*(values.tolist() for values in points), strict=True)
        )
        return csv_of(head, rows)

    def still(self) -> dict[str, Any]:
        drawn = _stills.figure(self.title, self.height)
        axes = drawn.axes[0]
        times = self._window.columns[0].kind == "time"
        zone = " (UTC)" if times and unit_of(self._window.arrays[0]) != "day" else ""
        made: dict[str, Any] = {}
        self._assign()
        for name, (at, y) in self._data().items():
            if name in self._slots:
                x = np.rint(at * 1000).astype("datetime64[us]") if times else at
                made[name] = self._plot_still(axes, x, y, _bokeh.colour(self._slots[name]))
        axes.set_xlabel(_stills.label(f"{self.x}{zone}"), fontsize=8, parse_math=False)
        axes.set_ylabel(_stills.label(self.y[0] if len(self.y) == 1 else ""), fontsize=8, parse_math=False)
        if len(made) > 1:
            _stills.legend(axes, made)
        return _stills.png(drawn, self.note)

    def _plot_still(self, axes: Any, at: Array, y: Array, colour: str) -> Any:
        raise NotImplementedError


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

    def _plot_still(self, axes: Any, at: Array, y: Array, colour: str) -> Any:
        return axes.plot(at, y, color=colour, linewidth=1.5, marker="o" if len(at) == 1 else "")[0]


class ScatterChart(_Series):
    """Points with an x and a y; the parameters are those of `LineChart`.

    Examples
    --------
    >>> ScatterChart("JPM", "BAC").append({"JPM": [0.01, -0.02], "BAC": [0.02, -0.03]})
    ScatterChart(JPM, BAC: 2 rows)
    """

    def _plot_still(self, axes: Any, at: Array, y: Array, colour: str) -> Any:
        return axes.scatter(at, y, color=colour, s=9, alpha=0.6)
