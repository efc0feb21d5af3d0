"""Pictures that stand still, for a notebook that is looked at without its kernel."""

import base64
import io
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["figure", "png", "register", "stills"]

_shown: "WeakValueDictionary[str, Any]" = WeakValueDictionary()


def register(model_id: str, plot: Any) -> None:
    """Remember that a plot is shown by the widget with this id."""
    _shown[model_id] = plot


def stills() -> dict[str, dict[str, Any]]:
    """The last state of all plots that were displayed, as MIME bundles by the id of their widget.

    Who stores a notebook's outputs asks for them when all cells have run, and puts them in the widgets' place.
    """
    return {model_id: plot.still() for model_id, plot in sorted(_shown.items()) if not plot._closed}


def figure(title: str, height: int) -> "Figure":
    """An empty figure in the look of the live ones."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(7.2, height / 100), dpi=80, layout="constrained")
    axes = drawn.add_subplot()
    axes.set_title(title, fontsize=10, loc="left")
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return drawn


def png(drawn: "Figure", note: str) -> dict[str, Any]:
    """The figure as a MIME bundle, with a note below it."""
    drawn.supxlabel(f"still picture, {note}", fontsize=8, color="#777777", x=0.01, ha="left")
    out = io.BytesIO()
    drawn.savefig(out, format="png", metadata={"Software": None})
    return {"image/png": base64.b64encode(out.getvalue()).decode()}
