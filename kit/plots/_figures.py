"""How the charts look: the Bokeh figure that the page fills, see plot.js; and a picture for where there is no page."""

import base64
import io
import math
import re
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kit.plots._values import clean, cut

__all__ = ["FEW_POINTS", "MOST_SERIES", "Look", "colour", "factors", "layout", "picture", "plain"]

_HERE = Path(__file__).parent
# Okabe and Ito's colours, for colour-blind eyes too (jfly.uni-koeln.de/color); without the yellow, pale on white.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")
_DASHES = ("solid", "dashed", "dotted", "dashdot", "dotdash", [12, 3], [2, 8], [12, 3, 2, 3])
MOST_SERIES = 50
FEW_POINTS = 60  # of a line, that are drawn as dots, too: more would hide it
_LEGEND = 12  # how many series a picture names

_CLOCK = {"hour": "%H:%M", "minute": "%H:%M", "second": "%H:%M:%S", "microsecond": "%H:%M:%S.%f"}
# Of pictures, as in the live charts: the day below the time. A style file can have no line break.
_TIMES: Any = {f"date.autoformatter.{part}": f"{text}\n%Y-%m-%d" for part, text in _CLOCK.items()}

# For each glyph, the columns of its sources, and its properties.
_GLYPHS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "line": (("x", "y"), {"x": "x", "y": "y", "line_width": 1.5}),
    "scatter": (("x", "y"), {"x": "x", "y": "y", "size": 5, "alpha": 0.6}),
    "vbar": (("x", "factor", "y"), {"x": "factor", "top": "y", "width": 0.8}),
    "quad": (("left", "right", "y"), {"left": "left", "right": "right", "bottom": 0, "top": "y", "alpha": 0.8}),
}


class Look(NamedTuple):
    """What the figure of a chart depends on; when it changes, the page makes the figure anew."""

    glyph: str
    labels: tuple[str, str]  # of the axes, and in the tooltip
    axis: str = "number"  # or day, time, name
    slots: int = 1  # for how many series there is room
    many: bool = False  # whether the series have names

    def axis_labels(self) -> tuple[str, str]:
        return f"{self.labels[0]} (UTC)" if self.axis == "time" else self.labels[0], self.labels[1]


def colour(number: int) -> str:
    """The colour of the n-th series."""
    return _COLOURS[number % len(_COLOURS)]


def plain(text: str, most: int = 90) -> str:
    """A text as Bokeh draws it as it is written: a sign without width parts what it takes for signs of a formula."""
    return re.sub(r"(\$(?=\$)|\\(?=[()\[\]]))", "\\1\u2060", cut(text, most))


def factors(names: list[str]) -> list[str]:
    """The names of bars, cut; signs that have no width tell equal ones apart."""
    shown = [plain(name.replace("\u2060", ""), 16) for name in names]
    return [text + "\u2060" * shown[:number].count(text) for number, text in enumerate(shown)]


@lru_cache(maxsize=32)
def layout(look: Look, title: str, height: int) -> dict[str, Any]:
    """What the page has to know before there is data: the figure, and how to read it."""
    import bokeh
    from bokeh.embed import json_item
    from bokeh.themes import Theme

    item: Any = json_item(_figure(look, title, height), theme=Theme(filename=_HERE / "theme.yaml"))
    known = {"labels": [clean(label) for label in look.labels], "many": look.many, "height": height}
    return {"number": item["root_id"], "bokeh": bokeh.__version__, "item": item, **known}


def _figure(look: Look, title: str, height: int) -> Any:
    """The figure without its data: for each slot a source and a renderer, which are called by its number."""
    from bokeh.models import ColumnDataSource, HoverTool

    drawn, hovered = _empty(look, title, height), []
    columns, properties = _GLYPHS[look.glyph]
    for slot in range(look.slots):
        source = ColumnDataSource({name: [] for name in columns}, name=f"source {slot}")
        made = getattr(drawn, look.glyph)(source=source, color=colour(slot), **properties)
        made.name = f"line {slot}"
        hovered.append(made)
        if look.glyph == "line":
            made.glyph.line_dash = _DASHES[slot // len(_COLOURS) % len(_DASHES)]
            few = ColumnDataSource({"x": [], "y": []}, name=f"few {slot}")
            dots = drawn.scatter("x", "y", source=few, color=colour(slot), size=5)
            made.js_link("visible", dots, "visible")
    mode: Any = "vline" if look.glyph == "line" else "mouse"
    drawn.add_tools(HoverTool(renderers=hovered, tooltips=None, name="hover", line_policy="nearest", mode=mode))
    return drawn


def _empty(look: Look, title: str, height: int) -> Any:
    """A figure with axes of numbers, times or names."""
    from bokeh.models import DataRange1d, DatetimeTicker, DatetimeTickFormatter, FactorRange, NoOverlap
    from bokeh.plotting import figure

    drawn: Any = figure(
        height=height,
        sizing_mode="stretch_width",
        tools="pan,wheel_zoom,box_zoom,reset,save",
        title=plain(title),
        x_range=FactorRange(name="factors") if look.axis == "name" else DataRange1d(),
    )
    drawn.xaxis.axis_label, drawn.yaxis.axis_label = (plain(label, 60) for label in look.axis_labels())
    drawn.yaxis.formatter.use_scientific = False
    if look.axis == "name":
        drawn.xgrid.grid_line_color = None
        drawn.xaxis.name, drawn.xaxis.major_label_policy = "names", NoOverlap(min_distance=4)
    if look.axis in ("day", "time"):
        parts = ("microseconds", "milliseconds", "seconds", "minsec", "minutes", "hourmin", "hours")
        days: Any = {**dict.fromkeys(parts, "%Y-%m-%d"), "days": "", "months": "", "years": ""}  # below parts of a day
        drawn.xaxis.ticker = DatetimeTicker()
        drawn.xaxis.formatter = DatetimeTickFormatter(context=DatetimeTickFormatter(**days))
    return drawn


def picture(chart: Any) -> dict[str, Any]:
    """A chart as a MIME bundle, with its note below it."""
    from matplotlib import dates, style
    from matplotlib.figure import Figure

    drawing, out = chart.drawing(), io.BytesIO()
    with style.context([_HERE / "still.mplstyle", _TIMES]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)  # it draws a box for an emoji
        drawn = Figure(figsize=(7.2, chart.height / 100), dpi=80)
        across, up = (cut(label, 80) for label in drawing.look.axis_labels())
        axes = drawn.add_subplot(title=cut(chart.title, 80), xlabel=across, ylabel=up)
        series = drawing.more.get("names", [[0, "", colour(0)]])
        artists = [_paint(axes, drawing, slot, own) for slot, _, own in series]
        if drawing.more.get("digits"):
            times = dates.AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
            texts = dates.AutoDateFormatter(times)  # type: ignore[no-untyped-call]
            axes.xaxis.set(major_locator=times, major_formatter=texts)  # the texts of more would overlap
        if drawing.look.many and artists:
            names = [cut(name, 24) for _, name, _ in series[:_LEGEND]]
            names += [f"and {len(series) - _LEGEND} more"] if len(series) > _LEGEND else []
            axes.legend(artists[: len(names)], names, loc="upper left", bbox_to_anchor=(1, 1))
        drawn.supxlabel(f"still picture, {chart.note}", size=8, color="#777777", x=0.01, ha="left")
        drawn.savefig(out, format="png", metadata={"Software": None})
    return {"image/png": base64.b64encode(out.getvalue()).decode()}


def _paint(axes: Any, drawing: Any, slot: int, own: str) -> Any:
    """Draw one series."""
    glyph, columns = drawing.look.glyph, drawing.sources[f"source {slot}"]
    if glyph == "quad":
        return axes.bar(columns["left"], columns["y"], columns["right"] - columns["left"], align="edge", color=own)
    if glyph == "vbar":
        places = range(0, len(columns["y"]), math.ceil(len(columns["y"]) / 25) or 1)
        labels = [cut(drawing.more["texts"]["x"][place], 16) for place in places]
        axes.set_xticks(places, labels, rotation=60 if sum(map(len, labels)) > 80 else 0)
        return axes.bar(range(len(columns["y"])), columns["y"], color=own)
    x = np.rint(columns["x"] * 1000).astype("datetime64[us]") if drawing.more["digits"] else columns["x"]
    look = {"marker": "o" if len(x) == 1 else ""} if glyph == "line" else {"linewidth": 0, "marker": ".", "alpha": 0.6}
    return axes.plot(x, columns["y"], color=own, **look)[0]
