"""Yahoo Finance's wire format: quotes and charts.

The data holds daily adjusted closes only. Quotes and charts say so, and make up no volume, no high and no low.
"""

from datetime import date, datetime, time
from functools import cache
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.responses import Response

from kit.feeds.responses import json_response, troubled
from kit.feeds.world import World

__all__ = ["router"]

router = APIRouter()
_NEW_YORK = ZoneInfo("America/New_York")
_NOTE = "daily adjusted closes; no open, high, low or volume in this data"
_RANGE_DAYS = {
    "1d": 1,
    "5d": 5,
    "1mo": 31,
    "3mo": 92,
    "6mo": 183,
    "1y": 366,
    "2y": 731,
    "5y": 1827,
    "10y": 3653,
    "max": 100_000,
}
_INTERVALS = {"1d": None, "1wk": "%G-%V", "1mo": "%Y-%m"}


def world_of(request: Request) -> World:
    world: World = request.app.state.world
    return world


def _too_many(retry_after: int | None = None) -> Response:
    headers = {"retry-after": str(retry_after)} if retry_after is not None else None
    return Response("Too Many Requests\r\n", 429, headers, media_type="text/plain")


def _refused(request: Request, world: World) -> Response | None:
    """What Yahoo answers to a client it does not like: too quick, or not a browser."""
    world.served.requests += 1
    if not request.headers.get("user-agent", "").startswith("Mozilla/"):
        return _too_many()
    allowed, _, free_in = world.yahoo_window.take(world.limits.requests_per_minute)
    if not allowed:
        return _too_many(max(1, round(free_in)))
    crumb = request.query_params.get("crumb")
    if crumb is not None and (crumb != world.crumb or request.cookies.get("A3") != world.cookie):
        error = {"code": "Unauthorized", "description": "Invalid Crumb"}
        return json_response({"finance": {"result": None, "error": error}}, 401)
    return None


@router.get("/")
async def cookie(request: Request) -> Response:
    """Where a client gets its cookie: an answer of 404, as at the real place."""
    response = Response("", 404)
    response.set_cookie("A3", world_of(request).cookie)
    return response


@router.get("/v1/test/getcrumb")
async def crumb(request: Request) -> Response:
    world = world_of(request)
    if refused := _refused(request, world):
        return refused
    if request.cookies.get("A3") != world.cookie:
        return Response("", 401, media_type="text/plain")
    return Response(world.crumb, media_type="text/plain")


@router.get("/v7/finance/quote")
async def quote(request: Request, symbols: str = "") -> Response:
    world = world_of(request)
    if refused := _refused(request, world):
        return refused
    if not symbols.strip():
        error = {"code": "argument-error", "description": 'Missing value for the "symbols" argument'}
        return json_response({"quoteResponse": {"result": None, "error": error}}, 400)
    faults = list(world.faults.hits("quote"))
    tick = world.clock.tick
    asked = dict.fromkeys(symbol.strip().upper() for symbol in symbols.split(","))
    known = [symbol for symbol in asked if symbol in world.prices.closes]
    instant, result = world.clock.instant(tick), [_quote(world, symbol, tick) for symbol in known]
    twice = any(fault.kind == "duplicate" for fault in faults)
    body = {"quoteResponse": {"result": result * 2 if twice else result, "error": None}}
    response, fate = await troubled(json_response(body), faults)
    if faults and await request.is_disconnected():
        return response  # the client would not wait: it was given nothing
    if fate == "whole":
        for symbol in known * (2 if twice else 1):
            world.served.quote(symbol, instant)
    world.served.malformed += fate == "malformed"
    world.served.truncated += fate == "truncated"
    return response


def _quote(world: World, symbol: str, tick: int) -> dict[str, object]:
    number = world.clock.day_number(tick)
    closes = world.prices.closes[symbol]
    price, before = closes[number], closes[max(0, number - 1)]
    return {
        "language": "en-US",
        "region": "US",
        "quoteType": "EQUITY",
        "quoteSourceName": f"Replay: {_NOTE}",
        "currency": "USD",
        "marketState": "REGULAR",
        "exchangeTimezoneName": "America/New_York",
        "regularMarketPrice": price,
        "regularMarketTime": world.clock.instant(tick),
        "regularMarketPreviousClose": before,
        "regularMarketChange": round(price - before, 4),
        "regularMarketChangePercent": round((price / before - 1) * 100, 4),
        "tradingDay": world.prices.days[number],
        "symbol": symbol,
    }


@router.get("/v8/finance/chart/{symbol}")
async def chart(request: Request, symbol: str) -> Response:
    world = world_of(request)
    if refused := _refused(request, world):
        return refused
    faults = list(world.faults.hits("chart"))
    response, fate = await troubled(_chart(world, symbol.upper(), dict(request.query_params)), faults)
    if faults and await request.is_disconnected():
        return response
    world.served.malformed += fate == "malformed"
    world.served.truncated += fate == "truncated"
    return response


def _chart(world: World, symbol: str, asked: dict[str, str]) -> Response:
    closes = world.prices.closes.get(symbol)
    if closes is None:
        return _chart_error(404, "Not Found", "No data found, symbol may be delisted")
    interval = asked.get("interval", "1d")
    if interval not in _INTERVALS:
        return _chart_error(422, "Unprocessable Entity", f"Invalid input - interval={interval} is not supported.")
    today = world.clock.day_number(world.clock.tick)
    try:
        wanted = _days(world, asked, today)
    except ValueError:
        return _chart_error(400, "Bad Request", f"Invalid input - range={asked.get('range')}, or period1, period2")
    rows = _rows(world, wanted, _INTERVALS[interval])
    prices = [closes[row] for row in rows]
    nothing = [None] * len(rows)
    meta = {
        "currency": "USD",
        "symbol": symbol,
        "instrumentType": "EQUITY",
        "firstTradeDate": _opening(world.prices.days[0]),
        "regularMarketTime": world.clock.instant(world.clock.tick),
        "regularMarketPrice": closes[today],
        "chartPreviousClose": closes[max(0, (rows[0] if rows else today) - 1)],
        "timezone": "EST",
        "exchangeTimezoneName": "America/New_York",
        "dataGranularity": interval,
        "range": asked.get("range", ""),
        "validRanges": list(_RANGE_DAYS),
        "note": _NOTE,
    }
    quotes = {"open": nothing, "high": nothing, "low": nothing, "volume": nothing, "close": prices}
    result = {
        "meta": meta,
        "timestamp": [_opening(world.prices.days[row]) for row in rows],
        "indicators": {"quote": [quotes], "adjclose": [{"adjclose": prices}]},
    }
    return json_response({"chart": {"result": [result], "error": None}})


def _chart_error(status: int, code: str, description: str) -> Response:
    error = {"code": code, "description": description}
    return json_response({"chart": {"result": None, "error": error}}, status)


def _days(world: World, asked: dict[str, str], today: int) -> range:
    """The positions of the days a client asks for, none later than the replay's today: a market does not know more."""
    days = world.prices.days
    if "period1" in asked or "period2" in asked:
        begin, end = int(asked.get("period1", "0")), int(asked.get("period2", "99999999999"))
        first = next((i for i, day in enumerate(days) if _opening(day) >= begin), len(days))
        last = next((i for i, day in enumerate(days) if _opening(day) >= end), len(days))
        return range(first, min(last, today + 1))
    span = asked.get("range", "1d")
    if span == "ytd":
        begin_day = days[today][:4] + "-01-01"
    else:
        if span not in _RANGE_DAYS:
            raise ValueError(span)
        if span in ("1d", "5d"):
            return range(max(0, today + 1 - _RANGE_DAYS[span]), today + 1)
        ordinal = date.fromisoformat(days[today]).toordinal() - _RANGE_DAYS[span]
        begin_day = date.fromordinal(max(1, ordinal)).isoformat()
    first = next(i for i, day in enumerate(days) if day > begin_day)
    return range(first, today + 1)


def _rows(world: World, wanted: range, group: str | None) -> list[int]:
    """All wanted days, or the last one of each week or month."""
    if group is None:
        return list(wanted)
    last: dict[str, int] = {}
    for row in wanted:
        last[date.fromisoformat(world.prices.days[row]).strftime(group)] = row
    return list(last.values())


@cache
def _opening(day: str) -> int:
    """The epoch second at which New York opened that day: the time Yahoo gives a daily bar."""
    return int(datetime.combine(date.fromisoformat(day), time(9, 30), _NEW_YORK).timestamp())
