"""Which code a check has seen, so that a change after it is noticed."""

import functools
import hashlib
import inspect
from collections.abc import Collection, Mapping
from types import CodeType, FunctionType
from typing import Any

__all__ = ["find", "fingerprint"]

_PLAIN = (int, float, complex, str, bytes, bool, type(None))
_VALUES = (*_PLAIN, list, dict, set, tuple)


def find(namespace: Mapping[str, Any], name: str) -> Any:
    """What ``Class.method`` or ``function`` stands for.

    Raises
    ------
    KeyError
        There is nothing of that name.
    """
    first, _, rest = name.partition(".")
    found = namespace[first]
    if not rest:
        return found
    if not isinstance(found, type):
        raise KeyError(name)
    return vars(found)[rest]


def fingerprint(namespace: Mapping[str, Any], names: Collection[str], *, without: Collection[str] = ()) -> str:
    """A hash of the code of functions, and of what else of the notebook they use; the same code gives the same hash.

    Parameters
    ----------
    names
        ``function``, ``Class`` or ``Class.method``.
    without
        Names that are looked at elsewhere.
    """
    walk = _Walk(namespace, set(without) - set(names))
    for name in names:
        walk.visit(name)
    return walk.hash.hexdigest()


class _Walk:
    def __init__(self, namespace: Mapping[str, Any], without: set[str]) -> None:
        self.namespace, self.seen = namespace, without
        self.hash = hashlib.sha256()

    def add(self, *parts: object) -> None:
        self.hash.update(repr(parts).encode())

    def visit(self, name: str) -> None:
        if name in self.seen:
            return
        self.seen.add(name)
        try:
            found = find(self.namespace, name)
        except KeyError:
            self.add(name, "missing")
            return
        self.add(name)
        self.value(found, name)

    def value(self, found: Any, name: str) -> None:
        found = inspect.unwrap(getattr(found, "__func__", found))  # a static or a class method, one with a cache
        if isinstance(found, functools.partial):
            self.add(found.args, found.keywords)
            found = found.func
        if isinstance(found, FunctionType):
            self.add(found.__defaults__, found.__kwdefaults__)
            self.code(found.__code__, name.rpartition(".")[0])
            for variable, cell in zip(found.__code__.co_freevars, found.__closure__ or (), strict=True):
                if variable != "__class__":  # of a method that says super(): no matter of its own
                    self.value(cell.cell_contents, name)
        elif isinstance(found, type) and found.__module__ == self.namespace.get("__name__"):
            self.add([base.__qualname__ for base in found.__bases__])
            for method in sorted(vars(found)):
                if isinstance(getattr(vars(found)[method], "__func__", vars(found)[method]), (FunctionType, *_PLAIN)):
                    self.value(vars(found)[method], f"{name}.{method}")
        elif isinstance(found, _VALUES):
            self.add(repr(found))
        elif type(found).__module__ == self.namespace.get("__name__"):
            self.value(type(found), name)  # an object that can be called
        else:
            self.add(type(found).__qualname__)

    def code(self, code: CodeType, owner: str) -> None:
        self.add(code.co_code, code.co_varnames, code.co_names)
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                self.code(constant, owner)
            else:
                self.add(constant)
        for name in code.co_names:
            if name in self.namespace and not name.startswith("_"):
                self.visit(name)
            if owner and hasattr(self.namespace.get(owner), name):
                self.visit(f"{owner}.{name}")
