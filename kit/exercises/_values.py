"""Values that a student's code gives: copied to Python's own types before they are compared, shown in bounded time."""

import re
import reprlib
from collections.abc import Callable
from itertools import islice
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from kit.exercises._running import StudentError, TookTooLong, call

__all__ = ["plain", "shown", "text_of"]

_COPIES: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    bool: bool,
    int: int.__int__,
    float: float.__float__,
}
_SECONDS = 0.25
_LONG = 200  # characters
_PARTS = 1000  # of a list
_ADDRESS = re.compile(r"<(?:[\w.]+\.)?(\w+) (?:object|instance) at 0x[0-9a-fA-F]+>")
_short = reprlib.Repr()  # of a list with millions of parts it looks at the first ones
_short.maxlist = _short.maxtuple = _short.maxdict = _short.maxset = 50
_short.maxstring = _short.maxother = _short.maxlong = 2 * _LONG


def plain(value: Any, depth: int = 2) -> Any:
    """The value as Python's own types have it: no method of a student's class runs, and comparing is safe.

    A subclass of str is a str, a NumPy number a number, a tuple of any kind a list. What is none of them stays.

    >>> plain((1, "a"))
    [1, 'a']
    """
    kind = type(value)
    for base, copy in _COPIES.items():
        if issubclass(kind, base):
            return copy(value)
    if kind.__module__ == "numpy" and kind.__mro__[-2].__name__ == "generic":
        number = value.item()
        return number if type(number) in _COPIES else value
    if issubclass(kind, tuple | list) and depth:
        base = tuple if issubclass(kind, tuple) else list
        return [plain(part, depth - 1) for part in islice(base.__iter__(value), _PARTS)]
    return value


def shown(value: object) -> str:
    """A value as a student would write it, not too long; its own `__repr__` may fail, or never end."""
    kind = type(value)
    if issubclass(kind, type):
        return f"the class {value.__name__}"  # type: ignore[attr-defined]
    if kind in (FunctionType, MethodType, BuiltinFunctionType):
        return f"the function {value.__name__} itself, which was not called"  # type: ignore[attr-defined]
    if value is None:
        return "None: does it return anything?"
    if issubclass(kind, str | bytes):
        whole = plain(value)
        return repr(whole) if len(whole) <= _LONG else f"{whole[:_LONG]!r}…"
    text = _ADDRESS.sub(r"<\1 object>", text_of(value, _short.repr))
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


def text_of(value: object, write: Callable[[object], str] = str) -> str:
    """`str` or `repr` of a value; if that raises or takes too long, a text that says so."""
    name, method = type(value).__name__, f"__{write.__name__}__"
    try:
        return str.__str__(call(write, value, seconds=_SECONDS))
    except StudentError as error:
        return f"a {name}, whose {method} raises {type(error.error).__name__}"
    except TookTooLong:
        return f"a {name}, whose {method} does not end"
