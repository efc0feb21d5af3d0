"""Grades, and how they are shown: a table on the console, CSV, JUnit XML."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
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
from kit.exercises import CannotCheck, Crashed, NotAttempted, NotYetRight, Passed
from kit.files import write_atomically

__all__ = ["Board", "GapGrade", "Grade", "check_writable", "printable", "write_csv", "write_junit"]

_COLUMNS = ("student", "exercise", "gap", "title", "outcome", "message", "restored_cells", "notebook_seconds")
_RESULTS = {NotYetRight.kind: Failure, NotAttempted.kind: Skipped, Crashed.kind: Error, CannotCheck.kind: Error}
_NOT_GRADED = "not graded"
_MOST = 4000  # characters of a message
# What XML 1.0 cannot hold, and no terminal should be sent: control characters, halves of surrogate pairs.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class GapGrade:
    """One gap of one student: its outcome in words, what a student reads below the check, the seconds it took."""

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
    gaps
        All gaps of the exercise; none if the notebook could not be graded: then `problem` says why.
    restored
        How many locked cells had been changed or removed.
    remarks
        Cells that were interrupted, and why the kernel ended, if it did.
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
        remarks = Text("\n".join([*([grade.problem] if grade.problem else []), *grade.remarks]))
        numbers = ", ".join(map(str, grade.open)), str(grade.restored or ""), f"{grade.seconds:.1f}"
        self._table.add_row(Text(grade.student), gaps, *numbers, remarks)
        self._progress.advance(self._task)


def check_writable(*paths: Path) -> None:
    """Make sure that files can be written, before there is anything to write.

    Raises
    ------
    ConfigError
        One cannot be, or two are the same.
    """
    for path in paths:
        if path.resolve().exists() and not path.is_file():
            raise _unwritable(path, "a folder" if path.is_dir() else "something that is no file")
        draft = path.resolve().with_name(f".{path.name}.part")
        try:
            draft.touch()
            draft.unlink()
        except OSError as error:
            raise _unwritable(path, str(error)) from error
    if len({path.resolve() for path in paths}) < len(paths):
        raise _unwritable(paths[-1], "the name of another output, too")


def write_csv(grades: Sequence[Grade], path: Path) -> None:
    """One row for each gap of each student; one, without a gap, for what is no notebook. Raises `ConfigError`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for grade in grades:
        for gap in grade.gaps or (GapGrade(0, "", _NOT_GRADED, grade.problem),):
            about = (gap.gap or "", gap.title, gap.outcome, gap.message)
            writer.writerow((grade.student, grade.exercise, *about, grade.restored, f"{grade.seconds:.1f}"))
    _write(path, out.getvalue())


def write_junit(grades: Sequence[Grade], path: Path) -> None:
    """One test suite for each notebook, one test case for each gap. Raises `ConfigError`.

    Not yet right is a failure, not attempted is skipped, crashed and can't be checked now are errors.
    """
    xml = JUnitXml("kit exercises grade")
    for grade in grades:
        suite = TestSuite(grade.student)
        for name, value in (("exercise", grade.exercise), ("restored cells", str(grade.restored))):
            suite.add_property(name, value)
        for remark in grade.remarks:
            suite.add_property("remark", remark)
        for gap in grade.gaps or (GapGrade(0, "the notebook", _NOT_GRADED, grade.problem),):
            title = f"Gap {gap.gap}, {gap.title}" if gap.gap else gap.title
            case = TestCase(title, grade.exercise, round(gap.seconds, 1))
            if not gap.ok:
                case.result = [_RESULTS.get(gap.outcome, Error)(gap.message, gap.outcome)]
            suite.add_testcase(case)
        xml.add_testsuite(suite)
    xml.update_statistics()  # type: ignore[no-untyped-call]
    content: bytes = xml.tostring()  # type: ignore[no-untyped-call]
    _write(path, content)


def _write(path: Path, content: str | bytes) -> None:
    try:
        write_atomically(path.resolve(), content)
    except OSError as error:
        raise _unwritable(path, str(error)) from error


def _unwritable(path: Path, got: str) -> ConfigError:
    return ConfigError(f"to write {path}", got=got, todo="choose another path, in a folder that you can write to")
