"""Text as it is shown: every string of data or of a user is text, every instant has one text, everywhere."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

__all__ = ["DAY", "clean", "csv_of", "cut", "digits_of", "instant", "iso"]

# What a spreadsheet takes for the beginning of a formula (owasp.org, CSV Injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
DAY, MINUTE, SECOND, MILLISECOND, MICROSECOND = 10, 16, 19, 23, 26  # characters of 2026-01-05 14:30:00.000000
_MICROSECONDS = {DAY: 86_400_000_000, MINUTE: 60_000_000, SECOND: 1_000_000, MILLISECOND: 1_000}


def clean(value: Any) -> str:
    """The text of a value, which can be sent: half of a surrogate pair becomes �.

    >>> clean("a\\ud83d"), clean("\\ud83d\\ude00")
    ('a�', '😀')
    """
    return str(value).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def cut(text: str, most: int) -> str:
    """The text, with at most so many characters.

    >>> cut("a long name", 7)
    'a long…'
    """
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def digits_of(milliseconds: "np.ndarray[Any, Any]") -> int:
    """How many characters instants need: with so many, all that differ have different texts.

    >>> digits_of(np.array([0.0, 86_400_000.0])), digits_of(np.array([10.0]))
    (10, 23)
    """
    whole = np.rint(milliseconds[np.isfinite(milliseconds)] * 1000)
    return next((digits for digits, size in _MICROSECONDS.items() if not (whole % size).any()), MICROSECOND)


def instant(milliseconds: float, digits: int) -> str:
    """The text of an instant, in UTC; a day has no zone.

    >>> instant(1_767_623_400_000, 16), instant(1_767_571_200_000, 10)
    ('2026-01-05 14:30 UTC', '2026-01-05')
    """
    if not np.isfinite(milliseconds):
        return "–"
    text = str(np.datetime64(round(milliseconds * 1000), "us")).replace("T", " ")
    text = text[: len(text) - MICROSECOND + digits]  # years may have more digits than four
    return text if digits == DAY else f"{text} UTC"


def iso(milliseconds: float, digits: int) -> str:
    """The same for a file: ISO 8601."""
    text = instant(milliseconds, digits)
    return "" if text == "–" else text.removesuffix(" UTC").replace(" ", "T") + ("" if digits == DAY else "Z")


def csv_of(head: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    """Rows as CSV. A text that a spreadsheet would run as a formula begins with an apostrophe there.

    >>> csv_of(["text", "n"], [["=1+1", -1.5]])
    "text,n\\r\\n'=1+1,-1.5\\r\\n"
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(map(_cell, head))
    writer.writerows(map(_cell, row) for row in rows)
    return out.getvalue()


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | np.number):
        return "" if value is None or np.isnan(value) else value
    text = clean(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
