"""Running somebody else's code: for a bounded time, whatever it does, and with its own line when it breaks."""

import contextvars
import ctypes
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from kit.errors import readers_frames

__all__ = ["StudentError", "TookTooLong", "call", "describe_line"]

_BETWEEN = 0.05
_TIDYING = 0.5  # what is told to stop may have something to close; told again, it would leave that open
_TELLS = [_TIDYING, *[_BETWEEN] * 9]  # code that catches everything may have to be told more than once


class StudentError(Exception):
    """The student's code raised; the error is the cause."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.error = error


class TookTooLong(Exception):
    """The student's code had not come back in time. `stopped`: whether it has ended since."""

    def __init__(self, seconds: float, line: str, *, stopped: bool) -> None:
        super().__init__(f"{seconds:g} s")
        self.seconds, self.line, self.stopped = seconds, line, stopped


class _Stop(BaseException):
    """Raised inside code that has run for too long."""


class _Runner(threading.Thread):
    """One call, in a thread that can be left behind. What it prints goes to the cell that asked.

    Whether it is over, an event of its own tells: a `Thread.join` that is interrupted takes the thread for ended
    (CPython before 3.13, gh-90882).
    """

    def __init__(self, function: Callable[[], Any]) -> None:
        super().__init__(name="kit-exercise", daemon=True)
        self._function = function
        self._context = contextvars.copy_context()
        self._over = threading.Event()
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self._context.run(self._function)
        except BaseException as error:  # SystemExit, too: a check must outlive it
            self.error = error
        finally:
            self._over.set()

    def wait(self, seconds: float) -> bool:
        """Wait until the call is over, at most for a while; says whether it is."""
        return self._over.wait(seconds)

    def end(self) -> bool:
        """Make the code stop at its next step; says whether it has. A call that waits in the system goes on."""
        for seconds in _TELLS:
            if self._over.is_set():
                break
            # The one way Python has to stop code in another thread: C API, PyThreadState_SetAsyncExc.
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.ident or 0), ctypes.py_object(_Stop))
            self.wait(seconds)
        return self._over.is_set()

    def place(self) -> str:
        """Where the code is now."""
        frame = sys._current_frames().get(self.ident or 0)
        return describe_line(traceback.StackSummary.extract(traceback.walk_stack(frame))[::-1]) if frame else ""


def call(function: Callable[..., Any], *args: Any, seconds: float, **options: Any) -> Any:
    """Call the student's function, and give what it returns.

    Raises
    ------
    StudentError
        It raised; `SystemExit` and `KeyboardInterrupt` of its own count.
    TookTooLong
        It had not come back after `seconds`. It was told to stop.
    """
    runner = _Runner(lambda: function(*args, **options))
    runner.start()
    try:
        until = time.monotonic() + seconds
        while not (over := runner.wait(min(_BETWEEN, seconds))) and time.monotonic() < until:
            pass  # in steps: a long wait for a thread cannot be interrupted everywhere
    except BaseException:  # the reader's own interrupt
        runner.end()
        raise
    if not over:
        line = runner.place()
        raise TookTooLong(seconds, line, stopped=runner.end())
    if runner.error is not None:
        _raise(runner.error)
    return runner.result


def _raise(error: BaseException) -> NoReturn:
    raise StudentError(error) from error


def describe_line(where: "traceback.StackSummary | list[traceback.FrameSummary] | BaseException") -> str:
    """The last line of the student's own code, as ``line 3 of to_record: return tweet.usr``; or nothing."""
    frames = traceback.extract_tb(where.__traceback__) if isinstance(where, BaseException) else where
    own = readers_frames(frames)
    if not own:
        return ""
    last = own[-1]
    inside = "" if last.name == "<module>" else f" (in {last.name})"
    return f"line {last.lineno} of the cell{inside}: {last.line}"
