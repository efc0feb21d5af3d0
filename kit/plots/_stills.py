"""Pictures that stand still, for a notebook that is run where no front end shows its plots."""

import base64
import io
import math
import os
import warnings
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from kit.plots._bokeh import colour
from kit.plots._text import clean, cut

__all__ = ["is_wanted", "label", "picture", "shown", "stills"]

_DAY = "\n%Y-%m-%d"  # as in the live charts: times in UTC, and below them their day
_TIMES: Any = {
    "timezone": "UTC",
    "date.autoformatter.year": "%Y",
    "date.autoformatter.month": "%Y-%m",
    "date.autoformatter.day": "%Y-%m-%d",
    "date.autoformatter.hour": f"%H:%M{_DAY}",
    "date.autoformatter.minute": f"%H:%M{_DAY}",
    "date.autoformatter.second": f"%H:%M:%S{_DAY}",
    "date.autoformatter.microsecond": f"%H:%M:%S.%f{_DAY}",
}

shown: "WeakValueDictionary[str, Any]" = WeakValueDictionary()  # the plots that were displayed, by their widget's id


def is_wanted() -> bool:
    """Whether a plot is displayed with a still. In a notebook that is open in a page, the page draws it."""
    return "JPY_SESSION_NAME" not in os.environ  # Jupyter's server sets it for the kernels of its notebooks


def stills() -> dict[str, dict[str, Any]]:
    """The last state of all plots that were displayed, as MIME bundles by the id of their widget.

    A program that stores a notebook's outputs asks for them when all cells have run, and puts them in the widgets'
    place.
    """
    return {model_id: plot.still() for model_id, plot in sorted(shown.items()) if not plot._closed}


def label(text: str, most: int = 80) -> str:
    """A text as matplotlib draws it as it is written."""
    return cut(clean(text), most)


def picture(chart: Any) -> dict[str, Any]:
    """A chart as a MIME bundle, in the look of the live ones, with its note below it."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_TIMES):
        drawn = Figure(figsize=(7.2, chart.height / 100), dpi=80, layout="constrained")
        axes = drawn.add_subplot()
        axes.set_title(label(chart.title), fontsize=10, loc="left", parse_math=False)
        axes.grid(visible=True, color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        for axis, text in zip((axes.xaxis, axes.yaxis), chart._labels(), strict=True):
            axis.set_label_text(label(text), fontsize=8, parse_math=False)
        sources, extras = chart._sources(), chart._extras()
        artists = {
            name: _paint(axes, sources[f"source {slot}"], extras, own)
            for slot, name, own in extras.get("names", [[0, "", colour(0)]])
        }
        if len(artists) > 1:
            _legend(axes, artists)
        note = f"still picture, {chart.note}"
        drawn.supxlabel(note, fontsize=8, color="#777777", x=0.01, ha="left", parse_math=False)
        out = io.BytesIO()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)  # it draws a box for an emoji
            drawn.savefig(out, format="png", metadata={"Software": None})
    return {"image/png": base64.b64encode(out.getvalue()).decode()}


def _paint(axes: Any, columns: dict[str, Any], extras: dict[str, Any], own: str) -> Any:
    if "left" in columns:
        edges = [*columns["left"], *columns["right"][-1:]] or [0.0]
        return axes.stairs(columns["y"], edges, fill=True, color=own, alpha=0.8)
    if "texts" in extras:
        names = extras["texts"]["x"]
        places = range(0, len(names), math.ceil(len(names) / 25) or 1)
        labels = [label(names[n], 16) for n in places]
        axes.set_xticks(places, labels, parse_math=False, rotation=60 if sum(map(len, labels)) > 80 else 0)
        return axes.bar(range(len(names)), columns["y"], color=own)
    x = np.rint(columns["x"] * 1000).astype("datetime64[us]") if extras["digits"] else columns["x"]
    look = {"linewidth": 1.5, "marker": "o" if len(x) == 1 else ""}
    if not extras["lines"]:
        look = {"linewidth": 0, "marker": ".", "markersize": 6, "alpha": 0.6}
    return axes.plot(x, columns["y"], color=own, **look)[0]


def _legend(axes: Any, artists: dict[str, Any], *, most: int = 12) -> None:
    """A legend beside the plot, of the artists by their names, and how many of them it leaves out."""
    texts = [label(name, 24) for name in list(artists)[:most]]
    handles = list(artists.values())[:most]
    if len(artists) > most:
        texts, handles = [*texts, f"and {len(artists) - most} more"], [*handles, axes.plot([], [], alpha=0)[0]]
    made = axes.legend(handles, texts, fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    for text in made.get_texts():
        text.set_parse_math(False)
