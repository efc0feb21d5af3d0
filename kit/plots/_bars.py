"""The charts that have bars: one for each value, or one for each span of values."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from kit.errors import PlotError
from kit.plots import _bokeh
from kit.plots._charts import LAST, Chart, Sources
from kit.plots._text import csv_of
from kit.plots._window import Array, Column

__all__ = ["BarChart", "Histogram"]

_FAR = 1e300  # beyond, the span from the least value to the greatest may be no finite number
_MOST_BARS = 100


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
        self, x: str, y: str | None = None, *, agg: str = "last", last: int = LAST, title: str = "", height: int = 280
    ) -> None:
        if agg not in ("last", "sum", "mean", "count") or (y is None and agg != "count"):
            expected = 'agg="last", "sum" or "mean" with a column y, or agg="count"'
            raise PlotError(expected, got=f"agg={agg!r}, y={y!r}", todo="change agg")
        self.x, self.y, self.agg = x, y, agg
        self._label = agg if y is None else y if agg == "last" else f"{agg} of {y}"
        columns = [Column(x, "text"), *([Column(y, "number")] if y else [])]
        super().__init__(columns, last=last, title=title, height=height)

    def bars(self) -> dict[str, float]:
        """The height of each bar, in the order in which their names came."""
        names, *values = self._window.arrays
        heights = np.array(values[0] if values else np.ones(len(names)), float)
        heights[~np.isfinite(heights)] = math.nan
        self._without = int(np.isnan(heights).sum())
        found = pd.Series(heights).groupby(names, sort=False).agg(self.agg)
        return {str(name): float(height) for name, height in found.items()}

    def _sources(self) -> Sources:
        return {"source 0": {"y": np.array(list(self.bars().values())[:_MOST_BARS], float)}}

    def _extras(self) -> dict[str, Any]:
        names = list(self.bars())[:_MOST_BARS]
        factors = _bokeh.factors(names)
        axis = {"major_label_orientation": 0.9 if sum(map(len, factors)) > 70 else "horizontal"}
        texts = {"x": names, "factor": factors}
        return {"texts": texts, "set": {"names": axis, "factors": {"factors": factors}}}

    def _labels(self) -> tuple[str, str]:
        return self.x, self._label

    def _figure(self) -> Any:
        return _bokeh.bars(self)

    def _remarks(self) -> Iterator[str]:
        more = len(self.bars()) - _MOST_BARS
        yield from super()._remarks()
        if more > 0:
            yield f"{more:,} more bars are not drawn"

    def csv(self) -> str:
        return csv_of([self.x, self._label], self.bars().items())


class Histogram(Chart):
    """How often values of a column fall in each of several equal spans.

    Parameters
    ----------
    column
        The column with the values.
    bins, density
        How many spans, from the least value to the greatest; whether to scale the bars so that their area is 1.
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
        self._label = "density" if density else "count"
        super().__init__([Column(column, "number")], last=last, title=title, height=height)

    def counts(self) -> "np.ndarray[Any, np.dtype[np.float64]]":
        """The height of each bar."""
        return self._histogram()[0]

    def _histogram(self) -> tuple[Array, Array]:
        values = self._window.arrays[0]
        finite = values[np.abs(values) < _FAR]
        self._without = len(values) - len(finite)
        if not len(finite):
            return np.zeros(0), np.zeros(1)
        low, high = finite.min(), finite.max()
        # Values so close to each other that floats cannot say where a bar ends get one bar.
        gap = 2 * np.spacing(np.abs(finite).max())
        bins: Any = self.bins if (high - low) / self.bins > gap or low == high else 1
        if (high - low or 1) / self.bins <= gap >= 1 / self.bins:  # numpy gives equal values a span of 1
            bins = [low - gap, high + gap]
        counts, edges = np.histogram(finite, bins=bins, density=self.density)
        return counts.astype(float), edges

    def _sources(self) -> Sources:
        counts, edges = self._histogram()
        return {"source 0": {"left": edges[:-1], "right": edges[1:], "y": counts}}

    def _labels(self) -> tuple[str, str]:
        return self.column, self._label

    def _figure(self) -> Any:
        return _bokeh.spans(self)

    def csv(self) -> str:
        counts, edges = self._histogram()
        head = [f"{self.column} from", f"{self.column} to", self._label]
        return csv_of(head, zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True))
