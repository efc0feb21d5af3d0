"""The charts that have points with an x and a y; and what these and the bars have in common."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource

from kit.errors import PlotError
from kit.plots import _bokeh, _stills
from kit.plots._plot import Plot
from kit.plots._view import View
from kit.plots._window import Column

__all__ = ["Chart", "LineChart", "ScatterChart"]

LAST = 5_000
_MOST_SERIES = 50


class Chart(Plot):
    """A plot that Bokeh draws: a figure, and below it the note and a button."""

    def __init__(
        self, columns: list[Column], *, last: int, seconds: float | None, title: str, height: int, **axes: Any
    ) -> None:
        super().__init__(columns, last=last, seconds=seconds)
        self.title, self.height = title, height
        self.figure = _bokeh.figure(title, height, **axes)
        self._sources: dict[str, ColumnDataSource] = {}
        self._numbers: dict[str, int] = {}  # of the series: each has a colour of its own
        self._note, layout = _bokeh.layout(self.figure, title or type(self).__name__)
        self._without = 0  # points that have no finite value
        self._undrawn = 0  # series
        self._is_time = False
        self._view = View(layout, self.publish)
        _bokeh.align(self._view.document)
        self.widget = self._view

    def _draw(self) -> None:
        data = self._fewer(self._data())
        new = [name for name in data if name not in self._sources]
        if new:
            self._renew(new, data)
        is_time = self._window.columns[0].kind == "time"
        redraw = bool(new) or is_time is not self._is_time
        if redraw and is_time:
            _bokeh.time_axis(self.figure)
        if redraw:
            _bokeh.connect_csv(self._view.document, self.figure, self._sources)
        self._is_time = is_time
        empty: dict[str, dict[str, Any]] = {
            name: {str(column): [] for column in s.data} for name, s in self._sources.items() if name not in data
        }
        changes: list[tuple[Any, str, Any]] = [(self._note, "text", self._note_html()), *self._ranges(data)]
        changes += [(self._sources[name], "data", columns) for name, columns in {**data, **empty}.items()]
        if redraw:
            for model, name, value in changes:
                setattr(model, name, value)
            self._view.redraw()
        else:
            self._view.patch(changes)

    def _draw_note(self) -> None:
        self._view.patch([(self._note, "text", self._note_html())])

    def _fewer(self, data: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """So many series as can be told apart and drawn: those that are drawn already come first."""
        self._undrawn = max(0, len(data) - _MOST_SERIES)
        if not self._undrawn:
            return data
        names = sorted(data, key=lambda name: name not in self._sources)[:_MOST_SERIES]
        return {name: columns for name, columns in data.items() if name in names}

    def _renew(self, new: list[str], data: dict[str, dict[str, Any]]) -> None:
        """Draw the series that are new, and no more those that have left."""
        with self._view.document.models.freeze():  # else each step looks through all models
            gone = [name for name in self._sources if name not in data]
            _bokeh.remove(self.figure, gone)
            for name in gone:
                del self._sources[name], self._numbers[name]
            for name in new:
                self._numbers[name] = next(n for n in range(_MOST_SERIES) if n not in self._numbers.values())
                self._sources[name] = ColumnDataSource({column: [] for column in data[name]})
                self._add(name, self._sources[name])

    def _data(self) -> dict[str, dict[str, Any]]:
        """The columns of each series, by its name."""
        raise NotImplementedError

    def _add(self, name: str, source: ColumnDataSource) -> None:
        """Draw one more series."""
        raise NotImplementedError

    def _ranges(self, data: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Any, str, Any]]:
        yield from ()

    def _remarks(self) -> Iterator[str]:
        if self._without:
            yield f"{self._without:,} without a finite value"
        if self._undrawn:
            yield f"{self._undrawn:,} more series are not drawn"

    def _seen(self) -> bool:
        return self._view.seen


class _Series(Chart):
    """Points with an x and a y, in one series or in one for each value of a column."""

    _sorted = False

    def __init__(
        self,
        x: str,
        y: str | Sequence[str],
        *,
        by: str | None = None,
        last: int = LAST,
        seconds: float | None = None,
        title: str = "",
        height: int = 280,
    ) -> None:
        self.x, self.y, self.by = x, [y] if isinstance(y, str) else list(y), by
        if not self.y or (by is not None and len(self.y) > 1):
            raise PlotError(
                "one column for y and one for by, or several columns for y",
                got=f"y={y!r}, by={by!r}",
                todo="leave one out",
            )
        columns = [Column(x, "axis"), *(Column(name, "number") for name in self.y)]
        columns += [Column(by, "text")] if by else []
        label = self.y[0] if len(self.y) == 1 else ""
        super().__init__(columns, last=last, seconds=seconds, title=title, height=height, x_label=x, y_label=label)

    def _data(self) -> dict[str, dict[str, Any]]:
        rows = self._rows()
        at = np.array(rows[self.x], float)
        found: dict[str, dict[str, Any]] = {}
        self._without = 0
        names = np.array(rows[self.by], object) if self.by else None
        for column in self.y:
            values = np.array(rows[column], float)
            values[~np.isfinite(values)] = math.nan
            self._without += int((np.isnan(values) | ~np.isfinite(at)).sum())
            if names is None:
                found[column] = self._points(at, values)
            else:
                for name in dict.fromkeys(rows[str(self.by)]):
                    found[name] = self._points(at[names == name], values[names == name])
        return found

    def _points(self, at: Any, values: Any) -> dict[str, Any]:
        there = np.isfinite(at)
        at, values = at[there], values[there]
        if self._sorted and len(at) > 1 and (np.diff(at) < 0).any():
            order = np.argsort(at, kind="stable")
            at, values = at[order], values[order]
        return {"x": at, "y": values}

    def still(self) -> dict[str, Any]:
        drawn = _stills.figure(self.title, self.height)
        axes = drawn.axes[0]
        data = self._fewer(self._data())
        for number, (name, points) in enumerate(data.items()):
            at = points["x"].astype("datetime64[ms]") if self._window.columns[0].kind == "time" else points["x"]
            self._plot_still(axes, at, points["y"], _bokeh.colour(self._numbers.get(name, number)), name)
        axes.set_xlabel(self.x, fontsize=8)
        axes.set_ylabel(self.y[0] if len(self.y) == 1 else "", fontsize=8)
        axes.tick_params(labelsize=8)
        if len(data) > 1:
            axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
        return _stills.png(drawn, self.note)

    def _plot_still(self, axes: Any, at: Any, values: Any, colour: str, name: str) -> None:
        raise NotImplementedError


class LineChart(_Series):
    """Values along an axis, joined by lines; by time, or by a number.

    Parameters
    ----------
    x
        The column along the axis: numbers, or times (shown in local time; days without a time are shown as they are).
        Points are joined in its order, in whatever order they come.
    y
        The column with the values, or several of them: a line each. A missing or infinite value is a gap.
    by
        A column whose values name the lines: ``by="symbol"``.
    last
        How many rows are kept and shown, of all lines together.
    seconds
        Keep only rows whose `x` is at most so many seconds (or units of x, if it is a number) before the newest.
    title, height
        The height is in pixels; the width is that of the page.

    Examples
    --------
    >>> chart = LineChart("timestamp", "price", by="symbol", seconds=60)
    >>> chart.append({"timestamp": 1_767_623_400_000, "price": 25.3, "symbol": "JPM"})
    LineChart(timestamp, price, symbol: 1 rows)
    """

    _sorted = True

    def _add(self, name: str, source: ColumnDataSource) -> None:
        _bokeh.add_line(self.figure, name, source, number=self._numbers[name], legend=self._legend())

    def _legend(self) -> bool:
        return self.by is not None or len(self.y) > 1

    def _plot_still(self, axes: Any, at: Any, values: Any, colour: str, name: str) -> None:
        axes.plot(at, values, color=colour, linewidth=1.5, label=name)


class ScatterChart(_Series):
    """Points with an x and a y; the parameters are those of `LineChart`.

    Examples
    --------
    >>> ScatterChart("JPM", "BAC").append({"JPM": [0.01, -0.02], "BAC": [0.02, -0.03]})
    ScatterChart(JPM, BAC: 2 rows)
    """

    def _add(self, name: str, source: ColumnDataSource) -> None:
        legend = self.by is not None or len(self.y) > 1
        _bokeh.add_scatter(self.figure, name, source, number=self._numbers[name], legend=legend)

    def _plot_still(self, axes: Any, at: Any, values: Any, colour: str, name: str) -> None:
        axes.scatter(at, values, color=colour, s=9, alpha=0.6, label=name)
