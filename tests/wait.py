"""Waiting for something to become true: with a deadline, on a monotonic clock, never a bare sleep."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_pause = threading.Event()


def wait_until(predicate: Callable[[], T], *, timeout: float = 30.0, what: str = "the condition") -> T:
    """Ask `predicate` until it gives something true, and return that; fail the test after `timeout` seconds."""
    until = time.monotonic() + timeout
    while not (found := predicate()):
        if time.monotonic() > until:
            raise AssertionError(f"{what} did not come about in {timeout:g} s; last answer: {found!r}")
        _pause.wait(0.02)
    return found
