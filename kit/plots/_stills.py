"""Pictures that stand still, for a notebook that is run where no front end shows its plots."""

import base64
import io
import os
import warnings
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from kit.plots._text import clean, cut

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["figure", "is_wanted", "label", "legend", "png", "register", "stills"]

_shown: "WeakValueDictionary[str, Any]" = WeakValueDictionary()


def is_wanted() -> bool:
    """Whether a plot is displayed with a still. In a notebook that is open in a page, the page draws it."""
    return "JPY_SESSION_NAME" not in os.environ  # Jupyter's server sets it for the kernels of its notebooks


def register(model_id: str, plot: Any) -> None:
    """Remember that a plot is shown by the widget with this id."""
    _shown[model_id] = plot


def stills() -> dict[str, dict[str, Any]]:
    """The last state of all plots that were displayed, as MIME bundles by the id of their widget.

    A program that stores a notebook's outputs asks for them when all cells have run, and puts them in the widgets'
    place.
    """
    return {model_id: plot.still() for model_id, plot in sorted(_shown.items()) if not plot._closed}


def figure(title: str, height: int) -> "Figure":
    """An empty figure in the look of the live ones."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(7.2, height / 100), dpi=80, layout="constrained")
    axes = drawn.add_subplot()
    axes.set_title(label(title), fontsize=10, loc="left", parse_math=False)
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return drawn


def label(text: str, most: int = 80) -> str:
    """A text as matplotlib draws it as it is written."""
    return cut(clean(text), most)


def legend(axes: "Axes", names: dict[str, Any], *, most: int = 12) -> None:
    """A legend beside the plot, of the artists by their names, and how many of them it leaves out."""
    shown = list(names)[:most]
    texts = [label(name, 24) for name in shown]
    artists = [names[name] for name in shown]
    if len(names) > most:
        texts, artists = [*texts, f"and {len(names) - most} more"], [*artists, axes.plot([], [], alpha=0)[0]]
    made = axes.legend(artists, texts, fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    for text in made.get_texts():
        text.set_parse_math(False)


def png(drawn: "Figure", note: str) -> dict[str, Any]:
    """The figure as a MIME bundle, with a note below it."""
    drawn.supxlabel(f"still picture, {clean(note)}", fontsize=8, color="#777777", x=0.01, ha="left", parse_math=False)
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)  # it draws a box for an emoji
        drawn.savefig(out, format="png", metadata={"Software": None})
    return {"image/png": base64.b64encode(out.getvalue()).decode()}
