"""How the charts look: what Bokeh needs to be told, in one place. The page fills them: see plot.js."""

import re
from functools import lru_cache
from typing import Any, NamedTuple

from kit.plots._values import clean, cut

__all__ = ["FEW_POINTS", "MOST_SERIES", "Look", "colour", "layout", "plain", "slots_for"]

# Okabe and Ito's colours, told apart by colour-blind eyes too (jfly.uni-koeln.de/color); the yellow is left out, for it
# is hard to see on white. They, and the grey of axes and text, stand out on a light and on a dark page.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")
_DASHES = ("solid", "dashed", "dotted", "dashdot", "dotdash", [12, 3], [2, 8], [12, 3, 2, 3])
_GREY = "#8a8a8a"
_JOINER = "\u2060"  # has no width
MOST_SERIES = 50
_FEW_SERIES = 8
FEW_POINTS = 60  # of a line, that are drawn as dots, too: more would hide it

# For each glyph, the columns of its sources, and its properties.
_GLYPHS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "line": (("x", "y"), {"x": "x", "y": "y", "line_width": 1.5}),
    "scatter": (("x", "y"), {"x": "x", "y": "y", "size": 5, "alpha": 0.6}),
    "vbar": (("x", "y"), {"x": "x", "top": "y", "width": 0.8}),
    "quad": (("left", "right", "y"), {"left": "left", "right": "right", "bottom": 0, "top": "y", "alpha": 0.8}),
}
_UNITS = ("microseconds", "milliseconds", "seconds", "minsec", "minutes", "hourmin", "hours", "days", "months", "years")
_FORMATS = ("%H:%M:%S.%6N", "%H:%M:%S.%3N", "%H:%M:%S", "%H:%M:%S", *["%H:%M"] * 3, "%Y-%m-%d", "%Y-%m", "%Y")


class Look(NamedTuple):
    """What the figure of a chart depends on; when it changes, the page makes the figure anew."""

    glyph: str
    labels: tuple[str, str]  # of the axes, and in the tooltip
    axis: str = "number"  # or day, time, name
    slots: int = 1  # for how many series there is room
    many: bool = False  # whether the series have names

    def axis_labels(self) -> tuple[str, str]:
        """The labels, with the zone of an axis of times; a day has no zone."""
        return f"{self.labels[0]} (UTC)" if self.axis == "time" else self.labels[0], self.labels[1]


def colour(number: int) -> str:
    """The colour of the n-th series."""
    return _COLOURS[number % len(_COLOURS)]


def plain(text: str, most: int = 90) -> str:
    """A text as Bokeh draws it as it is written: what it takes for the signs of a formula is parted, unseen."""
    return re.sub(r"(\$(?=\$)|\\(?=[()\[\]]))", rf"\1{_JOINER}", cut(text, most))


def slots_for(count: int) -> int:
    """For how many series a figure has room: it is drawn anew when it has to grow, which is seldom."""
    return 1 if count <= 1 else _FEW_SERIES if count <= _FEW_SERIES else MOST_SERIES


@lru_cache(maxsize=32)
def layout(look: Look, title: str, height: int) -> dict[str, Any]:
    """What the page has to know before there is data: the figure, and how to read it."""
    import bokeh
    from bokeh.embed import json_item

    item: Any = json_item(_figure(look, title, height))
    labels = [clean(label) for label in look.labels]
    known = {"labels": labels, "many": look.many, "height": height}
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
    mode = "vline" if look.glyph == "line" else "mouse"
    # The page makes the texts.
    drawn.add_tools(HoverTool(renderers=hovered, tooltips=None, name="hover", line_policy="nearest", mode=mode))
    return drawn


def _empty(look: Look, title: str, height: int) -> Any:
    """A figure that is quiet, as wide as the page, readable on light and dark."""
    from bokeh.models import DataRange1d, DatetimeTicker, FactorRange, NoOverlap
    from bokeh.plotting import figure

    drawn: Any = figure(
        height=height,
        sizing_mode="stretch_width",
        tools="pan,wheel_zoom,box_zoom,reset,save",
        title=plain(title),
        background_fill_alpha=0,
        border_fill_alpha=0,
        outline_line_color=None,
        min_border_left=50,
        x_range=FactorRange(name="factors") if look.axis == "name" else DataRange1d(),
    )
    drawn.toolbar.logo, drawn.toolbar.autohide = None, True
    drawn.grid.grid_line_color, drawn.grid.grid_line_alpha = _GREY, 0.25
    for axis, label in zip(drawn.axis, look.axis_labels(), strict=True):
        axis.axis_label, axis.axis_label_text_font_style = plain(label, 60), "normal"
        axis.axis_line_color = axis.major_tick_line_color = axis.minor_tick_line_color = _GREY
        axis.major_label_text_color = axis.axis_label_text_color = _GREY
    drawn.title.text_color, drawn.title.text_font_style = _GREY, "normal"
    drawn.yaxis.formatter.use_scientific = False
    if look.axis == "name":
        drawn.xgrid.grid_line_color = None
        drawn.xaxis.name, drawn.xaxis.major_label_policy = "names", NoOverlap(min_distance=4)
    if look.axis in ("day", "time"):
        drawn.xaxis.ticker, drawn.xaxis.formatter = DatetimeTicker(num_minor_ticks=0), _times()
    return drawn


def _times() -> Any:
    """Ticks with as many digits as tell them apart, in UTC; the day below the first of a part of a day."""
    from bokeh.models import DatetimeTickFormatter

    times: dict[str, Any] = dict(zip(_UNITS, _FORMATS, strict=True))
    days: dict[str, Any] = {unit: "%Y-%m-%d" if "%H" in text else "" for unit, text in times.items()}
    return DatetimeTickFormatter(
        **times,
        strip_leading_zeros=False,
        boundary_scaling=False,
        context=DatetimeTickFormatter(**days),
        context_which="start",
        context_location="below",
    )
