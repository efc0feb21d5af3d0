"""Grading notebooks: one after the other on one lab, while the kernel of the next one starts."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from kit.deadline import Deadline
from kit.errors import KitError
from kit.exercises import CannotCheck, Crashed, Passed, Source, solutions, sources
from kit.grading._kernel import Kernel, Limits
from kit.grading._notebook import Step, find, read, steps
from kit.grading._report import Grade, printable
from kit.servers import lab

__all__ = ["grade"]

_KERNELS = 2


async def grade(
    places: Sequence[Path],
    *,
    limits: Limits | None = None,
    each: Callable[[list[Grade], str], object] = lambda grades, progress: None,
) -> list[Grade]:
    """Grade all notebooks in folders and below, and notebooks.

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

    def so_far() -> list[Grade]:
        return [one for grades in done.values() for one in grades]

    ran_before = any(row.state == "running" for row in lab.status())
    with tempfile.TemporaryDirectory(prefix="kit-grading-", ignore_cleanup_errors=True) as folder:
        shutil.copytree(solutions(), Path(folder) / "solutions")
        run, kernels = _Run(sources(), limits or Limits(), Path(folder)), asyncio.Semaphore(_KERNELS)

        async def one(name: str) -> None:
            async with kernels:
                done[name] = await run.graded(name, found[name])
            each(so_far(), f"{sum(map(bool, done.values()))} of {len(done)} notebooks")

        try:
            await asyncio.gather(*map(one, found))
        finally:
            if not ran_before:
                lab.down()
    return so_far()


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
        made = []
        for gap, title in {region.number: region.title for region in reversed(source.regions)}.items():
            kind, text = found.get(gap, ("", remarks[-1] if remarks else ""))
            if not kind:  # the kernel ended, or gave no answer
                lines = (("error", text), ("next", "correct that code, or take it out; then hand it in again"))
                kind, text = Crashed.kind, repr(Crashed("", lines).of(gap, title))
            texts = map(printable, (title, kind, text, "\n".join(remarks)))
            made.append(Grade(printable(name), source.name, gap, *texts))
        return made[::-1]

    async def _outcomes(self, source: Source, todo: list[Step], remarks: list[str]) -> dict[int, tuple[str, str]]:
        """Outcome and message by gap. If the kernel ends in a cell: of the gaps above it, and of those that pass."""
        found, done = dict[int, tuple[str, str]](), list[Step]()
        try:
            await self._through(source, todo, done, found, remarks)
            return found
        except RuntimeError as ended:
            remarks.append(str(ended))
        if len(done) < len(todo):  # once more, without that cell and what stands below it
            with suppress(RuntimeError):
                await self._through(source, list(done), [], found, [])
        above = {gap for step in done for gap in step.gaps}
        return {gap: one for gap, one in found.items() if gap in above or one[0] == Passed.kind}

    async def _through(
        self,
        source: Source,
        todo: list[Step],
        done: list[Step],
        found: dict[int, tuple[str, str]],
        remarks: list[str],
    ) -> None:
        """Run cells in a fresh kernel, then check each gap."""
        async with Kernel(Path(tempfile.mkdtemp(dir=self._folder)), self._limits, source.name) as kernel, self._turn:
            kernel.deadline = Deadline(self._limits.seconds)
            for step in todo:
                remark = (await kernel.run(step.code, step.what))[1]
                remarks += [remark] if remark else []
                done.append(step)
            for gap in sorted({region.number for region in source.regions}):
                for _ in range(2):  # a broker that has just come back may still choose its leaders
                    lab.up()  # a student may have stopped it
                    found[gap] = await kernel.check(gap)
                    if found[gap][0] != CannotCheck.kind:
                        break
