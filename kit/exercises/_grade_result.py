"""What grading gives: a student's notebook, and each gap of it."""

import re
from dataclasses import dataclass

from kit.exercises._outcomes import Passed

__all__ = ["NOT_GRADED", "GapGrade", "Grade", "printable"]

NOT_GRADED = "not graded"
_MOST = 4000  # characters of a message
# What XML 1.0 cannot hold, and no terminal should be sent: control characters, halves of surrogate pairs.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class GapGrade:
    """One gap of one student.

    Attributes
    ----------
    gap, title
        Its number, and what it is called.
    outcome
        ``passed``, ``not attempted``, ``not yet right``, ``crashed`` or ``can't be checked now``.
    message
        What a student reads below the check.
    seconds
        How long its last check took.
    """

    gap: int
    title: str
    outcome: str
    message: str
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return self.outcome == Passed.kind


@dataclass(frozen=True)
class Grade:
    """One notebook.

    Attributes
    ----------
    student
        Its path, as seen from the folder that was graded.
    exercise
        The name of the exercise; empty if it is none.
    gaps
        All gaps of the exercise; none if the notebook could not be graded.
    seconds
        How long it all took, with the start of its servers.
    restored
        How many locked cells had been changed or removed.
    remarks
        Cells that were interrupted, and why the kernel ended, if it did.
    problem
        Why the notebook was not graded.
    """

    student: str
    exercise: str = ""
    gaps: tuple[GapGrade, ...] = ()
    seconds: float = 0.0
    restored: int = 0
    remarks: tuple[str, ...] = ()
    problem: str = ""

    @property
    def passed(self) -> int:
        """How many gaps have passed."""
        return sum(gap.ok for gap in self.gaps)

    @property
    def open(self) -> list[int]:
        """The numbers of the gaps that have not."""
        return [gap.gap for gap in self.gaps if not gap.ok]


def printable(text: str) -> str:
    """The text without what a terminal or XML cannot take, and not too long."""
    text = _UNPRINTABLE.sub("�", text)
    return text if len(text) <= _MOST else f"{text[:_MOST]}…"
