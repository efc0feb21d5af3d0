"""Answers by kind, written without a look at the checks: `RIGHT` pass, `WRONG` do not, `HARMFUL` must not break a check."""

from tests.exercises.answers import python_habits, right, wrong
from tests.exercises.answers.harmful import HARMFUL

__all__ = ["HARMFUL", "RIGHT", "WRONG"]

RIGHT = [*right.RIGHT, *python_habits.RIGHT_HABITS]
WRONG = [*wrong.WRONG, *python_habits.WRONG_HABITS]
