"""Students' notebooks before they run: where they are, which exercise each is, and what of it is run."""

import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kit.errors import ExerciseError
from kit.exercises import Source
from kit.exercises._nbformat import nbformat
from kit.exercises._source import read_notebook

__all__ = ["Step", "find", "read", "steps"]

_MOST_BYTES = 100_000_000
_NOT_RUN = {"goal", "finish", "checks-gap"}  # the grader makes the checks itself


@dataclass
class Step:
    """A code cell to run: its code, the gaps that it fills, and what it is in words."""

    code: str
    ids: set[object]
    gaps: list[int] = field(default_factory=list)
    runs: bool = True
    what: str = ""

    def is_(self, origin: nbformat.NotebookNode) -> bool:
        """Whether it is that cell of the exercise: by its id, else by its text."""
        return origin.id in self.ids or self.code.split() == origin.source.split()


def find(places: Sequence[Path]) -> dict[str, Path]:
    """The notebooks in folders and below, and files, each once, by the path below the folder that all share.

    A folder without a notebook, and a file that does not exist, stand for themselves: `read` says what is wrong.
    """
    found = {path.resolve(): path for place in places for path in sorted(_notebooks(place)) or [place]}
    shared = os.path.commonpath([place.absolute() if place.is_dir() else place.absolute().parent for place in places])
    return {os.path.relpath(path, shared): path for path in found.values()}


def _notebooks(folder: Path) -> Iterator[Path]:
    """Also behind links; without hidden files, and without those that macOS adds to archives."""
    seen: set[str] = set()
    for here, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        folders[:] = [] if real in seen else [name for name in folders if not name.startswith((".", "__MACOSX"))]
        if real not in seen:
            yield from (Path(here, name) for name in files if name.endswith(".ipynb") and not name.startswith("."))
        seen.add(real)


def read(path: Path, known: Sequence[Source]) -> tuple[nbformat.NotebookNode, Source]:
    """A notebook, and the exercise it is: its metadata name it, or else its file name does.

    Raises
    ------
    ExerciseError
        It is no notebook, or no exercise.
    """
    size = path.stat().st_size if path.is_file() else 0
    if size > _MOST_BYTES or path.is_dir():
        got = "a folder without a notebook" if path.is_dir() else f"{size / 1e6:,.0f} MB"
        raise ExerciseError(f"a notebook of at most {_MOST_BYTES / 1e6:.0f} MB", got=got, todo="clear its outputs")
    with warnings.catch_warnings(action="ignore"):  # nbformat's, about notebooks of other programs
        notebook = read_notebook(path)
    kit = notebook.metadata.get("kit")
    name = kit.get("exercise") if isinstance(kit, dict) else None
    named = [source for source in known if source.name == name] or [s for s in known if s.name in path.stem]
    if not named:
        names, got = ", ".join(source.name for source in known), f"{name or path.stem}"[:80]
        raise ExerciseError(f"one of the exercises {names}", got=got, todo="hand in the notebook of the exercise")
    return notebook, named[0]


def steps(student: nbformat.NotebookNode, source: Source) -> tuple[list[Step], list[str]]:
    """The code cells to run, locked ones as they were handed out; and a remark if some were changed or are gone.

    A locked cell that is gone comes after the one it came after.
    """
    made = [Step(cell.source, {cell.get("id"), _grade_id(cell)}) for cell in student.cells if cell.cell_type == "code"]
    restored, last = 0, -1
    for origin in (cell for cell in source.exercise.cells if cell.cell_type == "code"):
        locked, runs = origin.metadata.nbgrader.locked, not _NOT_RUN & set(origin.metadata.get("tags", ()))
        at = next((number for number, step in enumerate(made) if step.is_(origin)), None)
        if at is None:
            if not (locked and runs):
                continue
            at = last + 1
            made.insert(at, Step("", set()))
        last, step = at, made[at]
        if locked and runs:
            restored += step.code.rstrip() != origin.source.rstrip()
            step.code = origin.source
        step.gaps, step.runs = source.gaps_of(origin.id), runs
    for number, step in enumerate(made, 1):
        step.what = f"code cell {number} ({step.code.strip().partition(chr(10))[0][:60]})"
    remarks = [f"locked cells restored: {restored}"] if restored else []
    return [step for step in made if step.runs and step.code.strip()], remarks


def _grade_id(cell: nbformat.NotebookNode) -> object:
    """nbgrader's name of a cell: some programs drop the ids."""
    nbgrader = cell.metadata.get("nbgrader")
    return str(nbgrader.get("grade_id")) if isinstance(nbgrader, dict) else None
