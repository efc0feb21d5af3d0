"""Models on disk: saved with what they may be used for, loaded whole, or refused with the reason.

A model is a fitted estimator of scikit-learn with a card: the columns it takes, the rows it was fitted on, until when
it may be used, its metrics, and the versions of the libraries.

>>> from kit import models
>>> models.save("jpm", fitted, X, target="JPM", valid_until="2008-10-31", metrics={"mae": 0.7})  # doctest: +SKIP
>>> models.load("jpm").predict(new_rows)                     # doctest: +SKIP

The file has three parts: a line with the hash of what follows, a line with the card in JSON, and the estimator as
`skops` writes it. Unlike a pickle it runs no code when it is loaded: only types that skops trusts are made. The hash
finds a file that was damaged or changed. It does not stop an attacker, who can compute a new hash.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import skops.io
from pandas.api.types import is_any_real_numeric_dtype as is_numeric

from kit.config import settings
from kit.errors import ConfigError, ModelError, ModelOutOfDate, SchemaMismatch
from kit.files import write_atomically

__all__ = ["Card", "Model", "load", "save"]

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class Card(msgspec.Struct, frozen=True):
    """What a model is for. `columns`: the name and dtype of each input, in order. Times without a zone are UTC."""

    target: str
    columns: dict[str, str]
    rows: int
    trained_from: datetime
    trained_until: datetime
    valid_until: datetime
    metrics: dict[str, float]
    versions: dict[str, str]


@dataclass(frozen=True)
class Model:
    """A model from its file. `estimator` is scikit-learn's own object, `sha256` the hash of the file."""

    name: str
    sha256: str
    card: Card = field(repr=False)
    estimator: Any = field(repr=False)

    def predict(self, rows: pd.DataFrame) -> "pd.Series[float]":
        """Predict the target for each row, whose time is in the index; the columns are the card's, in its order.

        `SchemaMismatch`: the columns or their types are others, or a number is missing. `ModelOutOfDate`: a row is
        later than the model may be used for. `ModelError`: the model was fitted on a row of that time, or a later one.
        A prediction for it would look better than it is.
        """
        card, values = self.card, _values(rows, self.card.columns)
        if rows.empty:
            return pd.Series([], index=rows.index, name=card.target, dtype=float)
        first, last = _span(rows)
        if first <= card.trained_until:
            todo = f'predict later rows: rows[rows.index > "{card.trained_until}"]'
            raise ModelError(f"rows after {card.trained_until}, which it was fitted on", got=str(first), todo=todo)
        if last > card.valid_until:
            expected = f"rows until {card.valid_until}, as long as the model {self.name!r} may be used"
            raise ModelOutOfDate(expected, got=f"a row of {last}", todo="fit a model on newer rows, and save it")
        return pd.Series(self.estimator.predict(values), index=rows.index, name=card.target)


def save(
    name: str, estimator: Any, rows: pd.DataFrame, *, target: str, valid_until: str | datetime,
    metrics: Mapping[str, float],
) -> Model:  # fmt: skip
    """Save a fitted estimator as ``models/NAME.skops`` in the state folder, in one step; replaces an older one.

    `rows` is what it was fitted on: columns of numbers, and the time of each row in the index. `target` is what it
    predicts, and `valid_until` the time of the last row that it may be used for.

    `ModelError`: it was not fitted on these columns, or has a type that skops does not trust, such as a function of
    your own. `SchemaMismatch`: a value is not a number. `ConfigError`: the name cannot be used.
    """
    path, wanted = _path(name), list(rows.columns)
    if (got := list(getattr(estimator, "feature_names_in_", ()))) != wanted:
        expected = f"an estimator that was fitted on the columns {_listed(wanted)}"
        todo = "fit it with a DataFrame, and save it with the same one"
        raise ModelError(expected, got=_listed(got) or "no names of columns", todo=todo)
    columns = {str(column): str(dtype) for column, dtype in rows.dtypes.items()}
    _values(rows, columns)
    card = Card(
        target,
        columns,
        len(rows),
        *_span(rows),
        valid_until=pd.to_datetime(valid_until, utc=True).tz_localize(None).to_pydatetime(),
        metrics={key: float(number) for key, number in metrics.items()},
        versions={library: version(library) for library in ("numpy", "scikit-learn", "skops")},
    )
    body = msgspec.json.encode(card) + b"\n" + skops.io.dumps(estimator)
    content = hashlib.sha256(body).hexdigest().encode() + b"\n" + body
    model = _model(name, content)
    write_atomically(path, content)
    return model


def load(name: str) -> Model:
    """Load what `save` has saved. `ModelError` says why its file cannot be used."""
    path = _path(name)
    if not path.is_file():
        known = _listed(sorted(one.stem for one in path.parent.glob("*.skops"))) or "none"
        raise ModelError(f"a model {name!r} in {path.parent}", got=f"models: {known}", todo="fit it, and save it")
    return _model(name, path.read_bytes())


def _model(name: str, content: bytes) -> Model:
    """The model in a file's content, if it is whole, of these versions, and of types that skops trusts."""
    todo = f"fit {name!r} again, and save it"
    sha256, _, body = content.partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != sha256:
        raise ModelError("a file as kit.models.save wrote it", got="another content: its hash does not fit", todo=todo)
    text, _, estimator = body.partition(b"\n")
    try:
        card = msgspec.json.decode(text, type=Card)
    except msgspec.MsgspecError as error:
        raise ModelError("a card that this kit can read", got=str(error), todo=todo) from error
    made, there = card.versions.get("scikit-learn", "none"), version("scikit-learn")
    if made.split(".")[:2] != there.split(".")[:2]:
        raise ModelError(f"a model of scikit-learn {there}, which is installed", got=f"one of {made}", todo=todo)
    if strange := skops.io.get_untrusted_types(data=estimator):
        raise ModelError("only types that skops trusts", got=_listed(strange), todo="use scikit-learn's own types")
    return Model(name, sha256.decode(), card, skops.io.loads(estimator))


def _values(rows: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """The rows with these columns and dtypes. Whole numbers will do where the model was fitted on fractions."""
    if (got := list(getattr(rows, "columns", ()))) != list(columns):
        missing = [column for column in columns if column not in got]
        todo = "collect what is missing" if missing else "choose by name: model.predict(rows[list(model.card.columns)])"
        what = f"missing: {_listed(missing)}" if missing else _listed(got) or type(rows).__name__
        raise SchemaMismatch(f"the columns {_listed(columns)}, in this order", got=what, todo=todo)
    for column, wanted in columns.items() if len(rows) else ():
        dtype = rows[column].dtype
        if not is_numeric(dtype) or (str(dtype) != wanted != "float64"):
            todo = f'convert it: rows["{column}"].astype("{wanted}")'
            raise SchemaMismatch(f"{wanted} in the column {column}", got=str(dtype), todo=todo)
    values = rows.astype(dict(columns))
    numbers = values.to_numpy(float)
    if len(bad := np.argwhere(~np.isfinite(numbers))):
        at, place = bad[0]
        where = f"in the column {got[place]}, at {rows.index[at]}"
        todo = "leave out rows with gaps: rows.dropna()"
        raise SchemaMismatch("a finite number in each field", got=f"{numbers[at, place]} {where}", todo=todo)
    return values


def _span(rows: pd.DataFrame) -> tuple[datetime, datetime]:
    """The first and the last time in the index."""
    index = rows.index
    if not isinstance(index, pd.DatetimeIndex) or index.hasnans or index.empty:
        got = f"{index.dtype}: {_listed(index[:3])} …"
        raise SchemaMismatch("the time of each row in the index", got=got, todo='take rows.set_index("day")')
    index = index.tz_convert("UTC").tz_localize(None) if index.tz else index
    return index.min().to_pydatetime(), index.max().to_pydatetime()


def _path(name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise ConfigError("a name of lower-case letters, digits, - and _", got=repr(name), todo='write "jpm"')
    return settings().home / "models" / f"{name}.skops"


def _listed(names: Any) -> str:
    return ", ".join(map(str, names))
