"""What the tests of the plots share."""

import base64
import re
import threading
from collections.abc import Iterator
from typing import Any

import ipywidgets

from kit import plots
from kit.plots._plot import Plot

__all__ = ["ALL", "Gate", "drawn", "make", "record", "text_of"]

ALL = ("line", "scatter", "bars", "histogram", "table", "keyed", "list", "metric")


def make(kind: str, **options: Any) -> Plot:
    """A plot of each kind, of the columns ``at``, ``value`` and ``name``."""
    made: dict[str, Any] = {
        "line": lambda: plots.LineChart("at", "value", by="name", **options),
        "scatter": lambda: plots.ScatterChart("at", "value", **options),
        "bars": lambda: plots.BarChart("name", "value", **options),
        "histogram": lambda: plots.Histogram("value", **options),
        "table": lambda: plots.LiveTable(**options),
        "keyed": lambda: plots.LiveTable(by="name", **options),
        "list": lambda: plots.LiveList("name", **options),
        "metric": lambda: plots.Metric("value", **options),
    }
    plot: Plot = made[kind]()
    return plot


def record(number: int, name: str = "JPM") -> dict[str, Any]:
    return {"at": number, "value": number * 1.5, "name": name}


def drawn(chart: Any) -> dict[str, dict[str, list[Any]]]:
    """What the Bokeh sources of a chart hold, when it has been published."""
    chart.publish()
    return {
        name: {column: list(values) for column, values in source.data.items()}
        for name, source in chart._sources.items()
    }


def text_of(plot: Any) -> str:
    """The HTML of a plot that is HTML, when it has been published."""
    plot.publish()
    return str(plot.widget.value)


class Gate:
    """A stream that gives what it was given to give, then waits, until `stop`."""

    def __init__(self, *batches: Any) -> None:
        self.batches, self.stopped, self.closed = batches, threading.Event(), threading.Event()

    def __iter__(self) -> Iterator[Any]:
        yield from self.batches
        assert self.stopped.wait(30), "nobody has stopped the stream"

    def stop(self) -> None:
        self.stopped.set()

    def close(self) -> None:
        self.closed.set()


def states(widget: ipywidgets.Widget) -> str:
    """All that a widget and the widgets in it would be saved with."""
    own = repr(widget.get_state())
    return own + "".join(states(child) for child in getattr(widget, "children", ()))


def is_png(text: str) -> bool:
    return base64.b64decode(text).startswith(b"\x89PNG")


def cells(page: str) -> list[str]:
    return re.findall(r"<td[^>]*>(.*?)</td>", page)
