"""Values that a student's code gives: copied to Python's own types before they are compared, shown in bounded time."""

import inspect
import re
from typing import Any

from kit.exercises._running import StudentError, TookTooLong, call

__all__ = ["plain", "shown", "text_of"]

_EXACT = (str, int, float, bool, bytes, type(None))
_SECONDS = 0.25
_LONG = 200
_ADDRESS = re.compile(r"<(?:[\w.]+\.)?(\w+) object at 0x[0-9a-fA-F]+>")


def plain(value: Any, depth: int = 4) -> Any:  # noqa: PLR0911
    """The value as Python's own types have it: no method of a student's class runs, and comparing is safe.

    A subclass of str is a str, a NumPy number a number, a tuple of any kind a list. What is none of them stays.

    >>> plain((1, "a"))
    [1, 'a']
    """
    kind = type(value)
    if kind in _EXACT:
        return value
    if kind.__module__ == "numpy" and kind.__mro__[-2].__name__ == "generic":
        return plain(value.item(), 0)
    if issubclass(kind, str):
        return str.__str__(value)
    if issubclass(kind, bytes):
        return bytes.__getitem__(value, slice(None))
    if issubclass(kind, int):
        return int.__int__(value)
    if issubclass(kind, float):
        return float.__float__(value)
    if issubclass(kind, tuple | list) and depth:
        base = tuple if issubclass(kind, tuple) else list
        return [plain(part, depth - 1) for part in base.__iter__(value)]
    return value


def shown(value: object) -> str:
    """A value as a student would write it, not too long; its own `__repr__` may fail, or never end."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if inspect.isroutine(value):
        return f"the function {getattr(value, '__name__', '')} itself, which was not called"
    if value is None:
        return "None: does it return anything?"
    kind = type(value)
    if issubclass(kind, str | bytes) and len(plain(value)) > _LONG:
        return f"{plain(value)[:_LONG]!r}…"
    return _cut(_ADDRESS.sub(r"<\1 object>", text_of(value, repr)))


def text_of(value: object, write: Any = str) -> str:
    """`str` or `repr` of a value; if that raises or takes too long, a text that says so."""
    if type(value) in _EXACT:
        return str(write(value))
    name, method = type(value).__name__, f"__{write.__name__}__"
    try:
        return str.__str__(call(write, value, seconds=_SECONDS))
    except StudentError as error:
        return f"a {name}, whose {method} raises {type(error.error).__name__}"
    except TookTooLong:
        return f"a {name}, whose {method} does not end"


def _cut(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"
