"""What is made of a solution: the notebook that students get, and the exercise with its checks."""

import importlib
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from kit.errors import ConfigError, ExerciseError
from kit.exercises._exercise import Exercise, Gap, Progress
from kit.exercises._source import Region, Source, notebook_text, solutions, source_of, sources
from kit.files import write_atomically

__all__ = ["build", "load", "restore", "target"]


def target(source: Source) -> Path:
    """The notebook that is made of a solution."""
    return source.path.parent.parent / "notebooks" / source.path.name


def build(root: Path | None = None, *, write: bool = True) -> list[Path]:
    """Make the notebook of each exercise from its solution; gives those that were not up to date.

    `root` has notebooks/ and solutions/; default: this clone. ``write=False`` only looks. `ExerciseError`: a solution
    is not marked as it should be, and nothing was written.
    """
    made = {target(source): notebook_text(source.exercise) for source in sources(root and root / "solutions")}
    stale = [path for path, text in made.items() if not path.is_file() or path.read_text("utf-8") != text]
    for path in stale if write else ():
        path.write_text(made[path], "utf-8")
    return stale


def restore(name: str | int, root: Path | None = None) -> tuple[Path, Path | None]:
    """Bring an exercise back as it was handed out, and forget which gaps have passed.

    Gives the notebook, and where the old one is kept; None if it had not been touched. `ConfigError`: there is no such
    exercise. `ExerciseError`: the folder cannot be written to; the old notebook is where it was.
    """
    source = source_of(name, root and root / "solutions")
    path, text = target(source), notebook_text(source.exercise)
    kept: Path | None = None
    try:
        if path.exists() and path.read_bytes() != text.encode():
            kept = path.with_name(f"{path.stem}.old-{datetime.now(UTC).astimezone():%Y%m%d-%H%M%S-%f}.ipynb")
            write_atomically(kept, path.read_bytes())
        write_atomically(path, text)
    except OSError as error:
        todo = "make the folder writable, or free some space"
        raise ExerciseError(f"to write {path.name}", got=str(error), todo=todo) from error
    Progress(source.name).reset()
    return path, kept


def load(name: str | int, namespace: Mapping[str, Any]) -> Exercise:
    """The exercise of a notebook: its file's name, or its number, and ``globals()``, where the student's functions are.

    `ConfigError`: there is no such exercise, or `namespace` is none.

    >>> exercise = load(19, globals())                       # doctest: +SKIP
    """
    if not isinstance(namespace, Mapping):
        raise ConfigError("where your functions are", got=repr(namespace)[:60], todo="write load(19, globals())")
    folder = solutions()
    if gaps := _gaps(folder, str(name)):  # an exercise in a notebook that is no exercise otherwise
        return Exercise(str(name), gaps, namespace)
    source = source_of(name, folder)
    gaps, count = _gaps(folder, source.name.partition("_")[2]), max(region.number for region in source.regions)
    if len(gaps) != count:
        todo = f"write GAPS in {folder / 'checks' / source.name.partition('_')[2]}.py, one for each"
        raise ConfigError(f"checks of the {count} gaps of {source.name}", got=f"{len(gaps)}", todo=todo)
    return Exercise(source.name, [_described(gap, source.gap(number)) for number, gap in enumerate(gaps, 1)], namespace)


def _described(gap: Gap, pieces: list[Region]) -> Gap:
    """The gap with what the solution notebook says of it."""
    solution = "\n\n".join(piece.solution for piece in pieces)
    return replace(gap, title=pieces[0].title, todo=pieces[0].todo, solution=solution)


def _gaps(folder: Path, name: str) -> tuple[Gap, ...]:
    """The gaps of checks, which are a file or a folder, imported once; none if there are no such checks."""
    checks = folder / "checks"
    places = checks / f"{name}.py", checks / name / "__init__.py"
    if not name.isidentifier() or not any(place.is_file() for place in places):
        return ()
    # a package of this folder's own, so that exercises can share what is beside their checks: `from .. import …`
    package = sys.modules.setdefault(known := f"kit_checks_{hash(checks):x}", ModuleType(known))
    package.__path__ = [str(checks)]
    importlib.invalidate_caches()
    return tuple(importlib.import_module(f"{known}.{name}").GAPS)
