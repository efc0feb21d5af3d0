"""Yahoo's wire format: the records in an answer of the quote API and of the chart API.

Yahoo documents neither. The rules for odd answers are yfinance's (version 1.7: `utils.parse_quotes`,
`utils.fix_Yahoo_returning_live_separate`, `utils.fix_Yahoo_dst_issue` and `scrapers.history`).
"""

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import zip_longest
from math import isfinite, isnan
from typing import Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AliasPath, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from kit.errors import BadPayload

__all__ = ["Bar", "Quote", "parse_chart", "parse_quotes"]

_INTERVALS = {"1d": 1, "5d": 5, "1wk": 7, "1mo": 1, "3mo": 3}  # days, or months


def _no_bool(value: object) -> object:
    """Refuse `true` and `false`, which Python and pydantic take for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError(f"a number is expected, not {json.dumps(value)}")
    return value


_Number = Annotated[float, BeforeValidator(_no_bool)]
_Seconds = Annotated[int, BeforeValidator(_no_bool)]


class Quote(BaseModel):
    """The price of one symbol (``JPM``) at one moment, in `currency`: ``USD``, ``GBp`` for pence, or None if not named.

    A price can be negative: oil closed at -37.63 on 2020-04-20. `time` is epoch seconds; from the local feeds, the
    replay clock's. `day` is the trading day that a replayed price is from; None in a live quote.
    """

    model_config = ConfigDict(frozen=True, validate_by_name=True, validate_by_alias=True)

    symbol: str = Field(min_length=1)
    price: _Number = Field(alias="regularMarketPrice", allow_inf_nan=False)
    time: _Seconds = Field(alias="regularMarketTime", gt=0, lt=2**33)
    day: Annotated[date | None, BeforeValidator(_no_bool)] = Field(default=None, alias="tradingDay")
    currency: str | None = None


class Bar(NamedTuple):
    """The close of one day, week or month, in `currency`: ``USD``, ``GBp`` for pence, or None if not named.

    `day` is the date at the exchange: of a week that of its Monday, of a month that of its first day.
    """

    symbol: str
    day: date
    close: float
    currency: str | None = None


class _Chart(BaseModel):
    symbol: str = Field(validation_alias=AliasPath("meta", "symbol"), min_length=1)
    currency: str | None = Field(default=None, validation_alias=AliasPath("meta", "currency"))
    zone: ZoneInfo = Field(validation_alias=AliasPath("meta", "exchangeTimezoneName"))
    interval: str = Field(default="1d", validation_alias=AliasPath("meta", "dataGranularity"))
    timestamp: list[_Seconds] = []
    close: list[_Number | None] = Field(default=[], validation_alias=AliasPath("indicators", "quote", 0, "close"))
    columns: dict[str, Any] = Field(default={}, validation_alias=AliasPath("indicators", "quote", 0))


def parse_quotes(body: bytes) -> tuple[list[Quote], list[BadPayload]]:
    """Read an answer of the quote API; BadPayload if it is not a list of entries in Yahoo's envelope.

    Returns
    -------
    quotes, rejected
        The quotes, and an error for each entry that is not a quote. Its `raw` holds the entry's bytes.

    Examples
    --------
    >>> entry = '{"symbol": "JPM", "regularMarketPrice": 25.3, "regularMarketTime": 1221485400, "currency": "USD"}'
    >>> parse_quotes(f'{{"quoteResponse": {{"result": [{entry}], "error": null}}}}'.encode())
    ([Quote(symbol='JPM', price=25.3, time=1221485400, day=None, currency='USD')], [])
    """
    quotes: list[Quote] = []
    rejected: list[BadPayload] = []
    for entry in _result(body, "quoteResponse"):
        try:
            quotes.append(Quote.model_validate(entry))
        except ValidationError as error:
            rejected.append(_bad("a quote", _first(error), json.dumps(entry).encode()))
    return quotes, rejected


def parse_chart(body: bytes) -> list[Bar]:
    """Read an answer of the chart API: oldest first, one bar a day, week or month.

    A bar without a close is left out. If the market is open, Yahoo adds the live price as a bar of its own: it takes
    the place of the close of its day, week or month. Prices may be texts (``"25.3"``), but not ``true`` or ``false``.
    BadPayload if the answer is not one chart, or a price or time in it is not a number.
    """
    results = _result(body, "chart")
    if not results:
        raise _bad("one chart", "an empty list: Yahoo has no prices", body, todo="check the spelling of the symbol")
    try:
        (result,) = results
        chart = _Chart.model_validate(result)
        days = [(_day(at, chart), close) for at, close in sorted(_rows(chart), key=lambda row: row[0])]
    except ValidationError as error:
        raise _bad("one chart", _first(error), body) from error
    except (ValueError, TypeError, OverflowError, OSError) as error:  # OSError: a zone's name is looked up as a file
        raise _bad("one chart", f"{type(error).__name__}: {error}", body) from error
    if chart.interval not in _INTERVALS:
        todo = 'ask for interval="1d", "1wk" or "1mo"'
        raise _bad("a chart of days, weeks or months", f"an interval of {chart.interval!r}", body, todo=todo)
    return [Bar(chart.symbol, day, close, chart.currency) for day, close in _merged(days, chart.interval).items()]


def _rows(chart: _Chart) -> Iterator[tuple[int, float]]:
    """Time and close of each entry that has a close. In an entry that has none, all is 0 or null."""
    others = zip_longest(*(one for name, one in chart.columns.items() if name != "close" and isinstance(one, list)))
    for at, close in zip(chart.timestamp, chart.close, strict=True):
        traded = any(next(others, ()))
        if close is None or isnan(close) or not (close or traded):
            continue
        if not isfinite(close):
            raise ValueError(f"a close of {close}")
        yield at, close


def _day(at: int, chart: _Chart) -> date:
    """The date of a bar at its exchange. Yahoo dates some bars 22:00 or 23:00 of the evening before (summer time)."""
    local = datetime.fromtimestamp(at, chart.zone)
    evening = local.hour in (22, 23) and local.minute == local.second == 0
    return local.date() + timedelta(days=evening and chart.interval in ("1d", "1wk"))


def _merged(days: list[tuple[date, float]], interval: str) -> dict[date, float]:
    """One close a date. The live price, if it is there, is the last entry."""
    if len(days) > 1:
        (before, _), (last, live) = days[-2:]
        length = _INTERVALS[interval]
        same = (last - before).days < length
        if interval.endswith("mo"):
            same = len({(day.year * 12 + day.month - 1) // length for day in (before, last)}) == 1
        if same and (before != last or interval == "1d"):
            days = [*days[:-2], (before, live)]
    return dict(sorted(dict(reversed(days)).items()))  # of two closes of a date, the first


def _result(body: bytes, envelope: str) -> list[Any]:
    """The list in the envelope that all of Yahoo's answers have."""
    try:
        outer = json.loads(body)[envelope]
        result, error = outer["result"], outer.get("error")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise _bad(f"JSON with {envelope}.result", f"{type(problem).__name__}: {problem}", body) from problem
    if error is not None or not isinstance(result, list):
        raise _bad(f"a list in {envelope}.result", str(error or result)[:200], body)
    return result


def _bad(expected: str, got: str, raw: bytes, *, todo: str = "look at the answer in the error's `raw`") -> BadPayload:
    return BadPayload(expected, got=got[:300], todo=todo, raw=raw)


def _first(error: ValidationError) -> str:
    """Where the first thing is that is wrong, and what."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the entry'}: {first['msg']}"
