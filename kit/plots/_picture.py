"""A picture of a chart, for a notebook that is run where no page shows it."""

import base64
import io
import math
import warnings
from typing import Any

import numpy as np

from kit.plots._bokeh import colour
from kit.plots._values import cut

__all__ = ["picture"]

_STYLE: Any = {
    "text.parse_math": False,
    "font.size": 8,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#dddddd",
    "legend.frameon": False,
}
_LEGEND = 12  # how many series it names


def picture(chart: Any) -> dict[str, Any]:
    """A chart as a MIME bundle, in the look of the live ones, with its note below it."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    drawing, out = chart.drawing(), io.BytesIO()
    with rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)  # it draws a box for an emoji
        drawn = Figure(figsize=(7.2, chart.height / 100), dpi=80, layout="constrained")
        across, up = (cut(label, 80) for label in drawing.look.axis_labels())
        axes = drawn.add_subplot(title=cut(chart.title, 80), xlabel=across, ylabel=up)
        series = drawing.more.get("names", [[0, "", colour(0)]])
        artists = [_paint(axes, drawing, slot, own) for slot, _, own in series]
        if drawing.look.many and artists:
            texts = [cut(name, 24) for _, name, _ in series[:_LEGEND]]
            texts += [f"and {len(series) - _LEGEND} more"] if len(series) > _LEGEND else []
            axes.legend(artists[: len(texts)], texts, loc="upper left", bbox_to_anchor=(1, 1))
        drawn.supxlabel(f"still picture, {chart.note}", size=8, color="#777777", x=0.01, ha="left")
        drawn.savefig(out, format="png", metadata={"Software": None})
    return {"image/png": base64.b64encode(out.getvalue()).decode()}


def _paint(axes: Any, drawing: Any, slot: int, own: str) -> Any:
    """Draw one series."""
    columns = drawing.sources[f"source {slot}"]
    if drawing.look.glyph == "quad":
        edges = [*columns["left"], *columns["right"][-1:]] or [0.0]
        return axes.stairs(columns["y"], edges, fill=True, color=own, alpha=0.8)
    if drawing.look.glyph == "vbar":
        names = drawing.more["texts"]["x"]
        places = range(0, len(names), math.ceil(len(names) / 25) or 1)
        labels = [cut(names[n], 16) for n in places]
        axes.set_xticks(places, labels, rotation=60 if sum(map(len, labels)) > 80 else 0)
        return axes.bar(range(len(names)), columns["y"], color=own)
    x = np.rint(columns["x"] * 1000).astype("datetime64[us]") if drawing.more["digits"] else columns["x"]
    look = {"linewidth": 1.5, "marker": "o" if len(x) == 1 else ""}
    if drawing.look.glyph == "scatter":
        look = {"linewidth": 0, "marker": ".", "markersize": 6, "alpha": 0.6}
    return axes.plot(x, columns["y"], color=own, **look)[0]
