"""Answers by kind, written without a look at the checks: `RIGHT` pass, `WRONG` do not, `HARMFUL` must not break a check."""

from tests.exercises.answers.harmful import HARMFUL
from tests.exercises.answers.right import RIGHT
from tests.exercises.answers.wrong import WRONG

__all__ = ["HARMFUL", "RIGHT", "WRONG"]
