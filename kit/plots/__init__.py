"""Reactive plots: right in every view, from any thread, for as long as data comes.

>>> from kit import plots, streams
>>> chart = plots.LineChart("timestamp", "price", by="symbol", last=500)            # doctest: +SKIP
>>> chart.follow(streams.batches("quotes"))                                         # doctest: +SKIP

All have the same verbs: `replace` what they show, `append` to it, `follow` a stream until `stop`.
"""

from kit.plots._bars import BarChart, Histogram
from kit.plots._charts import LineChart, ScatterChart
from kit.plots._form import Form
from kit.plots._lists import LiveList, LiveTable, Metric

__all__ = ["BarChart", "Form", "Histogram", "LineChart", "LiveList", "LiveTable", "Metric", "ScatterChart"]
