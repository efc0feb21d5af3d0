"""What the tests of the plots share."""

import base64
import re
import threading
from collections.abc import Iterator
from typing import Any

import ipywidgets
import numpy as np

from kit import plots
from kit.plots._plot import Plot

__all__ = ["ALL", "Gate", "Page", "drawn", "make", "record", "snapshot", "text_of"]

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


class Page:
    """A page that shows a plot, as plot.js does: it takes the messages of the plot, and holds what it draws."""

    def __init__(self, plot: Any) -> None:
        self.plot, self.messages, self.sources, self.names, self.seq = plot, [], {}, {}, -1
        plot.send = self._receive
        self.ask()

    def ask(self) -> None:
        self.plot._asked = self.plot._everything = True
        self.plot.publish()

    def _receive(self, message: dict[str, Any], buffers: Any = None) -> None:
        self.messages.append(message)
        if message["kind"] != "draw":
            return
        if "layout" not in message and message["seq"] != self.seq + 1:
            self.seq = -1
            return
        self.seq, self.note = message["seq"], message["note"]
        self.layout = message.get("layout") or self.layout
        self.names = {slot: name for slot, name, _ in message.get("names", ())}
        left = list(buffers or ())
        for name, keep, columns in message.get("parts", ()):
            before = self.sources.get(name, {})
            for column in columns:
                kept = before[column][len(before[column]) - keep :] if keep else np.zeros(0)
                before[column] = np.concatenate([kept, np.frombuffer(left.pop(0))])
            self.sources[name] = before

    def series(self) -> dict[str, dict[str, list[float]]]:
        return {name: self._columns(f"source {slot}") for slot, name in self.names.items()}

    def _columns(self, source: str) -> dict[str, list[float]]:
        return {column: array.tolist() for column, array in self.sources[source].items()}


def drawn(chart: Any) -> dict[str, dict[str, list[Any]]]:
    """What a page that opens now draws of a chart."""
    page = Page(chart)
    if "names" in page.messages[-1]:
        return page.series()
    return {"bars": {**page._columns("source 0"), **page.messages[-1].get("texts", {})}}


def text_of(plot: Any) -> str:
    """The HTML of a plot that is HTML."""
    return str(plot.still()["text/html"])


def snapshot(window: Any) -> dict[str, list[Any]]:
    """The rows that a window holds, a list a column."""
    return {column.name: array.tolist() for column, array in zip(window.columns, window.arrays, strict=True)}


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
