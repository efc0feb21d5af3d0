"""One cell, one follower: what a cell made ends when the cell makes it again."""

from typing import Any
from weakref import WeakSet

__all__ = ["current_cell", "enter"]

_runs: dict[str, tuple[str, WeakSet[Any]]] = {}  # by cell: its last run, and the plots that this has made


def current_cell() -> tuple[str, str] | None:
    """The id of the cell that runs, and of this run; None where the front end names no cells."""
    from IPython.core.getipython import get_ipython

    parent: dict[str, Any] = getattr(get_ipython(), "get_parent", dict)()
    cell = parent.get("metadata", {}).get("cellId")
    return (cell, parent["header"]["msg_id"]) if cell else None


def enter(plot: Any) -> None:
    """Note which cell makes a plot; what an earlier run of this cell made is retired."""
    where = current_cell()
    if where is None:
        return
    cell, run = where
    last, made = _runs.get(cell, ("", WeakSet()))
    if last != run:
        old, made = list(made), WeakSet()
        _runs[cell] = run, made
        for one in old:
            one._retire(cell)
    made.add(plot)
