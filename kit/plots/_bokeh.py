"""How the charts look: what Bokeh needs to be told, in one place. The page fills them: see plot.js."""

from typing import Any

from kit.plots._text import clean, cut

__all__ = ["MOST_SERIES", "bars", "colour", "factors", "plain", "series", "slots_for", "spans"]

# Okabe and Ito's colours, told apart by colour-blind eyes too (jfly.uni-koeln.de/color); the yellow is left out, for it
# is hard to see on white. They, and the grey of axes and text, stand out on a light and on a dark page.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")
_DASHES = ("solid", "dashed", "dotted", "dashdot", "dotdash", [12, 3], [2, 8], [12, 3, 2, 3])
_GREY = "#8a8a8a"
_JOINER = "\u2060"  # has no width
MOST_SERIES = 50
_FEW_SERIES = 8


def colour(number: int) -> str:
    """The colour of the n-th series."""
    return _COLOURS[number % len(_COLOURS)]


def plain(text: str, most: int = 90) -> str:
    """A text as Bokeh draws it as it is written: what it takes for the signs of a formula is parted, unseen."""
    text = cut(clean(text), most)
    for sign in ("$$", "\\(", "\\)", "\\[", "\\]"):
        while sign in text:
            text = text.replace(sign, f"{sign[0]}{_JOINER}{sign[1]}")
    return text


def factors(names: list[str]) -> list[str]:
    """The names of bars, cut; those that are equal then differ by signs that have no width."""
    found: dict[str, None] = {}
    for number, name in enumerate(names):
        text = plain(name, 16)
        if text in found:
            text += f"{number:b}".replace("0", "\u200b").replace("1", _JOINER)
        while text in found:  # a name of the data has such signs itself
            text += _JOINER
        found[text] = None
    return list(found)


def slots_for(count: int) -> int:
    """For how many series a figure has room: it is drawn anew when it has to grow, which is seldom."""
    return 1 if count <= 1 else _FEW_SERIES if count <= _FEW_SERIES else MOST_SERIES


def series(chart: Any, *, slots: int, times: bool, lines: bool) -> Any:
    """A figure of lines or points: for each slot a data source and renderers that are called by its number."""
    from bokeh.models import ColumnDataSource, DatetimeTicker

    drawn = _figure(chart)
    hovered = []
    for slot in range(slots):
        source = ColumnDataSource({"x": [], "y": []}, name=f"source {slot}")
        look = {"source": source, "color": colour(slot)}
        if lines:
            dash = _DASHES[slot // len(_COLOURS) % len(_DASHES)]
            made = drawn.line("x", "y", **look, line_width=1.5, line_dash=dash)
            few = ColumnDataSource({"x": [], "y": []}, name=f"few {slot}")
            dots = drawn.scatter("x", "y", source=few, color=colour(slot), size=5)
            made.js_link("visible", dots, "visible")
        else:
            made = drawn.scatter("x", "y", **look, size=5, alpha=0.6)
        made.name = f"line {slot}"
        hovered.append(made)
    _add_hover(drawn, hovered, line_policy="nearest", mode="vline" if lines else "mouse")
    if times:
        drawn.xaxis.ticker = DatetimeTicker(num_minor_ticks=0)
        drawn.xaxis.formatter = _times()
    return drawn


def bars(chart: Any) -> Any:
    """A figure of bars by name."""
    from bokeh.models import ColumnDataSource, FactorRange, NoOverlap

    drawn = _figure(chart, x_range=FactorRange(name="factors"))
    source = ColumnDataSource({"x": [], "factor": [], "y": []}, name="source 0")
    _add_hover(drawn, [drawn.vbar("factor", top="y", source=source, width=0.8, color=colour(0))])
    drawn.xgrid.grid_line_color = None
    drawn.xaxis.name, drawn.xaxis.major_label_policy = "names", NoOverlap(min_distance=4)
    return drawn


def spans(chart: Any) -> Any:
    """A figure of bars from one number to the next."""
    from bokeh.models import ColumnDataSource

    drawn = _figure(chart)
    source = ColumnDataSource({"left": [], "right": [], "y": []}, name="source 0")
    look = {"bottom": 0, "top": "y", "color": colour(0), "alpha": 0.8}
    _add_hover(drawn, [drawn.quad(left="left", right="right", source=source, **look)])
    return drawn


def _add_hover(drawn: Any, renderers: list[Any], **options: Any) -> None:
    from bokeh.models import HoverTool

    drawn.add_tools(HoverTool(renderers=renderers, tooltips=None, name="hover", **options))  # the page makes the texts


def _figure(chart: Any, **options: Any) -> Any:
    """An empty figure: quiet, as wide as the page, readable on light and dark."""
    from bokeh.plotting import figure

    drawn: Any = figure(
        height=chart.height,
        sizing_mode="stretch_width",
        tools="pan,wheel_zoom,box_zoom,reset,save",
        title=plain(chart.title),
        background_fill_alpha=0,
        border_fill_alpha=0,
        outline_line_color=None,
        min_border_left=50,
        **options,
    )
    drawn.toolbar.logo, drawn.toolbar.autohide = None, True
    drawn.grid.grid_line_color, drawn.grid.grid_line_alpha = _GREY, 0.25
    for axis, label in zip(drawn.axis, chart._labels(), strict=True):
        axis.axis_label, axis.axis_label_text_font_style = plain(label, 60), "normal"
        axis.axis_line_color = axis.major_tick_line_color = _GREY
        axis.minor_tick_line_color = None
        axis.major_label_text_color = axis.axis_label_text_color = _GREY
    drawn.title.text_color, drawn.title.text_font_style = _GREY, "normal"
    drawn.yaxis.formatter.use_scientific = False
    return drawn


def _times() -> Any:
    """Ticks with as many digits as tell them apart, in UTC; below parts of a day, their day."""
    from bokeh.models import DatetimeTickFormatter

    parts = ("microseconds", "milliseconds", "seconds", "minsec", "minutes", "hourmin", "hours")
    formats: dict[str, Any] = {
        **dict.fromkeys(parts, "%H:%M"),
        **dict.fromkeys(("seconds", "minsec"), "%H:%M:%S"),
        "milliseconds": "%H:%M:%S.%3N",
        "microseconds": "%H:%M:%S.%6N",
        "days": "%Y-%m-%d",
        "months": "%Y-%m",
        "years": "%Y",
    }
    day: dict[str, Any] = {**dict.fromkeys(parts, "%Y-%m-%d"), **dict.fromkeys(("days", "months", "years"), "")}
    return DatetimeTickFormatter(
        **formats,
        strip_leading_zeros=False,
        boundary_scaling=False,
        context=DatetimeTickFormatter(**day, boundary_scaling=False),
        context_which="all",
        context_location="below",
    )
