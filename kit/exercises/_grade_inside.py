"""What the grader does inside a student's kernel: prepare it before the first cell, and answer how a gap is.

Nothing here goes through the student's names: `exercise`, `print` or `kit` may be anything by now.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from kit.exercises import _verdict
from kit.exercises._exercise import Exercise
from kit.exercises._load import load
from kit.exercises._outcomes import Outcome, Passed

__all__ = ["PrintedTooMuch", "prepare", "report"]

_OWN = "KIT_"
_ROOM = 512_000_000  # bytes


class PrintedTooMuch(BaseException):
    """A cell has printed more than it may. No `except Exception` of the student's is to catch it."""


class _Grader:
    """What is kept from the first cell to the last."""

    def __init__(self, marker: str, exercise: Exercise) -> None:
        self.marker, self.exercise = marker, exercise
        self.env = {name: value for name, value in os.environ.items() if name.startswith(_OWN)}

    def restore_environment(self) -> None:
        """A student may have pointed the kit at another lab."""
        for name in [name for name in os.environ if name.startswith(_OWN)]:
            del os.environ[name]
        os.environ.update(self.env)

    def answer(self, gap: int) -> Outcome | None:
        """The outcome on the code as it is now; None: it passed before, and nothing has changed since."""
        try:
            self.restore_environment()
            if self.exercise._state(gap) == "now":
                return None
            return self.exercise.check(gap)
        except Exception as error:
            return _verdict.unchecked(error)

    def tell(self, told: dict[str, Any]) -> None:
        """By the kernel's own channel: the student may have put something else for sys.stdout."""
        _shell().display_pub.publish({"text/plain": self.marker + json.dumps(told)})


_grader: _Grader | None = None


def prepare(marker: str, name: str, memory: int, output: int) -> None:
    """Before the first cell: bound bytes of memory and printed characters, and load the exercise."""
    global _grader  # noqa: PLW0603  # one kernel, one grader
    _limit_memory(memory)
    _limit_output(output)
    names = _shell().user_ns
    names["exit"] = names["quit"] = sys.exit  # IPython's own end the kernel, and with it all that comes below
    _grader = _Grader(marker, load(name, names))
    _grader.tell({"ready": True})


def report(gap: int) -> None:
    """Check a gap, unless it has passed and is as it was, and tell the grader."""
    if _grader is None:
        return
    with _room():
        outcome = _grader.answer(gap)
    if outcome is None:
        _grader.tell({"kind": Passed.kind, "kept": True})
        return
    plain = outcome.of(gap, _grader.exercise.title(gap))  # without the progress, which is of no use to a grader
    _grader.tell({"kind": outcome.kind, "text": repr(plain)})


def _shell() -> Any:
    return sys.modules["IPython"].get_ipython()


def _limit_memory(most: int) -> None:
    """Bound the data the kernel may have, where the system can; checks have some more, should cells have used it up.

    RLIMIT_DATA counts private memory that can be written to: what a list or an array takes. RLIMIT_AS would count
    whatever has an address, and libraries reserve many times what they use: stacks of threads, arenas of malloc.
    """
    with suppress(ImportError, AttributeError, ValueError, OSError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        ends = [bound if hard == resource.RLIM_INFINITY else min(bound, hard) for bound in (most, most + _ROOM)]
        resource.setrlimit(resource.RLIMIT_DATA, (ends[0], ends[1]))


@contextmanager
def _room() -> Iterator[None]:
    """Let the block have what `_limit_memory` keeps for it."""
    try:
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
    except (ImportError, AttributeError, ValueError, OSError):
        yield
        return
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _limit_output(most: int) -> None:
    """End a cell that prints for ever at its source: once the kernel is behind with sending, it hears no interrupt."""
    printed = 0
    kind = type(sys.stdout)
    write = kind.write

    def begin(*_: Any) -> None:
        nonlocal printed
        printed = 0
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, kind):
                vars(stream).pop("write", None)  # IPython's, which goes around the one below

    def counted(stream: Any, text: str) -> int:
        nonlocal printed
        printed += len(text)
        if printed > most:
            raise PrintedTooMuch(f"more than {most:,} characters")
        return write(stream, text)

    kind.write = counted  # type: ignore[method-assign]
    _shell().events.register("pre_execute", begin)
