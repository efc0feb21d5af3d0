"""What is read rather than looked at: a table, a list, a number."""

import builtins
import csv
import html
import io
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from numbers import Number
from typing import Any, Self
from urllib.parse import quote

import numpy as np
import pandas as pd
from ipywidgets import HTML

from kit.errors import PlotError
from kit.plots import _publisher
from kit.plots._plot import Plot
from kit.plots._rows import Data, columns_of, is_missing, names_of, tidy
from kit.plots._window import Column, KeyedWindow, Window

__all__ = ["LiveList", "LiveTable", "Metric"]

_KEYS = 1000
_LEFT = "text-align:left;line-height:1.4;max-width:48em;overflow-wrap:anywhere"


class _Html(HTML):  # type: ignore[misc]  # ipywidgets has no types
    """The widget of a plot that is HTML. Its state is its text, so every view shows the same."""

    def __init__(self) -> None:
        super().__init__()
        self.layout.width = "100%"


class _HtmlPlot(Plot):
    """A plot that is a piece of HTML."""

    def __init__(self, columns: list[Column], *, last: int, title: str) -> None:
        super().__init__(columns, last=last)
        self.title = title
        self.widget = _Html()

    def _draw(self) -> None:
        self.widget.value = self._html()

    def _draw_note(self) -> None:
        self.widget.value = f"<div class='kit-plot'>{self._note_html()}</div>"

    def _html(self) -> str:
        heading = f"<b>{html.escape(self.title)}</b>" if self.title else ""
        return f"<div class='kit-plot'>{heading}{self._body()}{self._note_html()} {self._csv()}</div>"

    def _body(self) -> str:
        raise NotImplementedError

    def _csv(self) -> str:
        """A link that downloads what is shown."""
        if not len(self):
            return ""
        out = io.StringIO()
        writer = csv.writer(out)
        rows = self._rows()
        writer.writerow(rows)
        writer.writerows(zip(*rows.values(), strict=True))
        name = html.escape(self.title or type(self).__name__)
        style = "text-decoration:underline;font-size:12px"
        href = f"data:text/csv;charset=utf-8,{quote(out.getvalue())}"
        return f"<a style='{style}' download='{name}.csv' href='{href}'>DownloadCsv</a>"

    def still(self) -> dict[str, Any]:
        return {"text/html": self._html()}


class LiveTable(_HtmlPlot):
    """The newest rows as a table, or the newest row of each key.

    Parameters
    ----------
    columns
        Which columns, in which order; by default those of the first data.
    by
        Show one row for each value of this column, the newest, in the order in which they first came.
    last
        How many rows are kept.
    title
        A heading.

    Examples
    --------
    >>> table = LiveTable(by="symbol")
    >>> table.append([{"symbol": "JPM", "price": 25.3}, {"symbol": "JPM", "price": 27.9}]).rows()
    [('JPM', '27.9')]
    """

    def __init__(
        self, columns: Sequence[str] | None = None, *, by: str | None = None, last: int = 20, title: str = ""
    ) -> None:
        if by is not None and columns is not None and by not in columns:
            raise PlotError(f"a column {by!r}", got=f"the columns {', '.join(columns)}", todo="add it, or change by")
        self.by, self._given = by, columns is not None
        super().__init__(
            [Column(name, "any") for name in columns or ()], last=last if by is None else _KEYS, title=title
        )
        if columns:
            self._window = self._window_of(columns)

    def append(self, data: Data) -> Self:
        with _publisher.lock:
            self._check_open()
            data = tidy(data)
            if not self._window.columns:
                self._window = self._empty(data)
            return super().append(data)

    def replace(self, data: Data) -> Self:
        return super().replace(tidy(data))

    def _empty(self, data: Data) -> Window:
        """A window with the columns that were asked for, or else those of the data."""
        if self._given:
            return self._window_of([column.name for column in self._window.columns])
        names = names_of(data)
        if names:
            columns_of(data, [*names, *([self.by] if self.by else [])])
        return self._window_of(names)

    def _window_of(self, names: Sequence[str]) -> Window:
        columns = [Column(name, "any") for name in names]
        if self.by is None or not columns:
            return Window(columns, last=self._window.last)
        return KeyedWindow(columns, last=self._window.last, by=self.by)

    def rows(self) -> list[tuple[str, ...]]:
        """The rows that are shown, as text."""
        return [tuple(map(_shown, row)) for row in zip(*self._rows().values(), strict=True)]

    def _csv(self) -> str:
        return super()._csv() if self._window.columns else ""

    def _body(self) -> str:
        head = "".join(
            f"<th style='text-align:left'>{html.escape(column.name)}</th>" for column in self._window.columns
        )
        lines = (
            "".join(f"<td style='{_LEFT}'>{html.escape(cell)}</td>" for cell in row)
            for row in (self.rows() if self.by else reversed(self.rows()))
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody><tr>{'</tr><tr>'.join(lines)}</tr></tbody></table>"


class LiveList(_HtmlPlot):
    """The newest texts, the newest first.

    Parameters
    ----------
    column
        The column with the texts. `append` also takes a text, or a list of texts.
    last
        How many are kept.
    title
        A heading.

    Examples
    --------
    >>> LiveList(last=2).append(["a", "b"]).append("c").items()
    ['c', 'b']
    """

    def __init__(self, column: str = "text", *, last: int = 20, title: str = "") -> None:
        self.column = column
        super().__init__([Column(column, "text")], last=last, title=title)

    def append(self, data: Any) -> Self:
        return super().append(self._records(data))

    def replace(self, data: Any) -> Self:
        return super().replace(self._records(data))

    def _records(self, data: Any) -> Any:
        if isinstance(data, str):
            return [{self.column: data}]
        if isinstance(data, list | tuple) and all(isinstance(one, str) for one in data):
            return [{self.column: text} for text in data]
        return data

    def items(self) -> list[str]:
        """The texts that are shown."""
        return [str(text) for text in reversed(self._rows()[self.column])]

    def _body(self) -> str:
        lines = "".join(f"<li style='{_LEFT}'>{html.escape(text)}</li>" for text in self.items())
        return f"<ol style='margin:4px 0 4px 0'>{lines}</ol>"


class Metric(_HtmlPlot):
    """A number, and the line of how it came there.

    Parameters
    ----------
    column
        The column with the values. `append` also takes a number, or a list of numbers.
    title
        What the number is; by default the column's name.
    format
        How it is written, as in `format`: ``",.2f"``.
    last
        How many values the line has.

    Examples
    --------
    >>> Metric("price", format=".1f").append({"price": [25.3, 27.9]}).text()
    '27.9'
    """

    def __init__(self, column: str = "value", *, title: str = "", format: str = ",.2f", last: int = 100) -> None:
        self.column, self.format = column, format
        try:
            builtins.format(0.0, format)
        except ValueError:
            raise PlotError("a format of numbers", got=repr(format), todo='write for instance ",.2f"') from None
        super().__init__([Column(column, "number")], last=last, title=title or column)

    def append(self, data: Any) -> Self:
        return super().append(self._columns(data))

    def replace(self, data: Any) -> Self:
        return super().replace(self._columns(data))

    def _columns(self, data: Any) -> Any:
        if isinstance(data, Number):
            return {self.column: data}
        if isinstance(data, list | tuple | np.ndarray) and all(isinstance(one, Number) for one in data):
            return {self.column: list(data)}
        return data

    def text(self) -> str:
        """The number as it is shown; a dash while there is none."""
        value: float = next(reversed(self._rows()[self.column]), math.nan)
        return format(value, self.format) if math.isfinite(value) else "–"

    def _body(self) -> str:
        values = [value for value in self._rows()[self.column] if math.isfinite(value)]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in _spark(values, 160, 32))
        return (
            f"<div style='display:flex;gap:16px;align-items:center'><span style='font-size:28px'>{self.text()}</span>"
            f"<svg width='160' height='36' viewBox='-2 -2 164 36'>"
            f"<polyline points='{line}' fill='none' stroke='#0072B2' stroke-width='1.5'/></svg></div>"
        )


def _spark(values: list[float], width: float, height: float) -> Iterator[tuple[float, float]]:
    """The points of a line of values in a box."""
    low, span = min(values, default=0.0), (max(values, default=0.0) - min(values, default=0.0)) or 1.0
    step = width / max(len(values) - 1, 1)
    for number, value in enumerate(values):
        yield number * step, height - (value - low) / span * height


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if is_missing(value):
        return "–"
    if isinstance(value, float | np.floating):
        value = float(value)
        return f"{value:,.6g}" if abs(value) < 1e6 or math.isinf(value) else f"{value:,.0f}"
    if isinstance(value, pd.Timestamp):  # its own `astimezone` knows no local time
        value = value.to_pydatetime(warn=False)
    if isinstance(value, datetime):
        local = value.astimezone() if value.tzinfo else value.replace(tzinfo=UTC)
        return f"{local:%Y-%m-%d %H:%M:%S}"
    return str(value)
