"""Grading: run students' notebooks one after the other, and write down which gaps pass.

>>> from kit.exercises import grading
>>> grades = grading.grade([Path("handed_in")])                                     # doctest: +SKIP
>>> grading.write_csv(grades, Path("grades.csv"))                                   # doctest: +SKIP

Each notebook is run as a copy, with its locked cells as they were handed out, in a fresh kernel with a folder, a broker
and feeds of its own. Cells that run the whole pipeline (tag `goal`) are left out: what counts are the checks. A check
is made where it stands in the notebook, and again at the end unless the gap has passed and its code is as it was. So if
the kernel dies on the way, what was checked by then is known.

The limits are against accidents, not against attacks: the code of students runs with your rights, and can read what you
can read. Grade what comes from strangers in a container.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console

from kit.errors import KitError
from kit.exercises._grade_kernel import Kernel, KernelEnded, Limits
from kit.exercises._grade_lab import OwnLab, own_lab
from kit.exercises._grade_notebook import Handed, Step, handed, recognised, restored, steps
from kit.exercises._grade_report import Board, check_writable, write_csv, write_junit
from kit.exercises._grade_result import GapGrade, Grade, printable
from kit.exercises._outcomes import CannotCheck, Crashed, Outcome, Passed
from kit.exercises._source import Source, sources

__all__ = ["GapGrade", "Grade", "Limits", "check_writable", "grade", "write_csv", "write_junit"]


def grade(
    places: Sequence[Path],
    *,
    limits: Limits | None = None,
    console: Console | None = None,
    each: Callable[[list[Grade]], object] | None = None,
) -> list[Grade]:
    """Grade all notebooks in folders, and notebooks.

    Parameters
    ----------
    places
        Folders, searched with what is below them, and files.
    limits
        What one notebook may take.
    console
        Where the table is shown; default: nowhere.
    each
        Called after each notebook with all grades so far.

    Returns
    -------
    list of Grade
        One for each notebook; what is none has a `problem`, and no gaps.

    Examples
    --------
    >>> [one] = grade([Path("19_exercise_tweets.ipynb")])                           # doctest: +SKIP
    >>> one.passed, one.open                                                        # doctest: +SKIP
    (5, [3, 7])
    """
    known, found, grades = sources(), handed(places), list[Grade]()
    with Board(console or Console(quiet=True), len(found)) as board:
        for one in found:
            board.begin(one.student)
            grades.append(_graded(one, known, limits or Limits()))
            board.add(grades[-1])
            if each is not None:
                each(grades)
    return grades


def _graded(one: Handed, known: Sequence[Source], limits: Limits) -> Grade:
    """One notebook. Whatever is the matter with it is told in its row."""
    began = time.monotonic()
    name, problem = "", one.problem
    try:
        if not problem:
            notebook, source = recognised(one.path, known)
            name = source.name
            cells, count = restored(notebook, source)
            with own_lab(source) as lab:
                run = _Run(source, lab)
                _complete(run.through(steps(cells), limits))
            took = time.monotonic() - began
            return Grade(one.student, name, run.grades(), took, count, tuple(run.remarks))
    except KernelEnded as error:
        problem = str(error)
    except KitError as error:
        problem = f"expected {error.expected}; got: {error.got}"
    except Exception as error:  # the grader's own fault; the next student must not pay for it
        problem = f"the grader broke down: {type(error).__name__}: {error}"
    return Grade(one.student, name, seconds=time.monotonic() - began, problem=printable(problem))


def _complete(work: Coroutine[Any, Any, None]) -> None:
    """Run it to its end, from wherever we are called: in a notebook, this thread has a loop that runs already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work)
        return
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


class _Run:
    """The run of one notebook, and what is known of its gaps so far."""

    def __init__(self, source: Source, lab: OwnLab) -> None:
        self._source, self._lab = source, lab
        self._titles = {region.number: region.title for region in reversed(source.regions)}
        self._known: dict[int, GapGrade] = {}
        self._ended = ""
        self.remarks: list[str] = []

    async def through(self, todo: Sequence[Step], limits: Limits) -> None:
        """Run it from top to bottom, then make sure of each gap.

        Raises
        ------
        KernelEnded
            There was no kernel to run it in.
        """
        async with Kernel(self._lab.work, self._lab.env, limits) as kernel:
            await kernel.prepare(self._source.name)
            try:
                for step in [*todo, *(Step("", gap=gap) for gap in sorted(self._titles))]:
                    if step.gap:
                        await self._check(kernel, step.gap)
                    elif said := await kernel.run(step.code, step.what):
                        self.remarks.append(printable(said))
            except KernelEnded as ended:
                self._ended = str(ended)
                self.remarks.append(printable(self._ended))

    async def _check(self, kernel: Kernel, gap: int) -> None:
        with suppress(KitError, OSError):  # the check says that there is no broker
            self._lab.start()
        began = time.monotonic()
        answer, why = await kernel.check(gap)
        outcome, text = (answer["kind"], answer.get("text", "")) if answer else (Crashed.kind, self._crashed(gap, why))
        if gap in self._known and (answer or {}).get("kept"):
            return  # it has passed, and nothing has changed since
        if gap in self._known and outcome == CannotCheck.kind:
            return  # what was found before says more
        text = text or repr(Passed("").of(gap, self._titles[gap]))
        self._known[gap] = GapGrade(gap, self._titles[gap], outcome, printable(text), time.monotonic() - began)

    def grades(self) -> tuple[GapGrade, ...]:
        """All gaps; those that are not known have crashed, since the kernel did."""
        return tuple(
            self._known.get(gap) or GapGrade(gap, title, Crashed.kind, printable(self._crashed(gap, self._ended)))
            for gap, title in sorted(self._titles.items())
        )

    def _crashed(self, gap: int, why: str) -> str:
        told: Outcome = Crashed("", (("error", why), ("next", "mend that code, or take it out; then hand it in again")))
        return repr(told.of(gap, self._titles[gap]))
