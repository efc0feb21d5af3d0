"""The charts that have bars: one for each value, or one for each span of values."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, FactorRange

from kit.errors import PlotError
from kit.plots import _bokeh, _stills
from kit.plots._charts import LAST, Chart
from kit.plots._window import Column

__all__ = ["BarChart", "Histogram"]

_FAR = 1e300  # beyond, the span from the least value to the greatest may be no finite number


class BarChart(Chart):
    """A bar for each value of a column.

    Parameters
    ----------
    x
        The column that names the bars.
    y
        The column with the values. Not needed for ``agg="count"``.
    agg
        What a bar shows of its rows in the window: ``"last"``, ``"sum"``, ``"mean"`` or ``"count"``.
    last, title, height
        As in `LineChart`.

    Examples
    --------
    >>> BarChart("symbol", agg="count").append([{"symbol": "JPM"}, {"symbol": "GE"}, {"symbol": "JPM"}]).bars()
    {'JPM': 2.0, 'GE': 1.0}
    """

    def __init__(
        self,
        x: str,
        y: str | None = None,
        *,
        agg: str = "last",
        last: int = LAST,
        title: str = "",
        height: int = 280,
    ) -> None:
        if agg not in ("last", "sum", "mean", "count") or (y is None and agg != "count"):
            raise PlotError(
                'agg="last", "sum" or "mean" with a column y, or agg="count"',
                got=f"agg={agg!r}, y={y!r}",
                todo="change agg",
            )
        self.x, self.y, self.agg = x, y, agg
        columns = [Column(x, "text"), *([Column(y, "number")] if y else [])]
        self._names = FactorRange()
        label = agg if y is None else y if agg == "last" else f"{agg} of {y}"
        super().__init__(
            columns, last=last, seconds=None, title=title, height=height, x_label=x, y_label=label, x_range=self._names
        )

    def bars(self) -> dict[str, float]:
        """The height of each bar, in the order in which their names came."""
        rows = self._rows()
        values = rows[self.y] if self.y else [1.0] * len(rows[self.x])
        groups: dict[str, list[float]] = {}
        self._without = 0
        for name, value in zip(rows[self.x], values, strict=True):
            group = groups.setdefault(name, [])
            if math.isfinite(value):
                group.append(value)
            else:
                self._without += 1
        return {name: self._reduce(group) for name, group in groups.items()}

    def _reduce(self, values: list[float]) -> float:
        if not values:
            return 0.0 if self.agg in ("sum", "count") else math.nan
        return {
            "last": lambda: values[-1],
            "sum": lambda: math.fsum(values),
            "count": lambda: float(len(values)),
            "mean": lambda: math.fsum(values) / len(values),
        }[self.agg]()

    def _data(self) -> dict[str, dict[str, Any]]:
        bars = self.bars()
        return {"bars": {"x": list(bars), "y": list(bars.values())}}

    def _ranges(self, data: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Any, str, Any]]:
        yield self._names, "factors", list(data["bars"]["x"])

    def _add(self, name: str, source: ColumnDataSource) -> None:
        _bokeh.add_bars(self.figure, source)

    def still(self) -> dict[str, Any]:
        drawn = _stills.figure(self.title, self.height)
        bars = self.bars()
        drawn.axes[0].bar(list(bars), list(bars.values()), color=_bokeh.colour(0))
        drawn.axes[0].tick_params(labelsize=8)
        return _stills.png(drawn, self.note)


class Histogram(Chart):
    """How often values of a column fall in each of several equal spans.

    Parameters
    ----------
    column
        The column with the values.
    bins
        How many spans, from the least value to the greatest.
    density
        Scale the bars so that their area is 1.
    last, title, height
        As in `LineChart`.

    Examples
    --------
    >>> Histogram("return", bins=4).append({"return": [0.0, 0.1, 0.1, 0.4]}).counts().tolist()
    [1.0, 2.0, 0.0, 1.0]
    """

    def __init__(
        self,
        column: str,
        *,
        bins: int = 30,
        density: bool = False,
        last: int = LAST,
        title: str = "",
        height: int = 280,
    ) -> None:
        if not 1 <= bins <= 1000:
            raise PlotError("1 to 1000 bins", got=str(bins), todo="choose a number in that range")
        self.column, self.bins, self.density = column, bins, density
        label = "density" if density else "count"
        super().__init__(
            [Column(column, "number")],
            last=last,
            seconds=None,
            title=title,
            height=height,
            x_label=column,
            y_label=label,
        )

    def counts(self) -> "np.ndarray[Any, np.dtype[np.float64]]":
        """The height of each bar."""
        found: np.ndarray[Any, np.dtype[np.float64]] = self._histogram()[0]
        return found

    def _histogram(self) -> tuple[Any, Any]:
        values = np.array(self._rows()[self.column], float)
        finite = values[np.abs(values) < _FAR]
        self._without = len(values) - len(finite)
        if not len(finite):
            return np.zeros(0), np.zeros(1)
        # Values so close to each other that floats cannot say where a bar ends get one bar.
        span = (finite.max() - finite.min()) / self.bins
        fine = span == 0 or span > 2 * np.spacing(np.abs(finite).max())
        counts, edges = np.histogram(finite, bins=self.bins if fine else 1, density=self.density)
        return counts.astype(float), edges

    def _data(self) -> dict[str, dict[str, Any]]:
        counts, edges = self._histogram()
        return {"bars": {"left": edges[:-1], "right": edges[1:], "y": counts}}

    def _add(self, name: str, source: ColumnDataSource) -> None:
        _bokeh.add_quads(self.figure, source)

    def still(self) -> dict[str, Any]:
        drawn = _stills.figure(self.title, self.height)
        counts, edges = self._histogram()
        drawn.axes[0].stairs(counts, edges, fill=True, color=_bokeh.colour(0), alpha=0.8)
        drawn.axes[0].tick_params(labelsize=8)
        drawn.axes[0].set_xlabel(self.column, fontsize=8)
        return _stills.png(drawn, self.note)
