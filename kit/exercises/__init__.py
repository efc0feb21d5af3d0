"""Exercises: gaps to fill in a notebook, checks that say what is wrong, hints, solutions and progress.

>>> from kit import exercises
>>> exercise = exercises.load("19_exercise_tweets", globals())                      # doctest: +SKIP
>>> exercise.check(1)                                                               # doctest: +SKIP

An exercise is written once, as a solution notebook; see `kit.exercises.build`.
"""

from kit.exercises._build import build, restore
from kit.exercises._exercise import Exercise, Gap
from kit.exercises._load import load
from kit.exercises._outcomes import CannotCheck, Crashed, NotAttempted, NotYetRight, Outcome, Passed
from kit.exercises._source import Source, source_of, sources

__all__ = [
    "CannotCheck",
    "Crashed",
    "Exercise",
    "Gap",
    "NotAttempted",
    "NotYetRight",
    "Outcome",
    "Passed",
    "Source",
    "build",
    "load",
    "restore",
    "source_of",
    "sources",
]
