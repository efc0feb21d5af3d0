"""The charts: what BokehJS is given is what is in the window."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.errors import PlotError
from kit.plots import BarChart, Histogram, LineChart, ScatterChart
from tests.plots.tools import Page, drawn

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


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 50), finite, names), max_size=8), max_size=8),
    st.integers(1, 20),
    st.sampled_from([None, 5]),
)
def test_a_page_that_got_only_what_is_new_draws_the_same_as_one_that_opens_now(
    parts: list[list[tuple[int, float, str]]], last: int, seconds: int | None
) -> None:
    chart = LineChart("x", "y", by="name", last=last, seconds=seconds)
    page = Page(chart)
    for rows in parts:
        chart.append([{"x": x, "y": y, "name": name} for x, y, name in rows])
        if len(rows) != 3:  # several changes may be one message
            chart.publish()
    chart.publish()
    found = page.series()
    assert page.seq == chart._seq
    assert found == drawn(chart)
    assert sum(len(columns["x"]) for columns in found.values()) == len(chart)


def test_a_message_has_only_what_is_new() -> None:
    chart = LineChart("x", "y", last=5000).append({"x": range(5000), "y": range(5000)})
    sizes: list[int] = []
    page = Page(chart)
    chart.send = lambda message, buffers: sizes.append(sum(map(len, buffers)))  # type: ignore[method-assign]
    chart.append({"x": [5000, 5001], "y": [1, 2]}).publish()
    assert (sizes, len(page.sources["source 0"]["x"])) == ([2 * 2 * 8], 5000)


def test_several_columns_for_y_are_a_line_each() -> None:
    chart = LineChart("x", ["low", "high"]).append({"x": [1, 2], "low": [3, 4], "high": [5, 6]})
    assert drawn(chart) == {"low": {"x": [1, 2], "y": [3, 4]}, "high": {"x": [1, 2], "y": [5, 6]}}


def test_a_series_that_comes_later_is_drawn_in_a_colour_of_its_own() -> None:
    chart = LineChart("x", "y", by="name").append({"x": 1, "y": 1, "name": "JPM"})
    page = Page(chart)
    chart.append({"x": 1, "y": 2, "name": "BAC"}).publish()
    assert page.series()["BAC"] == {"x": [1], "y": [2]}
    assert len({colour for *_, colour in page.messages[-1]["names"]}) == 2


def test_a_series_that_has_left_the_window_leaves_its_place_to_another() -> None:
    chart = LineChart("x", "y", by="name", last=2).append({"x": 1, "y": 1, "name": "JPM"})
    page = Page(chart)
    for number, name in enumerate(["BAC", "BAC", "GE", "GE"]):
        chart.append({"x": number, "y": 1, "name": name}).publish()
    assert page.series() == {"GE": {"x": [2, 3], "y": [1, 1]}}
    assert list(page.names) == [0]


def test_names_without_end_do_not_fill_the_memory_and_the_note_counts_what_is_not_drawn() -> None:
    chart = LineChart("x", "y", by="name", last=80)
    page = Page(chart)
    for start in range(0, 300, 100):
        chart.append([{"x": n, "y": n, "name": f"name {n}"} for n in range(start, start + 100)]).publish()
        assert len(page.series()) == len(chart._slots) == 50
    assert chart.note == "last 80 of 300; 30 more series are not drawn"
    chart.append([{"x": n, "y": n, "name": "name 290"} for n in range(40)]).publish()  # now there is room for all
    assert page.series() == drawn(chart)
    assert "name 290" in page.series()


def test_a_value_that_is_missing_or_infinite_is_a_gap_and_the_note_counts_it() -> None:
    chart = LineChart("x", "y").append({"x": [1, 2, 3, None, 5], "y": [1, None, math.inf, 4, 5]})
    assert drawn(chart)["y"]["x"] == [1, 2, 3, 5]
    assert np.array_equal(drawn(chart)["y"]["y"], [1, math.nan, math.nan, 5], equal_nan=True)
    assert chart.note == "5 rows; 3 without a finite value"


def test_an_axis_becomes_one_of_times_when_the_first_time_comes() -> None:
    chart = LineChart("at", "y", by="name").append({"at": None, "y": 1, "name": "JPM"})
    page = Page(chart)
    before = page.layout["number"]
    chart.append({"at": pd.Timestamp(MS, unit="ms"), "y": 1, "name": "JPM"}).publish()
    assert page.series()["JPM"] == {"x": [MS], "y": [1]}
    assert (page.layout["number"] != before, page.messages[-1]["digits"]) == (True, 16)


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


def test_categories_of_any_type_are_named_by_their_text() -> None:
    chart = BarChart("name", agg="count").append([{"name": name} for name in (1, None, True, "JPM", 1)])
    assert chart.bars() == {"1": 2.0, "": 1.0, "True": 1.0, "JPM": 1.0}


@settings(max_examples=40, deadline=None)
@given(st.lists(finite, min_size=1, max_size=60), st.integers(1, 40), st.booleans())
def test_the_histogram_is_what_numpy_makes_of_the_window(values: list[float], bins: int, density: bool) -> None:
    chart = Histogram("v", bins=bins, density=density).append({"v": values})
    span = (max(values) - min(values)) / bins
    found = drawn(chart)["bars"]
    if span > 2 * np.spacing(np.abs(values).max()):
        counts, edges = np.histogram(values, bins=bins, density=density)
        assert found == {"left": list(edges[:-1]), "right": list(edges[1:]), "y": list(counts)}
    else:
        assert found["y"] == ([pytest.approx(1 / (found["right"][0] - found["left"][0]))] if density else [len(values)])


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
