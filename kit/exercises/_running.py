"""Running a student's code: for a bounded time, within bounded memory, and with its own line when it fails."""

import builtins
import contextvars
import ctypes
import getpass
import re
import resource
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

import psutil

from kit.errors import readers_frames

__all__ = ["StudentError", "TookTooLong", "call", "describe_line", "guarded"]

_STOPS = [0.5, *[0.05] * 9]  # seconds to close what is open; code that catches everything is stopped again
_DEPTH = 3000  # frames; a recursion that goes deeper fills the memory, or overflows the stack of the thread
_MEMORY = 1 << 30  # bytes that a check may take
_NOT_THEIRS = re.compile(r"[/\\]solutions[/\\]checks[/\\]|^<frozen")


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
    """One call, in a thread that can be left behind. What it prints goes to the cell that asked."""

    # `over` tells its end: a `Thread.join` that is interrupted takes it for ended (CPython before 3.13, gh-90882).
    result: Any = None
    error: BaseException | None = None

    def __init__(self, function: Callable[[], Any]) -> None:
        super().__init__(name="kit-exercise", daemon=True)
        self._function, self._context = function, contextvars.copy_context()
        self.over = threading.Event()

    def run(self) -> None:
        try:
            self.result = self._context.run(self._function)
        except BaseException as error:  # SystemExit, too: a check must outlive it
            traceback.clear_frames(error.__traceback__)  # what fills the memory goes, and a client that was not closed
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


def call(function: Callable[..., Any], *args: Any, seconds: float, **options: Any) -> Any:
    """Call the student's function, and give what it returns.

    `StudentError`: it raised; `SystemExit` and `KeyboardInterrupt` count. `TookTooLong`: it was stopped.
    """
    runner = _Runner(lambda: function(*args, **options))
    runner.start()
    try:  # in steps: one long wait cannot be interrupted everywhere
        for _ in range(100):
            if runner.over.wait(seconds / 100):
                break
            if sys.getrecursionlimit() > _DEPTH and runner.end():  # raised by a name that `guarded` does not replace
                runner.error = RecursionError("the code has raised the limit of recursion")
    except BaseException:  # the student's own interrupt
        runner.end()
        raise
    if not runner.over.is_set():
        line = describe_line(sys._current_frames().get(runner.ident or 0))
        raise TookTooLong(seconds, line, stopped=runner.end())
    if runner.error is not None:
        raise StudentError(runner.error) from None  # with a cause, Python would walk through causes that form a circle
    return runner.result


@contextmanager
def guarded() -> Iterator[None]:
    """While a check runs, questions to the student raise, recursion and memory are bounded, kafka-python is quiet."""
    before = builtins.input, getpass.getpass, sys.setrecursionlimit, sys.unraisablehook
    depth = sys.getrecursionlimit()

    def refuse(*_: object, **__: object) -> NoReturn:
        raise EOFError("a check gives no answer to input()")

    def quiet(event: "sys.UnraisableHookArgs") -> None:
        if getattr(event.object, "__qualname__", "") != "KafkaProducer.__del__":  # of a producer that was not made
            before[3](event)

    limits = resource.getrlimit(resource.RLIMIT_DATA)
    data = getattr(psutil.Process().memory_info(), "data", None)  # Linux alone tells, and refuses more than the limit
    if data is not None and limits[0] == resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_DATA, (data + _MEMORY, limits[1]))
    builtins.input = getpass.getpass = refuse
    sys.setrecursionlimit, sys.unraisablehook = lambda limit: before[2](min(limit, _DEPTH)), quiet
    sys.setrecursionlimit(depth)
    try:
        yield
    finally:
        builtins.input, getpass.getpass, sys.setrecursionlimit, sys.unraisablehook = before
        sys.setrecursionlimit(depth)
        resource.setrlimit(resource.RLIMIT_DATA, limits)


def describe_line(where: BaseException | FrameType | None) -> str:
    """The last line of the student's own code, as ``line 3 of the cell (in to_record): return …``; or nothing."""
    if isinstance(where, BaseException):
        frames = list(traceback.extract_tb(where.__traceback__, limit=-_DEPTH))
    else:
        frames = list(traceback.extract_stack(where, limit=_DEPTH)) if where is not None else []
    frames = [frame for frame in readers_frames(frames) if not _NOT_THEIRS.search(frame.filename)]
    if not frames:
        return ""
    inside = "" if frames[-1].name == "<module>" else f" (in {frames[-1].name})"
    return f"line {frames[-1].lineno} of the cell{inside}: {frames[-1].line}"
