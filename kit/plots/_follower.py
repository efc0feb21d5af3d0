"""What appends to a plot in the background."""

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from kit.errors import KitError
from kit.plots._rows import Data

if TYPE_CHECKING:
    from kit.plots._plot import Plot

__all__ = ["Follower"]


class Follower:
    """A thread that appends what a stream gives, until `stop` or the plot's end."""

    def __init__(
        self, plot: "Plot", source: Iterable[Any], each: Callable[[Any], Data | None] | None, *, replace: bool
    ) -> None:
        self._plot, self._source, self._each, self._replace = plot, source, each, replace
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kit-plots-follower", daemon=True)
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """End it; says whether it has ended."""
        self.end()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout)
        return not self._thread.is_alive() or self._thread is threading.current_thread()

    def end(self) -> None:
        """Ask it to end, and do not wait."""
        self._over.set()
        stop = getattr(self._source, "stop", None)
        if callable(stop):  # that of a range is a number
            stop()

    def _run(self) -> None:
        state, failed = "the stream has ended", False
        try:
            self._read()
        except Exception as error:  # whatever it was, the note tells it: no caller could catch it
            state, failed = f"stopped: {_in_a_line(error)}", True
        plot = self._plot
        if not plot._closed and plot._follower in (self, None):
            plot._set_state("stopped" if self._over.is_set() and not failed else state, failed=failed)

    def _read(self) -> None:
        try:
            for batch in self._source:
                if self._over.is_set() or not self._take(batch):
                    return
        finally:
            close = getattr(self._source, "close", None)
            if callable(close):
                close()

    def _take(self, batch: Any) -> bool:
        if self._plot._closed:
            return False
        data = batch if self._each is None else self._each(batch)
        if data is not None:
            (self._plot.replace if self._replace else self._plot.append)(data)
        return True


def _in_a_line(error: Exception) -> str:
    """An error in a line of text."""
    if isinstance(error, KitError):
        return f"expected {error.expected}, got {error.got}; {error.todo}"
    return f"{type(error).__name__}: {error}"
