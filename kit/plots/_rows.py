"""The shapes in which a plot takes data: a DataFrame, a record, several records, columns."""

from array import array
from collections import deque
from collections.abc import Iterable, Mapping, Sequence, ValuesView
from decimal import Decimal
from numbers import Number
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray

from kit.errors import PlotError

__all__ = ["Data", "Values", "columns_of", "is_missing", "is_number", "names_of", "tidy"]

Data: TypeAlias = pd.DataFrame | Mapping[str, Any] | Iterable[Mapping[str, Any]]
Values: TypeAlias = "pd.Series[Any] | list[Any]"  # of one column

_ARRAYS = (pd.Series, pd.Index, ExtensionArray, np.ndarray)
_NAMING = ("_asdict", "asDict", "model_dump")  # of a named tuple, Spark's Row, a pydantic model
_SEQUENCES = (list, tuple, range, deque, array, ValuesView)


def tidy(data: Any) -> pd.DataFrame | Mapping[str, Any] | list[Mapping[str, Any]]:
    """The data as one of three kinds: what can be read once only is read, what names its fields is a mapping."""
    if isinstance(data, pd.DataFrame | Mapping):
        return data
    if isinstance(data, pd.Series | str | bytes) or not isinstance(data, Iterable) or hasattr(data, "_asdict"):
        return _record(data)
    return [_record(row) for row in data]


def _record(row: Any) -> Mapping[str, Any]:
    if isinstance(row, Mapping):
        return row
    if isinstance(row, pd.Series):
        return {str(name): value for name, value in row.items()}
    if found := [name for name in _NAMING if hasattr(row, name)]:
        return dict(getattr(row, found[0])())
    got, todo = f"a {type(row).__name__}: {str(row)[:60]!r}", 'write plot.append({"symbol": "JPM", "price": 25.3})'
    raise PlotError("a DataFrame, a record (dict), or a list of records", got=got, todo=todo)


def names_of(data: Any) -> list[str]:
    """The names of the columns of tidy data; of several records, those of the first."""
    first = data[:1][0] if isinstance(data, list) and data else data
    return [str(name) for name in first]


def columns_of(data: Any, names: Sequence[str], *, newest: int | None = None) -> tuple[int, list[Values]]:
    """How many rows there are, and the named columns of the last `newest` of them."""
    data = tidy(data)
    if not names:
        return 0, []
    if isinstance(data, pd.DataFrame):
        return len(data), _of_frame(data, names, newest or len(data))
    if isinstance(data, Mapping):
        found = _of_mapping(data, names)
        return len(found[0]), [column[-(newest or len(column)) :] for column in found]
    for row in data:
        _check(names, row)
    return len(data), [[row[name] for row in data[-(newest or len(data)) :]] for name in names]


def _of_frame(data: pd.DataFrame, names: Sequence[str], newest: int) -> list[Values]:
    if data.empty:
        return [[] for _ in names]
    there = [str(name) for name in data.columns]
    _check(names, there)
    if twice := [name for name in names if there.count(name) > 1]:
        raise PlotError(f"one column {twice[0]!r}", got="several of that name", todo="rename one of them")
    return [data.iloc[-newest:, there.index(name)] for name in names]


def _of_mapping(data: Mapping[str, Any], names: Sequence[str]) -> list[Values]:
    _check(names, data)
    values = [data[name] for name in names]
    for name, value in zip(names, values, strict=True):
        if isinstance(value, np.ndarray) and value.ndim > 1:
            todo = f"take one column of it, for instance {name}[:, 0]"
            raise PlotError(
                f"a column {name!r} of one dimension", got=f"an array of the shape {value.shape}", todo=todo
            )
    if not all(isinstance(value, _SEQUENCES) or (isinstance(value, _ARRAYS) and value.ndim) for value in values):
        return [[value] for value in values]
    if len({len(value) for value in values}) > 1:
        lengths = ", ".join(f"{name}: {len(value)}" for name, value in zip(names, values, strict=True))
        raise PlotError("columns of one length", got=lengths, todo="give each column as many values")
    return [pd.Series(value) if isinstance(value, _ARRAYS) else list(value) for value in values]


def _check(names: Sequence[str], there: Iterable[str]) -> None:
    known = set(there)
    if missing := [name for name in names if name not in known]:
        got = f"the columns {', '.join(map(str, list(there)[:12])) or '(none)'}"
        todo = "name another column when you make the plot, or rename the data's"
        raise PlotError(f"a column {', '.join(map(repr, missing))}", got=got, todo=todo)


def is_missing(value: Any) -> bool:
    """Whether a value stands for none: None, NaN, NaT, NA."""
    if isinstance(value, Decimal):
        return value.is_nan()
    return pd.api.types.is_scalar(value) and bool(pd.isna(value))


def is_number(value: Any) -> bool:
    """Whether a value is a real number; a span of time is none, though numpy takes it for one."""
    return isinstance(value, Number | np.bool_) and not isinstance(value, complex | np.complexfloating | np.timedelta64)
