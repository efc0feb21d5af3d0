"""What plots do in the background: a thread publishes them all, and each follower appends to one of them.

Data comes as fast as it likes; what is sent is what is new at the moment of sending. So a plot costs nearly the same at
20 and at 5,000 records a second, nothing piles up on the way to the browser, and nothing in the window is left out.
"""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakSet

from kit.deadline import pause
from kit.errors import KitError

__all__ = ["Follower", "changed", "current_cell", "enter"]

_PERIOD = 0.03  # seconds between two publications of a plot
_MESSAGES_A_SECOND = 300  # of all plots; Jupyter's server drops what is beyond 1,000
_BYTES_A_SECOND = 600_000  # and beyond a million bytes a second
_SHARE = 0.3  # of its time that a kernel spends on publishing, at most
_LONGEST = 1.0  # seconds: however slow it is, a plot is not forgotten
_IDLE_SECONDS = 2.0

_dirty: WeakSet[Any] = WeakSet()
_something = threading.Condition()
_thread: threading.Thread | None = None
_runs: dict[str, tuple[str, WeakSet[Any]]] = {}  # by cell: its last run, and the plots that this has made


def changed(plot: Any) -> None:
    """Have a plot published soon: its `publish` sends what is new. From any thread; costs next to nothing."""
    global _thread  # noqa: PLW0603
    with _something:
        _dirty.add(plot)
        _something.notify()
        if _thread is None:
            _thread = threading.Thread(target=_run, name="kit-plots", daemon=True)
            _thread.start()


def _run() -> None:
    """Publish at once what changes after a pause, then in a steady rhythm; end when there is nothing for a while."""
    global _thread  # noqa: PLW0603
    try:
        while True:
            with _something:
                if not _something.wait_for(lambda: len(_dirty), _IDLE_SECONDS):
                    _thread = None
                    return
                plots = list(_dirty)
                _dirty.clear()
            _publish(plots)
    except BaseException:
        _thread = None  # the next change starts another
        raise


def _publish(plots: list[Any]) -> None:
    """Publish them, and wait until the next may be."""
    began, count, sent = time.monotonic(), len(plots), 0
    while plots:
        size = plots.pop().publish()  # and keep none of them alive
        sent += size
        if size > _BYTES_A_SECOND / 10:  # many pages' worth of everything would be too much at once
            pause(size / _BYTES_A_SECOND)
    took = time.monotonic() - began
    least = max(_PERIOD, count / _MESSAGES_A_SECOND, sent / _BYTES_A_SECOND, took / _SHARE)
    pause(max(min(least, _LONGEST) - took, 0))


class Follower:
    """A thread that has a plot take what a stream gives, until `stop` or the plot's end."""

    def __init__(self, plot: Any, source: Iterable[Any], each: Callable[[Any], Any] | None, *, anew: bool) -> None:
        self._plot, self._source, self._each, self._anew = plot, source, each, anew
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
        if callable(method := getattr(self._source, name, None)):  # the `stop` of a range is a number
            method()

    def _run(self) -> None:
        plot, wrong = self._plot, ""
        try:
            self._read()
        except KitError as error:
            wrong = f"stopped: expected {error.expected}, got {error.got}; {error.todo}"
        except Exception as error:  # the note shows it: no caller could catch it
            wrong = f"stopped: {type(error).__name__}: {error}"
        if not plot._closed and plot._follower in (self, None):
            end = "stopped" if self._over.is_set() else "the stream has ended"
            plot._set_state(wrong or end, failed=bool(wrong))

    def _read(self) -> None:
        try:
            for batch in self._source:
                if self._over.is_set() or self._plot._closed:
                    return
                data = batch if self._each is None else self._each(batch)
                if data is not None:
                    self._plot._take(data, anew=self._anew)
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
