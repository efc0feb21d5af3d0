"""Yahoo Finance's routes: cookie, crumb, quotes and charts.

The data holds daily adjusted closes only. Quotes and charts say so, and make up no volume, no high and no low.
"""

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from kit.feeds.charts import NOTE, chart_answer, local_zone
from kit.feeds.faults import Fault
from kit.feeds.responses import Refused, apply_faults, json_response
from kit.feeds.state import FeedState, State

__all__ = ["router"]

router = APIRouter()


def _too_many(retry_after: int | None = None) -> Response:
    headers = {"retry-after": str(retry_after)} if retry_after is not None else None
    return Response("Too Many Requests\r\n", 429, headers, media_type="text/plain")


def _error(status: int, code: str, description: str, envelope: str = "finance") -> Response:
    return json_response({envelope: {"result": None, "error": {"code": code, "description": description}}}, status)


async def _check(request: Request, state: State) -> None:
    """Refused for a client that asks too often, that is not a browser, or whose crumb is wrong."""
    state.served.requests += 1
    if not request.headers.get("user-agent", "").startswith("Mozilla/"):
        raise Refused(_too_many())
    allowed, _, free_in = state.yahoo_rate.take(state.limits.requests_per_minute)
    if not allowed:
        raise Refused(_too_many(max(1, round(free_in))))
    crumb = request.query_params.get("crumb")
    if crumb is not None and (crumb != state.crumb or request.cookies.get("A3") != state.cookie):
        raise Refused(_error(401, "Unauthorized", "Invalid Crumb"))


_CHECKED = [Depends(_check)]


async def _faulty(request: Request, state: FeedState, response: Response, faults: list[Fault]) -> tuple[Response, str]:
    """The response after its faults, and the outcome. A client that did not wait for it was given nothing: lost."""
    response, outcome = await apply_faults(response, faults)
    if faults and await request.is_disconnected():
        return response, "lost"
    state.served.malformed += outcome == "malformed"
    state.served.truncated += outcome == "truncated"
    return response, outcome


@router.get("/")
async def cookie(state: State) -> Response:
    """Where a client gets its cookie: an answer of 404, as at Yahoo."""
    response = Response("", 404)
    response.set_cookie("A3", state.cookie)
    return response


@router.get("/v1/test/getcrumb", dependencies=_CHECKED)
async def crumb(request: Request, state: State) -> Response:
    if request.cookies.get("A3") != state.cookie:
        return Response("", 401, media_type="text/plain")
    return Response(state.crumb, media_type="text/plain")


@router.get("/v7/finance/quote", dependencies=_CHECKED)
async def quote(request: Request, state: State, symbols: str = "") -> Response:
    if not symbols.strip():
        return _error(400, "argument-error", 'Missing value for the "symbols" argument', "quoteResponse")
    faults = list(state.faults.hits("quote"))
    tick = state.clock.tick
    asked = dict.fromkeys(symbol.strip().upper() for symbol in symbols.split(","))
    known = [symbol for symbol in asked if symbol in state.prices.closes]
    known *= 1 + any(fault.kind == "duplicate" for fault in faults)
    body = {"quoteResponse": {"result": [_quote(state, symbol, tick) for symbol in known], "error": None}}
    response, outcome = await _faulty(request, state, json_response(body), faults)
    if outcome == "whole":
        for symbol in known:
            state.served.count("quotes", symbol, state.clock.instant(tick))
    return response


def _quote(state: FeedState, symbol: str, tick: int) -> dict[str, object]:
    number = state.clock.day_number(tick)
    closes, day = state.prices.closes[symbol], state.prices.days[number]
    price, before = closes[number], closes[max(0, number - 1)]
    zone = local_zone(day)
    return {
        "language": "en-US",
        "region": "US",
        "quoteType": "EQUITY",
        "quoteSourceName": f"Replay: {NOTE}",
        "currency": "USD",
        "marketState": "REGULAR",
        "exchangeTimezoneName": "America/New_York",
        "exchangeTimezoneShortName": zone["timezone"],
        "gmtOffSetMilliseconds": zone["gmtoffset"] * 1000,
        "priceHint": 3,
        "regularMarketPrice": price,
        "regularMarketTime": state.clock.instant(tick),
        "regularMarketPreviousClose": before,
        "regularMarketChange": round(price - before, 4),
        "regularMarketChangePercent": round((price / before - 1) * 100, 4),
        "tradingDay": day,
        "symbol": symbol,
    }


@router.get("/v8/finance/chart/{symbol}", dependencies=_CHECKED)
async def chart(request: Request, state: State, symbol: str) -> Response:
    faults = list(state.faults.hits("chart"))
    status, answer = chart_answer(state, symbol.upper(), dict(request.query_params))
    response, _ = await _faulty(request, state, json_response({"chart": answer}, status), faults)
    return response


@router.get("/ws/fundamentals-timeseries/{path:path}", dependencies=_CHECKED)
async def fundamentals() -> Response:
    """Numbers of shares, balance sheets and so on: Yahoo's answer where it has none."""
    return json_response({"timeseries": {"result": [{"meta": {}}], "error": None}})


@router.get("/v{version:int}/finance/{path:path}", dependencies=_CHECKED)
async def missing() -> Response:
    """The rest of Yahoo: companies, holders, options and so on."""
    return _error(404, "Not Found", "The local feeds have quotes and charts only.")
