"""Event times, in whatever shape records have them."""

from datetime import date
from typing import Any

import pandas as pd

__all__ = ["event_times"]


def event_times(column: "pd.Series[Any]", *, margin: pd.Timedelta) -> Any:
    """A column as UTC times (ns), NaT for what is no event time.

    Numbers are milliseconds since 1970, and not negative; text is ISO 8601, in UTC if it names no zone. `margin`: how
    far from the ends of what pandas can count in nanoseconds (1677 and 2262) a time must be.
    """
    first, last = pd.Timestamp.min + margin, pd.Timestamp.max - margin
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return column.where(column.between(first.tz_localize("UTC"), last.tz_localize("UTC"))).dt.as_unit("ns")
    numbers = column.map(_number).astype("float64")  # in the range, floats are exact
    numbers = numbers.where(numbers.between(0, last.value // 10**6))
    texts = column.astype(object).where(column.map(_is_time))
    times = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce").dt.as_unit("ns")
    times = times.where(times.between(first.tz_localize("UTC"), last.tz_localize("UTC")))
    return times.fillna(pd.to_datetime(numbers, unit="ms", utc=True).dt.as_unit("ns"))


def _number(one: Any) -> float:
    fits = isinstance(one, int | float) and not isinstance(one, bool) and abs(one) < 2**63
    return float(one) if fits else float("nan")


def _is_time(one: Any) -> bool:
    return isinstance(one, date) or (isinstance(one, str) and one[:1].isdigit())  # pandas would take "now", too
