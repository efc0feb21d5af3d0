"""What a name of the notebook stands for, and whether its code is what a check has seen."""

import functools
from collections.abc import Collection, Mapping
from types import CodeType
from typing import Any

__all__ = ["find", "fingerprint", "names_in"]


def find(namespace: Mapping[str, Any], name: str) -> Any:
    """What ``Class.method`` or ``function`` stands for; the notebook may have made a class in several steps.

    Raises
    ------
    KeyError
        Nothing has that name.
    """
    first, _, method = name.partition(".")
    found = namespace[first]
    if not method:
        return found
    kinds = found.__mro__ if isinstance(found, type) else ()
    own = (kind for kind in kinds if kind is found or kind.__module__ == namespace.get("__name__"))
    for kind in own:
        if method in vars(kind):
            return vars(kind)[method]
    raise KeyError(name)


def fingerprint(namespace: Mapping[str, Any], names: Collection[str]) -> tuple[object, ...]:
    """Equal for the same code, wherever its cell stands."""
    return tuple(_plain(code) for code in _codes(namespace, names))


def names_in(namespace: Mapping[str, Any], names: Collection[str]) -> set[str]:
    """The names that the code mentions."""
    return {name for code in _codes(namespace, names) for name in _mentioned(code)}


def _codes(namespace: Mapping[str, Any], names: Collection[str]) -> list[CodeType]:
    found = []
    for name in names:
        try:
            value = find(namespace, name)
        except KeyError:
            continue
        while isinstance(value, functools.partial):
            value = value.func
        value = getattr(value, "__wrapped__", value)
        code = getattr(getattr(value, "__func__", value), "__code__", None)
        found += [code] if isinstance(code, CodeType) else []
    return found


def _plain(code: CodeType) -> tuple[object, ...]:
    parts = [_plain(part) if isinstance(part, CodeType) else repr(part) for part in code.co_consts]
    return code.co_code, code.co_names, code.co_varnames, *parts


def _mentioned(code: CodeType) -> set[str]:
    inner = [_mentioned(part) for part in code.co_consts if isinstance(part, CodeType)]
    return set(code.co_names).union(*inner)
