"""Grades as a table on the console, as CSV and as JUnit XML."""

import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite
from rich.table import Column, Table
from rich.text import Text

from kit.errors import ConfigError
from kit.exercises import NotAttempted, NotYetRight, Passed
from kit.files import write_atomically

_MOST = 4000  # characters of a text
# What XML 1.0 cannot hold, and no terminal should be sent: control characters, halves of surrogate pairs.
_UNPRINTABLE = re.compile("[^\t\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_COLUMNS = ("student", "passed", "open", "remarks")
_RESULTS = {NotYetRight.kind: Failure, NotAttempted.kind: Skipped}  # all others: Error


class Grade(NamedTuple):
    """One gap of one student (the path below the graded folder); or, with a `message`, a notebook without grades.

    `remarks` are about the whole notebook: cells that were interrupted, why the kernel ended.
    """

    student: str
    exercise: str = ""
    gap: int | str = ""
    title: str = "the notebook"
    outcome: str = "not graded"
    message: str = ""
    remarks: str = ""


def printable(text: str) -> str:
    """The text without what a terminal or XML cannot take, and not too long."""
    return _UNPRINTABLE.sub("�", text[:_MOST]) + "…" * (len(text) > _MOST)


def table(grades: Sequence[Grade], caption: str = "") -> Table:
    """One row for each student."""
    made = Table(*(Column(name, overflow="fold") for name in _COLUMNS), box=None, pad_edge=False, caption=caption)
    for student, group in groupby(grades, lambda grade: grade.student):
        passed = {grade: grade.outcome == Passed.kind for grade in group}
        left = [grade for grade in passed if not passed[grade]]
        remarks = next(grade.remarks if grade.gap else grade.message for grade in passed)
        count = Text(f"{len(passed) - len(left)}/{len(passed)}", "yellow" if left else "green")
        made.add_row(Text(student), count, ", ".join(str(grade.gap) for grade in left), Text(remarks))
    return made


def write(grades: Sequence[Grade], csv: Path, junit: Path) -> None:
    """Write grades as CSV and as JUnit XML. `ConfigError`: it cannot be done; without grades, that is all it sees."""
    for path, content in ((csv, lambda: pd.DataFrame(grades).to_csv(index=False)), (junit, lambda: _junit(grades))):
        try:
            if csv.resolve() == junit.resolve() or (path.exists() and not path.is_file()):
                raise OSError("it is no file of its own")
            if grades:
                write_atomically(path.resolve(), content())
            else:
                path.open("a").close()
        except OSError as error:
            todo = "choose another path, in a folder that you can write to"
            raise ConfigError(f"to write {path}", got=str(error), todo=todo) from error


def _junit(grades: Sequence[Grade]) -> bytes:
    """One suite for each notebook, one case for each gap."""
    xml = JUnitXml("kit exercises grade")
    for student, group in groupby(grades, lambda grade: grade.student):
        suite = TestSuite(student)
        for grade in group:
            case = TestCase(f"Gap {grade.gap}, {grade.title}" if grade.gap else grade.title, grade.exercise)
            if grade.outcome != Passed.kind:
                case.result = [_RESULTS.get(grade.outcome, Error)(grade.message, grade.outcome)]
            suite.add_testcase(case)
        xml.add_testsuite(suite)
    xml.update_statistics()  # type: ignore[no-untyped-call]
    return bytes(xml.tostring())  # type: ignore[no-untyped-call]
