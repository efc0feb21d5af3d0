"""One thread publishes all plots of this kernel, each at most ten times a second; many of them less often.

Data comes as fast as it likes; what is drawn is the state at the moment of drawing. So a plot costs the same at 20 and
at 5,000 records a second, nothing piles up on the way to the browser, and nothing that is in the window is left out.
"""

import threading
import time
from typing import Any, Protocol
from weakref import WeakSet

__all__ = ["Publishable", "changed", "forget", "lock"]

_PERIOD = 0.1  # seconds between two publications of a plot
# All plots together. A browser needs some 15 ms to draw one; and of the 1,000 messages a second that pass the server,
# a publication is three.
_PUBLICATIONS_A_SECOND = 40
_SHARE = 0.3  # of its time that a kernel spends on publishing, at most
_LONGEST = 1.0  # seconds: however slow it is, a plot is not forgotten
_IDLE_SECONDS = 2.0

# Bokeh's models are not made for threads: whoever touches them, and whoever publishes, holds this.
lock = threading.RLock()


class Publishable(Protocol):
    """What the publisher needs of a plot."""

    def publish(self) -> None: ...


class _Publisher:
    def __init__(self) -> None:
        self._dirty: WeakSet[Any] = WeakSet()
        self._something = threading.Condition()
        self._thread: threading.Thread | None = None

    def changed(self, plot: Publishable) -> None:
        with self._something:
            if plot in self._dirty:
                return
            self._dirty.add(plot)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="kit-plots", daemon=True)
                self._thread.start()
            self._something.notify()

    def forget(self, plot: Publishable) -> None:
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
        began, count = time.monotonic(), len(plots)
        while plots:
            plots.pop().publish()  # and keep none of them alive
        took = time.monotonic() - began
        left = min(max(_PERIOD, count / _PUBLICATIONS_A_SECOND, took / _SHARE), _LONGEST) - took
        if left > 0:
            _pause.wait(left)
        return True


_pause = threading.Event()  # never set
_publisher = _Publisher()


def changed(plot: Publishable) -> None:
    """Have a plot published soon. From any thread; costs next to nothing."""
    _publisher.changed(plot)


def forget(plot: Publishable) -> None:
    """Publish a plot no more."""
    _publisher.forget(plot)
