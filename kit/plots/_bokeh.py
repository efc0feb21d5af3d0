"""How the charts look: what Bokeh needs to be told, in one place."""

from typing import Any

from bokeh.layouts import column, row
from bokeh.models import Column as Layout
from bokeh.models import (
    ColumnDataSource,
    CustomJS,
    CustomJSHover,
    CustomJSTickFormatter,
    DatetimeTicker,
    HoverTool,
    InlineStyleSheet,
)
from bokeh.models.annotations import Legend, LegendItem
from bokeh.models.widgets import Button, Div
from bokeh.plotting import figure as bokeh_figure

__all__ = [
    "add_bars",
    "add_line",
    "add_quads",
    "add_scatter",
    "align",
    "colour",
    "connect_csv",
    "figure",
    "layout",
    "remove",
    "time_axis",
]

# Okabe and Ito's colours, told apart by colour-blind eyes too (jfly.uni-koeln.de/color); the yellow is left out, for it
# is hard to see on white. They, and the grey of axes and text, stand out on a light and on a dark page.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")
_DASHES = ("solid", "dashed", "dotted", "dashdot")
_GREY = "#8a8a8a"

# The browser knows the reader's time zone. A time is a day if it is midnight in UTC, as days without a time are.
_TICK = """
const span = ticks.length > 1 ? ticks[ticks.length - 1] - ticks[0] : 0;
const at = new Date(tick);
const days = ticks.every(other => other % 86400000 === 0);
if (days) return at.toLocaleDateString(undefined, {timeZone: "UTC", year: "numeric", month: "short", day: "numeric"});
const long = {month: "short", day: "numeric", hour: "2-digit", minute: "2-digit"};
if (span > 2 * 86400000) return at.toLocaleString(undefined, long);
return at.toLocaleTimeString();
"""
_HOVER = """
const at = new Date(value);
return value % 86400000 === 0 ? at.toLocaleDateString(undefined, {timeZone: "UTC"}) : at.toLocaleString();
"""
_CSV = """
const quoted = text => /[",\\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
const written = (key, value) => {
    if (value === null || Number.isNaN(value)) return "";
    return quoted(key === "x" && times ? new Date(value).toISOString() : String(value));
};
const rows = [];
for (const [name, source] of Object.entries(sources)) {
    const columns = Object.keys(headings).filter(key => key in source.data);
    if (!rows.length) rows.push(["series", ...columns.map(key => quoted(headings[key]))].join(","));
    for (let i = 0; i < source.get_length(); i++) {
        rows.push([quoted(name), ...columns.map(key => written(key, source.data[key][i]))].join(","));
    }
}
const link = document.createElement("a");
link.href = URL.createObjectURL(new Blob([rows.join("\\n") + "\\n"], {type: "text/csv"}));
link.download = `${title}.csv`;
link.click();
URL.revokeObjectURL(link.href);
"""
# A patch comes in three parts, and BokehJS counts them. A view that opens between two of them would count wrong for
# ever, and show nothing new: so each first part, which is told by its start, begins anew.
_ALIGN = """
const {Receiver} = window.Bokeh.require("protocol/receiver");
if (!Receiver.prototype.kit_consume) {
    Receiver.prototype.kit_consume = Receiver.prototype.consume;
    Receiver.prototype.consume = function(part) {
        if (typeof part === "string" && part.startsWith('{"msgid"')) this._current_consumer = this._HEADER;
        this.kit_consume(part);
    };
}
"""
# In JupyterLab's own colours, light or dark.
_BUTTON = """
.bk-btn, .bk-btn:hover {
    background: transparent;
    color: var(--jp-content-link-color, #1976d2);
    border: none;
    font-size: 12px;
    text-decoration: underline;
}
"""
# A view has said that it is ready, and that is all the kernel wants to hear of it: from then on it keeps to itself
# what a reader zooms or hides. (A view of a kernel that is gone would complain that it cannot tell.) And it may draw in
# turns with others: see the kit's JupyterLab extension.
_QUIET = """
root.document.kit_live = true;
setTimeout(() => root.document?._callbacks.clear(), 0);
"""


def colour(number: int) -> str:
    """The colour of the n-th series."""
    return _COLOURS[number % len(_COLOURS)]


def figure(title: str, height: int, *, x_label: str, y_label: str, **options: Any) -> Any:
    """An empty figure: quiet, as wide as the page, readable on light and dark."""
    drawn: Any = bokeh_figure(
        height=height,
        sizing_mode="stretch_width",
        tools="pan,wheel_zoom,box_zoom,reset,save",
        title=title,
        background_fill_alpha=0,
        border_fill_alpha=0,
        outline_line_color=None,
        min_border_left=50,
        **options,
    )
    drawn.toolbar.logo, drawn.toolbar.autohide = None, True
    drawn.grid.grid_line_color, drawn.grid.grid_line_alpha = _GREY, 0.25
    for axis, label in zip(drawn.axis, (x_label, y_label), strict=True):
        axis.axis_label, axis.axis_label_text_font_style = label, "normal"
        axis.axis_line_color = axis.major_tick_line_color = axis.minor_tick_line_color = _GREY
        axis.major_label_text_color = axis.axis_label_text_color = _GREY
    drawn.title.text_color, drawn.title.text_font_style = _GREY, "normal"
    drawn.yaxis.formatter.use_scientific = False
    return drawn


def layout(drawn: Any, title: str) -> tuple[Div, Layout]:
    """The figure with a line below it: a note, and a button that downloads the rows as CSV."""
    note = Div(text="", sizing_mode="stretch_width")
    plain = InlineStyleSheet(css=_BUTTON)
    button = Button(label="DownloadCsv", width=110, height=26, name="csv", stylesheets=[plain])
    button.js_on_click(CustomJS(args={"sources": {}, "headings": {}, "times": False, "title": title}, code=_CSV))
    return note, column(drawn, row(note, button, sizing_mode="stretch_width"), sizing_mode="stretch_width")


def connect_csv(document: Any, drawn: Any, sources: dict[str, ColumnDataSource]) -> None:
    """Tell the CSV button of the series there are now."""
    x, y = (axis.axis_label for axis in drawn.axis[:2])
    headings = {"x": x or "x", "left": f"{x} from", "right": f"{x} to", "y": y or "y"}
    times = isinstance(drawn.xaxis[0].ticker, DatetimeTicker)
    button = document.get_model_by_name("csv")
    for callback in button.js_event_callbacks.get("button_click", []):
        callback.args = {**callback.args, "sources": dict(sources), "headings": headings, "times": times}


def align(document: Any) -> None:
    """Have each view that opens, of this document, find the beginning of a patch."""
    document.js_on_event("document_ready", CustomJS(args={"root": document.roots[0]}, code=_ALIGN + _QUIET))


def time_axis(drawn: Any) -> None:
    """Make the x axis one of times."""
    axis = drawn.xaxis[0]
    axis.ticker = DatetimeTicker(num_minor_ticks=0)
    axis.formatter = CustomJSTickFormatter(code=_TICK)
    for tool in drawn.select(HoverTool):
        _tell_times(tool)


def _tell_times(tool: HoverTool) -> None:
    tool.formatters = {"@x": CustomJSHover(code=_HOVER)}
    lines: Any = tool.tooltips
    tool.tooltips = [(label, "@x{custom}" if text == "@x" else text) for label, text in lines]


def remove(drawn: Any, names: list[str]) -> None:
    """Draw series no more."""
    gone = {renderer for renderer in drawn.renderers if renderer.name in names}
    if gone:
        drawn.renderers = [renderer for renderer in drawn.renderers if renderer not in gone]
        tools = drawn.toolbar.tools
        drawn.toolbar.tools = [tool for tool in tools if not (isinstance(tool, HoverTool) and tool.name in names)]
    for legend in drawn.legend:
        legend.items = [item for item in legend.items if not gone.intersection(item.renderers)]


def add_line(drawn: Any, name: str, source: ColumnDataSource, *, number: int, legend: bool) -> None:
    dash = _DASHES[number // len(_COLOURS) % len(_DASHES)]
    line = drawn.line("x", "y", source=source, color=colour(number), line_width=2, line_dash=dash, name=name)
    dots = drawn.scatter("x", "y", source=source, color=colour(number), size=3, name=name)
    _explain(drawn, name, [dots], [line, dots], legend=legend)


def add_scatter(drawn: Any, name: str, source: ColumnDataSource, *, number: int, legend: bool) -> None:
    dots = drawn.scatter("x", "y", source=source, color=colour(number), size=5, alpha=0.6, name=name)
    _explain(drawn, name, [dots], [dots], legend=legend)


def add_bars(drawn: Any, source: ColumnDataSource) -> None:
    bars = drawn.vbar("x", top="y", source=source, width=0.8, color=colour(0))
    drawn.add_tools(HoverTool(renderers=[bars], tooltips=[("", "@x"), ("", "@y")]))
    drawn.xgrid.grid_line_color = None


def add_quads(drawn: Any, source: ColumnDataSource) -> None:
    quads = drawn.quad(left="left", right="right", bottom=0, top="y", source=source, color=colour(0), alpha=0.8)
    drawn.add_tools(HoverTool(renderers=[quads], tooltips=[("from", "@left"), ("to", "@right"), ("", "@y")]))


def _explain(drawn: Any, name: str, hovered: list[Any], shown: list[Any], *, legend: bool) -> None:
    """A tooltip, and a line in the legend that hides the series."""
    heading = [("", name)] if legend else []
    tool = HoverTool(
        renderers=hovered, tooltips=[*heading, (drawn.xaxis[0].axis_label or "x", "@x"), ("", "@y")], name=name
    )
    if isinstance(drawn.xaxis[0].ticker, DatetimeTicker):
        _tell_times(tool)
    tool.visible = False  # in the toolbar: one button a series is too many
    drawn.add_tools(tool)
    if legend:
        if not drawn.legend:
            drawn.add_layout(
                Legend(
                    click_policy="hide",
                    background_fill_alpha=0,
                    border_line_color=None,
                    label_text_color=_GREY,
                    inactive_fill_color=_GREY,
                    inactive_fill_alpha=0.2,
                ),
                "right",
            )
        drawn.legend[0].items.append(LegendItem(label={"value": name}, renderers=shown))
