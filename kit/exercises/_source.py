"""One source: an exercise is written once, solved, and everything else is made of it.

In ``solutions/NN_exercise_*.ipynb`` a gap is what stands between nbgrader's markers, below a comment that names it::

    def to_record(tweet):
        # Gap 3, to_record: return the key and the line of CSV
        ### BEGIN SOLUTION
        ...
        ### END SOLUTION

`exercise` makes of it the notebook that students get, where the gap is ``raise NotImplementedError("Gap 3, …")``. Tags
of cells say the rest: `tries-gap` runs what may not be filled yet, `checks-gap` calls a check, `finish` is graded, and
`goal` keeps its output, to show where it all leads, `free` is for students to change.
"""

import ast
import copy
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from kit.errors import ConfigError, ExerciseError
from kit.exercises._nbformat import nbformat

__all__ = ["Region", "Source", "notebook_text", "read_notebook", "solutions", "sources"]

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
_GAP = re.compile(r"# Gap (\d+), ([^:]+): (.+)")
_COLUMNS = 84  # what a cell shows without scrolling
_SAME_FOLDER = re.compile(r"\]\(\.\./notebooks/")


@dataclass(frozen=True)
class Region:
    """A piece of a gap: which one, what to do in a sentence, the lines that solve it, and the cell it is in."""

    number: int
    title: str
    todo: str
    solution: str
    cell: str

    @property
    def message(self) -> str:
        return f"Gap {self.number}, {self.title}: {self.todo}"


@dataclass(frozen=True)
class _Piece:
    """Lines of a cell as they stand, or a gap with its indentation."""

    lines: list[str]
    region: Region | None = None
    indent: str = ""


class Source:
    """A solution notebook.

    Raises
    ------
    ExerciseError
        It is no notebook, or its gaps are not marked as they should be; the message names the cell.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.stem
        self.notebook = read_notebook(path)
        code = [cell for cell in self.notebook.cells if cell.cell_type == "code"]
        self._pieces = {cell.id: list(_pieces(cell, path)) for cell in code}
        numbers = list(dict.fromkeys(region.number for region in self.regions))
        if numbers != list(range(1, len(numbers) + 1)) or not numbers:
            raise ExerciseError(f"gaps 1, 2, 3 … in {path.name}", got=f"{numbers}", todo="number them as they come")

    @property
    def regions(self) -> list[Region]:
        """All pieces of gaps, in order."""
        return [piece.region for pieces in self._pieces.values() for piece in pieces if piece.region]

    def gap(self, number: int) -> list[Region]:
        """The pieces of one gap."""
        return [region for region in self.regions if region.number == number]

    @cached_property
    def exercise(self) -> nbformat.NotebookNode:
        """The notebook that students get."""
        made = copy.deepcopy(self.notebook)
        for cell in made.cells:
            tags = set(cell.metadata.get("tags", ()))
            cell.metadata = _metadata(cell, tags, gap=bool(self.gaps_of(cell.id)))
            if cell.cell_type == "code":
                cell.source = "\n".join(line for piece in self._pieces[cell.id] for line in _unsolved(piece))
                cell.outputs = cell.outputs if "goal" in tags else []
                cell.execution_count = None
                for output in cell.outputs:
                    output.pop("execution_count", None)
                    if output.output_type == "execute_result":
                        output.execution_count = None
            else:
                cell.source = _SAME_FOLDER.sub("](", cell.source)
        made.metadata["kit"] = {"exercise": self.name}
        return made

    def gaps_of(self, cell: str) -> list[int]:
        """The numbers of the gaps in a cell."""
        return sorted({piece.region.number for piece in self._pieces.get(cell, ()) if piece.region})

    @staticmethod
    def paths(folder: Path) -> list[Path]:
        """The solution notebooks of a folder."""
        return sorted(folder.glob("[0-9]*_exercise_*.ipynb"))

    @cached_property
    def scaffold(self) -> dict[str, tuple[ast.stmt, str]]:
        """The names that locked cells define, each with its statement, and the first line of its cell."""
        found: dict[str, tuple[ast.stmt, str]] = {}
        for cell in self.exercise.cells:
            if cell.cell_type != "code" or not cell.metadata.nbgrader.locked or self.gaps_of(cell.id):
                continue
            for statement in ast.parse(cell.source).body:
                for name in _defined(statement):
                    found[name] = statement, cell.source.partition("\n")[0]
        return found

    def gap_cell(self, number: int) -> str:
        """The cell of a gap as students get it."""
        home = self.gap(number)[0].cell
        return str(next(cell.source for cell in self.exercise.cells if cell.id == home))


def notebook_text(notebook: nbformat.NotebookNode) -> str:
    """The notebook as the file that is written: always the same bytes for the same notebook."""
    return str(nbformat.writes(notebook)).rstrip("\n") + "\n"


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """A notebook, in the format of today.

    Raises
    ------
    ExerciseError
        There is none, or it is something else.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # OSError, UnicodeError, JSON's and nbformat's own, KeyError of what is half a notebook
        got = f"{type(error).__name__}: {str(error).splitlines()[0][:120] if str(error) else ''}"
        raise ExerciseError(f"a Jupyter notebook in {path.name}", got=got, todo="give the .ipynb file") from error
    return notebook


def solutions() -> Path:
    """The folder with the solutions: see `kit.exercises.load`.

    Raises
    ------
    ConfigError
        There is none.
    """
    here, package = Path.cwd(), Path(__file__).parents[1]
    for folder in (here, *here.parents, package.parent, package):
        place = folder / "solutions"
        if Source.paths(place) or (place / "checks").is_dir():
            return place
    raise ConfigError(
        "a folder solutions/checks", got=f"none at or above {here}", todo="cd to where the kit was cloned"
    )


def sources(folder: Path | None = None) -> list[Source]:
    """All exercises, in the order of their numbers."""
    return [Source(path) for path in Source.paths(folder or solutions())]


def _pieces(cell: nbformat.NotebookNode, path: Path) -> Iterator[_Piece]:
    """A code cell, cut at its gaps."""

    def wrong(got: str, todo: str) -> ExerciseError:
        where = f"{path.name}, cell {cell.id}"
        return ExerciseError(f"each gap between {BEGIN} and {END}", got=f"{where}: {got}", todo=todo)

    plain: list[str] = []
    solved: list[str] | None = None
    region = Region(0, "", "", "", cell.id)
    for line in cell.source.split("\n"):
        mark = line.strip()
        if mark == BEGIN:
            if solved is not None:
                raise wrong("a second beginning before an end", f"add {END}")
            number, title, todo = _named(plain) or _refuse(wrong)
            region = Region(number, title, todo, "", cell.id)
            yield _Piece(plain)
            plain, solved = [], []
        elif mark == END:
            if solved is None:
                raise wrong("an end without a beginning", f"add {BEGIN}")
            indent = line[: len(line) - len(line.lstrip())]
            text = textwrap.dedent("\n".join(solved))
            yield _Piece(solved, Region(region.number, region.title, region.todo, text, cell.id), indent)
            solved = None
        else:
            (plain if solved is None else solved).append(line)
    if solved is not None:
        raise wrong("a beginning without an end", f"add {END}")
    yield _Piece(plain)


def _defined(statement: ast.stmt) -> list[str]:
    """The names that a statement defines for good; a value that cells change is none of them."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).partition(".")[0] for alias in statement.names]
    return [statement.name] if isinstance(statement, ast.ClassDef | ast.FunctionDef) else []


def _refuse(wrong: Any) -> Any:
    raise wrong("no line above it that names the gap", "write above it: # Gap 1, its title: what to do")


def _named(plain: list[str]) -> tuple[int, str, str] | None:
    """Take the comment that names a gap off the end of the lines; it may go over several."""
    taken: list[str] = []
    while plain and plain[-1].strip().startswith("# "):
        taken.insert(0, plain.pop().strip())
        found = _GAP.fullmatch(" ".join([taken[0], *(line.removeprefix("# ") for line in taken[1:])]))
        if found:
            return int(found[1]), found[2], found[3]
    return None


def _unsolved(piece: _Piece) -> list[str]:
    """The lines that students get."""
    if piece.region is None:
        return piece.lines
    message, indent = piece.region.message, piece.indent
    line = f"{indent}raise NotImplementedError({_quoted(message)})"
    if len(line) <= _COLUMNS:
        return [line]
    inner = f"{indent}    "
    parts = textwrap.wrap(message, _COLUMNS - len(inner) - 3, drop_whitespace=False)
    quoted = [f"{inner}{_quoted(part)}" for part in parts]
    return [f"{indent}raise NotImplementedError(", *quoted, f"{indent})"]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _metadata(cell: nbformat.NotebookNode, tags: set[str], *, gap: bool) -> nbformat.NotebookNode:
    """What students may do with a cell, in JupyterLab's words and in nbgrader's (metadata schema 3)."""
    locked = not gap and "free" not in tags
    shown = tags - {"tries-gap", "free"} | ({"raises-exception"} if tags & {"tries-gap", "finish"} else set())
    graded = "finish" in tags
    made: dict[str, Any] = {"tags": sorted(shown)} if shown else {}
    made["deletable"] = False
    made["nbgrader"] = {
        "schema_version": 3,
        "grade_id": cell.id,
        "grade": graded,
        "locked": locked,
        "solution": gap,
        "task": False,
        **({"points": 1} if graded else {}),
    }
    if locked:
        made["editable"] = False
    return nbformat.from_dict(made)
