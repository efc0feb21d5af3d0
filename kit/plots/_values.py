"""One value: what it is, and its text. Every string of data or of a user is text, every instant has one text."""

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["DAY", "clean", "csv_of", "cut", "digits_of", "instant", "is_missing", "is_number", "iso"]

# What a spreadsheet takes for the beginning of a formula (owasp.org, CSV Injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
DAY, _ALL = 10, 26  # characters of 2026-01-05 14:30:00.000000
_SIZES = {DAY: 86_400_000_000, 16: 60_000_000, 19: 1_000_000, 23: 1_000, _ALL: 1}  # microseconds, by characters


def is_missing(value: Any) -> bool:
    """Whether a value stands for none: None, NaN, NaT, NA."""
    if isinstance(value, Decimal):
        return value.is_nan()
    return pd.api.types.is_scalar(value) and bool(pd.isna(value))


def is_number(value: Any) -> bool:
    """Whether a value is a real number; a span of time is none, though numpy takes it for one."""
    return isinstance(value, Number | np.bool_) and not isinstance(value, complex | np.complexfloating | np.timedelta64)


def clean(value: Any) -> str:
    """The text of a value, which can be sent: half of a surrogate pair becomes �."""
    return str(value).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def cut(text: str, most: int) -> str:
    """The text, which can be sent, with at most so many characters."""
    text = clean(text)
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def digits_of(milliseconds: "np.ndarray[Any, Any]") -> int:
    """How many characters instants need: with so many, all that differ have different texts."""
    whole = np.rint(milliseconds[np.isfinite(milliseconds)] * 1000)
    return next(digits for digits, size in _SIZES.items() if not (whole % size).any())


def instant(milliseconds: float, digits: int) -> str:
    """The text of an instant, in UTC; a day has no zone."""
    if not np.isfinite(milliseconds):
        return "–"
    text = str(np.datetime64(round(milliseconds * 1000), "us")).replace("T", " ")
    text = text[: len(text) - _ALL + digits]  # years may have more digits than four
    return text if digits == DAY else f"{text} UTC"


def iso(milliseconds: float, digits: int) -> str:
    """The same for a file: ISO 8601."""
    return instant(milliseconds, digits).replace(" UTC", "Z").replace(" ", "T").replace("–", "")


def csv_of(head: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    """Rows as CSV. A text that a spreadsheet would run as a formula begins with an apostrophe there."""
    out = io.StringIO()
    csv.writer(out).writerows(map(_cell, row) for row in (head, *rows))
    return out.getvalue()


def _cell(value: Any) -> Any:
    if is_missing(value):
        return ""
    if isinstance(value, int | float | np.number):
        return value
    text = clean(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
