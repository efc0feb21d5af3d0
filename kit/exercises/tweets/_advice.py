"""Choosing the sentence that helps: tables of what may be the matter, the first that fits."""

import re
from typing import TypeAlias

__all__ = ["Kinds", "about", "first"]

Kinds: TypeAlias = type[BaseException] | tuple[type[BaseException], ...]


def about(error: BaseException, *cases: tuple[Kinds, str, str]) -> str:
    """The sentence of the first case that has the error's kind, and a pattern found in its message; or nothing."""
    said = str(error)
    return first(*((isinstance(error, kinds) and bool(re.search(has, said)), told) for kinds, has, told in cases))


def first(*cases: tuple[bool, str]) -> str:
    """The sentence of the first case that is true; or nothing."""
    return next((told for true, told in cases if true), "")
