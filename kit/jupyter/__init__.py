"""What `kit lab` adds to JupyterLab: settings, and pictures in the notebooks that it saves.

The settings keep the state of widgets when a notebook is saved, with the pictures of its plots: a reader who opens it
later sees them without running it. A reader elsewhere, as on GitHub, sees no widgets; for this one the pictures go into
the outputs, too.
"""

import html
from pathlib import Path
from typing import Any

__all__ = ["environment", "keep_pictures"]

_HERE = Path(__file__).parent
_VIEW = "application/vnd.jupyter.widget-view+json"
_STATE = "application/vnd.jupyter.widget-state+json"


def environment(inherited: dict[str, str]) -> dict[str, str]:
    """The environment in which JupyterLab finds the kit's settings."""
    import os

    path = os.pathsep.join([str(_HERE), *filter(None, [inherited.get("JUPYTER_CONFIG_PATH")])])
    return {**inherited, "JUPYTER_CONFIG_PATH": path}


def keep_pictures(model: dict[str, Any], **_: Any) -> None:
    """Put the last picture of each plot beside its widget: Jupyter's server calls this before it saves a notebook."""
    if model.get("type") != "notebook":
        return
    states = model["content"].get("metadata", {}).get("widgets", {}).get(_STATE, {}).get("state", {})
    for cell in model["content"].get("cells", []):
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            still = states.get(data.get(_VIEW, {}).get("model_id"), {}).get("state", {}).get("_still", {})
            if "picture" in still:
                data.pop("text/html", None)
                data["image/png"] = still["picture"].partition(",")[2]
            elif "body" in still:
                data["text/html"] = _html_of(still["body"], still["note"]["text"])


def _html_of(body: dict[str, Any], note: str) -> str:
    rows = [[row] if isinstance(row, str) else row for row in [*body.get("rows", []), body.get("text", [])] if row]
    head = "".join(f"<th>{html.escape(name)}</th>" for name in body.get("head", []))
    lines = ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows]
    table = "".join(f"<tr>{line}</tr>" for line in [head, *lines] if line)
    return f"<table>{table}</table><i>{html.escape(note)}</i>"
