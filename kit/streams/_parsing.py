"""The values of records as columns."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from kit.streams._arguments import Parse

__all__ = ["Unreadable", "parsed"]


class Unreadable(Exception):
    """A record cannot be parsed, the one at `place` of those that were given; the cause is chained."""

    def __init__(self, record: Any, place: int, why: str) -> None:
        super().__init__(why)
        self.record, self.place = record, place


def parsed(records: Sequence[Any], parse: Parse) -> pd.DataFrame:
    """The fields of the records' values, a column each.

    Raises
    ------
    Unreadable
        For the first record whose value is not as it should be.
    """
    values = [record.value for record in records]
    if parse == "json":
        try:  # all at once: a third of the time that one by one takes
            rows = json.loads(b"[%b]" % b",".join(values))
            if len(rows) == len(values) and all(type(row) is dict for row in rows):
                return pd.DataFrame(rows)
        except (ValueError, TypeError, RecursionError):  # one of them is bad, or a tombstone: which one?
            pass
    return pd.DataFrame([_fields(record, place, parse) for place, record in enumerate(records)])


def _fields(record: Any, place: int, parse: Parse) -> Mapping[str, Any]:
    if record.value is None:  # a tombstone has a key and says that what was known of it is gone
        return {}
    try:
        found = json.loads(record.value) if parse == "json" else parse(record.value)  # type: ignore[misc]
        if not isinstance(found, Mapping):
            raise TypeError(f"a {type(found).__name__}, not a mapping")
    except Exception as error:  # whatever a reader's own function raises, the place of the record is what helps
        raise Unreadable(record, place, f"{type(error).__name__}: {error}") from error
    return found
