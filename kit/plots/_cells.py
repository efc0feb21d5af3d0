"""One cell, one follower: what a cell made ends when the cell makes it again."""

from dataclasses import dataclass, field
from typing import Any, Protocol
from weakref import WeakSet

__all__ = ["current_cell", "enter"]


class _Retires(Protocol):
    def _retire(self, cell: str) -> None: ...


@dataclass
class _Run:
    number: str  # Jupyter's id of the request that ran the cell
    plots: WeakSet[Any] = field(default_factory=WeakSet)


_runs: dict[str, _Run] = {}


def current_cell() -> tuple[str, str] | None:
    """The id of the cell that runs, and of this run; None where the front end names no cells."""
    from IPython.core.getipython import get_ipython

    parent: dict[str, Any] = getattr(get_ipython(), "get_parent", dict)()
    cell = parent.get("metadata", {}).get("cellId")
    return (cell, parent["header"]["msg_id"]) if cell else None


def enter(plot: _Retires) -> None:
    """Note which cell makes a plot. What an earlier run of the same cell made has had its time."""
    where = current_cell()
    if where is None:
        return
    cell, number = where
    run = _runs.get(cell)
    if run is None or run.number != number:
        _runs[cell] = _Run(number)
        for old in list(run.plots) if run else ():
            old._retire(cell)
    _runs[cell].plots.add(plot)
