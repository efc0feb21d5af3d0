"""Yahoo's wire format: what is in an answer of the quote and of the chart API, as typed records.

Source: what the web site's own client gets; there is no official documentation.
"""

import json
from datetime import date, datetime
from math import isfinite
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kit.errors import BadPayload

__all__ = ["Bar", "Quote", "parse_chart", "parse_quotes"]


class Quote(BaseModel):
    """The price of one symbol at one moment.

    Attributes
    ----------
    symbol
        As the market knows it: ``JPM``.
    price
        In USD.
    time
        Epoch seconds. From the local feeds: the replay clock's instant.
    day
        The trading day a replayed price is from; None in a live quote.
    """

    model_config = ConfigDict(frozen=True, validate_by_name=True, validate_by_alias=True)

    symbol: str = Field(min_length=1)
    price: float = Field(alias="regularMarketPrice", gt=0, allow_inf_nan=False)
    time: int = Field(alias="regularMarketTime", gt=0, lt=2**33)
    day: date | None = Field(default=None, alias="tradingDay")


class Bar(NamedTuple):
    """One day (or week, or month) of a chart: the day it is dated by, at the exchange; its closing price in USD."""

    symbol: str
    day: date
    close: float


def parse_quotes(body: bytes) -> tuple[list[Quote], list[BadPayload]]:
    """The quotes in an answer of the quote API, and what in it is none (each with its raw bytes)."""
    entries = _result(body, "quoteResponse")
    quotes: list[Quote] = []
    rejected: list[BadPayload] = []
    for entry in entries:
        try:
            quotes.append(Quote.model_validate(entry))
        except ValidationError as error:
            rejected.append(_bad("a quote", _first(error), json.dumps(entry).encode()))
    return quotes, rejected


def parse_chart(body: bytes) -> list[Bar]:
    """The bars in an answer of the chart API. Those without a close (``null``) are left out."""
    try:
        (result,) = _result(body, "chart")
        symbol, zone = str(result["meta"]["symbol"]), ZoneInfo(result["meta"]["exchangeTimezoneName"])
        closes = result["indicators"]["quote"][0].get("close", [])
        return [
            Bar(symbol, datetime.fromtimestamp(at, zone).date(), _price(close))
            for at, close in zip(result.get("timestamp", []), closes, strict=True)
            if close is not None
        ]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, OSError) as error:
        # OSError: a zone's name is looked up as a file
        raise _bad("one chart", f"{type(error).__name__}: {error}", body) from error


def _price(close: float) -> float:
    price = float(close)
    if not (isfinite(price) and price > 0):
        raise ValueError(f"a close of {close}")
    return price


def _result(body: bytes, envelope: str) -> list[Any]:
    """What is in the envelope that all of Yahoo's answers come in."""
    try:
        outer = json.loads(body)[envelope]
        result, error = outer["result"], outer.get("error")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise _bad(f"JSON with {envelope}.result", f"{type(problem).__name__}: {problem}", body) from problem
    if error is not None or not isinstance(result, list):
        raise _bad(f"a list in {envelope}.result", str(error or result)[:200], body)
    return result


def _bad(expected: str, got: str, raw: bytes) -> BadPayload:
    return BadPayload(expected, got=got[:300], todo="see what came in the error's `raw`", raw=raw)


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the entry'}: {first['msg']}"
