"""Ctrl-C and the like, held off for the moment in which a process is started.

An interrupt between the start of a process and the line that records it would leave a process without an owner.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from types import FrameType

__all__ = ["ENDINGS", "merged_environment", "stop_at_the_first", "uninterrupted"]

# What asks a program to end: Ctrl-C, a polite kill, a terminal that is closed.
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Put signals that ask to end off until the block is done; the first of them comes then."""
    if threading.current_thread() is not threading.main_thread():  # only that one is interrupted
        yield
        return
    came: list[int] = []
    kept = {ending: signal.signal(ending, lambda number, _: came.append(number)) for ending in ENDINGS}
    try:
        yield
    finally:
        for ending in reversed(ENDINGS):  # SIGINT last: its handler may raise at once
            signal.signal(ending, kept[ending])
        for number in came[:1]:
            signal.raise_signal(number)


def stop_at_the_first() -> None:
    """Have the first signal that asks to end raise `KeyboardInterrupt`, and ignore the others.

    Tidying up takes seconds, and a second signal must not cut it short.
    """
    for number in ENDINGS:
        if number in (signal.SIGINT, signal.SIGTERM) or signal.getsignal(number) is not signal.SIG_IGN:  # as by nohup
            signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    for number in ENDINGS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def merged_environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    """This process's environment with `changes`; None as a value takes a variable out."""
    merged: dict[str, str | None] = {**os.environ, **changes}
    return {name: value for name, value in merged.items() if value is not None}
