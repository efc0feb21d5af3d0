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

_MOST_BYTES = 100_000_000
_NOT_RUN = {"goal", "finish", "checks-gap"}  # the grader makes the checks itself


@dataclass
class Step:
    """A code cell to run: its code, its id, the gaps that it fills, and what it is in words."""

    code: str
    id: str = ""
    gaps: list[int] = field(default_factory=list)
    what: str = ""


def find(places: Sequence[Path]) -> dict[str, Path]:
    """The notebooks in folders and below, and other places as they are, each once, by the path below what all share."""
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
    """A notebook, and its exercise, by its metadata or its file name. Raises `ExerciseError`: it is none."""
    if path.is_file() and path.stat().st_size > _MOST_BYTES:
        got, todo = f"{path.stat().st_size / 1e6:,.0f} MB", "clear its outputs"
        raise ExerciseError(f"a notebook of at most {_MOST_BYTES / 1e6:.0f} MB", got=got, todo=todo)
    with warnings.catch_warnings(action="ignore"):  # nbformat's, about notebooks of other programs
        notebook = read_notebook(path)
    kit = notebook.metadata.get("kit")
    name = kit.get("exercise") if isinstance(kit, dict) else None
    for source in known:
        if name == source.name or (name is None and source.name in path.stem):
            return notebook, source
    names, got = ", ".join(source.name for source in known), f"{name or path.stem}"[:80]
    raise ExerciseError(f"one of the exercises {names}", got=got, todo="hand in the notebook of an exercise")


def steps(student: nbformat.NotebookNode, source: Source) -> tuple[list[Step], list[str]]:
    """The code cells to run, locked ones as they were handed out; and a remark if some were changed or are gone.

    A locked cell that is gone comes after the one it came after.
    """
    made = [Step(cell.source, cell.get("id", "")) for cell in student.cells if cell.cell_type == "code"]
    restored, last = 0, -1
    for origin in (cell for cell in source.exercise.cells if cell.cell_type == "code"):
        locked, runs = origin.metadata.nbgrader.locked, not _NOT_RUN & set(origin.metadata.get("tags", ()))
        same = [step.id == origin.id or step.code.split() == origin.source.split() for step in made]
        at = same.index(True) if any(same) else None
        if at is None and locked and runs:
            at = last + 1
            made.insert(at, Step(""))
        if at is not None:
            last, code = at, made[at].code
            restored += locked and runs and code.rstrip() != origin.source.rstrip()
            made[at] = Step((origin.source if locked else code) if runs else "", gaps=source.gaps_of(origin.id))
    for number, step in enumerate(made, 1):
        step.what = f"code cell {number} ({step.code.strip().partition(chr(10))[0][:60]})"
    return [step for step in made if step.code.strip()], [f"locked cells restored: {restored}"] if restored else []
