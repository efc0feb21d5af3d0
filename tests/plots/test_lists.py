"""Tables, lists and numbers: what is read is what is in the window, and no text of the data is markup."""

import csv
import io
import math
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.errors import PlotError
from kit.plots import LiveList, LiveTable, Metric
from tests.plots.tools import cells, text_of


def downloaded(plot: Any) -> list[list[str]]:
    """The rows of the file behind the button."""
    return list(csv.reader(io.StringIO(plot.csv())))


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=40))
def test_no_text_becomes_markup(text: str) -> None:
    evil = f"<img src=x onerror=alert(1)>{text}'\"&"
    for plot in (LiveList(title=evil).append(evil), LiveTable(title=evil).append({evil: evil})):
        page = text_of(plot)
        assert "<img" not in page
        assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_the_newest_come_first() -> None:
    texts = LiveList(last=3).append(["a", "b"]).append("c").append(["d"])
    assert texts.items() == ["d", "c", "b"]
    assert re.findall(r"<li[^>]*>(.*?)</li>", text_of(texts)) == ["d", "c", "b"]
    table = LiveTable(last=2).append([{"n": 1}, {"n": 2}, {"n": 3}])
    assert cells(text_of(table)) == ["3", "2"]
    assert table.note == "last 2 of 3"


def test_a_list_takes_texts_records_and_frames() -> None:
    texts = LiveList("text").append({"text": "a"}).append(pd.DataFrame({"text": ["b"], "id": [1]})).append([])
    assert texts.items() == ["b", "a"]
    assert texts.replace("c").items() == ["c"]


def test_a_table_by_key_shows_the_newest_row_of_each_however_long_ago_it_came() -> None:
    table = LiveTable(["symbol", "price"], by="symbol").append({"symbol": "GE", "price": 1.0})
    table.append([{"symbol": "JPM", "price": float(n)} for n in range(5000)])
    assert table.rows() == [("GE", "1"), ("JPM", "4,999")]
    assert cells(text_of(table)) == ["GE", "1", "JPM", "4,999"]
    assert downloaded(table) == [["symbol", "price"], ["GE", "1.0"], ["JPM", "4999.0"]]


def test_a_key_that_has_no_hash_is_a_key_too() -> None:
    table = LiveTable(by="tags").append([{"tags": {"a": 1}, "n": 1}, {"tags": {"a": 1}, "n": 2}])
    assert table.rows() == [("{'a': 1}", "2")]


def test_a_table_learns_its_columns_from_the_first_data_and_anew_when_replaced() -> None:
    table = LiveTable().append([]).append({"n": n} for n in range(3))
    assert table.rows() == [("0",), ("1",), ("2",)]
    table.replace(pd.DataFrame({"symbol": ["JPM"], "price": [25.3]}))
    assert table.rows() == [("JPM", "25.3")]
    assert re.findall(r"<th>(.*?)</th>", text_of(table)) == ["symbol", "price"]
    table.replace([])
    assert table.rows() == []


def test_a_frame_whose_columns_have_numbers_for_names_is_a_table() -> None:
    assert LiveTable().append(pd.DataFrame(np.eye(2))).rows() == [("1", "0"), ("0", "1")]


@pytest.mark.parametrize("bad", [5, [1, 2], "text", [{"n": 1}, {"m": 2}]])
def test_what_is_no_table_is_an_error_and_changes_nothing(bad: Any) -> None:
    table = LiveTable()
    with pytest.raises(PlotError):
        table.append(bad)
    assert table.append({"symbol": "JPM"}).rows() == [("JPM",)]


def test_a_key_that_is_no_column_is_an_error_at_once() -> None:
    with pytest.raises(PlotError, match="a column 'symbol'"):
        LiveTable(["price"], by="symbol")
    with pytest.raises(PlotError, match="a column 'symbol'"):
        LiveTable(by="symbol").append({"price": 1})


def test_values_are_written_for_people() -> None:
    values = [1.23456789, 1_234_567.0, math.nan, math.inf, None, pd.NaT, pd.NA, np.int64(3), True, np.float32(0.5)]
    table = LiveTable(["v"]).append([{"v": value} for value in values])
    assert [row[0] for row in table.rows()] == [
        "1.23457",
        "1,234,567",
        "–",
        "inf",
        "",
        "–",
        "–",
        "3",
        "True",
        "0.5",
    ]


def test_the_file_has_the_rows_as_they_are() -> None:
    rows = [{"text": 'a, "b"\nc', "n": 1.23456789}, {"text": "ä'<", "n": 2}]
    assert downloaded(LiveTable().append(rows)) == [["text", "n"], ['a, "b"\nc', "1.23456789"], ["ä'<", "2"]]
    assert downloaded(LiveTable()) == [[]]


def test_a_metric_shows_the_newest_number_and_its_line() -> None:
    metric = Metric("price", format=".1f").append([1, 2]).append(np.int64(3)).append({"price": 4.25})
    assert metric.text() == "4.2"
    assert re.search(r"points='([^']*)'", text_of(metric))[1].count(",") == 4  # type: ignore[index]
    assert metric.append(math.nan).text() == "–"
    assert "points='0.0," in text_of(metric)


def test_a_format_that_is_none_is_an_error_at_once() -> None:
    with pytest.raises(PlotError, match="a format of numbers"):
        Metric(format="%d")


def test_before_any_data_each_says_so() -> None:
    for plot in (LiveTable(), LiveTable(by="a"), LiveTable(["a"]), LiveList(), Metric()):
        assert "no data yet" in text_of(plot)
        assert len(plot) == 0
