"""An exercise is written once, solved, in ``solutions/NN_exercise_*.ipynb``; the notebook of students is made of it.

The lines between nbgrader's markers become ``raise NotImplementedError("Gap 3, …")``. CONTRIBUTING.md says how.
"""

import copy
import json
import re
import textwrap
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from kit.errors import ConfigError, ExerciseError
from kit.exercises._nbformat import nbformat

__all__ = ["Region", "Source", "notebook_text", "read_notebook", "solutions", "source_of", "sources"]

_GAP = re.compile(
    r"^(?P<indent> *)# Gap (?P<number>\d+), (?P<title>[^:\n]+): (?P<todo>.+)\n"
    r" *### BEGIN SOLUTION\n(?P<solution>(?:(?! *### BEGIN).*\n)*?) *### END SOLUTION$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Region:
    """A piece of a gap: which one, what to do in a sentence, the lines that solve it, and the id of its cell."""

    number: int
    title: str
    todo: str
    solution: str
    cell: str


class Source:
    """A solution notebook. `ExerciseError`: it is none, or a gap is not marked as it should be; with the cell."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.stem
        self.notebook = read_notebook(path)
        code = [cell for cell in self.notebook.cells if cell.cell_type == "code"]
        for cell in code:
            if mark := re.search("### (?:BEGIN|END) SOLUTION", _GAP.sub("", cell.source)):
                expected, todo = "`# Gap 1, its title: what to do`, then lines between two marks", "see CONTRIBUTING.md"
                raise ExerciseError(expected, got=f"{path.name}, cell {cell.id}: a stray {mark[0]}", todo=todo)
        self.regions = [_region(found, cell.id) for cell in code for found in _GAP.finditer(cell.source)]
        numbers = list(dict.fromkeys(region.number for region in self.regions))
        if numbers != list(range(1, len(numbers) + 1)) or not numbers:
            raise ExerciseError(f"gaps 1, 2, 3 … in {path.name}", got=f"{numbers}", todo="number them as they come")

    def gap(self, number: int) -> list[Region]:
        """The pieces of one gap."""
        return [region for region in self.regions if region.number == number]

    def gaps_of(self, cell: str) -> list[int]:
        """The numbers of the gaps in a cell."""
        return sorted({region.number for region in self.regions if region.cell == cell})

    def gap_cell(self, number: int) -> str:
        """The cell of a gap as students get it."""
        home = self.gap(number)[0].cell
        return str(next(cell.source for cell in self.exercise.cells if cell.id == home))

    @cached_property
    def exercise(self) -> nbformat.NotebookNode:
        """The notebook that students get."""
        made = copy.deepcopy(self.notebook)
        for cell in made.cells:
            tags = set(cell.metadata.get("tags", ()))
            cell.metadata = _metadata(cell.id, tags, gap=bool(self.gaps_of(cell.id)))
            if cell.cell_type == "code":
                cell.source = _GAP.sub(_unsolved, cell.source)
                cell.execution_count = None
                cell.outputs = cell.outputs if "goal" in tags else []
                for output in (one for one in cell.outputs if "execution_count" in one):
                    output.execution_count = None
            else:
                cell.source = cell.source.replace("](../notebooks/", "](")
        made.metadata["kit"] = {"exercise": self.name}
        return made


def notebook_text(notebook: nbformat.NotebookNode) -> str:
    """The notebook as the file that is written: always the same bytes for the same notebook."""
    return str(nbformat.writes(notebook)).rstrip("\n") + "\n"


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """A notebook, in the format of today. `ExerciseError`: there is none, or it is something else."""
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # OSError, UnicodeError, JSON's and nbformat's own, KeyError of what is half a notebook
        got = f"{type(error).__name__}: {str(error).splitlines()[0][:120] if str(error) else ''}"
        raise ExerciseError(f"a Jupyter notebook in {path.name}", got=got, todo="give the .ipynb file") from error
    return notebook


def solutions() -> Path:
    """The folder with the solutions and checks: here or above, else in the kit's clone. `ConfigError`: in none."""
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).parents[2]):
        place = folder / "solutions"
        if _paths(place) or (place / "checks").is_dir():
            return place
    got = f"none in {here} or above, and the installed package has no exercises"
    raise ConfigError("a folder solutions/checks", got=got, todo="cd to the clone of the kit, and start again there")


def sources(folder: Path | None = None) -> list[Source]:
    """All exercises, in the order of their numbers."""
    return [Source(path) for path in _paths(folder or solutions())]


def source_of(name: str | int, folder: Path | None = None) -> Source:
    """The exercise with this name, or this number. `ConfigError`: there is none."""
    wanted = str(name).removesuffix(".ipynb")
    paths = _paths(folder or solutions())
    for path in paths:
        if wanted in (path.stem, path.stem.partition("_")[0]):
            return Source(path)
    names = ", ".join(path.stem for path in paths)
    raise ConfigError(f"the name or the number of an exercise: {names}", got=repr(name), todo="write for instance 19")


def _paths(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9]*_exercise_*.ipynb"))


def _region(found: re.Match[str], cell: str) -> Region:
    solution = textwrap.dedent(found["solution"]).rstrip()
    return Region(int(found["number"]), found["title"], found["todo"], solution, cell)


def _unsolved(found: re.Match[str]) -> str:
    message = "Gap {number}, {title}: {todo}".format(**found.groupdict())
    return f"{found['indent']}raise NotImplementedError({json.dumps(message, ensure_ascii=False)})"


def _metadata(cell: str, tags: set[str], *, gap: bool) -> nbformat.NotebookNode:
    """What students may do with a cell, in JupyterLab's words and in nbgrader's (metadata schema 3)."""
    locked, graded = not gap and "free" not in tags, "finish" in tags
    shown = tags - {"tries-gap", "free"} | ({"raises-exception"} if tags & {"tries-gap", "finish"} else set())
    nbgrader = {"schema_version": 3, "grade_id": cell, "grade": graded, "locked": locked, "solution": gap}
    nbgrader |= {"task": False} | ({"points": 1} if graded else {})
    made: dict[str, Any] = {"deletable": False, "nbgrader": nbgrader} | ({"editable": False} if locked else {})
    return nbformat.from_dict(made | ({"tags": sorted(shown)} if shown else {}))
