"""Grading notebooks: one after the other on one lab, while the kernel of the next one starts."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path

from kit.deadline import Deadline
from kit.errors import KitError
from kit.exercises import CannotCheck, Crashed, Passed, Source, solutions, sources
from kit.grading._kernel import Kernel, Limits
from kit.grading._notebook import Step, find, read, steps
from kit.grading._report import Grade, printable
from kit.servers import lab

_KERNELS = 2


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
    found = find(places)
    done: dict[str, list[Grade]] = {name: [] for name in found}
    ran_before = any(row.state == "running" for row in lab.status())
    with tempfile.TemporaryDirectory(prefix="kit-grading-", ignore_cleanup_errors=True) as folder:
        shutil.copytree(solutions(), Path(folder) / "solutions")
        run, kernels = _Run(sources(), limits or Limits(), Path(folder)), asyncio.Semaphore(_KERNELS)

        async def one(name: str) -> None:
            async with kernels:
                done[name] = await run.graded(name, found[name])
            each([*chain(*done.values())], f"{sum(map(bool, done.values()))} of {len(done)} notebooks")

        try:
            await asyncio.gather(*map(one, found))
        finally:
            if not ran_before:
                lab.down()
    return [*chain(*done.values())]


class _Run:
    """What all notebooks share. `_turn` is held by the one whose cells run."""

    def __init__(self, known: Sequence[Source], limits: Limits, folder: Path) -> None:
        self._known, self._limits, self._folder, self._turn = known, limits, folder, asyncio.Lock()

    async def graded(self, name: str, path: Path) -> list[Grade]:
        """The grades of one notebook. If it cannot be graded, one that says why."""
        try:
            notebook, source = read(path, self._known)
            todo, remarks = steps(notebook, source)
            found = await self._outcomes(source, todo, remarks)
        except KitError as error:
            return [Grade(printable(name), message=printable(f"expected {error.expected}; got: {error.got}"))]
        titles = {region.number: region.title for region in reversed(source.regions)}
        crashed, about = (Crashed.kind, "".join(remarks[-1:])), printable("\n".join(remarks))
        rows = [(gap, titles[gap], *found.get(gap, crashed)) for gap in sorted(titles)]
        return [Grade(printable(name), source.name, *row[:3], printable(row[3]), about) for row in rows]

    async def _outcomes(self, source: Source, todo: list[Step], remarks: list[str]) -> dict[int, tuple[str, str]]:
        """Run cells in a fresh kernel, then check each gap: outcome and message.

        If the kernel ends in a cell, the cells above it run once more. Then the gaps above it are known, and those that
        pass without it.
        """
        found, done = dict[int, tuple[str, str]](), list[Step]()
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        try:
            async with Kernel(folder, self._limits, source.name) as kernel, self._turn:
                kernel.deadline = Deadline(self._limits.seconds)
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
                again = await self._outcomes(source, done, [])
                found = {gap: one for gap, one in again.items() if gap in above or one[0] == Passed.kind}
        return found
