"""The window: the newest rows, whatever shape they came in; all of an append or nothing of it."""

import math
from collections import namedtuple
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.errors import PlotError
from kit.plots import LineChart, LiveTable
from kit.plots._window import Column, Window
from tests.plots.tools import snapshot

MS = 1_767_623_400_000  # 2026-01-05 14:30:00 UTC
AT = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
Row = namedtuple("Row", "at value")

Rows = list[tuple[float, float]]
SHAPES: dict[str, Callable[[Rows], Any]] = {
    "a frame": lambda rows: pd.DataFrame(rows, columns=["at", "value"], dtype=float),
    "records": lambda rows: [{"at": at, "value": value, "other": "x"} for at, value in rows],
    "columns": lambda rows: {"at": [at for at, _ in rows], "value": np.array([value for _, value in rows])},
    "a generator": lambda rows: ({"at": at, "value": value} for at, value in rows),
    "named tuples": lambda rows: [Row(*row) for row in rows],
    "series": lambda rows: [pd.Series({"at": at, "value": value}) for at, value in rows],
}


def window(*, last: int = 100, seconds: float | None = None) -> Window:
    return Window.empty([Column("at", "axis"), Column("value", "number")], last=last, seconds=seconds)


def held(window: Window) -> Rows:
    rows = snapshot(window)
    return list(zip(rows["at"], rows["value"], strict=True))


def appends(values: st.SearchStrategy[float]) -> st.SearchStrategy[list[tuple[str, Rows]]]:
    rows = st.lists(st.tuples(values, st.integers(-1000, 1000).map(float)), max_size=8)
    return st.lists(st.tuples(st.sampled_from(sorted(SHAPES)), rows), max_size=8)


@settings(max_examples=80, deadline=None)
@given(appends(st.integers(0, 1000).map(float)), st.integers(1, 12))
def test_whatever_is_appended_in_whatever_shape_the_newest_rows_are_held(
    parts: list[tuple[str, Rows]], last: int
) -> None:
    held_by, come = window(last=last), []
    for shape, rows in parts:
        held_by = held_by.appended(SHAPES[shape](rows))
        come += rows
    assert held(held_by) == come[-last:]
    assert (len(held_by), held_by.total) == (min(len(come), last), len(come))


@settings(max_examples=80, deadline=None)
@given(appends(st.integers(0, 100).map(float)), st.integers(1, 40))
def test_by_time_no_row_is_older_than_so_many_seconds_before_the_newest(
    parts: list[tuple[str, Rows]], seconds: int
) -> None:
    held_by, come = window(seconds=seconds), []
    for shape, rows in parts:
        held_by = held_by.appended(SHAPES[shape](rows))
        come += rows
        newest = max((at for at, _ in come), default=0.0)
        assert held(held_by) == [row for row in come if row[0] >= newest - seconds]
        assert len(held_by) == len(held(held_by))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers()), max_size=30), st.integers(1, 3))
def test_by_key_the_newest_row_of_each_is_held_in_the_order_the_keys_came(
    rows: list[tuple[str, int]], step: int
) -> None:
    held_by = Window.empty([Column("key", "any"), Column("value", "any")], last=10, by="key")
    for start in range(0, len(rows), step):
        held_by = held_by.appended([{"key": key, "value": value} for key, value in rows[start : start + step]])
    found = snapshot(held_by)
    assert dict(zip(found["key"], found["value"], strict=True)) == dict(rows)
    assert found["key"] == list(dict.fromkeys(key for key, _ in rows))


def test_seconds_are_seconds_of_time_on_an_axis_of_times() -> None:
    held_by = window(seconds=2)
    held_by = held_by.appended([{"at": AT + timedelta(seconds=n), "value": n} for n in range(10)])
    assert [value for _, value in held(held_by)] == [7.0, 8.0, 9.0]


def test_what_comes_too_late_pushes_nothing_out() -> None:
    held_by = window(last=2, seconds=10)
    held_by = held_by.appended({"at": [100, 101], "value": [1, 2]})
    held_by = held_by.appended({"at": 5, "value": 3})
    assert held(held_by) == [(100.0, 1.0), (101.0, 2.0)]


def test_an_infinite_time_pushes_nothing_out() -> None:
    held_by = window(seconds=5)
    held_by = held_by.appended({"at": [1, 2, math.inf], "value": [1, 2, 3]})
    held_by = held_by.appended({"at": [3], "value": [4]})
    assert [value for _, value in held(held_by)] == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    "value",
    [
        AT,
        AT.replace(tzinfo=None),
        pd.Timestamp(AT),
        np.datetime64("2026-01-05T14:30:00"),
        "2026-01-05T14:30:00Z",
        "2026-01-05T15:30:00+01:00",
    ],
    ids=lambda value: f"{type(value).__name__} {value}",
)
def test_a_time_is_a_time_however_it_is_written(value: Any) -> None:
    held_by = window()
    held_by = held_by.appended({"at": value, "value": 1})
    assert (held(held_by), held_by.columns[0].kind) == ([(float(MS), 1.0)], "time")


def test_a_day_is_its_midnight_in_utc() -> None:
    held_by = window()
    held_by = held_by.appended({"at": date(2026, 1, 5), "value": 1})
    assert held(held_by)[0][0] == MS - 14.5 * 3_600_000


@pytest.mark.parametrize("none", [None, math.nan, pd.NaT, pd.NA, np.datetime64("NaT"), np.float32("nan")])
def test_a_time_or_a_value_that_is_missing_is_held_as_nan(none: Any) -> None:
    held_by = window()
    held_by = held_by.appended(
        [{"at": AT, "value": 1}, {"at": none, "value": None if none is pd.NaT else 2}, {"at": AT, "value": 3}]
    )
    assert [at for at, _ in held(held_by)] == [MS, pytest.approx(math.nan, nan_ok=True), MS]


@pytest.mark.parametrize("value", [1.5, Decimal("1.5"), np.float32(1.5), np.float64(1.5)])
def test_a_number_is_a_number_however_it_is_kept(value: Any) -> None:
    held_by = window()
    held_by = held_by.appended({"at": value, "value": value})
    assert (held(held_by), held_by.columns[0].kind) == ([(1.5, 1.5)], "number")


def test_infinities_stay_what_they_are_and_a_yes_is_one() -> None:
    held_by = window()
    held_by = held_by.appended({"at": [1, 2, 3], "value": [math.inf, -math.inf, True]})
    assert [value for _, value in held(held_by)] == [math.inf, -math.inf, 1.0]


@pytest.mark.parametrize(
    ("bad", "got"),
    [
        ({"at": 3, "value": "25.3"}, "'25.3', a str"),
        ({"at": AT, "value": 1}, "a datetime"),
        ({"at": 3, "value": [1]}, "'[1]', a list"),
        ({"at": 3, "value": 10**400}, "a int"),
        ({"at": 3}, "the columns at"),
        ([{"at": 3, "value": 1}, {"at": 4, "price": 1}], "the columns at, price"),
        ({"at": [3, 4], "value": [1]}, "at: 2, value: 1"),
        ([{"at": 3, "value": 1}, 7], "a int: '7'"),
        ("a text", "a str: 'a text'"),
        (None, "a NoneType: 'None'"),
        (pd.DataFrame([[1, 2, 3]], columns=["at", "value", "value"]), "several of that name"),
    ],
)
def test_of_data_that_does_not_fit_nothing_is_appended_and_the_error_says_what_came(bad: Any, got: str) -> None:
    held_by = window()
    held_by = held_by.appended({"at": 1, "value": 2})
    with pytest.raises(PlotError) as raised:
        held_by = held_by.appended(bad)
    assert got in raised.value.got
    assert raised.value.todo
    assert (held(held_by), held_by.total) == ([(1.0, 2.0)], 1)


def test_one_bad_value_among_many_keeps_the_good_ones_out_and_is_named() -> None:
    held_by = window()
    with pytest.raises(PlotError, match="'tomorrow', a str"):
        held_by = held_by.appended({"at": ["2026-01-05", "tomorrow", "2026-01-07"], "value": [1, 2, 3]})
    assert held(held_by) == []


def test_an_append_that_failed_does_not_decide_what_the_axis_is() -> None:
    held_by = window()
    with pytest.raises(PlotError):
        held_by = held_by.appended({"at": AT, "value": "no number"})
    held_by = held_by.appended({"at": 3, "value": 1})
    assert held_by.columns[0].kind == "number"


def test_numbers_that_are_written_as_text_are_not_taken_for_years() -> None:
    with pytest.raises(PlotError, match="a number in each row of column 'at'"):
        window().appended({"at": "2008.5", "value": 1})


def test_an_axis_waits_for_its_first_value_to_be_one_of_times() -> None:
    held_by = window()
    held_by = held_by.appended({"at": None, "value": 1})
    held_by = held_by.appended({"at": AT, "value": 2})
    assert held_by.columns[0].kind == "time"


@pytest.mark.parametrize(
    "nothing", [[], (), pd.DataFrame(), pd.DataFrame({"at": [], "value": []}), {"at": [], "value": []}, iter(())]
)
def test_nothing_is_nothing(nothing: Any) -> None:
    held_by = window()
    held_by = held_by.appended(nothing)
    assert (len(held_by), held_by.total) == (0, 0)
    assert len(LiveTable().append(nothing)) == 0


def test_a_million_rows_at_once_cost_what_is_kept_of_them() -> None:
    frame = pd.DataFrame({"at": pd.date_range("2020-01-01", periods=1_000_000, freq="s"), "value": 1.0})
    chart = LineChart("at", "value", last=500).append(frame)
    assert (len(chart), chart.note) == (500, "last 500 of 1,000,000")
    assert snapshot(chart._window)["at"][-1] == frame["at"].iloc[-1].timestamp() * 1000


@pytest.mark.parametrize("options", [{"last": 0}, {"last": 10**6}, {"seconds": 0}, {"seconds": -1}])
def test_a_window_without_room_is_an_error(options: dict[str, Any]) -> None:
    with pytest.raises(PlotError, match="a window of 1 to 100,000 rows"):
        LineChart("at", "value", **options)
