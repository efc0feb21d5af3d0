"""The charts that have bars: one for each value, or one for each span of values."""

import math
from typing import Any

import numpy as np
import pandas as pd

from kit.errors import PlotError
from kit.plots._charts import LAST, Chart, Drawing
from kit.plots._figures import Look, factors
from kit.plots._values import csv_of
from kit.plots._window import Array, Column

__all__ = ["BarChart", "Histogram"]

_FAR = 1e300  # beyond, the span from the least value to the greatest may be no finite number
_MOST_BARS = 100
_NONE = np.zeros(0), np.zeros(1)  # of a histogram


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
        self.y, self.agg = y, agg
        self._labels = x, agg if y is None else y if agg == "last" else f"{agg} of {y}"
        columns = [Column(x, "text"), *([Column(y, "number")] if y else [])]
        super().__init__(columns, last=last, title=title, height=height)

    def bars(self) -> dict[str, float]:
        """The height of each bar, in the order in which their names came."""
        names, *values = self._window.arrays
        heights = np.where(np.isfinite(values[0]), values[0], math.nan) if values else np.ones(len(names))
        found = pd.Series(heights).groupby(names, sort=False).agg(self.agg)
        return {str(name): float(height) for name, height in found.items()}

    def _draw(self) -> Drawing:
        bars = self.bars()
        names, heights = list(bars)[:_MOST_BARS], np.array(list(bars.values())[:_MOST_BARS], float)
        shown = factors(names)
        axis = {"major_label_orientation": 0.9 if sum(map(len, shown)) > 70 else "horizontal"}
        more = {"texts": {"x": names, "factor": shown}, "set": {"names": axis, "factors": {"factors": shown}}}
        remarks = {
            "without a finite value": int((~np.isfinite(self._window.arrays[-1])).sum()) if self.y else 0,
            "more bars are not drawn": len(bars) - _MOST_BARS,
        }
        return Drawing(Look("vbar", self._labels, "name"), {"source 0": {"y": heights}}, more, remarks)

    def csv(self) -> str:
        return csv_of(self._labels, self.bars().items())


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
        super().__init__([Column(column, "number")], last=last, title=title, height=height)

    def counts(self) -> Array:
        """The height of each bar, as an array of floats."""
        return self.drawing().sources["source 0"]["y"]

    def _draw(self) -> Drawing:
        values = self._window.arrays[0]
        finite = values[np.abs(values) < _FAR]
        counts, edges = np.histogram(finite, bins=self._edges(finite), density=self.density) if len(finite) else _NONE
        columns = {"left": edges[:-1], "right": edges[1:], "y": counts.astype(float)}
        look = Look("quad", (self.column, "density" if self.density else "count"))
        return Drawing(look, {"source 0": columns}, remarks={"without a finite value": len(values) - len(finite)})

    def _edges(self, finite: Array) -> Any:
        """The bins as numpy takes them. Values so close that floats cannot say where a bar ends get one bar."""
        low, high = finite.min(), finite.max()
        gap = 2 * np.spacing(np.abs(finite).max())
        return self.bins if (high - low) / self.bins > gap else [low - max(gap, 0.5), high + max(gap, 0.5)]

    def csv(self) -> str:
        drawing = self.drawing()
        rows = zip(*(values.tolist() for values in drawing.sources["source 0"].values()), strict=True)
        return csv_of([f"{self.column} from", f"{self.column} to", drawing.look.labels[1]], rows)
