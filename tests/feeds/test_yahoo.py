"""Yahoo's side: what a yfinance-like client meets there, and that the prices are the true ones."""

import time
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
import requests

from kit.servers.feeds import FeedServer
from tests.feeds.tools import CHROME, ORIGIN, TIMEOUT, Browser, prices
from tests.wait import wait_until

BANKS = ["JPM", "BAC"]


def days_of(chart: dict[str, Any]) -> list[str]:
    """The dates of a chart's bars as yfinance reads them: in the exchange's own time zone."""
    zone = ZoneInfo(chart["meta"]["exchangeTimezoneName"])
    return [datetime.fromtimestamp(at, zone).date().isoformat() for at in chart["timestamp"]]


# ---- cookie, crumb, browser -----------------------------------------------------------------------------------


def test_a_client_gets_a_cookie_then_a_crumb_then_quotes(feed: FeedServer) -> None:
    with Browser(feed.url) as browser:
        first = browser.get(feed.url, timeout=TIMEOUT)
        assert (first.status_code, list(browser.cookies.keys())) == (404, ["A3"])
        crumb = browser.get(f"{feed.url}/v1/test/getcrumb", timeout=TIMEOUT)
        assert crumb.status_code == 200
        assert crumb.headers["content-type"].startswith("text/plain")
        assert 0 < len(crumb.text) < 20
        browser.crumb = crumb.text
        assert [quote["symbol"] for quote in browser.quotes("JPM")] == ["JPM"]
        assert browser.chart("JPM")["meta"]["symbol"] == "JPM"


def test_without_its_cookie_there_is_no_crumb(feed: FeedServer) -> None:
    answer = requests.get(f"{feed.url}/v1/test/getcrumb", headers={"User-Agent": CHROME}, timeout=TIMEOUT)
    assert (answer.status_code, answer.text) == (401, "")


@pytest.mark.parametrize("path", ["/v7/finance/quote?symbols=JPM", "/v8/finance/chart/JPM"])
def test_a_crumb_that_does_not_go_with_the_cookie_is_refused(browser: Browser, path: str) -> None:
    browser.greet()
    for spoil in ("the crumb", "the cookie"):
        crumb = "stale" if spoil == "the crumb" else browser.crumb
        if spoil == "the cookie":
            browser.cookies.clear()
        answer = browser.get(browser.url + path, params={"crumb": crumb}, timeout=TIMEOUT)
        assert answer.status_code == 401
        assert answer.json()["finance"]["error"] == {"code": "Unauthorized", "description": "Invalid Crumb"}


@pytest.mark.parametrize("path", ["/v7/finance/quote?symbols=JPM", "/v8/finance/chart/JPM", "/v1/test/getcrumb"])
def test_a_client_that_is_no_browser_gets_429(feed: FeedServer, path: str) -> None:
    answer = requests.get(feed.url + path, timeout=TIMEOUT)  # requests names itself in its User-Agent
    assert (answer.status_code, answer.text.strip()) == (429, "Too Many Requests")
    assert answer.headers["content-type"].startswith("text/plain")


def test_a_client_that_asks_too_often_gets_429_and_when_to_come_again(feed: FeedServer, browser: Browser) -> None:
    browser.greet()
    feed.limits(requests_per_minute=4)  # the crumb was the first
    statuses = [browser.ask("/v7/finance/quote", symbols="JPM").status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    refused = browser.ask("/v8/finance/chart/JPM")
    assert refused.text.strip() == "Too Many Requests"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    feed.limits(requests_per_minute=100)
    assert browser.ask("/v7/finance/quote", symbols="JPM").status_code == 200


# ---- quotes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["2008-09-15", "2020-03-09"])
def test_a_week_of_quotes_gives_the_true_closes_of_every_symbol(feed: FeedServer, browser: Browser, start: str) -> None:
    truth = prices()
    week = truth.loc[start:].iloc[:5]
    feed.clock(start=start)
    for tick, (day, closes) in enumerate(week.iterrows()):
        quotes = {quote["symbol"]: quote for quote in browser.quotes(*truth.columns)}
        assert {symbol: quote["regularMarketPrice"] for symbol, quote in quotes.items()} == closes.to_dict()
        assert {quote["tradingDay"] for quote in quotes.values()} == {day}
        assert {quote["regularMarketTime"] for quote in quotes.values()} == {ORIGIN + tick}
        feed.step()


def test_a_quote_compares_with_the_trading_day_before(browser: Browser) -> None:
    truth = prices()["JPM"]
    before, now = truth.loc[:"2008-09-15"].iloc[-2:]
    (quote,) = browser.quotes("JPM")
    assert quote["regularMarketPreviousClose"] == before
    assert quote["regularMarketChange"] == pytest.approx(now - before, abs=1e-4)
    assert quote["regularMarketChangePercent"] == pytest.approx((now / before - 1) * 100, abs=1e-4)


def test_a_quote_makes_up_no_volume_and_no_high_or_low(browser: Browser) -> None:
    (quote,) = browser.quotes("JPM")
    assert not [name for name in quote if "olume" in name or "High" in name or "Low" in name or "Open" in name]
    assert "adjusted closes" in quote["quoteSourceName"]
    assert (quote["currency"], quote["quoteType"], quote["marketState"]) == ("USD", "EQUITY", "REGULAR")


def test_a_quote_stays_as_long_as_the_clock_stands(feed: FeedServer, browser: Browser) -> None:
    first, again = browser.quotes(*BANKS), browser.quotes(*BANKS)
    assert first == again
    feed.step()
    assert [quote["tradingDay"] for quote in browser.quotes(*BANKS)] == ["2008-09-16"] * 2


def test_symbols_are_answered_once_each_in_the_order_asked_and_unknown_ones_left_out(browser: Browser) -> None:
    found = browser.quotes("xom", "NOSUCH", " JPM", "XOM", "")
    assert [quote["symbol"] for quote in found] == ["XOM", "JPM"]
    assert browser.quotes("NOSUCH") == []


def test_a_question_without_symbols_is_an_error_in_yahoos_envelope(browser: Browser) -> None:
    answer = browser.ask("/v7/finance/quote")
    assert answer.status_code == 400
    body = answer.json()["quoteResponse"]
    assert body["result"] is None
    assert body["error"]["code"] == "argument-error"


def test_after_the_last_day_the_replay_goes_on_with_its_first(feed: FeedServer, browser: Browser) -> None:
    feed.clock(start="2022-12-27")
    seen = []
    for _ in range(4):
        (quote,) = browser.quotes("JPM")
        seen.append((quote["tradingDay"], quote["regularMarketTime"] - ORIGIN))
        feed.step()
    assert seen == [("2022-12-27", 0), ("2022-12-28", 1), ("2022-12-27", 2), ("2022-12-28", 3)]


# ---- charts ---------------------------------------------------------------------------------------------------


def test_a_chart_gives_the_true_closes_at_the_true_dates(browser: Browser) -> None:
    chart = browser.chart("JPM", range="1y", interval="1d")
    truth = prices()["JPM"].loc["2007-09-16":"2008-09-15"]
    assert days_of(chart) == list(truth.index)
    assert chart["indicators"]["quote"][0]["close"] == list(truth)
    assert chart["indicators"]["adjclose"][0]["adjclose"] == list(truth)
    opening = datetime.fromtimestamp(chart["timestamp"][-1], UTC)
    assert opening == datetime(2008, 9, 15, 13, 30, tzinfo=UTC)  # 9:30 in New York in summer


def test_a_chart_makes_up_no_volume_and_says_what_the_data_is(browser: Browser) -> None:
    chart = browser.chart("JPM", range="5d")
    (quote,) = chart["indicators"]["quote"]
    for name in ("open", "high", "low", "volume"):
        assert quote[name] == [None] * 5
    assert "no open, high, low or volume" in chart["meta"]["note"]


def test_a_chart_as_yfinance_makes_a_frame_of_it(browser: Browser) -> None:
    chart = browser.chart("AAPL", period1=0, period2=int(time.time()), interval="1d", includePrePost="False")
    (quote,) = chart["indicators"]["quote"]
    frame = pd.DataFrame(
        {
            name.title(): quote[name]
            for name in ("open", "high", "low", "close", "volume")  # yfinance's parse_quotes
        }
        | {"Adj Close": chart["indicators"]["adjclose"][0]["adjclose"]},
        index=pd.to_datetime(chart["timestamp"], unit="s", utc=True).tz_convert(chart["meta"]["exchangeTimezoneName"]),
    )
    truth = prices()["AAPL"].loc[:"2008-09-15"]
    assert [day.date().isoformat() for day in frame.index] == list(truth.index)
    assert list(frame["Adj Close"]) == list(truth)


def test_a_chart_knows_no_more_than_the_market_of_that_day(feed: FeedServer, browser: Browser) -> None:
    for _ in range(2):
        today = browser.quotes("JPM")[0]
        for chart in (browser.chart("JPM", range="max"), browser.chart("JPM", period1=0, period2=9_999_999_999)):
            assert days_of(chart)[-1] == today["tradingDay"]
            assert chart["meta"]["regularMarketPrice"] == today["regularMarketPrice"]
            assert chart["meta"]["regularMarketTime"] == today["regularMarketTime"]
        feed.step(3)


@pytest.mark.parametrize(
    ("span", "first"),
    [
        ("1d", "2008-09-15"),
        ("5d", "2008-09-09"),
        ("7d", "2008-09-05"),
        ("2wk", "2008-09-02"),
        ("1mo", "2008-08-18"),
        ("3mo", "2008-06-16"),
        ("ytd", "2008-01-02"),
        ("10y", "1998-09-16"),
        ("9999y", "1990-01-02"),
        ("9999d", "1990-01-02"),
        ("max", "1990-01-02"),
    ],
)
def test_a_range_begins_where_it_should(browser: Browser, span: str, first: str) -> None:
    chart = browser.chart("JPM", range=span)
    days = days_of(chart)
    assert (days[0], days[-1]) == (first, "2008-09-15")
    assert chart["meta"]["range"] == span


def test_periods_are_taken_with_their_beginning_and_without_their_end(browser: Browser) -> None:
    def midnight(day: str) -> int:
        return int(
            datetime.combine(date.fromisoformat(day), datetime.min.time(), ZoneInfo("America/New_York")).timestamp()
        )

    chart = browser.chart("JPM", period1=midnight("2008-09-08"), period2=midnight("2008-09-11"))
    assert days_of(chart) == ["2008-09-08", "2008-09-09", "2008-09-10"]
    assert chart["meta"]["chartPreviousClose"] == prices()["JPM"]["2008-09-05"]
    weekend = browser.chart("JPM", period1=midnight("2008-09-13"), period2=midnight("2008-09-15"))
    assert "timestamp" not in weekend
    assert weekend["indicators"] == {"quote": [{}], "adjclose": [{}]}


@pytest.mark.parametrize(
    ("interval", "rule", "before"), [("1wk", "W-SUN", pd.DateOffset(days=6)), ("1mo", "ME", pd.offsets.MonthBegin())]
)
def test_a_week_has_the_date_of_its_monday_a_month_that_of_its_first_day_and_both_the_last_close(
    browser: Browser, interval: str, rule: str, before: Any
) -> None:
    chart = browser.chart("JPM", range="1y", interval=interval)
    truth = prices()["JPM"].loc["2007-09-16":"2008-09-15"]
    last = truth.set_axis(pd.to_datetime(truth.index)).resample(rule).last()
    assert chart["indicators"]["quote"][0]["close"] == list(last)
    assert chart["meta"]["dataGranularity"] == interval
    assert days_of(chart) == [str((end - before).date()) for end in last.index]
    assert {hour_of(at) for at in chart["timestamp"]} == {"00:00"}
    assert chart["meta"]["chartPreviousClose"] == prices()["JPM"]["2007-09-14"]


def hour_of(at: int) -> str:
    return datetime.fromtimestamp(at, ZoneInfo("America/New_York")).strftime("%H:%M")


@pytest.mark.parametrize(
    ("interval", "at"),
    [("1m", "15:59"), ("5m", "15:55"), ("30m", "15:30"), ("1h", "15:30"), ("90m", "15:30"), ("4h", "13:30")],
)
def test_an_intraday_chart_has_the_bar_that_ends_with_the_close_and_the_trading_hours(
    browser: Browser, interval: str, at: str
) -> None:
    days, chart = browser.chart("JPM", range="5d"), browser.chart("JPM", range="5d", interval=interval)
    assert days_of(chart) == days_of(days)
    assert {hour_of(bar) for bar in chart["timestamp"]} == {at}
    assert chart["indicators"]["quote"] == days["indicators"]["quote"]
    periods = [period for (period,) in chart["meta"]["tradingPeriods"]]
    assert [period["start"] for period in periods] == days["timestamp"]
    assert {hour_of(period["end"]) for period in periods} == {"16:00"}
    assert "adjclose" not in chart["indicators"]
    assert "tradingPeriods" not in days["meta"]


@pytest.mark.parametrize(("start", "zone", "offset"), [("2008-09-15", "EDT", -14_400), ("2009-01-05", "EST", -18_000)])
def test_the_meta_of_a_chart_has_what_a_reader_of_yahoo_expects(
    feed: FeedServer, browser: Browser, start: str, zone: str, offset: int
) -> None:
    feed.clock(start=start)
    chart = browser.chart("JPM", range="1mo")
    meta, today = chart["meta"], chart["timestamp"][-1]
    close, local = today + 23_400, {"timezone": zone, "gmtoffset": offset}  # 6.5 hours after the opening
    assert meta["currentTradingPeriod"] == {
        "pre": {**local, "start": today, "end": today},
        "regular": {**local, "start": today, "end": close},
        "post": {**local, "start": close, "end": close},
    }
    assert {name: meta[name] for name in local} == local
    assert meta["validRanges"] == ["1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max"]
    assert (meta["currency"], meta["instrumentType"], meta["exchangeTimezoneName"], meta["priceHint"]) == (
        "USD",
        "EQUITY",
        "America/New_York",
        3,
    )
    assert (meta["regularMarketTime"], meta["regularMarketPrice"]) == (ORIGIN, prices()["JPM"][start])
    assert (meta["dataGranularity"], meta["range"], meta["hasPrePostMarketData"]) == ("1d", "1mo", False)
    assert meta["exchangeName"]


@pytest.mark.parametrize(
    ("asked", "status", "code", "description"),
    [
        ({"symbol": "NOSUCH"}, 404, "Not Found", "No data found, symbol may be delisted"),
        ({"interval": "7m"}, 422, "Unprocessable Entity", "interval=7m is not supported. Valid intervals: [1m,"),
        ({"range": "7parsecs"}, 400, "Bad Request", "range=7parsecs is not supported"),
        ({"range": "0d"}, 400, "Bad Request", "range=0d is not supported"),
        ({"range": f"{'9' * 5000}d"}, 400, "Bad Request", "is not supported"),
        ({"period1": "yesterday"}, 400, "Bad Request", "period1=yesterday"),
        ({"period1": "9" * 5000}, 400, "Bad Request", "whole epoch seconds"),
        ({"period1": 9, "period2": 8}, 400, "Bad Request", "start date cannot be after end date"),
        ({"period1": -(10**12), "period2": 0}, 400, "Bad Request", "Data doesn't exist for startDate = -1000"),
        ({"period1": 1_221_600_000}, 400, "Bad Request", "Data doesn't exist for startDate = 1221600000"),
    ],
)
def test_a_chart_that_cannot_be_had_is_an_error_in_yahoos_envelope(
    browser: Browser, asked: dict[str, Any], status: int, code: str, description: str
) -> None:
    answer = browser.ask(f"/v8/finance/chart/{asked.get('symbol', 'JPM')}", **asked)
    assert answer.status_code == status
    body = answer.json()["chart"]
    assert (body["result"], body["error"]["code"]) == (None, code)
    assert description in body["error"]["description"]


@pytest.mark.parametrize(
    ("path", "status", "envelope"),
    [
        ("/v10/finance/quoteSummary/JPM?modules=quoteType", 404, "finance"),
        ("/v7/finance/options/JPM", 404, "finance"),
        ("/ws/fundamentals-timeseries/v1/finance/timeseries/JPM?symbol=JPM", 200, "timeseries"),
    ],
)
def test_what_the_data_does_not_have_is_answered_in_yahoos_envelopes(
    browser: Browser, path: str, status: int, envelope: str
) -> None:
    answer = browser.ask(path)
    assert (answer.status_code, list(answer.json())) == (status, [envelope])


def test_the_requests_that_yfinance_makes_for_a_year_to_date_are_answered(browser: Browser) -> None:
    """As yfinance 1.7 makes them: the time zone first, then the prices; both with cookie and crumb."""
    zone = browser.chart("JPM", range="1d", interval="1d")
    assert ZoneInfo(zone["meta"]["exchangeTimezoneName"])
    chart = browser.chart("JPM", range="ytd", interval="1d", includePrePost="False", events="div,splits,capitalGains")
    assert "ytd" in chart["meta"]["validRanges"]  # else yfinance throws the answer away
    assert days_of(chart) == list(prices()["JPM"].loc["2008-01-01":"2008-09-15"].index)


# ---- same start, same records ---------------------------------------------------------------------------------


def test_another_server_with_the_same_start_gives_the_same_quotes_byte_by_byte_at_any_speed(
    feed: FeedServer, browser: Browser, other: FeedServer
) -> None:
    def at(one: Browser, seen: dict[int, bytes]) -> bool:
        answer = one.ask("/v7/finance/quote", symbols="JPM,BAC,XOM")
        (instant,) = {quote["regularMarketTime"] for quote in answer.json()["quoteResponse"]["result"]}
        seen[instant] = answer.content
        return len(seen) >= 12

    stepped: dict[int, bytes] = {}
    fast: dict[int, bytes] = {}
    other.clock(paused=False, speed=150.0)
    with Browser(other.url) as quick:
        wait_until(lambda: at(quick, fast))
    for instant in sorted(fast):
        behind = instant - max(stepped, default=ORIGIN)
        if behind:
            feed.step(behind)
        at(browser, stepped)
    assert stepped == fast
