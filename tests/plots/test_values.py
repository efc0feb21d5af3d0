"""Values of every kind: each is shown right, or is the kit's error; none is guessed."""

import array
import threading
from collections import deque, namedtuple
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from kit.errors import PlotError
from kit.plots import BarChart, Form, Histogram, LineChart, LiveList, LiveTable, Metric, ScatterChart
from kit.plots._values import clean, csv_of, cut, digits_of, instant, iso
from tests.plots.tools import ALL, Page, drawn, is_png, make, snapshot

AT = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
MS = 1_767_623_400_000.0
ODD = [
    "@maria",
    "$index",
    "$$x^2$$",
    "_lead",
    "😀",
    "half \ud83d",
    "<b>x</b>",
    "{x}",
    "\\(a\\)",
    "",
    " ",
    "a\nb",
    "\x00",
]


@pytest.mark.parametrize("number", [1e11, 5e11, 1.7e12, 9.9e12, MS, 1e13])
def test_large_numbers_on_an_axis_are_numbers_unless_times_are_asked_for(number: float) -> None:
    chart = LineChart("x", "y").append({"x": number, "y": 1})
    assert (chart._window.columns[0].kind, drawn(chart)["y"]["x"]) == ("number", [number])
    asked = LineChart("x", "y", x_axis_type="datetime").append({"x": number, "y": 1})
    assert (asked._window.columns[0].kind, Page(asked).messages[-1]["digits"] > 0) == ("time", True)
    with pytest.raises(PlotError, match="a number in each row"):
        LineChart("x", "y", x_axis_type="linear").append({"x": AT, "y": 1})
    with pytest.raises(PlotError, match="x_axis_type"):
        LineChart("x", "y", x_axis_type="time")


SAME = [
    AT,
    AT.replace(tzinfo=None),
    AT.astimezone(ZoneInfo("America/New_York")),
    pd.Timestamp(AT).tz_convert("Asia/Kolkata"),
    np.datetime64("2026-01-05T14:30"),
    "2026-01-05T14:30:00Z",
    "2026-01-05 20:00:00+05:30",
]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Auckland"])
def test_one_instant_has_one_text_in_table_axis_and_file_wherever_the_kernel_is(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    chart = LineChart("at", "y").append([{"at": at, "y": n} for n, at in enumerate(SAME)])
    assert set(drawn(chart)["y"]["x"]) == {MS}
    assert chart.csv().splitlines()[1] == "2026-01-05T14:30Z,0.0"
    times = [at for at in SAME if not isinstance(at, str)]  # in a table, text is text
    assert {cell for (cell,) in LiveTable().append([{"at": at} for at in times]).rows()} == {"2026-01-05 14:30 UTC"}
    assert instant(MS, 16) == "2026-01-05 14:30 UTC"


def test_an_hour_that_comes_twice_is_two_instants() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    twice = [datetime(2025, 10, 26, 2, 30, tzinfo=berlin, fold=fold) for fold in (0, 1)]
    chart = LineChart("at", "y").append([{"at": at, "y": 1} for at in twice])
    first, second = drawn(chart)["y"]["x"]
    assert second - first == 3_600_000
    assert LiveTable().append([{"at": at} for at in twice]).rows() == [
        ("2025-10-26 00:30 UTC",),
        ("2025-10-26 01:30 UTC",),
    ]


@pytest.mark.parametrize(
    ("step", "texts"),
    [
        (timedelta(days=1), ["2026-01-05", "2026-01-06"]),
        (timedelta(hours=1), ["2026-01-05 00:00 UTC", "2026-01-05 01:00 UTC"]),
        (timedelta(milliseconds=10), ["2026-01-05 00:00:00.000 UTC", "2026-01-05 00:00:00.010 UTC"]),
        (timedelta(microseconds=7), ["2026-01-05 00:00:00.000000 UTC", "2026-01-05 00:00:00.000007 UTC"]),
    ],
)
def test_times_have_as_many_digits_as_tell_them_apart_and_midnight_as_many_as_the_others(
    step: timedelta, texts: list[str]
) -> None:
    midnight = datetime(2026, 1, 5, tzinfo=UTC)
    rows = [{"at": midnight + n * step} for n in range(2)]
    assert [cell for (cell,) in LiveTable().append(rows).rows()] == texts
    at = np.array([(midnight + n * step).timestamp() * 1000 for n in range(2)])
    assert [instant(ms, digits_of(at)) for ms in at] == texts
    assert len({iso(ms, digits_of(at)) for ms in at}) == 2


@pytest.mark.parametrize("text", ["02/11/2026", "13/02/2026", "11.02.2026", "2 Nov 2026", "Nov 2", "20:15", "tomorrow"])
def test_a_date_whose_day_and_month_would_be_guessed_is_an_error(text: str) -> None:
    chart = LineChart("at", "y")
    with pytest.raises(PlotError, match="ISO 8601") as raised:
        chart.append([{"at": "2026-01-05", "y": 1}, {"at": text, "y": 1}])
    assert "pd.to_datetime" in raised.value.todo
    assert len(chart) == 0


COLUMNS = [
    [1, 2, 3],
    (1, 2, 3),
    range(1, 4),
    deque([1, 2, 3]),
    array.array("i", [1, 2, 3]),
    np.array([1, 2, 3], np.int8),
    pd.Series([1, 2, 3], index=[7, 8, 9]),
    pd.Index([1, 2, 3]),
    pd.array([1, 2, 3], dtype="Int64"),
    pd.Categorical([1, 2, 3]),
    {"a": 1, "b": 2, "c": 3}.values(),
]


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: type(column).__name__)
def test_whatever_holds_the_values_of_a_column_is_a_column(column: Any) -> None:
    assert drawn(LineChart("x", "y").append({"x": column, "y": column}))["y"] == {"x": [1, 2, 3], "y": [1, 2, 3]}
    assert BarChart("x", agg="count").append({"x": column}).bars() == {"1": 1.0, "2": 1.0, "3": 1.0}
    assert len(LiveTable().append({"x": column})) == 3


@pytest.mark.parametrize(
    "none", [Decimal("NaN"), Decimal("sNaN"), np.timedelta64("NaT"), pd.NA, None, np.float16("nan")]
)
def test_every_sort_of_missing_is_a_gap(none: Any) -> None:
    assert len(drawn(LineChart("x", "y").append({"x": [1, 2], "y": [none, 2]}))["y"]["y"]) == 2
    assert Histogram("y").append({"y": [none, 2]}).counts().sum() == 1
    assert LiveTable().append({"y": [none, 2]}).rows()[0][0] in ("", "–")
    assert Metric("y").append({"y": [2, none]}).text() == "–"


@pytest.mark.parametrize(
    "value",
    [1 + 2j, np.complex64(1), np.timedelta64(5, "s"), pd.Timedelta("5s"), timedelta(5), "5", b"5", [5], object()],
)
@pytest.mark.parametrize("kind", ["line", "scatter", "histogram", "metric"])
def test_what_is_no_number_is_the_kits_error(kind: str, value: Any) -> None:
    with make(kind) as plot, pytest.raises(PlotError, match="a number in each row of column 'value'"):
        plot.append([{"at": 1, "value": value, "name": "a"}])


def test_a_column_of_two_dimensions_is_an_error() -> None:
    with pytest.raises(PlotError, match="a number in each row of column 'y'"):
        LineChart("x", "y").append({"x": [1, 2], "y": np.eye(2)})


@pytest.mark.parametrize("value", [0.0, 1e9, 1e15, 1e17, -1e17, 9.2e18, 1e200, 5e-324])
def test_a_histogram_of_equal_values_counts_them_in_one_place(value: float) -> None:
    chart = Histogram("v").append({"v": [value] * 3})
    assert chart.counts().sum() == 3
    assert is_png(chart.still()["image/png"])


@pytest.mark.parametrize("kind", ALL)
def test_an_interrupt_in_the_middle_of_an_append_leaves_a_row_in_whole_or_not_at_all(kind: str) -> None:
    plot = make(kind)
    plot.append([{"at": n, "value": n, "name": f"n{n}"} for n in range(3)])
    for after in range(1, 400, 7):
        seen = 0

        def tracer(_frame: Any, event: str, _arg: Any, after: int = after) -> Any:
            nonlocal seen
            seen += event == "line"
            if seen == after:
                raise KeyboardInterrupt
            return tracer

        import sys

        sys.settrace(tracer)
        try:
            plot.append({"at": after, "value": after, "name": f"n{after}"})
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        assert len({len(column) for column in plot._window.arrays}) == 1
        for row in zip(*snapshot(plot._window).values(), strict=True):
            numbers = {float(str(value).removeprefix("n")) for value in row}
            assert len(numbers) == 1
    assert threading.active_count() < 50


def test_odd_texts_are_shown_as_they_are_written_everywhere(recwarn: pytest.WarningsRecorder) -> None:
    for text in ODD:
        rows = [{"x": n, "y": n, text or "name": text} for n in range(2)]
        charts = [
            LineChart("x", "y", by=text or "name", title=text),
            ScatterChart("x", "y", title=text),
            BarChart(text or "name", agg="count", title=text),
            LiveTable(title=text),
            LiveList(text or "name", title=text),
            Metric("y", title=text),
        ]
        for chart in charts:
            page = Page(chart.append(rows))
            assert not page.note["failed"], page.note
            assert chart.still()
            repr(page.messages).encode()
            chart.csv().encode()
        assert list(Page(charts[0]).names.values()) == [clean(text)]
        repr(Form(lambda **_: None, label=text, **{text or "name": [text, "b"]}).widget.get_state()).encode()
    assert [str(warning.message) for warning in recwarn if "Glyph" in str(warning.message)] == []


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1+cmd", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_text_is_a_formula_in_a_spreadsheet(text: str) -> None:
    assert csv_of([text], [[text]]).replace('"', "").startswith(f"'{text}")
    for plot in (LiveTable().append({text: [text]}), LineChart("x", "y", by="s").append({"x": 1, "y": 2, "s": text})):
        assert f"'{text}" in plot.csv()
    assert csv_of(["n"], [[-1.5]]).endswith("-1.5\r\n")


@pytest.mark.parametrize("series", [3, 50, 70])
def test_many_series_of_long_names_have_a_still_that_counts_what_it_leaves_out(series: int) -> None:
    chart = LineChart("x", "y", by="name")
    chart.append([{"x": x, "y": n, "name": f"{n} {'a tweet ' * 40}"} for n in range(series) for x in range(3)])
    assert is_png(chart.still()["image/png"])
    assert len(Page(chart).names) == min(series, 50)
    assert ("more series" in chart.note) == (series > 50)
    bars = BarChart("name", agg="count").append({"name": [f"{n} {'long ' * 20}" for n in range(series * 2)]})
    factors = Page(bars).messages[-1]["set"]["factors"]["factors"]
    assert all(len(name.strip("\u200b\u2060")) <= 16 for name in factors)
    assert len(set(factors)) == min(series * 2, 100)


def test_texts_can_be_sent_and_are_cut_where_there_is_no_room() -> None:
    assert (clean("a\ud83d"), clean("\ud83d\ude00"), cut("a long name", 7)) == ("a�", "😀", "a long…")
    assert (instant(1_767_571_200_000, 10), iso(MS, 16), iso(float("nan"), 16)) == (
        "2026-01-05",
        "2026-01-05T14:30Z",
        "",
    )


def test_of_a_plot_with_one_column_bare_values_are_rows_and_a_named_tuple_is_a_record() -> None:
    tweet = namedtuple("tweet", "user text")("ana", "Lehman")
    assert LiveList().append(tweet).append("b").items() == ["b", "Lehman"]
    assert Histogram("v").append([1, 2.5]).append(np.array([3])).counts().sum() == 3
    for bad in (5, None, np.eye(2)):
        with pytest.raises(PlotError):
            LiveList().append(bad)


def test_one_column_may_be_both_axes() -> None:
    assert drawn(ScatterChart("x", "x").append({"x": [1, 2]}))["x"] == {"x": [1, 2], "y": [1, 2]}
