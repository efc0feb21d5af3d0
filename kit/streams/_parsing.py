"""The values of records as columns."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from kit.streams._arguments import Parse
from kit.topics.records import readable

__all__ = ["Unreadable", "joined", "parsed"]

_decode = msgspec.json.Decoder(dict[str, Any]).decode  # five times as fast as json; whole numbers of any size are exact
_KAFKAS = re.compile(r"(value_)*(topic|partition|offset|timestamp|key)")
_GAPS = {type(None), type(pd.NA)}
_EXACT = 2**53  # a float is exact up to here


class Unreadable(Exception):
    """A record cannot be parsed, the one at `place` of those that were given; the cause is chained."""

    def __init__(self, record: Any, place: int, why: str) -> None:
        super().__init__(why)
        self.record, self.place = record, place


def parsed(records: Sequence[Any], parse: Parse) -> dict[str, Any]:
    """The fields of the records' values, a column each (without `parse`: the column `value`).

    A field with the name of one of Kafka's gets a prefix. `Unreadable` is the first value that is not as it should be.
    """
    if parse is None:
        return {"value": _objects([readable(record.value) for record in records])}
    try:  # all of them are JSON objects, nearly always
        rows = [_decode(record.value) for record in records] if parse == "json" else None
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
        rows = None  # a tombstone, something that only Python's own parser takes, or a bad one: which?
    if rows is None:
        read = _json if parse == "json" else parse
        rows = [_fields(record, place, read) for place, record in enumerate(records)]
    return {_own_name(name): column(values) for name, values in _transposed(rows).items()}


def _fields(record: Any, place: int, read: Callable[[bytes], Any]) -> dict[str, Any]:
    if record.value is None:  # a tombstone has a key and says that what was known of it is gone
        return {}
    try:
        found = read(record.value)
        if not isinstance(found, Mapping):
            raise TypeError(f"a {type(found).__name__}, not a mapping")
        return dict(found)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the reader's own function may raise anything, SystemExit too
        raise Unreadable(record, place, f"{type(error).__name__}: {error}") from error


def _json(raw: bytes) -> Any:
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return json.loads(raw)  # it takes more: NaN, a number beyond all floats, UTF-16; and it says what is wrong


def _own_name(name: Any) -> Any:
    return f"value_{name}" if isinstance(name, str) and _KAFKAS.fullmatch(name) else name


def _transposed(rows: Sequence[dict[str, Any]]) -> dict[Any, Sequence[Any]]:
    """The values of each field, `pd.NA` where a row lacks it."""
    layouts = set(map(tuple, rows))
    if len(layouts) == 1:  # nearly always; no tuple for each row, which would wake the garbage collector
        return {name: [row[name] for row in rows] for name in layouts.pop()}
    names = dict.fromkeys(chain.from_iterable(rows))
    return {name: [row.get(name, pd.NA) for row in rows] for name in names}


def column(values: Sequence[Any]) -> Any:
    """Values as an array, as pandas would have it, but exact: a whole number never becomes a float that is another one.

    Whole numbers with gaps (None, `pd.NA`) are ``Int64``, booleans ``boolean``; whole numbers beyond 64 bits, or beyond
    2**53 beside floats, stay Python's own.
    """
    kinds = set(map(type, values))
    known = kinds - _GAPS
    if known and all(issubclass(kind, int | np.integer) and kind is not bool for kind in known):
        try:
            return np.array(values, "int64") if known == kinds else pd.array(values, dtype="Int64")
        except OverflowError:
            return _objects(values)
    if known == {bool} and known != kinds:
        return pd.array(values, dtype="boolean")
    if known == {int, float} and any(type(one) is int and abs(one) > _EXACT for one in values):
        return _objects(values)
    return pd.Series(_objects(values)).infer_objects()


def _objects(values: Sequence[Any]) -> "np.ndarray[Any, np.dtype[Any]]":
    """The values as they are, NaN for what is not there."""
    return np.fromiter((np.nan if one is pd.NA else one for one in values), dtype=object, count=len(values))


def joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Several frames as one, with the dtypes that they would have had as one batch: pandas would make floats of ids."""
    names = dict.fromkeys(chain.from_iterable(frame.columns for frame in frames))
    return pd.DataFrame({name: _joined_column(name, frames) for name in names})


def _joined_column(name: Any, frames: Sequence[pd.DataFrame]) -> Any:
    parts = [frame.get(name) for frame in frames]
    if len({None if part is None else part.dtype for part in parts}) == 1:
        return pd.concat(parts, ignore_index=True)
    pairs = zip(parts, frames, strict=True)
    return column([one for part, frame in pairs for one in ([pd.NA] * len(frame) if part is None else part.tolist())])
