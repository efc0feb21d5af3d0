"""What the grader runs inside a student's kernel."""

import os
import sys
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import publish_display_data

from kit.exercises import Exercise, load

ANSWER = "application/vnd.kit.outcome+json"
_loaded: list[Exercise] = []


def prepare(exercise: str) -> None:
    """Before the first cell: let `exit()` end a cell only, and load the checks."""
    shell: Any = get_ipython()
    shell.user_ns["exit"] = shell.user_ns["quit"] = sys.exit
    _loaded.append(load(exercise, shell.user_ns))


def check(gap: int, home: str) -> None:
    """Check a gap, and display the outcome as JSON, which nbclient collects."""
    os.environ["KIT_HOME"] = home  # a student's cell may have set another
    outcome = _loaded[0].outcome(gap)  # what the grader's own user has passed stays as it is
    show: Any = publish_display_data
    show({ANSWER: [outcome.kind, repr(outcome.of(gap, _loaded[0].gaps[gap - 1].title))]})
