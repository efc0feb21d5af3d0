"""What notebook 23 claims, by its own functions on the same real prices: not for one seed or one test alone."""

from collections.abc import Callable
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split

from tests.notebooks.execute import ROOT

PRICES = pd.read_csv(ROOT / "kit/feeds/data/prices.csv.gz", index_col=0, parse_dates=True)
# Ten years up to the Friday before Lehman's end, as in the notebook, and ten others.
ENDS = ["2008-09-12", "2012-12-31", "2016-12-30"]
each_decade = pytest.mark.parametrize("end", ENDS)
Frames = tuple[pd.DataFrame, pd.DataFrame]


def _from_notebook(*names: str) -> dict[str, Any]:
    """Functions as the notebook defines them."""
    cells = nbformat.read(ROOT / "notebooks/23_model.ipynb", as_version=4).cells
    scope: dict[str, Any] = {"np": np, "LinearRegression": LinearRegression, "train_test_split": train_test_split}
    for name in names:
        (source,) = [cell.source for cell in cells if f"def {name}(" in cell.source]
        start = source.index(f"def {name}(")
        exec(source[start:].partition("\n\n\n")[0], scope)
    return scope


_SCOPE = _from_notebook("r2", "bootstrap", "interval")
r2: Callable[..., tuple[float, float]] = _SCOPE["r2"]
bootstrap: Callable[..., Any] = _SCOPE["bootstrap"]
interval: Callable[..., Any] = _SCOPE["interval"]


def _decade(end: str) -> Frames:
    """Closing prices of ten years, and their returns in percent."""
    last = pd.Timestamp(end)
    closes = PRICES[(last - pd.DateOffset(years=10) < PRICES.index) & (last >= PRICES.index)]
    return closes, (100 * np.log(closes).diff()).dropna()


def _errors(end: str) -> pd.DataFrame:
    """Absolute errors of the model and its baselines on the days of the test."""
    _, returns = _decade(end)
    features, target = returns.drop(columns="JPM"), returns["JPM"]
    x, later, y, truth = train_test_split(features, target, test_size=0.3, shuffle=False)
    market, bac = (lambda rows: rows.mean(axis=1).to_frame()), (lambda rows: rows[["BAC"]])
    found = {"zero": truth.abs()}
    for name, chosen in {"ours": lambda rows: rows, "market": market, "BAC": bac}.items():
        found[name] = (truth - LinearRegression().fit(chosen(x), y).predict(chosen(later))).abs()
    before = features.shift(1)
    model = LinearRegression().fit(before.loc[x.index[1:]], y[1:])
    found["tomorrow"] = (truth - model.predict(before.loc[later.index])).abs()
    return pd.DataFrame(found)


@each_decade
def test_prices_fit_prices_and_fail_on_later_days(end: str) -> None:
    closes, _ = _decade(end)
    others, jpm = closes.drop(columns="JPM"), closes["JPM"]
    fit, later = r2(others, jpm, shuffle=False)
    assert fit > 0.85
    assert r2(others, jpm, shuffle=True)[1] > 0.85
    assert later < 0


@each_decade
def test_random_walks_fit_prices_and_random_steps_do_not_fit_returns(end: str) -> None:
    closes, returns = _decade(end)
    scores = []
    for seed in range(40):
        steps = np.random.default_rng(seed).normal(size=(len(closes), 19))
        fit, later = r2(steps.cumsum(axis=0), closes["JPM"], shuffle=False)
        shuffled = r2(steps.cumsum(axis=0), closes["JPM"], shuffle=True)[1]
        scores.append((fit, shuffled, later, *r2(steps[1:], returns["JPM"], shuffle=False)))
    fits, shuffles, laters, noises, noises_later = np.array(scores).T
    assert np.median(fits) > 0.6
    assert np.median(shuffles) > 0.6
    assert np.median(laters) < 0
    assert noises.max() < 0.04
    assert noises_later.max() < 0.02


@each_decade
def test_returns_fit_returns_on_later_days_too(end: str) -> None:
    _, returns = _decade(end)
    fit, later = r2(returns.drop(columns="JPM"), returns["JPM"], shuffle=False)
    assert min(fit, later) > 0.5


@each_decade
def test_the_model_beats_zero_and_the_market_and_does_not_know_tomorrow(end: str) -> None:
    errors = _errors(end)
    assert interval(errors["zero"] - errors["ours"])[0] > 0
    assert interval(errors["market"] - errors["ours"])[0] > 0
    assert interval(errors["zero"] - errors["tomorrow"])[0] < 0


def test_the_notebooks_figures_are_those_of_its_decade() -> None:
    errors = _errors(ENDS[0])
    assert errors["ours"].mean() == pytest.approx(0.733, abs=0.001)
    assert interval(errors["ours"]) == pytest.approx([0.63, 0.84], abs=0.02)
    assert interval(errors["BAC"] - errors["ours"]) == pytest.approx([0.006, 0.083], abs=0.01)
    assert interval(errors["BAC"] - errors["ours"])[0] > 0


def _nervous(seed: int, days: int = 755) -> "pd.Series[float]":
    """A series whose neighbours are alike: an autoregression of 0.6, with mean 0."""
    noise = np.random.default_rng(seed).normal(size=days + 50)
    values = [0.0]
    for one in noise:
        values.append(0.6 * values[-1] + one)
    return pd.Series(values[-days:])


def test_blocks_find_the_spread_of_the_mean_where_single_days_claim_half_of_it() -> None:
    true = 1 / (1 - 0.6) / np.sqrt(755)  # the standard deviation of such a mean, for long series
    series = [_nervous(seed) for seed in range(20)]
    singles, blocks = (np.mean([bootstrap(one, block, 500).std() for one in series]) for block in (1, 20))
    assert singles == pytest.approx(true / 2, rel=0.1)  # in truth sqrt((1 + 0.6) / (1 - 0.6)) = 2
    assert blocks == pytest.approx(true, rel=0.15)


def test_the_interval_covers_the_true_mean_about_as_often_as_it_claims() -> None:
    def covered(block: int) -> int:
        ends = (np.quantile(bootstrap(_nervous(seed), block, 500), [0.025, 0.975]) for seed in range(200))
        return sum(low < 0 < high for low, high in ends)

    assert covered(20) > 175
    assert covered(1) < 150


def test_a_block_of_all_days_is_the_sample_itself() -> None:
    errors = _errors(ENDS[0])["ours"]
    assert bootstrap(errors, len(errors), 3) == pytest.approx([errors.mean()] * 3)
