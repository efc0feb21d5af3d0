"""An exercise by its name: its solution notebook, and its checks, which are a file or a folder beside it.

Both are sought in ``solutions/`` of the folder that the notebook runs in, then of the folders above, then of the clone
that this package stands in, then in the package itself (``pip install`` puts a copy there). So a notebook works in the
clone, in a folder of its own, in VS Code and in Colab.
"""

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from kit.errors import ConfigError
from kit.exercises._context import CheckContext
from kit.exercises._exercise import Exercise, Gap
from kit.exercises._source import Source, solutions

__all__ = ["CheckContext", "Gap", "load", "source_of"]


def load(name: str | int, namespace: Mapping[str, Any]) -> Exercise:
    """The exercise of a notebook.

    Parameters
    ----------
    name
        Its file's name, or its number.
    namespace
        ``globals()``: where the functions are that the student writes.

    Raises
    ------
    ConfigError
        There is no such exercise, or `namespace` is none.

    Examples
    --------
    >>> exercise = load(19, globals())                                              # doctest: +SKIP
    """
    if not isinstance(namespace, Mapping):
        raise ConfigError("where your functions are", got=repr(namespace)[:60], todo="write load(19, globals())")
    folder = solutions()
    checks = _checks(folder, str(name))
    if checks is not None:  # without a notebook of its own
        return Exercise(str(name), _module(checks).GAPS, namespace)
    source = source_of(name, folder)
    checks = _checks(folder, source.name.partition("_")[2])
    if checks is None:
        todo = f"write {folder / 'checks' / source.name.partition('_')[2]}.py"
        raise ConfigError(f"checks for {source.name}", got="none", todo=todo)
    return Exercise(source.name, _module(checks).GAPS, namespace, source=source)


def source_of(name: str | int, folder: Path | None = None) -> Source:
    """The exercise with this name, or this number.

    Raises
    ------
    ConfigError
        There is none.
    """
    paths = Source.paths(folder or solutions())
    wanted = str(name).removesuffix(".ipynb")
    for path in paths:
        if wanted in (path.stem, path.stem.partition("_")[0]):
            return Source(path)
    names = ", ".join(path.stem for path in paths)
    raise ConfigError(f"the name or the number of an exercise: {names}", got=repr(name), todo="write for instance 19")


def _checks(folder: Path, name: str) -> Path | None:
    if not name.isidentifier():
        return None
    places = folder / "checks" / f"{name}.py", folder / "checks" / name / "__init__.py"
    return next((place for place in places if place.is_file()), None)


def _module(path: Path) -> ModuleType:
    """The checks as a module, imported once."""
    package = [str(path.parent)] if path.name == "__init__.py" else None
    name = f"kit_checks_{path.parent.name if package else path.stem}"
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(path):
        return known
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=package)
    if spec is None or spec.loader is None:
        raise ConfigError("checks in Python", got=str(path), todo="give the file the ending .py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
