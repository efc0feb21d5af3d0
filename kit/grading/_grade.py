"""Grading notebooks one after the other."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.console import Console

from kit.errors import KitError
from kit.exercises import CannotCheck, Crashed, Source, sources
from kit.grading._kernel import Kernel, KernelEnded, Limits
from kit.grading._lab import GradingLab
from kit.grading._notebook import Handed, Step, handed, recognised, restored, steps
from kit.grading._report import Board, GapGrade, Grade, printable

__all__ = ["grade"]


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
    """
    known, found, grades = sources(), handed(places), list[Grade]()
    with Board(console or Console(quiet=True), len(found)) as board, GradingLab() as lab:
        for one in found:
            board.begin(one.student)
            grades.append(_graded(one, known, limits or Limits(), lab))
            board.add(grades[-1])
            if each is not None:
                each(grades)
    return grades


def _graded(one: Handed, known: Sequence[Source], limits: Limits, lab: GradingLab) -> Grade:
    """One notebook. Whatever is the matter with it is in its row."""
    began, name, problem = time.monotonic(), "", one.problem
    try:
        if not problem:
            notebook, source = recognised(one.path, known)
            name = source.name
            cells, count = restored(notebook, source)
            run = _Run(source, lab)
            _complete(run.through(steps(cells), limits))
            return Grade(one.student, name, run.grades(), time.monotonic() - began, count, tuple(run.remarks))
    except KernelEnded as error:
        problem = str(error)
    except KitError as error:
        problem = f"expected {error.expected}; got: {error.got}"
    return Grade(one.student, name, seconds=time.monotonic() - began, problem=printable(problem))


def _complete(work: Coroutine[Any, Any, None]) -> None:
    """Run it to its end, also in a notebook, where this thread has a loop that runs already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work)
        return
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


class _Run:
    """The run of one notebook, and what is known of its gaps so far."""

    def __init__(self, source: Source, lab: GradingLab) -> None:
        self._source, self._lab = source, lab
        self._titles = {region.number: region.title for region in reversed(source.regions)}
        self._known: dict[int, GapGrade] = {}
        self._ended = ""
        self.remarks: list[str] = []

    async def through(self, todo: Sequence[Step], limits: Limits) -> None:
        """Run it from top to bottom, then check each gap once more, on the code as it is now."""
        self._lab.up()
        with self._lab.folder(self._source.path.parent) as folder:
            async with Kernel(folder, self._lab.env, limits, self._source.name) as kernel:
                try:
                    for step in [*todo, *(Step("", gap=gap) for gap in sorted(self._titles))]:
                        if step.gap:
                            await self._check(kernel, step.gap)
                        elif remark := await kernel.run(step.code, step.what):
                            self.remarks.append(printable(remark))
                except KernelEnded as ended:
                    self._ended = str(ended)
                    self.remarks.append(printable(self._ended))

    async def _check(self, kernel: Kernel, gap: int) -> None:
        self._lab.up()  # a student may have stopped it
        began = time.monotonic()
        answer, why = await kernel.check(gap)
        if answer and answer[0] == CannotCheck.kind:  # a broker that has just come back may still choose its leaders
            answer, why = await kernel.check(gap)
        outcome, text = answer or (Crashed.kind, self._crashed(gap, why))
        if gap in self._known and outcome == CannotCheck.kind:
            return  # the outcome before says more
        self._known[gap] = GapGrade(gap, self._titles[gap], outcome, printable(text), time.monotonic() - began)

    def grades(self) -> tuple[GapGrade, ...]:
        """All gaps; those that are not known have crashed, since the kernel did."""
        return tuple(
            self._known.get(gap) or GapGrade(gap, title, Crashed.kind, printable(self._crashed(gap, self._ended)))
            for gap, title in sorted(self._titles.items())
        )

    def _crashed(self, gap: int, why: str) -> str:
        outcome = Crashed("", (("error", why), ("next", "correct that code, or take it out; then hand it in again")))
        return repr(outcome.of(gap, self._titles[gap]))
