"""What the grader runs inside a student's kernel."""

import os
import sys
from contextlib import suppress
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import display

from kit.exercises import Exercise, load

__all__ = ["ANSWER", "check", "prepare"]

ANSWER = "application/vnd.kit.outcome+json"
_loaded: list[Exercise] = []


def prepare(exercise: str, memory: int) -> None:
    """Before the first cell: limit the kernel's data to `memory` bytes, let `exit()` end a cell only, load checks."""
    with suppress(ImportError, ValueError, OSError):  # the system has no such limit
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (memory, resource.getrlimit(resource.RLIMIT_DATA)[1]))
    shell: Any = get_ipython()
    shell.user_ns["exit"] = shell.user_ns["quit"] = sys.exit
    _loaded.append(load(exercise, shell.user_ns))


def check(gap: int, home: str) -> None:
    """Check a gap, and display the outcome as JSON, which nbclient collects."""
    os.environ["KIT_HOME"] = home  # a student's cell may have set another
    outcome = _loaded[0].outcome(gap)  # what the grader's own user has passed stays as it is
    show: Any = display
    show({ANSWER: [outcome.kind, repr(outcome.of(gap, _loaded[0].gaps[gap - 1].title))]}, raw=True)
