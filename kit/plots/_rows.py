"""The shapes in which a plot takes data: a DataFrame, a record, several records, columns."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import pandas as pd

from kit.errors import PlotError

__all__ = ["Data", "Values", "check", "columns_of"]

Data: TypeAlias = pd.DataFrame | Mapping[str, Any] | Iterable[Mapping[str, Any]]
Values: TypeAlias = "pd.Series[Any] | list[Any]"  # of one column

_FIELDS = ("_asdict", "asDict", "model_dump", "to_dict")  # of a named tuple, Spark's Row, a pydantic model, a Series


def columns_of(data: Any, names: Sequence[str], newest: int) -> tuple[int, dict[str, Values]]:
    """How many rows there are, and of the newest of them the named columns; all columns, if none is named."""
    data = _tidy(data)
    if not data:
        return 0, {}
    rows = data if isinstance(data, list) else [data]
    names = names or list(rows[0])
    for row in rows:
        check(names, row)
    if not isinstance(data, list) and all(map(_is_column, columns := [data[name] for name in names])):
        return _of_one_length(dict(zip(names, map(_values, columns), strict=True)), newest)
    return len(rows), {name: [row[name] for row in rows[-newest:]] for name in names}


def check(names: Sequence[str], there: Iterable[str]) -> None:
    """An error if one of the names is not there."""
    if missing := [name for name in names if name not in there]:
        got = f"the columns {', '.join(map(str, list(there)[:12]))}"
        todo = "name another column when you make the plot, or rename the data's"
        raise PlotError(f"a column {', '.join(map(repr, missing))}", got=got, todo=todo)


def _tidy(data: Any) -> Mapping[str, Any] | list[Mapping[str, Any]]:
    """A mapping, of a record or of columns, or a list of records; what can be read only once is read."""
    if isinstance(data, pd.DataFrame):
        if not data.columns.is_unique:
            twice = data.columns[data.columns.duplicated()][0]
            raise PlotError(f"one column {twice!r}", got="several of that name", todo="rename one of them")
        return {str(name): column for name, column in data.items()}
    named = isinstance(data, Mapping | str | bytes) or any(hasattr(data, name) for name in _FIELDS)
    if named or not isinstance(data, Iterable):
        return _record(data)
    return [_record(row) for row in data]


def _record(row: Any) -> Mapping[str, Any]:
    if isinstance(row, Mapping):
        return row
    if found := [name for name in _FIELDS if hasattr(row, name)]:
        return dict(getattr(row, found[0])())
    got, todo = f"a {type(row).__name__}: {str(row)[:60]!r}", 'write plot.append({"symbol": "JPM", "price": 25.3})'
    raise PlotError("a DataFrame, a record (dict), or a list of records", got=got, todo=todo)


def _is_column(value: Any) -> bool:
    return pd.api.types.is_list_like(value, allow_sets=False) and not isinstance(value, Mapping)


def _values(column: Any) -> Values:
    return pd.Series(column) if getattr(column, "ndim", 0) == 1 else list(column)


def _of_one_length(columns: dict[str, Values], newest: int) -> tuple[int, dict[str, Values]]:
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        got = ", ".join(f"{name}: {length}" for name, length in lengths.items())
        raise PlotError("columns of one length", got=got, todo="give each column as many values")
    return max(lengths.values()), {
        name: values.iloc[-newest:] if isinstance(values, pd.Series) else values[-newest:]
        for name, values in columns.items()
    }
