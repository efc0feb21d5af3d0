"""Grades as a table on the console, as CSV and as JUnit XML."""

import csv
import io
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from kit.errors import ConfigError
from kit.exercises._grade_result import NOT_GRADED, GapGrade, Grade
from kit.exercises._outcomes import CannotCheck, Crashed, NotAttempted, NotYetRight, Passed

__all__ = ["Board", "check_writable", "write_csv", "write_junit"]

_COLUMNS = ("student", "exercise", "gap", "title", "outcome", "message", "restored_cells", "notebook_seconds")
_RESULTS = {NotYetRight.kind: Failure, NotAttempted.kind: Skipped, Crashed.kind: Error, CannotCheck.kind: Error}


class Board:
    """The table, as it grows, below how far the grading is. A context manager."""

    def __init__(self, console: Console, count: int) -> None:
        columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), MofNCompleteColumn()
        self._progress = Progress(*columns, TimeElapsedColumn(), console=console)
        self._task = self._progress.add_task("", total=count)
        self._table = Table(box=None, pad_edge=False)
        self._table.add_column("student", overflow="fold")
        for name in ("gaps", "open", "restored", "seconds"):
            self._table.add_column(name, justify="right")
        self._table.add_column("remarks", overflow="fold")
        self._live = Live(console=console, get_renderable=self._shown, refresh_per_second=4)

    def _shown(self) -> RenderableType:
        return self._table if self._progress.finished else Group(self._progress, self._table)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._live.stop()
        if not self._live.console.is_terminal:  # there, Live leaves the cursor behind the table
            self._live.console.line()

    def begin(self, student: str) -> None:
        """Say whose turn it is."""
        self._progress.update(self._task, description=student)

    def add(self, grade: Grade) -> None:
        """One more row."""
        all_passed = bool(grade.gaps) and not grade.open
        gaps = Text(f"{grade.passed}/{len(grade.gaps)}" if grade.gaps else "–", "green" if all_passed else "yellow")
        opened = ", ".join(map(str, grade.open))
        remarks = Text("\n".join([*([grade.problem] if grade.problem else []), *grade.remarks]))
        restored, seconds = str(grade.restored or ""), f"{grade.seconds:.1f}"
        self._table.add_row(Text(grade.student), gaps, opened, restored, seconds, remarks)
        self._progress.advance(self._task)


def check_writable(*paths: Path) -> None:
    """Make sure that files can be written, before there is anything to write.

    Raises
    ------
    ConfigError
        One cannot be, or two are the same.
    """
    for path in paths:
        target = path.resolve()
        if target.exists() and not target.is_file():
            raise _unwritable(path, "a folder" if target.is_dir() else "something that is no file")
        draft = _draft(target)
        try:
            draft.touch()
            draft.unlink()
        except OSError as error:
            raise _unwritable(path, str(error)) from error
    if len({path.resolve() for path in paths}) < len(paths):
        raise _unwritable(paths[-1], "the name of another output, too")


def write_csv(grades: Sequence[Grade], path: Path) -> None:
    """One row for each gap of each student; one, without a gap, for what is no notebook.

    Raises
    ------
    ConfigError
        The file cannot be written; the old one is as it was.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for grade in grades:
        for gap in grade.gaps or (GapGrade(0, "", NOT_GRADED, grade.problem),):
            about = (gap.gap or "", gap.title, gap.outcome, gap.message)
            writer.writerow((grade.student, grade.exercise, *about, grade.restored, f"{grade.seconds:.1f}"))
    _write(path, out.getvalue().encode())


def write_junit(grades: Sequence[Grade], path: Path) -> None:
    """One test suite for each notebook, one test case for each gap.

    Not yet right is a failure, not attempted is skipped, crashed and can't be checked now are errors.

    Raises
    ------
    ConfigError
        The file cannot be written; the old one is as it was.
    """
    xml = JUnitXml("kit exercises grade")
    for grade in grades:
        xml.add_testsuite(_suite(grade))
    xml.update_statistics()  # type: ignore[no-untyped-call]
    for suite, grade in zip(xml, grades, strict=True):
        suite.time = round(grade.seconds, 1)  # with the cells and the servers, not of the checks alone
    xml.time = round(sum(grade.seconds for grade in grades), 1)
    content: bytes = xml.tostring()  # type: ignore[no-untyped-call]
    _write(path, content)


def _suite(grade: Grade) -> TestSuite:
    suite = TestSuite(grade.student)
    suite.add_property("exercise", grade.exercise)
    suite.add_property("restored cells", str(grade.restored))
    for remark in grade.remarks:
        suite.add_property("remark", remark)
    for gap in grade.gaps:
        case = TestCase(f"Gap {gap.gap}, {gap.title}", grade.exercise, round(gap.seconds, 1))
        if gap.outcome != Passed.kind:
            case.result = [_RESULTS[gap.outcome](gap.message, gap.outcome)]
        suite.add_testcase(case)
    if not grade.gaps:
        case = TestCase("the notebook", grade.exercise, 0)
        case.result = [Error(grade.problem, NOT_GRADED)]
        suite.add_testcase(case)
    return suite


def _write(path: Path, content: bytes) -> None:
    """The whole file or none of it."""
    draft = _draft(path.resolve())
    try:
        draft.write_bytes(content)
        draft.replace(path.resolve())
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise _unwritable(path, str(error)) from error


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def _unwritable(path: Path, got: str) -> ConfigError:
    return ConfigError(f"to write {path}", got=got, todo="choose another path, in a folder that you can write to")
