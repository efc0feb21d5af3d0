"""One thread publishes all plots of this kernel: at once what changes after a pause, then in a steady rhythm.

Data comes as fast as it likes; what is sent is what is new at the moment of sending. So a plot costs nearly the same at
20 and at 5,000 records a second, nothing piles up on the way to the browser, and nothing in the window is left out.
"""

import threading
import time
from typing import Any
from weakref import WeakSet

from kit.deadline import pause

__all__ = ["changed"]

_PERIOD = 0.03  # seconds between two publications of a plot
_MESSAGES_A_SECOND = 300  # of all plots; Jupyter's server drops what is beyond 1,000
_BYTES_A_SECOND = 600_000  # and beyond a million bytes a second
_SHARE = 0.3  # of its time that a kernel spends on publishing, at most
_LONGEST = 1.0  # seconds: however slow it is, a plot is not forgotten
_IDLE_SECONDS = 2.0

_dirty: WeakSet[Any] = WeakSet()
_something = threading.Condition()
_thread: threading.Thread | None = None


def changed(plot: Any) -> None:
    """Have a plot published soon: its `publish` sends what is new. From any thread; costs next to nothing."""
    global _thread  # noqa: PLW0603
    with _something:
        if plot in _dirty:
            return
        _dirty.add(plot)
        if _thread is None:
            _thread = threading.Thread(target=_run, name="kit-plots", daemon=True)
            _thread.start()
        _something.notify()


def _run() -> None:
    global _thread  # noqa: PLW0603
    try:
        while True:
            with _something:
                # Nothing to do for a while: the thread ends, and the next change starts another.
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
    if (rest := min(least, _LONGEST) - took) > 0:
        pause(rest)
