"""Students' notebooks without a notebook: code run cell by cell in a namespace, as a kernel does it."""

import linecache
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from kit import exercises
from kit.exercises import Exercise, Outcome, Source
from tests.exercises.misconceptions import Answer, Wrong, cell_of

__all__ = ["Student", "assert_hears", "cases", "give", "scaffold_of"]

# What a student is not to see: where the check is, and with what it works.
_INSIDE = ("Traceback", "kit/", "kit.exercises", "kit_checks", "<locals>", "in the check", "Probe", "Spy", "Running")
_INSIDE += ("_Refused", "STREAM_FAILED")  # of exercise 2
_NOT_RUN = {"checks-gap", "goal", "tries-gap", "finish", "raises-exception"}


class Student:
    """A kernel's namespace. `run` is a cell; its lines are known to tracebacks, as IPython has it."""

    def __init__(self, source: Source | None = None, namespace: Mapping[str, Any] | None = None) -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__", **(namespace or {})}
        self._cells = 0
        if source is not None:
            for code in scaffold_of(source):
                self.run(code)

    def run(self, code: str) -> "Student":
        self._cells += 1
        name = f"<cell {self._cells} of {id(self)}>"
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
        exec(compile(code, name, "exec"), self.namespace)
        return self

    def exercise(self, name: str | int = 19) -> Exercise:
        known = _loaded(name)
        return Exercise(known.name, known.gaps, self.namespace)


@cache
def _loaded(name: str | int) -> Exercise:
    return exercises.load(name, {})


def cases(answers: Mapping[int, list[Answer]]) -> list[Any]:
    """A case for each answer, by its gap."""
    return [
        pytest.param(gap, answer, id=f"gap {gap}, {type(answer).__name__.lower()}: {answer.name}")
        for gap, some in answers.items()
        for answer in some
    ]


def give(student: Student, source: Source, gap: int, answer: Answer) -> None:
    """Run the cells of an answer."""
    for code in (answer.before, cell_of(source, gap, answer), answer.after):
        student.run(code)


def assert_hears(outcome: Outcome, answer: Answer) -> None:
    """A wrong answer has its outcome and its sentence, a right one passes, and no answer shows the check's inside."""
    if isinstance(answer, Wrong):
        assert type(outcome) is answer.kind, outcome
        assert answer.hears in outcome.parts.get(answer.where, ""), outcome
        assert answer.got in "\n".join(outcome.parts.get(label, "") for label in ("got", "error")), outcome
    else:
        assert outcome.ok, outcome
    assert not [word for word in _INSIDE if word in repr(outcome)], outcome


def scaffold_of(source: Source) -> list[str]:
    """The code of an exercise as it is handed out, without what runs the pipeline, and without loading the exercise."""
    cells = [
        cell.source
        for cell in source.exercise.cells
        if cell.cell_type == "code" and not _NOT_RUN & set(cell.metadata.get("tags", ()))
    ]
    return ["\n".join(line for line in cell.splitlines() if not line.startswith("exercise")) for cell in cells]
