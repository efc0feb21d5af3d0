"""Running a student's code: for a bounded time, whatever it does, and with its own line when it fails."""

import builtins
import contextvars
import ctypes
import functools
import linecache
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, NoReturn

from kit.deadline import Deadline
from kit.errors import readers_frames

__all__ = ["StudentError", "TookTooLong", "call", "describe_line", "guarded", "innermost"]

_BETWEEN = 0.02
_TIDYING = 0.5  # code that is stopped may have something to close; a second stop would leave that open
_STOPS = [_TIDYING, *[0.05] * 9]  # code that catches everything may have to be stopped more than once
_DEPTH = 3000  # frames; a student's recursion limit may be larger, and would fill the memory
_CHECKS = f"{os.sep}solutions{os.sep}checks{os.sep}"


class StudentError(Exception):
    """The student's code raised `error`."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(type(error).__name__)
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

    An event of its own tells its end: a `Thread.join` that is interrupted takes the thread for ended (CPython before
    3.13, gh-90882).
    """

    def __init__(self, function: Callable[[], Any]) -> None:
        super().__init__(name="kit-exercise", daemon=True)
        self._function = function
        self._context = contextvars.copy_context()
        self.over = threading.Event()
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self._context.run(self._function)
        except BaseException as error:  # SystemExit, too: a check must outlive it
            self.error = error
        finally:
            self.over.set()

    def end(self) -> bool:
        """Make the code stop at its next step; says whether it has. A call that waits in the system goes on."""
        for seconds in _STOPS:
            if self.over.is_set():
                break
            # The one way Python has to stop code in another thread: C API, PyThreadState_SetAsyncExc.
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.ident or 0), ctypes.py_object(_Stop))
            self.over.wait(seconds)
        return self.over.is_set()

    def too_deep(self) -> bool:
        """Whether the code has raised the limit of recursion, and gone below the usual one."""
        if sys.getrecursionlimit() <= _DEPTH:
            return False
        frame, depth = sys._current_frames().get(self.ident or 0), 0
        while frame is not None and depth < _DEPTH:
            frame, depth = frame.f_back, depth + 1
        return depth == _DEPTH


def call(function: Callable[..., Any], *args: Any, seconds: float, **options: Any) -> Any:
    """Call the student's function, and give what it returns.

    Raises
    ------
    StudentError
        It raised; `SystemExit` and `KeyboardInterrupt` of its own count.
    TookTooLong
        It had not come back after `seconds`. It was stopped.
    """
    runner = _Runner(lambda: function(*args, **options))
    deadline = Deadline(seconds)
    runner.start()
    try:  # in steps: a long wait for a thread cannot be interrupted everywhere
        while not runner.over.wait(min(_BETWEEN, seconds)) and not deadline.passed:
            if runner.too_deep() and runner.end():
                runner.error = RecursionError("the recursion has no end").with_traceback(_traceback(runner.error))
    except BaseException:  # the reader's own interrupt
        runner.end()
        raise
    if not runner.over.is_set():
        line = describe_line(sys._current_frames().get(runner.ident or 0))
        raise TookTooLong(seconds, line, stopped=runner.end())
    if runner.error is not None:
        _raise(runner.error)
    return runner.result


def _raise(error: BaseException) -> NoReturn:
    raise StudentError(error) from None  # with a cause, Python would walk through causes that may form a circle


def _traceback(error: BaseException | None) -> TracebackType | None:
    return error.__traceback__ if error is not None else None


@contextmanager
def guarded() -> Iterator[None]:
    """While a check runs, `input()` raises instead of waiting for an answer, and recursion is bounded."""

    def refuse(*_: object) -> NoReturn:
        raise EOFError("a check gives no answer to input()")

    asking, depth = builtins.input, sys.getrecursionlimit()
    builtins.input = refuse
    sys.setrecursionlimit(min(depth, _DEPTH))
    try:
        yield
    finally:
        builtins.input = asking
        sys.setrecursionlimit(depth)


@functools.lru_cache(maxsize=1000)
def _is_students(filename: str) -> bool:
    """Whether the file is neither the kit's, nor a library's, nor that of the checks."""
    ours = _CHECKS in filename or filename.startswith("<frozen")
    return not ours and bool(readers_frames([traceback.FrameSummary(filename, 0, "")]))


def innermost(where: BaseException | FrameType | None) -> tuple[FrameType, int] | None:
    """The student's own frame that is nearest to where it stopped, and its line; deep recursions take no memory."""
    found = None
    if isinstance(where, BaseException):
        tb: TracebackType | None = where.__traceback__
        while tb is not None:
            if _is_students(tb.tb_frame.f_code.co_filename):
                found = tb.tb_frame, tb.tb_lineno
            tb = tb.tb_next
        return found
    while where is not None and not _is_students(where.f_code.co_filename):
        where = where.f_back
    return (where, where.f_lineno) if where is not None else None


def describe_line(where: BaseException | FrameType | None) -> str:
    """The last line of the student's own code, as ``line 3 of the cell (in to_record): return …``; or nothing."""
    found = innermost(where)
    if found is None:
        return ""
    code, number = found[0].f_code, found[1]
    inside = "" if code.co_name == "<module>" else f" (in {code.co_name})"
    return f"line {number} of the cell{inside}: {linecache.getline(code.co_filename, number).strip()}"
