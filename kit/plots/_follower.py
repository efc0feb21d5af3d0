"""What appends to a plot in the background."""

import threading
from collections.abc import Callable, Iterable
from typing import Any

from kit.errors import KitError
from kit.plots._rows import Data

__all__ = ["Follower"]


class Follower:
    """A thread that appends what a stream gives, until `stop` or the plot's end."""

    def __init__(
        self, plot: Any, source: Iterable[Any], each: Callable[[Any], Data | None] | None, *, replace: bool
    ) -> None:
        self._plot, self._source, self._each, self._replace = plot, source, each, replace
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kit-plots-follower", daemon=True)
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """End it; whether it has ended."""
        self.end()
        if self._thread is threading.current_thread():
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def end(self) -> None:
        """Ask it to end, and do not wait."""
        self._over.set()
        self._call("stop")

    def _call(self, name: str) -> None:
        method = getattr(self._source, name, None)
        if callable(method):  # the `stop` of a range is a number
            method()

    def _run(self) -> None:
        state, failed = "the stream has ended", False
        try:
            self._read()
        except Exception as error:  # the note shows it: no caller could catch it
            state, failed = f"stopped: {_in_a_line(error)}", True
        plot = self._plot
        if not plot._closed and plot._follower in (self, None):
            plot._set_state("stopped" if self._over.is_set() and not failed else state, failed=failed)

    def _read(self) -> None:
        try:
            for batch in self._source:
                if self._over.is_set() or self._plot._closed:
                    return
                data = batch if self._each is None else self._each(batch)
                if data is not None:
                    (self._plot.replace if self._replace else self._plot.append)(data)
        finally:
            self._call("close")


def _in_a_line(error: Exception) -> str:
    if isinstance(error, KitError):
        return f"expected {error.expected}, got {error.got}; {error.todo}"
    return f"{type(error).__name__}: {error}"
