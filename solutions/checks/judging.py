"""What the checks of all exercises share: tables of advice, and what was done to a text.

A table has one row for each mistake: what is seen, and the sentence that says what is wrong and where to look.
"""

import re
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from difflib import SequenceMatcher
from typing import Any
from unittest.mock import patch

from kit.exercises import CheckContext, plain
from kit.exercises._values import text_of

__all__ = ["advice_on", "difference", "first", "judge", "same", "spy"]

_LONG = 5000
_SIGNS = {"\n": "line break", "\r": "carriage return", "\t": "tab", " ": "space", ",": "comma", '"': "quote", "'": "quote", "\ufeff": "byte order mark"}  # fmt: skip


def first(*table: tuple[object, str]) -> str:
    """The sentence of the first row that is true; or nothing."""
    return next((advice for true, advice in table if true), "")


def judge(context: CheckContext, expected: str, got: object, *table: tuple[object, str]) -> None:
    """End the check with the first row that is true, if there is one."""
    if advice := first(*table):
        context.wrong(expected, got=got, advice=advice)


def advice_on(error: BaseException, table: Iterable[tuple[str, str]]) -> str:
    """The sentence for an error of the student's code; or nothing.

    A row has a pattern for the error's kinds and its message, as in ``"TypeError Exception: sequence item 0: …"``.
    """
    kinds = " ".join(kind.__name__ for kind in type(error).__mro__[:-2])
    text = f"{kinds}: {text_of(error)}"
    return first(*((re.search(pattern, text, re.DOTALL), advice) for pattern, advice in table))


def same(got: Any, wanted: Any) -> bool:
    """Whether a value is the one that is wanted, whatever a student's or a library's `==` gives."""
    got = plain(got)
    return type(got) is type(wanted) and bool(got == wanted)


def difference(text: str, got: Any) -> str:
    """What was done to a text, in words; nothing if it is the same text, or quite another one."""
    got = plain(got)
    if not isinstance(got, str) or got == text or len(got) > _LONG:
        return ""
    if len(got) > len(text) // 4 and text.rstrip().startswith(got):
        return f"the text is cut: its end is missing, {text[len(got) :][:40]!r}"
    steps = SequenceMatcher(None, text, got, autojunk=False)
    if steps.ratio() < 0.5:
        return ""
    kind, a, b, c, d = next(step for step in steps.get_opcodes() if step[0] != "equal")
    parts = text[a:b], got[c:d]
    old, new = (f"{part!r} (a {_SIGNS[part[0]]})" if part[:1] in _SIGNS else repr(part) for part in parts)
    done = {"delete": f"{old} is left out", "insert": f"{new} is added", "replace": f"{old} became {new}"}[kind]
    return f"keep every character, and its case, as it came: {done}"


def spy(until: ExitStack, kind: Any, name: str, see: Callable[..., object]) -> None:
    """Have `see` called before a method of a class is, with the same arguments."""
    method = getattr(kind, name)

    def spied(*args: Any, **options: Any) -> Any:
        see(*args, **options)
        return method(*args, **options)

    until.enter_context(patch.object(kind, name, spied))
