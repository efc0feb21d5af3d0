"""A model on disk: it comes back as it was, or is refused with the reason; so are rows that it is not for."""

import hashlib
import io
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures, StandardScaler

from kit import models
from kit.errors import ConfigError, KitError, ModelError, ModelOutOfDate, SchemaMismatch

DAYS = pd.bdate_range("2008-01-01", "2008-03-31", name="day")
ROWS = pd.DataFrame(np.random.default_rng(1).normal(size=(len(DAYS), 3)), DAYS, ["BAC", "GE", "XOM"])
JPM = ROWS @ [0.5, 0.3, 0.1] + 0.01
FITTED = LinearRegression().fit(ROWS, JPM)
NEW = ROWS.set_axis(pd.bdate_range("2008-04-01", periods=len(ROWS), name="day")).iloc[:20]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KIT_HOME", str(tmp_path))
    return tmp_path


def save(estimator: Any = FITTED, rows: pd.DataFrame = ROWS, name: str = "jpm", **changes: Any) -> models.Model:
    options = {"target": "JPM", "valid_until": "2008-04-30", "metrics": {"mae": 0.7}}
    return models.save(name, estimator, rows, **{**options, **changes})


def file(home: Path) -> Path:
    return home / "models" / "jpm.skops"


def refused(kind: type[KitError], got: str, call: Any, *args: Any) -> KitError:
    with pytest.raises(kind) as caught:
        call(*args)
    assert type(caught.value) is kind
    assert re.search(got, caught.value.got), caught.value
    assert len(str(caught.value).splitlines()) == 3
    return caught.value


# ---- saved and loaded -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "estimator",
    [FITTED, make_pipeline(PolynomialFeatures(2, include_bias=False), StandardScaler(), RidgeCV()).fit(ROWS, JPM)],
)
def test_a_loaded_model_predicts_as_the_one_that_was_saved(estimator: Any) -> None:
    saved = save(estimator)
    loaded = models.load("jpm")
    assert (loaded.name, loaded.sha256, loaded.card) == ("jpm", saved.sha256, saved.card)
    predicted = loaded.predict(NEW)
    pd.testing.assert_series_equal(predicted, pd.Series(estimator.predict(NEW), NEW.index, name="JPM"), rtol=0, atol=0)


def test_the_card_has_schema_training_range_metrics_and_versions() -> None:
    card = save(metrics={"mae": np.float64(0.7), "days": 754}).card
    assert list(card.columns.items()) == [("BAC", "float64"), ("GE", "float64"), ("XOM", "float64")]
    assert (card.target, card.rows) == ("JPM", len(ROWS))
    days = (card.trained_from, card.trained_until, card.valid_until)
    assert [day.date().isoformat() for day in days] == ["2008-01-01", "2008-03-31", "2008-04-30"]
    assert card.metrics == {"mae": 0.7, "days": 754.0}
    assert set(card.versions) == {"numpy", "scikit-learn", "skops"}


def test_the_file_can_be_read_without_the_kit(home: Path) -> None:
    save()
    sha256, _, body = file(home).read_bytes().partition(b"\n")
    assert hashlib.sha256(body).hexdigest() == sha256.decode()
    with zipfile.ZipFile(io.BytesIO(body.partition(b"\n")[2])) as archive:
        assert "schema.json" in archive.namelist()
    np.testing.assert_array_equal(skops.io.load(file(home)).coef_, FITTED.coef_)


def test_a_second_save_replaces_the_first_and_leaves_no_other_file(home: Path) -> None:
    save(metrics={"mae": 1.0})
    save(metrics={"mae": 2.0})
    assert models.load("jpm").card.metrics == {"mae": 2.0}
    assert [path.name for path in (home / "models").iterdir()] == ["jpm.skops"]


# ---- refused when it is saved -----------------------------------------------------------------------------------


def test_a_refused_save_keeps_the_older_file() -> None:
    save()
    refused(ModelError, "no names of columns", save, LinearRegression())
    assert models.load("jpm").card.rows == len(ROWS)


@pytest.mark.parametrize(
    ("estimator", "got"),
    [
        (LinearRegression(), "no names of columns"),
        (LinearRegression().fit(ROWS.to_numpy(), JPM), "no names of columns"),
        (LinearRegression().fit(ROWS[["GE", "BAC", "XOM"]], JPM), "GE, BAC, XOM"),
        (LinearRegression().fit(ROWS[["GE"]], JPM), "GE"),
        (make_pipeline(FunctionTransformer(lambda x: x), LinearRegression()).fit(ROWS, JPM), "lambda"),
        ("a text", "no names of columns"),
    ],
)
def test_an_estimator_that_does_not_fit_its_rows_or_runs_own_code_is_not_saved(estimator: Any, got: str) -> None:
    refused(ModelError, got, save, estimator)


@pytest.mark.parametrize("name", ["", "JPM", "../jpm", "a/b", "jpm.skops", "-jpm", "j" * 65, "preis-ä"])
def test_a_name_that_could_be_another_path_is_refused(name: str) -> None:
    assert name in refused(ConfigError, "", models.load, name).got
    refused(ConfigError, "", lambda: save(name=name))


def test_rows_without_times_or_with_gaps_are_not_saved() -> None:
    refused(SchemaMismatch, "int64: 0, 1, 2", lambda: save(rows=ROWS.reset_index(drop=True)))
    refused(SchemaMismatch, "nan in the column GE, at 2008-01-03", lambda: save(rows=with_gap(ROWS, 2, np.nan)))
    refused(SchemaMismatch, "object", lambda: save(rows=ROWS.astype({"GE": object})))


def test_a_metric_that_is_not_a_number_is_refused() -> None:
    refused(ModelError, "null", lambda: save(metrics={"mae": float("nan")}))


# ---- refused when it is loaded ----------------------------------------------------------------------------------


def test_a_model_that_is_not_there_is_named_with_those_that_are() -> None:
    refused(ModelError, "models: none", models.load, "jpm")
    save(name="ge")
    refused(ModelError, "models: ge", models.load, "jpm")


def _flipped(content: bytes) -> bytes:
    return content[:-100] + bytes([content[-100] ^ 1]) + content[-99:]


@pytest.mark.parametrize(
    "damage",
    [
        _flipped,
        lambda content: content.replace(b'"valid_until":"2008', b'"valid_until":"2099'),
        lambda content: content.replace(b'"mae":0.7', b'"mae":0.1'),
        lambda content: content[:1000],
        lambda content: content + b" ",
        lambda content: content.replace(b"\n", b"\r\n", 1),
        lambda content: content.partition(b"\n")[2],
        lambda content: b"",
        lambda content: b"<html>",
    ],
)
def test_a_file_that_was_changed_or_cut_is_refused(home: Path, damage: Any) -> None:
    save()
    file(home).write_bytes(damage(file(home).read_bytes()))
    refused(ModelError, "its hash does not fit", models.load, "jpm")


def _forged(home: Path, change: Any) -> None:
    """Change the file, and write the hash that fits, as an attacker or another kit could."""
    body = change(file(home).read_bytes().partition(b"\n")[2])
    file(home).write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)


def test_a_model_of_another_scikit_learn_is_refused(home: Path) -> None:
    save()
    _forged(home, lambda body: re.sub(rb'"scikit-learn":"[\d.]+"', b'"scikit-learn":"1.2.0"', body))
    refused(ModelError, "one of 1.2.0", models.load, "jpm")
    _forged(home, lambda body: body.replace(b'"scikit-learn":"1.2.0",', b""))
    refused(ModelError, "one of none", models.load, "jpm")


def test_a_patch_release_of_scikit_learn_is_no_other_version(home: Path) -> None:
    made = save().card.versions["scikit-learn"].rpartition(".")[0] + ".99"
    _forged(home, lambda body: re.sub(rb'"scikit-learn":"[\d.]+"', f'"scikit-learn":"{made}"'.encode(), body))
    assert models.load("jpm").card.versions["scikit-learn"] == made


@pytest.mark.parametrize("change", [lambda body: body.replace(b'"rows"', b'"lines"', 1), lambda body: b"{}" + body])
def test_a_card_of_another_shape_is_refused(home: Path, change: Any) -> None:
    save()
    _forged(home, change)
    refused(ModelError, "JSON|missing required field", models.load, "jpm")


def test_code_in_a_file_with_a_right_hash_is_not_run(home: Path) -> None:
    save()
    bad = skops.io.dumps(make_pipeline(FunctionTransformer(exec), LinearRegression()))
    _forged(home, lambda body: body.partition(b"\n")[0] + b"\n" + bad)
    refused(ModelError, "exec", models.load, "jpm")


# ---- rows that it is for, and others ----------------------------------------------------------------------------


def with_gap(rows: pd.DataFrame, row: int, value: Any) -> pd.DataFrame:
    changed = rows.copy()
    changed.iloc[row, 1] = value
    return changed


@pytest.mark.parametrize(
    ("rows", "got"),
    [
        (NEW.drop(columns="GE"), "^missing: GE$"),
        (NEW.rename(columns={"GE": "ge"}), "^missing: GE$"),
        (NEW.iloc[:0, :0], "^missing: BAC, GE, XOM$"),
        (pd.DataFrame(), "^missing: BAC, GE, XOM$"),
        (NEW.assign(JPM=1.0), "^BAC, GE, XOM, JPM$"),
        (NEW[["XOM", "GE", "BAC"]], "^XOM, GE, BAC$"),
        (NEW[["BAC", "GE", "GE", "XOM"]], "^BAC, GE, GE, XOM$"),
        (NEW.astype({"GE": str}), "^object$"),
        (NEW > 0, "^bool$"),
        (NEW.astype({"XOM": complex}), "^complex128$"),
        (with_gap(NEW, 3, np.nan), "^nan in the column GE, at 2008-04-04"),
        (with_gap(NEW, 3, np.inf), "^inf in the column GE, at 2008-04-04"),
        (with_gap(NEW.astype("Float64"), 3, pd.NA), "^nan in the column GE, at 2008-04-04"),
        (NEW.reset_index(drop=True), "^int64: 0, 1, 2"),
        (NEW.set_axis([pd.NaT, *NEW.index[1:]]), "NaT"),
        (NEW.to_numpy(), "missing: BAC, GE, XOM"),
        (None, "missing: BAC, GE, XOM"),
    ],
)
def test_rows_of_another_schema_are_refused(rows: Any, got: str) -> None:
    refused(SchemaMismatch, got, save().predict, rows)


def test_the_advice_for_another_order_can_be_followed() -> None:
    model = save()
    error = refused(SchemaMismatch, "", model.predict, NEW[["XOM", "GE", "BAC"]].assign(KO=1))
    followed = eval(error.todo.partition(": ")[2], {"model": model, "rows": NEW[["XOM", "GE", "BAC"]], "list": list})
    pd.testing.assert_series_equal(followed, model.predict(NEW))


@pytest.mark.parametrize("dtype", ["float32", "int64", "Int64", "Float64", "uint8"])
def test_other_kinds_of_numbers_are_numbers_too(dtype: str) -> None:
    rows = NEW.abs().round().astype("int64").astype(dtype)
    np.testing.assert_allclose(save().predict(rows), FITTED.predict(rows.astype("float64")))


def test_a_model_of_whole_numbers_does_not_take_fractions() -> None:
    whole = (ROWS * 100).round().astype("int64")
    model = save(LinearRegression().fit(whole, JPM), whole)
    refused(SchemaMismatch, "float64", model.predict, NEW)
    assert len(model.predict((NEW * 100).round().astype("int64"))) == 20


@pytest.mark.parametrize("rows", [NEW.iloc[:0], pd.DataFrame(columns=["BAC", "GE", "XOM"])])
def test_no_rows_give_no_predictions(rows: pd.DataFrame) -> None:
    predicted = save().predict(rows)
    assert (len(predicted), predicted.dtype, predicted.name) == (0, "float64", "JPM")


def test_a_row_after_its_last_day_is_refused_and_one_of_that_day_is_not() -> None:
    model = save(valid_until="2008-04-10")
    assert len(model.predict(NEW[:"2008-04-10"])) == 8
    refused(ModelOutOfDate, "2008-04-11", model.predict, NEW[:"2008-04-11"])


def test_a_row_that_it_may_have_been_fitted_on_is_refused() -> None:
    error = refused(ModelError, "2008-03-31", save().predict, pd.concat([ROWS.iloc[-1:], NEW]))
    rows = pd.concat([ROWS.iloc[-1:], NEW])
    assert eval(error.todo.partition(": ")[2], {"rows": rows}).equals(NEW)


def test_times_with_a_zone_are_compared_as_utc() -> None:
    new_york = NEW.tz_localize("America/New_York")
    model = save(valid_until="2008-04-10T00:00-04:00")
    assert len(model.predict(new_york[:"2008-04-10"])) == 8
    refused(ModelOutOfDate, "2008-04-11", model.predict, new_york[:"2008-04-11"])
    assert save(rows=ROWS.tz_localize("America/New_York")).card.trained_from.hour == 5


def test_rows_in_any_order_of_time_keep_their_order() -> None:
    pd.testing.assert_series_equal(save().predict(NEW[::-1]), save().predict(NEW)[::-1])


def test_rows_are_not_changed_by_a_prediction() -> None:
    rows = NEW.abs().round().astype("int64")
    copy = rows.copy()
    save().predict(rows)
    pd.testing.assert_frame_equal(rows, copy)
