"""Spark ML beside scikit-learn on the same real returns: the same coefficients, as notebook 23 shows."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.regression import LinearRegression as SparkRegression
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.notebooks.execute import ROOT

_CLOSES = pd.read_csv(ROOT / "kit/feeds/data/prices.csv.gz", index_col=0, parse_dates=True)
_RETURNS = (100 * np.log(_CLOSES.loc["1998-09-14":"2005-09-13"]).diff()).dropna()
_OTHERS = [symbol for symbol in _RETURNS.columns if symbol != "JPM"]


def _sklearn(parameter: float) -> tuple[Any, float]:
    """Coefficients and intercept of the fit that Spark's `regParam` means."""
    x, y = _RETURNS[_OTHERS], _RETURNS["JPM"]
    if not parameter:
        plain = LinearRegression().fit(x, y)
        return plain.coef_, plain.intercept_
    fit = make_pipeline(StandardScaler(), Ridge(parameter * len(y) / y.std(ddof=0))).fit(x, y)
    scaler, ridge = fit[0], fit[-1]
    coefficients = ridge.coef_ / scaler.scale_
    return coefficients, ridge.intercept_ - float(coefficients @ scaler.mean_)


@pytest.mark.parametrize("parameter", [0.0, 0.1, 3.0])
def test_spark_ml_and_scikit_learn_agree_to_a_millionth(session: Any, parameter: float) -> None:
    rows = session.createDataFrame(_RETURNS.to_dict("records")).repartition(3)
    vectors = VectorAssembler(inputCols=_OTHERS, outputCol="features").transform(rows)
    spark = SparkRegression(labelCol="JPM", solver="normal", regParam=parameter).fit(vectors)
    coefficients, intercept = _sklearn(parameter)
    assert len(_RETURNS) == 1760
    assert np.abs(spark.coefficients.toArray() - coefficients).max() < 1e-6
    assert abs(spark.intercept - intercept) < 1e-6
