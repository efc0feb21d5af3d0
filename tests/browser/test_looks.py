"""What a reader sees of the charts: times, long and many names, tooltips; the browser's clock is in another zone."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, expect

from kit.plots import BarChart, Histogram, LineChart, LiveTable, ScatterChart
from tests.browser.hosts import POINTS, Hosts, pointed

pytestmark = pytest.mark.browser

# Of each figure, by its title: what its lower axis is called, where its ticks are, their texts, and how high it is.
_FIGURES = """() => Object.fromEntries([...Bokeh.index.roots].filter(view => view.model.below).map(view => {
    const axis = view.views.find_one(view.model.below[0]);
    const [ticks] = axis.tick_coords.major;
    const texts = axis.compute_labels(ticks).items.map(one => one.text);
    return [view.model.title.text, { label: axis.model.axis_label, ticks, texts, height: view.frame.bbox.height }];
}))"""


@pytest.fixture(scope="module")
def opened(browser: Browser) -> Iterator[Hosts]:
    """One page for all tests here, in India; the kernel is in New York."""
    zone = pytest.MonkeyPatch()
    zone.setenv("TZ", "America/New_York")
    time.tzset()
    page = browser.new_page(viewport={"width": 900, "height": 1500}, timezone_id="Asia/Kolkata")
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield Hosts(page)
    page.close()
    zone.undo()
    time.tzset()
    assert errors == []


@pytest.fixture
def hosts(opened: Hosts) -> Iterator[Hosts]:
    yield opened
    for widget in set(opened.widgets):
        widget.close()
    opened.close()


def _figures(hosts: Hosts, count: int) -> dict[str, Any]:
    """The figures, when so many are drawn and measured."""
    hosts.wait_for(f"() => (({POINTS})()).length", count)
    hosts.wait_for("() => [...Bokeh.index.roots].every(view => !view.model.below || view.frame.bbox.width > 50)", True)
    return dict(hosts.page.evaluate(_FIGURES))


MIDNIGHT = datetime(2026, 1, 6, tzinfo=UTC)
_TIMES = {
    "10 ms": [MIDNIGHT + n * timedelta(milliseconds=10) for n in (-1, 0, 1)],
    "7 us": [np.datetime64("2026-01-05T23:59:59.999990") + n * np.timedelta64(7, "us") for n in range(4)],
    "hours": [MIDNIGHT.replace(tzinfo=None) + n * timedelta(hours=1) for n in range(-2, 3)],
    "two days": list(pd.date_range("2026-01-05", periods=49, freq="h", tz="America/New_York")),
    "an hour comes twice": list(
        pd.date_range("2025-10-26", periods=5, freq="30min", tz="UTC").tz_convert("Europe/Paris")
    ),
    "days": list(pd.bdate_range("2026-01-05", periods=10)),
}


def test_one_instant_has_one_text_on_the_axis_under_the_mouse_in_the_table_and_in_the_file(hosts: Hosts) -> None:
    page = hosts.page
    charts = {}
    for title, at in _TIMES.items():
        chart = charts[title] = LineChart("at", "v", title=title, height=140)
        hosts.open(chart.append({"at": at, "v": range(len(at))}))
    figures = _figures(hosts, len(_TIMES))
    for title, at in _TIMES.items():
        texts = [text for (text,) in LiveTable(last=50).append({"at": at}).rows()]
        file = [line.split(",")[0] for line in charts[title].csv().splitlines()[1:]]
        assert file == [text.replace(" UTC", "Z").replace(" ", "T") for text in texts]
        assert len(set(texts)) == len(at)
        for row in (1, 2):
            assert pointed(page, title, 0, row).splitlines() == [f"at: {texts[row]}", f"v: {row}"]
        figure = figures[title]
        assert figure["label"] == ("at" if title == "days" else "at (UTC)")
        assert len(set(figure["texts"])) == len(figure["texts"]) > 2
        for tick, text in zip(figure["ticks"], figure["texts"], strict=True):
            day, clock = str(np.datetime64(round(tick * 1000), "us")).split("T")
            *shown, shown_day = text.split("\n")
            assert shown_day == day
            assert clock.startswith("".join(shown))
            assert clock.removeprefix("".join(shown)).strip("0:.") == ""  # no digit is left out


_LONG = "The company number {} of the New York Stock Exchange and of all the others"
_TWEET = "{} said that the market of today is not what it was: " + "they all laughed " * 14


def test_long_and_many_names_leave_room_for_the_chart_and_are_whole_under_the_mouse(hosts: Hosts) -> None:
    page = hosts.page
    bars = BarChart("who", "n", title="25 long", height=220)
    hosts.open(bars.append([{"who": _LONG.format(k), "n": k + 1} for k in range(25)]))
    more = BarChart("who", "n", title="100 bars", height=220)
    hosts.open(more.append([{"who": _TWEET.format(k), "n": k + 1} for k in range(130)]))
    fifty = LineChart("n", "v", by="who", title="50 series", height=300)
    hosts.open(fifty.append([{"n": n, "v": k, "who": _TWEET.format(k)} for k in range(53) for n in range(3)]))
    days = LineChart("n", ["a", "b"], title="1,259 points", height=200)
    hosts.open(days.append({"n": range(1259), "a": np.sin(np.arange(1259)), "b": np.cos(np.arange(1259))}))
    figures = _figures(hosts, 4)
    assert [figures[title]["height"] > 60 for title in ("25 long", "100 bars")] == [True, True]
    assert all(len(text.strip("\u200b\u2060")) <= 16 for text in figures["25 long"]["texts"])
    assert pointed(page, "25 long", 0, 7).splitlines() == [f"who: {_LONG.format(7)}", "n: 8"]
    assert pointed(page, "100 bars", 0, 60).splitlines() == [f"who: {_TWEET.format(60).strip()}", "n: 61"]
    tip = page.locator(".kit-tip").bounding_box()
    assert tip is not None
    assert tip["width"] <= 360
    assert 0 <= tip["x"] <= 900 - tip["width"]
    assert pointed(page, "50 series", 30, 1).splitlines() == [_TWEET.format(30).strip(), "n: 1", "v: 30"]
    names = page.locator(".kit-plot", has=page.locator(".kit-legend button")).locator("button")
    assert [name.get_attribute("title") for name in names.all()[:50]] == [_TWEET.format(k) for k in range(50)]
    notes = page.locator(".kit-note").all_inner_texts()
    assert "30 more bars are not drawn" in notes[1]
    assert "3 more series are not drawn" in notes[2]
    legend, link = page.locator(".kit-legend").nth(2), page.locator(".kit-csv").nth(2)
    assert legend.evaluate("one => one.scrollHeight > one.clientHeight")  # it scrolls, and ends above the link
    above, below = legend.bounding_box(), link.bounding_box()
    assert above is not None
    assert below is not None
    assert above["y"] + above["height"] <= below["y"]
    dots = "() => [...Bokeh.index.roots].filter(view => view.model.title?.text === '1,259 points')[0].model.renderers"
    sources = page.evaluate(f"{dots}.map(one => [one.data_source.name, one.data_source.data.x.length])")
    assert {name: size for name, size in sources if size} == {"source 0": 1259, "source 1": 1259}


_EVIL = "<img src=x onerror='window.hacked = 1'>"
_HOSTILE = ["@maria", "$index", "<b>x</b>", _EVIL, "@{y}{0.0}", "$$x^2$$"]


def test_a_tooltip_shows_each_text_as_it_is_written_and_runs_none(hosts: Hosts) -> None:
    page = hosts.page
    hosts.open(BarChart("@who", "n", title="bars", height=200).append([{"@who": who, "n": 3} for who in _HOSTILE]))
    points = ScatterChart(_EVIL, "$y", by="who", title="points", height=200)
    hosts.open(points.append([{_EVIL: n, "$y": n, "who": who} for n, who in enumerate(_HOSTILE)]))
    hosts.open(Histogram("<b>x</b>", bins=2, title="spans", height=200).append({"<b>x</b>": [1, 2, 3]}))
    figures = _figures(hosts, 3)
    assert [text.replace("\u2060", "") for text in figures["bars"]["texts"]] == [
        *_HOSTILE[:3],
        "<img src=x oner…",
        *_HOSTILE[4:],
    ]
    for n, who in enumerate(_HOSTILE):
        assert pointed(page, "bars", 0, n).splitlines() == [f"@who: {who}", "n: 3"]
        assert pointed(page, "points", n, 0).splitlines() == [who, f"{_EVIL}: {n}", f"$y: {n}"]
    assert pointed(page, "spans", 0, 1).splitlines() == ["<b>x</b>: 2 to 3", "count: 2"]
    assert page.evaluate("window.hacked") is None
    expect(page.locator("img, .kit-tip b > b")).to_have_count(0)
