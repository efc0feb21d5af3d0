"""One thread publishes all plots of this kernel: at once what changes after a pause, then in a steady rhythm.

Data comes as fast as it likes; what is sent is what is new at the moment of sending. So a plot costs nearly the same at
20 and at 5,000 records a second, nothing piles up on the way to the browser, and nothing in the window is left out.
"""

import threading
import time
from typing import Any
from weakref import WeakSet

from kit.deadline import pause

__all__ = ["changed", "forget"]

_PERIOD = 0.02  # seconds between two publications of a plot
_MESSAGES_A_SECOND = 400  # of all plots; Jupyter's server drops what is beyond 1,000
_BYTES_A_SECOND = 600_000  # and beyond a million bytes a second
_SHARE = 0.3  # of its time that a kernel spends on publishing, at most
_LONGEST = 1.0  # seconds: however slow it is, a plot is not forgotten
_IDLE_SECONDS = 2.0


class _Publisher:
    def __init__(self) -> None:
        self._dirty: WeakSet[Any] = WeakSet()
        self._something = threading.Condition()
        self._thread: threading.Thread | None = None

    def changed(self, plot: Any) -> None:
        """Have a plot published soon: its `publish` sends what is new. From any thread; costs next to nothing."""
        with self._something:
            if plot in self._dirty:
                return
            self._dirty.add(plot)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="kit-plots", daemon=True)
                self._thread.start()
            self._something.notify()

    def forget(self, plot: Any) -> None:
        """Publish a plot no more."""
        with self._something:
            self._dirty.discard(plot)
            self._something.notify()

    def _run(self) -> None:
        try:
            while self._publish_once():
                pass
        except BaseException:
            with self._something:
                self._thread = None  # the next change starts another
            raise

    def _publish_once(self) -> bool:
        """Publish what has changed, and wait until the next may be; says whether there will be a next."""
        with self._something:
            # Nothing to do for a while: the thread ends, and the next change starts another.
            if not self._something.wait_for(lambda: len(self._dirty), _IDLE_SECONDS):
                self._thread = None
                return False
            plots = list(self._dirty)
            self._dirty.clear()
        began, count, sent = time.monotonic(), len(plots), 0
        while plots:
            size = plots.pop().publish()  # and keep none of them alive
            sent += size
            if size > _BYTES_A_SECOND / 10:  # many pages' worth of everything would be too much at once
                pause(size / _BYTES_A_SECOND)
        took = time.monotonic() - began
        left = max(_PERIOD, count / _MESSAGES_A_SECOND, sent / _BYTES_A_SECOND, took / _SHARE)
        if (rest := min(left, _LONGEST) - took) > 0:
            pause(rest)
        return True


_publisher = _Publisher()
changed, forget = _publisher.changed, _publisher.forget
