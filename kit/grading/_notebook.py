"""A student's notebook before it runs: which exercise it is, its locked cells as they were, and what of it is run."""

import copy
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kit.errors import ExerciseError
from kit.exercises import Source
from kit.exercises._nbformat import nbformat
from kit.exercises._source import read_notebook
from kit.grading._report import printable

__all__ = ["Handed", "Step", "handed", "recognised", "restored", "steps"]

_MOST_BYTES = 100_000_000
_CHECK = re.compile(r"\.check\((\d+)\)")
_NOT_RUN = {"goal", "finish"}  # what counts are the checks; the grader makes them itself
_NOT_THEIRS = (".ipynb_checkpoints", "__MACOSX")  # copies that JupyterLab and archives add


@dataclass(frozen=True)
class Handed:
    """A path that was handed in, and the name it has in the table. `problem`: why it is no notebook."""

    student: str
    path: Path
    problem: str = ""


@dataclass(frozen=True)
class Step:
    """A cell to run, with what it is in words; or, if `gap` is not 0, a check of that gap."""

    code: str
    what: str = ""
    gap: int = 0


def handed(places: Sequence[Path]) -> list[Handed]:
    """Every notebook in folders and below, and every file that was named; each once."""
    found: dict[Path, Handed] = {}
    for place in places:
        for one in _in(place):
            found.setdefault(one.path.resolve(), one)
    names = [one.student for one in found.values()]
    return [
        one if names.count(one.student) == 1 else replace(one, student=printable(one.path.as_posix()))
        for one in found.values()
    ]


def _in(place: Path) -> list[Handed]:
    name = printable(place.as_posix())
    if not place.is_dir():
        return [Handed(name, place, "" if place.is_file() else "there is no such file or folder")]
    inside = [Handed(printable(path.relative_to(place).as_posix()), path) for path in sorted(_notebooks(place))]
    return inside or [Handed(name, place, "there is no notebook in this folder")]


def _notebooks(folder: Path) -> Iterator[Path]:
    """The notebooks of a folder and of those below it, also behind links."""
    seen: set[str] = set()
    for here, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        folders[:] = [] if real in seen else [name for name in folders if name not in _NOT_THEIRS]
        if real not in seen:
            yield from (Path(here, name) for name in files if name.endswith(".ipynb") and not name.startswith("._"))
        seen.add(real)


def recognised(path: Path, known: Sequence[Source]) -> tuple[nbformat.NotebookNode, Source]:
    """A notebook, and the exercise it is: its metadata say so, or else its name.

    Raises
    ------
    ExerciseError
        It is no notebook, or no exercise.
    """
    size = path.stat().st_size if path.exists() else 0
    if size > _MOST_BYTES:
        got, todo = f"{size / 1e6:,.0f} MB", "clear its outputs"
        raise ExerciseError(f"a notebook of at most {_MOST_BYTES / 1e6:.0f} MB", got=got, todo=todo)
    with warnings.catch_warnings(action="ignore"):  # nbformat's, about notebooks of other programs
        notebook = read_notebook(path)
    kit = notebook.metadata.get("kit")
    name = kit.get("exercise") if isinstance(kit, dict) else None
    named = [source for source in known if source.name == name] or [s for s in known if s.name in path.stem]
    if not named:
        names, got = ", ".join(source.name for source in known), f"{name or path.stem}"[:80]
        raise ExerciseError(f"one of the exercises {names}", got=got, todo="hand in the notebook of the exercise")
    return notebook, named[0]


def restored(student: nbformat.NotebookNode, source: Source) -> tuple[list[tuple[nbformat.NotebookNode, bool]], int]:
    """The student's cells with the locked ones as they were, each with whether the exercise has it, and how many.

    A locked cell that is gone comes after the one it came after. Gaps and the student's own cells stay as they are.
    """
    cells = [(cell, False) for cell in student.cells]
    count, last = 0, -1
    for origin in source.exercise.cells:
        at, locked = _place(origin, cells), origin.metadata.nbgrader.locked
        if at is not None:
            count += locked and not _same(cells[at][0], origin)
            kept = origin if locked else nbformat.from_dict({**cells[at][0], "metadata": origin.metadata})
            cells[at], last = (copy.deepcopy(kept), True), at
        elif locked:
            last += 1
            cells.insert(last, (copy.deepcopy(origin), True))
            count += 1
    return cells, count


def _place(origin: nbformat.NotebookNode, cells: Sequence[tuple[nbformat.NotebookNode, bool]]) -> int | None:
    """Where the cell is: by its id, by nbgrader's where a program has dropped that, or by its text."""
    free = [(place, cell) for place, (cell, taken) in enumerate(cells) if not taken]
    for alike in (
        lambda cell: cell.get("id") == origin.id,
        lambda cell: _grade_id(cell) == origin.id,
        lambda cell: bool(origin.source) and _same(cell, origin),
    ):
        found = next((place for place, cell in free if alike(cell)), None)
        if found is not None:
            return found
    return None


def _grade_id(cell: nbformat.NotebookNode) -> object:
    nbgrader = cell.metadata.get("nbgrader")
    return nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None


def _same(one: nbformat.NotebookNode, other: nbformat.NotebookNode) -> bool:
    texts = [cell.source.rstrip().splitlines() for cell in (one, other)]
    return bool(one.cell_type == other.cell_type and texts[0] == texts[1])


def steps(cells: Sequence[tuple[nbformat.NotebookNode, bool]]) -> list[Step]:
    """What is run, in order. A check of the exercise is made by the grader, at its place."""
    made: list[Step] = []
    code = [(cell, ours) for cell, ours in cells if cell.cell_type == "code"]
    for number, (cell, ours) in enumerate(code, 1):
        tags = set(cell.metadata.get("tags", ())) if ours else set()
        asked = _CHECK.search(cell.source)
        if "checks-gap" in tags and asked:
            made.append(Step("", gap=int(asked[1])))
        elif not tags & _NOT_RUN and cell.source.strip():
            made.append(Step(cell.source, f"code cell {number} ({_first_line(cell.source)})"))
    return made


def _first_line(source: str) -> str:
    """What a cell is known by."""
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    line = next((line for line in lines if not line.startswith("#")), lines[0])
    return line if len(line) <= 60 else f"{line[:60]}…"
