"""Text as it is shown: every string of data or of a user is text, every instant has one text, everywhere."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

__all__ = ["clean", "csv_of", "cut", "instant", "iso", "unit_of"]

# What a spreadsheet takes for the beginning of a formula (owasp.org, CSV Injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
# How many characters of 2026-01-05 14:30:00.000000 are left out, by the finest unit that is needed.
_LEFT_OUT = {"day": 16, "minute": 10, "second": 7, "millisecond": 3, "microsecond": 0}
_MICROSECONDS = {"day": 86_400_000_000, "minute": 60_000_000, "second": 1_000_000, "millisecond": 1_000}


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


def unit_of(milliseconds: "np.ndarray[Any, Any]") -> str:
    """The finest unit that instants need: with it, all that differ have different texts.

    >>> unit_of(np.array([0.0, 86_400_000.0])), unit_of(np.array([10.0]))
    ('day', 'millisecond')
    """
    finite = milliseconds[np.isfinite(milliseconds)]
    whole = np.rint(finite * 1000)
    for unit, size in _MICROSECONDS.items():
        if not (whole % size).any():
            return unit
    return "microsecond"


def instant(milliseconds: float, unit: str, *, zone: bool = True) -> str:
    """The text of an instant, in UTC; a day has no zone.

    >>> instant(1_767_623_400_000, "minute"), instant(1_767_571_200_000, "day")
    ('2026-01-05 14:30 UTC', '2026-01-05')
    """
    if not np.isfinite(milliseconds):
        return "–"
    text = str(np.datetime64(round(milliseconds * 1000), "us")).replace("T", " ")
    text = text[: len(text) - _LEFT_OUT[unit]]
    return f"{text} UTC" if zone and unit != "day" else text


def iso(milliseconds: float, unit: str) -> str:
    """The same for a file: ISO 8601."""
    if not np.isfinite(milliseconds):
        return ""
    text = instant(milliseconds, unit, zone=False)
    return text if unit == "day" else f"{text.replace(' ', 'T')}Z"


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
