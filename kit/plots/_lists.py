"""What is read rather than looked at: a table, a list, a number."""

import builtins
import html
import math
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from kit.errors import PlotError
from kit.plots._plot import Plot
from kit.plots._values import clean, csv_of, digits_of, instant, is_missing, iso
from kit.plots._window import Array, Column

__all__ = ["LiveList", "LiveTable", "Metric"]

_KEYS = 1000
_SHOWN = 300  # rows that a page has in it at once; the file has all


class _HtmlPlot(Plot):
    """A plot that the page shows as HTML. Each message has all that is shown."""

    def _body(self) -> str:
        """What is shown, as HTML; each text of the data is escaped."""
        raise NotImplementedError

    def _news(self, everything: bool) -> tuple[dict[str, Any], list[bytes]]:
        layout = {"layout": {"number": 1, "title": clean(self.title)}} if everything else {}
        return {"html": self._body(), **layout}, []

    def _remarks(self) -> dict[str, int]:
        return {"of them only in the file": len(self) - _SHOWN}

    def csv(self) -> str:
        columns = [_written(array, iso, lambda value: value) for array in self._window.arrays]
        return csv_of([column.name for column in self._window.columns], zip(*columns, strict=True))

    def still(self) -> dict[str, Any]:
        title, note = _escaped(self.title), _escaped(self.note)
        return {"text/html": f"<div class='kit-plot'><b>{title}</b><div>{self._body()}</div><i>{note}</i></div>"}


class LiveTable(_HtmlPlot):
    """The newest rows as a table, or the newest row of each key.

    Parameters
    ----------
    columns
        Which columns, in which order; by default those of the first data.
    by
        Show one row for each value of this column, the newest, in the order in which they first came.
    last, title
        How many rows are kept (of more than 300, the page shows the newest, the file has all); a heading.

    Examples
    --------
    >>> table = LiveTable(by="symbol")
    >>> table.append([{"symbol": "JPM", "price": 25.3}, {"symbol": "JPM", "price": 27.9}]).rows()
    [('JPM', '27.9')]
    """

    def __init__(self, columns: Sequence[str] = (), *, by: str | None = None, last: int = 20, title: str = "") -> None:
        self.by = by
        super().__init__([Column(name, "any") for name in columns], last=_KEYS if by else last, by=by, title=title)

    def rows(self) -> list[tuple[str, ...]]:
        """The rows that are kept, as text."""
        return _rows(self._window.arrays)

    def _body(self) -> str:
        part = slice(_SHOWN) if self.by else slice(-_SHOWN, None)
        rows = _rows(array[part] for array in self._window.arrays)
        head = _line([column.name for column in self._window.columns], "th")
        body = "".join(_line(row, "td") for row in (rows if self.by else reversed(rows)))
        return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"


class LiveList(_HtmlPlot):
    """The newest texts, the newest first.

    Parameters
    ----------
    column
        The column with the texts. `append` also takes a text, or a list of texts.
    last, title
        How many are kept; a heading.

    Examples
    --------
    >>> LiveList(last=2).append(["a", "b"]).append("c").items()
    ['c', 'b']
    """

    def __init__(self, column: str = "text", *, last: int = 20, title: str = "") -> None:
        super().__init__([Column(column, "text")], last=last, title=title)

    def items(self) -> list[str]:
        """The texts that are kept."""
        return [str(text) for text in self._window.arrays[0][::-1]]

    def _body(self) -> str:
        return f"<ol>{''.join(f'<li>{_escaped(text)}</li>' for text in self.items()[:_SHOWN])}</ol>"


class Metric(_HtmlPlot):
    """A number, and the line of how it came there.

    Parameters
    ----------
    column
        The column with the values. `append` also takes a number, or a list of numbers.
    title, last
        What the number is, by default the column's name; how many values the line has.
    format
        How the number is written, as in `format`: ``",.2f"``.

    Examples
    --------
    >>> Metric("price", format=".1f").append({"price": [25.3, 27.9]}).text()
    '27.9'
    """

    def __init__(self, column: str = "value", *, title: str = "", format: str = ",.2f", last: int = 100) -> None:
        self.format = format
        try:
            builtins.format(0.0, format)
        except ValueError:
            raise PlotError("a format of numbers", got=repr(format), todo='write for instance ",.2f"') from None
        super().__init__([Column(column, "number")], last=last, title=title or column)

    def text(self) -> str:
        """The number as it is shown; a dash while there is none."""
        values = self._window.arrays[0]
        return format(float(values[-1]), self.format) if len(values) and math.isfinite(values[-1]) else "–"

    def _body(self) -> str:
        values = self._window.arrays[0]
        values = values[np.isfinite(values)]
        low, span = (values.min(), float(np.ptp(values)) or 1.0) if len(values) else (0.0, 1.0)
        across, down = np.linspace(0, 160, len(values)), 32 - (values - low) / span * 32
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down, strict=True))
        line = f"<polyline points='{points}' fill='none' stroke='#0072B2' stroke-width='1.5'/>"
        svg = f"<svg width='160' height='36' viewBox='-2 -2 164 36'>{line}</svg>"
        return f"<div class='kit-metric'><span style='font-size:28px'>{_escaped(self.text())}</span> {svg}</div>"


def _escaped(text: str) -> str:
    return html.escape(clean(text))


def _line(cells: Iterable[str], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{_escaped(cell)}</{tag}>' for cell in cells)}</tr>"


def _rows(arrays: Iterable[Array]) -> list[tuple[str, ...]]:
    return list(zip(*(_written(array, instant, _text) for array in arrays), strict=True))


def _written(array: Array, of_time: Callable[[float, int], str], of_other: Callable[[Any], Any]) -> list[Any]:
    """The values of a column; its times, in UTC, have as many digits as the one that needs most."""
    values = array.tolist()
    times = {
        n: float(pd.to_datetime(value, utc=True).timestamp() * 1000)
        for n, value in enumerate(values)
        if isinstance(value, date | np.datetime64) and not is_missing(value)
    }
    digits = digits_of(np.array(list(times.values())))
    return [of_time(times[n], digits) if n in times else of_other(value) for n, value in enumerate(values)]


def _text(value: Any) -> str:
    if is_missing(value):
        return "" if value is None else "–"
    if isinstance(value, float | np.floating):
        return f"{value:,.6g}" if -1e6 < value < 1e6 or math.isinf(value) else f"{value:,.0f}"
    return clean(value)
