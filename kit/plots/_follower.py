"""What appends to a plot in the background; and its end, when the cell that made the plot is run again."""

import threading
from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakSet

from kit.errors import KitError

__all__ = ["Follower", "current_cell", "enter"]

_runs: dict[str, tuple[str, WeakSet[Any]]] = {}  # by cell: its last run, and the plots that this has made


class Follower:
    """A thread that has a plot take what a stream gives, until `stop` or the plot's end."""

    def __init__(self, plot: Any, source: Iterable[Any], take: Callable[[Any], object]) -> None:
        self._plot, self._source, self._take = plot, source, take
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kit-plots-follower", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Ask it to end, and do not wait."""
        self._over.set()
        self._call("stop")

    def stop(self, timeout: float) -> bool:
        """End it; whether it has ended."""
        self.end()
        if self._thread is threading.current_thread():
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _call(self, name: str) -> None:
        method = getattr(self._source, name, None)
        if callable(method):  # the `stop` of a range is a number
            method()

    def _run(self) -> None:
        plot, state, failed = self._plot, "the stream has ended", True
        try:
            self._read()
            failed = False
        except KitError as error:
            state = f"stopped: expected {error.expected}, got {error.got}; {error.todo}"
        except Exception as error:  # the note shows it: no caller could catch it
            state = f"stopped: {type(error).__name__}: {error}"
        if not plot._closed and plot._follower in (self, None):
            plot._set_state("stopped" if self._over.is_set() and not failed else state, failed=failed)

    def _read(self) -> None:
        try:
            for batch in self._source:
                if self._over.is_set() or self._plot._closed:
                    return
                self._take(batch)
        finally:
            self._call("close")


def current_cell() -> tuple[str, str] | None:
    """The id of the cell that runs, and of this run; None where the front end names no cells."""
    from IPython.core.getipython import get_ipython

    parent: dict[str, Any] = getattr(get_ipython(), "get_parent", dict)()
    cell = parent.get("metadata", {}).get("cellId")
    return (cell, parent["header"]["msg_id"]) if cell else None


def enter(plot: Any) -> None:
    """Note which cell makes a plot; what an earlier run of this cell made is retired."""
    if where := current_cell():
        cell, run = where
        last, made = _runs.get(cell, ("", WeakSet()))
        _runs[cell] = run, WeakSet([plot] if last != run else [*made, plot])
        for one in list(made) if last != run else ():
            one._retire(cell)
