"""Yahoo's chart API: closes of days, weeks and months, none later than the replay's trading day.

A day's bar has the time of the opening in New York, a week's that of its Monday at 0:00, a month's that of its first
day at 0:00. An intraday chart has one bar a day: the one that ends with the close, which is all that the data knows.
Source of the fields and error texts: answers of the real API, as the tests of public projects hold them.
"""

import re
from bisect import bisect_left, bisect_right
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from kit.feeds.state import FeedState

__all__ = ["NOTE", "chart_answer", "local_zone"]

NOTE = "daily adjusted closes; no open, high, low or volume in this data"

_NEW_YORK = ZoneInfo("America/New_York")
_OPEN, _CLOSE, _MIDNIGHT = time(9, 30), time(16), time(0)
_RANGES = ["1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max"]
_SPAN = re.compile(r"([1-9]\d{0,3})(d|wk|mo|y)")
_SPAN_DAYS = {"wk": 7, "mo": 30.5, "y": 365.25}
_INTRADAY = {"1m": 1, "2m": 2, "5m": 5, "15m": 15, "30m": 30, "60m": 60, "90m": 90, "1h": 60, "4h": 240}  # minutes
_INTERVALS = [*_INTRADAY, "1d", "1wk", "1mo"]


class _Refused(Exception):
    """The request cannot be answered: HTTP status, Yahoo's code, description."""


def chart_answer(state: FeedState, symbol: str, asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """HTTP status and content of the envelope ``chart``, for a symbol and the parameters of the request."""
    try:
        return 200, {"result": [_chart(state, symbol, asked)], "error": None}
    except _Refused as refused:
        status, code, description = refused.args
        return status, {"result": None, "error": {"code": code, "description": description}}


def _chart(state: FeedState, symbol: str, asked: dict[str, str]) -> dict[str, Any]:
    closes = state.prices.closes.get(symbol)
    if closes is None:
        raise _Refused(404, "Not Found", "No data found, symbol may be delisted")
    interval = asked.get("interval", "1d")
    if interval not in _INTERVALS:
        message = f"Invalid input - interval={interval} is not supported. Valid intervals: [{', '.join(_INTERVALS)}]"
        raise _Refused(422, "Unprocessable Entity", message)
    days, tick = state.prices.days, state.clock.tick
    today = state.clock.day_number(tick)
    wanted = _wanted(days, asked, today)
    meta = _meta(days, today) | {
        "symbol": symbol,
        "regularMarketTime": state.clock.instant(tick),
        "regularMarketPrice": closes[today],
        "chartPreviousClose": closes[max(0, wanted.start - 1)],
        "dataGranularity": interval,
        "range": asked.get("range", ""),
    }
    if interval in _INTRADAY:
        meta["tradingPeriods"] = [[_trading_periods(days[row])["regular"]] for row in wanted]
    bars = _bars(days, wanted, interval)
    if not bars:
        return {"meta": meta, "indicators": {"quote": [{}], "adjclose": [{}]}}
    prices = [closes[row] for row in bars.values()]
    quote = dict.fromkeys(("open", "high", "low", "volume"), [None] * len(bars)) | {"close": prices}
    adjusted = {} if interval in _INTRADAY else {"adjclose": [{"adjclose": prices}]}
    return {"meta": meta, "timestamp": list(bars), "indicators": {"quote": [quote], **adjusted}}


def _meta(days: list[str], today: int) -> dict[str, Any]:
    """What is the same in the charts of all symbols on a day."""
    return {
        "currency": "USD",
        "exchangeName": "REPLAY",
        "fullExchangeName": f"Replay: {NOTE}",
        "instrumentType": "EQUITY",
        "firstTradeDate": _at(days[0], _OPEN),
        "hasPrePostMarketData": False,
        **local_zone(days[today]),
        "exchangeTimezoneName": "America/New_York",
        "priceHint": 3,
        "currentTradingPeriod": _trading_periods(days[today]),
        "validRanges": _RANGES,
        "note": NOTE,
    }


def _wanted(days: list[str], asked: dict[str, str], today: int) -> range:
    """The positions of the days that a client asks for."""
    if "period1" in asked or "period2" in asked:
        return _between(days, asked.get("period1", "0"), asked.get("period2", "99999999999"), today)
    span = asked.get("range") or "1d"
    matched = _SPAN.fullmatch(span)
    if span == "max":
        return range(today + 1)
    if span == "ytd":
        after = f"{days[today][:4]}-01-00"
    elif matched is None:
        raise _Refused(400, "Bad Request", f"Invalid input - range={span} is not supported. Valid ranges: {_RANGES}")
    elif matched[2] == "d":
        return range(max(0, today + 1 - int(matched[1])), today + 1)
    else:
        back = int(matched[1]) * _SPAN_DAYS[matched[2]]
        ordinal = date.fromisoformat(days[today]).toordinal() - int(-(-back // 1))
        after = date.fromordinal(max(1, ordinal)).isoformat()
    return range(bisect_right(days, after), today + 1)


def _between(days: list[str], period1: str, period2: str, today: int) -> range:
    """The positions of the days that open from `period1` to before `period2`, both in epoch seconds."""
    try:
        begin, end = int(period1), int(period2)
    except ValueError:
        message = f"Invalid input - period1={period1:.40}, period2={period2:.40}: whole epoch seconds are expected"
        raise _Refused(400, "Bad Request", message) from None
    if begin > end:
        message = f"Invalid input - start date cannot be after end date. startDate = {begin}, endDate = {end}"
        raise _Refused(400, "Bad Request", message)
    if end <= _at(days[0], _OPEN) or begin > _at(days[today], _CLOSE):
        raise _Refused(400, "Bad Request", f"Data doesn't exist for startDate = {begin}, endDate = {end}")
    first, last = (bisect_left(days, moment, key=lambda day: _at(day, _OPEN)) for moment in (begin, end))
    return range(first, max(first, min(last, today + 1)))


def _bars(days: list[str], wanted: range, interval: str) -> dict[int, int]:
    """Each bar's time, and the position of the day whose close it has: the last of its week or month."""
    bars: dict[int, int] = {}
    for row in wanted:
        day = date.fromisoformat(days[row])
        if minutes := _INTRADAY.get(interval):
            at = _at(days[row], _CLOSE) - (390 % minutes or minutes) * 60  # a trading day has 390 minutes
        elif interval == "1d":
            at = _at(days[row], _OPEN)
        else:
            first = day - timedelta(days=day.weekday()) if interval == "1wk" else day.replace(day=1)
            at = _at(first.isoformat(), _MIDNIGHT)
        bars[at] = row
    return bars


def _trading_periods(day: str) -> dict[str, dict[str, Any]]:
    """The hours of a trading day in New York. Trading before and after them is not in the data: those are empty."""
    zone, start, end = local_zone(day), _at(day, _OPEN), _at(day, _CLOSE)
    return {
        "pre": {**zone, "start": start, "end": start},
        "regular": {**zone, "start": start, "end": end},
        "post": {**zone, "start": end, "end": end},
    }


def local_zone(day: str) -> dict[str, Any]:
    """New York's time on a day: the abbreviation of the zone, and seconds from GMT."""
    local = datetime.combine(date.fromisoformat(day), _OPEN, _NEW_YORK)
    offset = local.utcoffset() or timedelta()
    return {"timezone": local.tzname(), "gmtoffset": int(offset.total_seconds())}


@cache
def _at(day: str, local: time) -> int:
    """The epoch second of a local time in New York."""
    return int(datetime.combine(date.fromisoformat(day), local, _NEW_YORK).timestamp())
