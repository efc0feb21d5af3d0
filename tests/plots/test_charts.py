"""The charts: what BokehJS is given is what is in the window."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bokeh.models import DatetimeTicker, HoverTool
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.errors import PlotError
from kit.plots import BarChart, Histogram, LineChart, ScatterChart
from tests.plots.tools import drawn

MS = 1_767_623_400_000

names = st.sampled_from(["JPM", "BAC", "GE"])
finite = st.floats(-1e6, 1e6)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 100), finite, names), max_size=40), st.integers(1, 20))
def test_the_lines_hold_the_windows_rows_each_by_its_name_and_sorted_by_x(
    rows: list[tuple[int, float, str]], last: int
) -> None:
    chart = LineChart("x", "y", by="name", last=last)
    chart.append([{"x": x, "y": y, "name": name} for x, y, name in rows])
    found = drawn(chart)
    for name in {name for *_, name in rows[-last:]}:
        wanted = sorted(((x, y) for x, y, other in rows[-last:] if other == name), key=lambda row: row[0])
        assert list(zip(found[name]["x"], found[name]["y"], strict=True)) == wanted
    assert sum(len(columns["x"]) for columns in found.values()) == len(chart)


def test_several_columns_for_y_are_a_line_each() -> None:
    chart = LineChart("x", ["low", "high"]).append({"x": [1, 2], "low": [3, 4], "high": [5, 6]})
    assert drawn(chart) == {"low": {"x": [1, 2], "y": [3, 4]}, "high": {"x": [1, 2], "y": [5, 6]}}
    assert [item.label.value for item in chart.figure.legend[0].items] == ["low", "high"]


def test_a_series_that_comes_later_is_drawn_in_a_colour_and_with_a_legend_of_its_own() -> None:
    chart = LineChart("x", "y", by="name").append({"x": 1, "y": 1, "name": "JPM"})
    drawn(chart)
    chart.append({"x": 1, "y": 2, "name": "BAC"})
    assert drawn(chart)["BAC"] == {"x": [1], "y": [2]}
    legend = chart.figure.legend[0]
    assert [item.label.value for item in legend.items] == ["JPM", "BAC"]
    assert legend.click_policy == "hide"
    assert len({item.renderers[0].glyph.line_color for item in legend.items}) == 2


def test_a_series_that_has_left_the_window_shows_nothing_and_is_gone_when_another_comes() -> None:
    chart = LineChart("x", "y", by="name", last=2).append({"x": 1, "y": 1, "name": "JPM"})
    drawn(chart)
    chart.append([{"x": 2, "y": 1, "name": "BAC"}, {"x": 3, "y": 1, "name": "BAC"}])
    assert list(drawn(chart)) == ["BAC"]
    chart.append([{"x": 4, "y": 1, "name": "GE"}, {"x": 5, "y": 1, "name": "BAC"}])
    drawn(chart)
    chart.append([{"x": 6, "y": 1, "name": "BAC"}, {"x": 7, "y": 1, "name": "BAC"}])
    assert drawn(chart)["GE"] == {"x": [], "y": []}
    assert len(chart.figure.renderers) == 2 * 2


def test_names_without_end_do_not_fill_the_memory_and_the_note_says_what_is_not_drawn() -> None:
    chart = LineChart("x", "y", by="name", last=80)
    for start in range(0, 300, 100):
        chart.append([{"x": n, "y": n, "name": f"name {n}"} for n in range(start, start + 100)])
        assert len(drawn(chart)) == 50
    assert len(chart.figure.renderers) == 2 * 50
    assert len(chart.figure.legend[0].items) == 50
    assert len(chart.figure.select(HoverTool)) == 50
    assert chart.note == "last 80 of 300; 30 more series are not drawn"


def test_a_value_that_is_missing_or_infinite_is_a_gap_and_the_note_counts_it() -> None:
    chart = LineChart("x", "y").append({"x": [1, 2, 3, None, 5], "y": [1, None, math.inf, 4, 5]})
    assert drawn(chart)["y"]["x"] == [1, 2, 3, 5]
    assert np.array_equal(drawn(chart)["y"]["y"], [1, math.nan, math.nan, 5], equal_nan=True)
    assert chart.note == "5 rows; 3 without a finite value"


def test_an_axis_becomes_one_of_times_when_the_first_time_comes() -> None:
    chart = LineChart("at", "y", by="name").append({"at": None, "y": 1, "name": "JPM"})
    drawn(chart)
    assert not isinstance(chart.figure.xaxis[0].ticker, DatetimeTicker)
    chart.append({"at": MS, "y": 1, "name": "JPM"})
    assert drawn(chart)["JPM"] == {"x": [MS], "y": [1]}
    assert isinstance(chart.figure.xaxis[0].ticker, DatetimeTicker)
    tool = chart.figure.select_one(HoverTool)
    assert ("at", "@x{custom}") in tool.tooltips
    assert "toLocaleString" in tool.formatters["@x"].code
    assert chart._view.render_bundle["docs_json"]  # the views were told


def test_replace_shows_only_what_it_was_given_and_counts_anew() -> None:
    chart = LineChart("x", "y", last=2).append({"x": [1, 2, 3], "y": [1, 2, 3]})
    chart.replace({"x": [9], "y": [9]})
    assert (drawn(chart)["y"], chart.note) == ({"x": [9], "y": [9]}, "1 rows")
    with pytest.raises(PlotError):
        chart.replace({"x": ["no number"], "y": [1]})
    assert drawn(chart)["y"] == {"x": [9], "y": [9]}


def test_a_scatter_keeps_the_order_of_its_points() -> None:
    chart = ScatterChart("x", "y").append({"x": [3, 1, 2], "y": [1, 2, 3]})
    assert drawn(chart)["y"] == {"x": [3, 1, 2], "y": [1, 2, 3]}


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(names, finite | st.none()), max_size=30),
    st.sampled_from(["last", "sum", "mean", "count"]),
    st.integers(1, 40),
)
def test_the_bars_are_what_pandas_makes_of_the_window(
    rows: list[tuple[str, float | None]], agg: str, last: int
) -> None:
    chart = BarChart("name", "value", agg=agg, last=last).append([{"name": n, "value": v} for n, v in rows])
    frame = pd.DataFrame(rows[-last:], columns=["name", "value"]).astype({"value": float})
    wanted = frame.groupby("name", sort=False)["value"].agg(agg).to_dict()
    assert list(chart.bars()) == list(wanted)
    assert list(chart.bars().values()) == pytest.approx(list(wanted.values()), nan_ok=True)
    assert drawn(chart)["bars"]["x"] == list(wanted)
    assert chart._names.factors == list(wanted)


def test_categories_of_any_type_are_named_by_their_text() -> None:
    chart = BarChart("name", agg="count").append([{"name": name} for name in (1, None, True, "JPM", 1)])
    assert chart.bars() == {"1": 2.0, "": 1.0, "True": 1.0, "JPM": 1.0}


@settings(max_examples=40, deadline=None)
@given(st.lists(finite, min_size=1, max_size=60), st.integers(1, 40), st.booleans())
def test_the_histogram_is_what_numpy_makes_of_the_window(values: list[float], bins: int, density: bool) -> None:
    chart = Histogram("v", bins=bins, density=density).append({"v": values})
    span = (max(values) - min(values)) / bins
    fine = span == 0 or span > 2 * np.spacing(np.abs(values).max())
    counts, edges = np.histogram(values, bins=bins if fine else 1, density=density)
    found = drawn(chart)["bars"]
    assert found == {"left": list(edges[:-1]), "right": list(edges[1:]), "y": list(counts)}


@pytest.mark.parametrize(
    ("values", "counted"),
    [([1e16, 1e16 + 2], 2), ([-1.7e308, 1.7e308, 1.0], 1), ([math.nan, math.inf], 0), ([5.0, 5.0], 2), ([], 0)],
)
def test_a_histogram_of_odd_values_counts_what_it_can(values: list[float], counted: int) -> None:
    chart = Histogram("v").append({"v": values})
    assert sum(drawn(chart)["bars"]["y"]) == counted
    assert chart._broken == ""


@pytest.mark.parametrize(
    "make",
    [
        lambda: LineChart("x", []),
        lambda: LineChart("x", ["a", "b"], by="name"),
        lambda: BarChart("x"),
        lambda: BarChart("x", "y", agg="median"),
        lambda: Histogram("x", bins=0),
    ],
)
def test_options_that_do_not_fit_are_an_error_that_says_what_to_do(make: Any) -> None:
    with pytest.raises(PlotError) as raised:
        make()
    assert raised.value.todo
