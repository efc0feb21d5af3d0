"""Grading notebooks: one after the other, on one lab."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from kit.deadline import Deadline
from kit.errors import KitError
from kit.exercises import CannotCheck, Crashed, Passed, Source, solutions, sources
from kit.grading._kernel import Kernel, Limits
from kit.grading._notebook import Step, find, read, steps
from kit.grading._report import Grade, printable
from kit.servers import lab


async def grade(
    places: Sequence[Path],
    *,
    limits: Limits | None = None,
    each: Callable[[list[Grade], str], object] = lambda grades, progress: None,
) -> list[Grade]:
    """Grade notebooks, and all notebooks in folders and below.

    They run on the lab of this machine, each in a folder of its own, without the cells that run the whole pipeline
    (tag `goal`). A lab that did not run before is stopped at the end.

    Parameters
    ----------
    limits
        What one notebook may take.
    each
        Called after each notebook: with all grades so far, and with ``"3 of 20 notebooks"``.
    """
    found, known, grades = find(places), sources(), list[Grade]()
    ran_before = any(row.state == "running" for row in lab.status())
    with tempfile.TemporaryDirectory(prefix="kit-grading-", ignore_cleanup_errors=True) as folder:
        shutil.copytree(solutions(), Path(folder) / "solutions")
        try:
            for number, (name, path) in enumerate(found.items(), 1):
                grades += await _graded(name, path, known, limits or Limits(), Path(folder))
                each(grades, f"{number} of {len(found)} notebooks")
        finally:
            if not ran_before:
                lab.down()
    return grades


async def _graded(name: str, path: Path, known: Sequence[Source], limits: Limits, folder: Path) -> list[Grade]:
    """The grades of one notebook. If it cannot be graded, one that says why."""
    try:
        notebook, source = read(path, known)
        todo, remarks = steps(notebook, source)
        found = await _outcomes(source, todo, remarks, limits, folder)
    except KitError as error:
        return [Grade(printable(name), message=printable(f"expected {error.expected}; got: {error.got}"))]
    titles = {region.number: region.title for region in reversed(source.regions)}
    crashed, about = (Crashed.kind, "".join(remarks[-1:])), printable("\n".join(remarks))
    rows = [(gap, titles[gap], *found.get(gap, crashed)) for gap in sorted(titles)]
    return [Grade(printable(name), source.name, *row[:3], printable(row[3]), about) for row in rows]


async def _outcomes(
    source: Source, todo: list[Step], remarks: list[str], limits: Limits, folder: Path
) -> dict[int, tuple[str, str]]:
    """Run cells in a fresh kernel, then check each gap: outcome and message.

    If the kernel ends in a cell, the cells above it run once more. Then the gaps above it are known, and those that
    pass without it.
    """
    found, done = dict[int, tuple[str, str]](), list[Step]()
    try:
        async with Kernel(Path(tempfile.mkdtemp(dir=folder)), limits, source.name) as kernel:
            kernel.deadline = Deadline(limits.seconds)
            for step in todo:
                remarks += filter(None, [(await kernel.run(step.code, step.what))[1]])
                done.append(step)
            for gap in sorted({region.number for region in source.regions}):
                found[gap] = await kernel.check(gap)
                if found[gap][0] == CannotCheck.kind:  # a broker that has come back may still choose its leaders
                    found[gap] = await kernel.check(gap)
    except RuntimeError as ended:
        remarks.append(str(ended))
        if 0 < len(done) < len(todo):
            above = {gap for step in done for gap in step.gaps}
            again = await _outcomes(source, done, [], limits, folder)
            found = {gap: one for gap, one in again.items() if gap in above or one[0] == Passed.kind}
    return found
