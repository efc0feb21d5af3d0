"""A student's notebook before it runs: which exercise it is, its locked cells as they were, and what of it is run."""

import copy
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kit.errors import ExerciseError
from kit.exercises._grade_result import printable
from kit.exercises._nbformat import nbformat
from kit.exercises._source import Source, read_notebook

__all__ = ["Handed", "Step", "handed", "notebooks_in", "recognised", "restored", "steps"]

_MOST_BYTES = 100_000_000
_CHECK = re.compile(r"\.check\((\d+)\)")
_NOT_RUN = {"goal", "finish"}  # what counts are the checks; the grader makes them itself


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
    twice = [one.student for one in found.values()]
    return [
        one if twice.count(one.student) == 1 else Handed(_text(one.path), one.path, one.problem)
        for one in found.values()
    ]


def _in(place: Path) -> list[Handed]:
    if not place.is_dir():
        return [Handed(_text(place), place, "" if place.is_file() else "there is no such file or folder")]
    inside = [Handed(_text(path.relative_to(place)), path) for path in notebooks_in(place)]
    return inside or [Handed(_text(place), place, "there is no notebook in this folder")]


def notebooks_in(folder: Path) -> list[Path]:
    """The notebooks of a folder and of those below it, without JupyterLab's own copies."""
    paths = (path for path in folder.rglob("*.ipynb") if not path.is_dir())
    return sorted(path for path in paths if ".ipynb_checkpoints" not in path.relative_to(folder).parts)


def _text(path: Path) -> str:
    """A path as text that can be printed, whatever bytes it is of."""
    return printable(path.as_posix())


def recognised(path: Path, known: Sequence[Source]) -> tuple[nbformat.NotebookNode, Source]:
    """A notebook, and the exercise it is: its metadata say so, or else its name.

    Raises
    ------
    ExerciseError
        It is no notebook, or no exercise.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise ExerciseError("a notebook that can be read", got=str(error), todo="look at the file") from error
    if size > _MOST_BYTES:
        got, todo = f"{size / 1e6:,.0f} MB", "clear its outputs"
        raise ExerciseError(f"a notebook of at most {_MOST_BYTES / 1e6:.0f} MB", got=got, todo=todo)
    with warnings.catch_warnings(action="ignore"):  # nbformat's, about notebooks of other programs
        notebook = read_notebook(path)
    kit = notebook.metadata.get("kit")
    said = kit.get("exercise") if isinstance(kit, dict) else None
    named = [source for source in known if source.name == said] or [s for s in known if s.name in path.stem]
    if not named:
        names = ", ".join(source.name for source in known)
        got = f"{said or path.stem}"[:80]
        raise ExerciseError(f"one of the exercises {names}", got=got, todo="hand in the notebook of the exercise")
    return notebook, named[0]


def restored(student: nbformat.NotebookNode, source: Source) -> tuple[list[tuple[nbformat.NotebookNode, bool]], int]:
    """The student's cells with the locked ones as they were, each with whether the exercise has it, and how many.

    A locked cell that is gone comes after the one it came after. Gaps and the student's own cells stay as they are.
    """
    cells = [(cell, False) for cell in student.cells]
    count, last = 0, -1
    for origin in source.exercise.cells:
        at = _place(origin, cells)
        locked = origin.metadata.nbgrader.locked
        if at is None and locked:
            last += 1
            cells.insert(last, (copy.deepcopy(origin), True))
            count += 1
        elif at is not None:
            changed = locked and not _same(cells[at][0], origin)
            kept = origin if locked else nbformat.from_dict({**cells[at][0], "metadata": origin.metadata})
            cells[at], last = (copy.deepcopy(kept), True), at
            count += changed
    return cells, count


def _place(origin: nbformat.NotebookNode, cells: Sequence[tuple[nbformat.NotebookNode, bool]]) -> int | None:
    """Where the cell is: by its id, by nbgrader's where a program has dropped that, or by what it says."""
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
    return one.cell_type == other.cell_type and _plain(one.source) == _plain(other.source)


def _plain(source: str) -> list[str]:
    return source.rstrip().splitlines()


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
