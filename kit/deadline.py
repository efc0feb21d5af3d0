"""Deadlines on a clock that nothing moves, and waiting until something is true.

>>> deadline = Deadline(5.0)
>>> deadline.passed, deadline.left <= 5.0
(False, True)
>>> wait_until(lambda: "ready", seconds=1.0)
'ready'
"""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["Deadline", "pause", "wait_until"]

T = TypeVar("T")
_never = threading.Event()  # never set: a wait for it ends after its time, or by Ctrl-C


class Deadline:
    """A moment by which something must have happened. `seconds`: from now; None: there is no deadline."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self.restart()

    def restart(self) -> None:
        """Count from now again."""
        self._at = float("inf") if self.seconds is None else time.monotonic() + self.seconds

    @property
    def left(self) -> float:
        """Seconds until then, never below 0; infinity without a deadline."""
        return max(self._at - time.monotonic(), 0.0)

    @property
    def passed(self) -> bool:
        return time.monotonic() >= self._at


def wait_until(done: Callable[[], T], *, seconds: float | None, every: float = 0.02) -> T:
    """Call `done` until it gives something true, or `seconds` are over. Returns what it gave last."""
    deadline = Deadline(seconds)
    while not (found := done()) and not deadline.passed:
        pause(every)
    return found


def pause(seconds: float) -> None:
    """Let time pass; Ctrl-C ends it."""
    _never.wait(seconds)
