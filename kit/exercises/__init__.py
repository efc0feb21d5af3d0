"""Exercises: gaps to fill in a notebook, checks that say what is wrong, hints, solutions and progress.

>>> from kit import exercises
>>> exercise = exercises.load("19_exercise_tweets", globals())                      # doctest: +SKIP
>>> exercise.check(1)                                                               # doctest: +SKIP

An exercise is two files: its solution notebook, and its checks in solutions/checks.
"""

from kit.exercises._build import build, load, restore
from kit.exercises._context import CheckContext
from kit.exercises._exercise import Exercise, Gap
from kit.exercises._outcomes import CannotCheck, Crashed, NotAttempted, NotYetRight, Outcome, Passed
from kit.exercises._running import StudentError, TookTooLong, call
from kit.exercises._source import Source, solutions, source_of, sources
from kit.exercises._values import plain, shown

__all__ = [
    "CannotCheck",
    "CheckContext",
    "Crashed",
    "Exercise",
    "Gap",
    "NotAttempted",
    "NotYetRight",
    "Outcome",
    "Passed",
    "Source",
    "StudentError",
    "TookTooLong",
    "build",
    "call",
    "load",
    "plain",
    "restore",
    "shown",
    "solutions",
    "source_of",
    "sources",
]
