"""An exercise by its name."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from kit.errors import ConfigError
from kit.exercises._exercise import Exercise
from kit.exercises._source import source_of

__all__ = ["load"]

# Where the checks of an exercise are; each module has its GAPS. `practice` is a part of notebook 00.
_CHECKS = {"practice": "kit.exercises._practice", "19_exercise_tweets": "kit.exercises.tweets"}


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
    if name == "practice":
        module = import_module(_CHECKS["practice"])
        return Exercise("practice", module.GAPS, namespace, regions=module.REGIONS)
    source = source_of(name)
    if source.name not in _CHECKS:
        raise ConfigError(f"checks for {source.name}", got="none", todo="add its module to kit.exercises")
    return Exercise(source.name, import_module(_CHECKS[source.name]).GAPS, namespace, source=source)
