"""Whatever comes over the wire, it is records, or a `BadPayload` with the bytes: nothing else, and nothing is lost."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kit.errors import BadPayload
from kit.sources import Bar, Quote, parse_quotes
from kit.sources.yahoo import parse_chart

NEW_YORK = ZoneInfo("America/New_York")

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["America/New_York", "UTC", "America", "..", "", "x" * 300]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
quotes = st.builds(
    lambda symbol, price, time, day: {
        "symbol": symbol,
        "regularMarketPrice": price,
        "regularMarketTime": time,
        **({} if day is None else {"tradingDay": day.isoformat()}),
    },
    st.from_regex(r"[A-Z^.=-]{1,8}", fullmatch=True),
    st.floats(min_value=0.01, max_value=1e9),
    st.integers(1, 2**33 - 1),
    st.none() | st.dates(),
)


def quote_body(result: Any, error: Any = None) -> bytes:
    return json.dumps({"quoteResponse": {"result": result, "error": error}}).encode()


def chart_body(result: Any, error: Any = None) -> bytes:
    return json.dumps({"chart": {"result": result, "error": error}}).encode()


def chart(at: Any, closes: Any, *, zone: Any = "America/New_York", columns: Any = None, **meta: Any) -> dict[str, Any]:
    meta = {"symbol": "JPM", "exchangeTimezoneName": zone} | meta
    return {"meta": meta, "timestamp": at, "indicators": {"quote": [{"close": closes} | (columns or {})]}}


def read(at: Any, closes: Any, **options: Any) -> list[tuple[str, float]]:
    """The dates and closes of a chart."""
    return [(bar.day.isoformat(), bar.close) for bar in parse_chart(chart_body([chart(at, closes, **options)]))]


def moment(text: str, zone: str = "America/New_York") -> int:
    """Epoch seconds of a local date and time."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp())


def check(parse: Callable[[bytes], Any], body: bytes) -> None:
    """It returns, or raises a BadPayload that has the bytes and is short."""
    refused: BadPayload | None = None
    try:
        parse(body)
    except BadPayload as error:
        refused = error
    assert refused is None or (refused.raw == body and len(str(refused)) < 1000)


@pytest.mark.parametrize("parse", [parse_quotes, parse_chart])
@given(body=st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
@example(b"[" * 100_000)
@example(b'{"chart": ' * 100_000)
@example(b"")
@example(b"\xff\xfe")
@example(b'"\\ud800"')
@example(b"1" * 10_000)
def test_any_bytes_are_parsed_or_are_a_bad_payload(parse: Callable[[bytes], Any], body: bytes) -> None:
    check(parse, body)


@given(result=anything, error=st.none() | anything)
def test_any_json_in_the_envelope_is_parsed_or_is_a_bad_payload(result: Any, error: Any) -> None:
    check(parse_quotes, quote_body(result, error))
    check(parse_chart, chart_body(result, error))


@given(at=anything | st.lists(anything, max_size=3), closes=anything | st.lists(anything, max_size=3), zone=anything)
@example([10**18], [1.0], "America/New_York")
@example([-(10**12)], [1.0], "America/New_York")
@example([1e400], [1.0], "America/New_York")
@example([0], [10**400], "America/New_York")
@example([0], [1.0], "America")
@example([0], [1.0], "x" * 300)
@example([0], [float("nan")], "UTC")
@example([0], [-1.0], "UTC")
def test_any_json_in_a_chart_is_parsed_or_is_a_bad_payload(at: Any, closes: Any, zone: Any) -> None:
    body = chart_body([chart(at, closes, zone=zone)])
    check(parse_chart, body)
    with suppress(BadPayload):
        assert all(
            type(bar.symbol) is str and type(bar.day) is date and isfinite(bar.close) for bar in parse_chart(body)
        )


@settings(max_examples=200)
@given(entries=st.lists(quotes.map(lambda one: (True, one)) | anything.map(lambda one: (False, one)), max_size=8))
def test_no_valid_quote_is_lost_whatever_stands_beside_it(entries: list[tuple[bool, Any]]) -> None:
    found, rejected = parse_quotes(quote_body([entry for _, entry in entries]))
    valid = [entry for good, entry in entries if good]
    assert found == [
        Quote(
            symbol=entry["symbol"],
            price=entry["regularMarketPrice"],
            time=entry["regularMarketTime"],
            day=date.fromisoformat(entry["tradingDay"]) if "tradingDay" in entry else None,
        )
        for entry in valid
    ]
    bad = [entry for good, entry in entries if not good]
    assert [json.loads(error.raw) for error in rejected] == json.loads(json.dumps(bad)) or "NaN" in json.dumps(bad)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"regularMarketPrice": None}, "regularMarketPrice"),
        ({"regularMarketPrice": True}, "regularMarketPrice"),
        ({"regularMarketPrice": False}, "regularMarketPrice"),
        ({"regularMarketPrice": float("nan")}, "regularMarketPrice"),
        ({"regularMarketPrice": "NaN"}, "regularMarketPrice"),
        ({"regularMarketPrice": ""}, "regularMarketPrice"),
        ({"regularMarketPrice": {"raw": 25.9, "fmt": "25.90"}}, "regularMarketPrice"),
        ({"regularMarketPrice": 10**400}, "regularMarketPrice"),
        ({"regularMarketTime": True}, "regularMarketTime"),
        ({"regularMarketTime": None}, "regularMarketTime"),
        ({"regularMarketTime": 1_767_623_400.5}, "regularMarketTime"),
        ({"currency": 5}, "currency"),
        ({"currency": True}, "currency"),
        ({"tradingDay": False}, "tradingDay"),
        ({"regularMarketPrice": float("inf")}, "regularMarketPrice"),
        ({"regularMarketTime": 2**33}, "regularMarketTime"),
        ({"symbol": ""}, "symbol"),
        ({"symbol": "\ud800"}, "symbol"),
        ({"tradingDay": "someday"}, "tradingDay"),
    ],
)
def test_what_is_no_quote_says_which_field_is_wrong(change: dict[str, Any], named: str) -> None:
    entry = {"symbol": "JPM", "regularMarketPrice": 25.9, "regularMarketTime": 1_767_623_400} | change
    found, (error,) = parse_quotes(quote_body([entry]))
    assert found == []
    assert error.got.startswith(named)


def test_an_error_of_the_market_is_in_its_words() -> None:
    body = quote_body(None, {"code": "argument-error", "description": 'Missing value for the "symbols" argument'})
    with pytest.raises(BadPayload, match="Missing value"):
        parse_quotes(body)


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"regularMarketPrice": -37.63}, "price", -37.63),
        ({"regularMarketPrice": 0}, "price", 0.0),
        ({"regularMarketPrice": 7}, "price", 7.0),
        ({"regularMarketPrice": "25.9"}, "price", 25.9),
        ({"regularMarketTime": 1_767_623_400.0}, "time", 1_767_623_400),
        ({"regularMarketTime": "1767623400"}, "time", 1_767_623_400),
        ({"currency": "USD"}, "currency", "USD"),
        ({"currency": "GBp"}, "currency", "GBp"),
        ({"currency": "ZAc"}, "currency", "ZAc"),
        ({"currency": None}, "currency", None),
        ({}, "currency", None),
        ({"tradingDay": None}, "day", None),
    ],
)
def test_a_quote_as_yahoo_may_write_it_is_read(change: dict[str, Any], field: str, value: Any) -> None:
    entry = {"symbol": "BARC.L", "regularMarketPrice": 25.9, "regularMarketTime": 1_767_623_400} | change
    (found,), rejected = parse_quotes(quote_body([entry]))
    assert (getattr(found, field), rejected) == (value, [])


@given(
    bars=st.lists(
        st.tuples(st.dates(date(1901, 1, 1), date(2100, 1, 1)), st.floats(-1e6, 1e6).filter(bool)),
        unique_by=lambda bar: bar[0],
        max_size=5,
    )
)
@example([(date(1962, 7, 1), 5.0), (date(2020, 4, 20), -37.63)])
def test_a_bar_has_the_day_its_exchange_had_at_the_opening_and_at_midnight(bars: list[tuple[date, float]]) -> None:
    for hour, minute in [(9, 30), (0, 0), (23, 59)]:
        at = [int(datetime(d.year, d.month, d.day, hour, minute, tzinfo=NEW_YORK).timestamp()) for d, _ in bars]
        body = chart_body([chart(at, [close for _, close in bars])])
        assert parse_chart(body) == [Bar("JPM", day, close) for day, close in sorted(bars)]


DAY = [moment("2024-09-16T09:30"), moment("2024-09-17T09:30"), moment("2024-09-18T09:30")]
LIVE = moment("2024-09-18T16:00:02")
MONDAY, TUESDAY, WEDNESDAY = "2024-09-16", "2024-09-17", "2024-09-18"


@pytest.mark.parametrize(
    ("at", "closes", "options", "bars"),
    [
        # the live price beside the day's own bar: of two bars of one day at the end, the last; elsewhere the first
        ([*DAY, LIVE], [1, 2, 3, 4], {}, [(MONDAY, 1), (TUESDAY, 2), (WEDNESDAY, 4)]),
        ([*DAY, LIVE], [1, 2, None, 4], {}, [(MONDAY, 1), (TUESDAY, 2), (WEDNESDAY, 4)]),
        ([*DAY, LIVE], [1, 2, 3, None], {}, [(MONDAY, 1), (TUESDAY, 2), (WEDNESDAY, 3)]),
        ([DAY[0], DAY[0] + 60, DAY[1]], [1, 2, 3], {}, [(MONDAY, 1), (TUESDAY, 3)]),
        ([DAY[0], DAY[0]], [1, 2], {}, [(MONDAY, 2)]),
        ([LIVE], [4], {}, [(WEDNESDAY, 4)]),
        # the live price beside a week or a month: it keeps the first date
        ([moment("2024-09-16"), LIVE], [1, 4], {"dataGranularity": "1wk"}, [(MONDAY, 4)]),
        ([moment("2024-09-09"), LIVE], [1, 4], {"dataGranularity": "1wk"}, [("2024-09-09", 1), (WEDNESDAY, 4)]),
        ([moment("2024-09-16"), DAY[0]], [1, 4], {"dataGranularity": "1wk"}, [(MONDAY, 1)]),
        ([moment("2024-08-01"), moment("2024-09-01"), LIVE], [1, 2, 4], {"dataGranularity": "1mo"},
         [("2024-08-01", 1), ("2024-09-01", 4)]),
        ([moment("2023-09-01"), LIVE], [1, 4], {"dataGranularity": "1mo"}, [("2023-09-01", 1), (WEDNESDAY, 4)]),
        ([moment("2024-07-01"), LIVE], [1, 4], {"dataGranularity": "3mo"}, [("2024-07-01", 4)]),
        # entries without a price
        (DAY, [1, None, 3], {}, [(MONDAY, 1), (WEDNESDAY, 3)]),
        (DAY, [1, float("nan"), "NaN"], {}, [(MONDAY, 1)]),
        (DAY, [None, None, None], {}, []),
        (DAY, [1, 0, 3], {}, [(MONDAY, 1), (WEDNESDAY, 3)]),
        (DAY, [1, 0, 3], {"columns": {"open": [1, 0, 3], "volume": [9, None, 9]}}, [(MONDAY, 1), (WEDNESDAY, 3)]),
        (DAY, [1, 0, 3], {"columns": {"volume": [9, 9, 9]}}, [(MONDAY, 1), (TUESDAY, 0), (WEDNESDAY, 3)]),
        (DAY, [1, 2, 3], {"columns": {"volume": None, "open": []}}, [(MONDAY, 1), (TUESDAY, 2), (WEDNESDAY, 3)]),
        # prices
        ([moment("2020-04-20T09:30")], [-37.63], {}, [("2020-04-20", -37.63)]),
        (DAY[:1], ["25.9"], {}, [(MONDAY, 25.9)]),
        # order, and zones in which Yahoo dates a bar to the evening before
        ([DAY[2], DAY[0], DAY[1]], [3, 1, 2], {}, [(MONDAY, 1), (TUESDAY, 2), (WEDNESDAY, 3)]),
        ([moment("2022-01-10T23:00", "America/Sao_Paulo")], [1], {"zone": "America/Sao_Paulo"}, [("2022-01-11", 1)]),
        ([moment("2022-01-10T22:00", "Asia/Tokyo")], [1], {"zone": "Asia/Tokyo"}, [("2022-01-11", 1)]),
        ([moment("2022-01-10T22:00:37", "UTC")], [1], {"zone": "UTC"}, [("2022-01-10", 1)]),
        ([moment("2022-01-31T23:00", "UTC")], [1], {"zone": "UTC", "dataGranularity": "1mo"}, [("2022-01-31", 1)]),
        ([moment("2024-09-16T09:00", "Asia/Tokyo")], [1], {"zone": "Asia/Tokyo"}, [(MONDAY, 1)]),
    ],
)  # fmt: skip
def test_a_chart_is_read_as_yfinance_reads_it(
    at: list[int], closes: list[Any], options: dict[str, Any], bars: list[tuple[str, float]]
) -> None:
    assert read(at, closes, **options) == bars


@pytest.mark.parametrize("currency", ["USD", "GBp", "ZAc", None])
def test_a_bar_keeps_the_currency_of_its_chart(currency: str | None) -> None:
    (bar,) = parse_chart(chart_body([chart(DAY[:1], [131.5], currency=currency)]))
    assert bar == Bar("JPM", date(2024, 9, 16), 131.5, currency)


def test_a_chart_without_a_currency_is_not_taken_for_dollars() -> None:
    (bar,) = parse_chart(chart_body([chart(DAY[:1], [131.5])]))
    assert bar.currency is None


@pytest.mark.parametrize(
    ("at", "closes", "meta", "named"),
    [
        (DAY, [1, True, 3], {}, "close.1"),
        ([DAY[0], True], [1, 2], {}, "timestamp.1"),
        ([DAY[0], None], [1, 2], {}, "timestamp.1"),
        (DAY, [1, "", 3], {}, "close.1"),
        (DAY, [1, {"raw": 2}, 3], {}, "close.1"),
        (DAY, [1, float("inf"), 3], {}, "inf"),
        (DAY, [1, 2], {}, "shorter"),
        (DAY[:2], [1, 2, 3], {}, "longer"),
        (DAY, None, {}, "close"),
        (DAY[:1], [1], {"currency": 5}, "currency"),
        (DAY[:1], [1], {"symbol": None}, "symbol"),
        (DAY[:1], [1], {"exchangeTimezoneName": "America/Gotham"}, "exchangeTimezoneName"),
        (DAY[:1], [1], {"dataGranularity": "5m"}, 'ask for interval="1d", "1wk" or "1mo"'),
    ],
)
def test_what_is_wrong_in_a_chart_is_named(at: Any, closes: Any, meta: dict[str, Any], named: str) -> None:
    with pytest.raises(BadPayload) as raised:
        read(at, closes, **meta)
    assert named in raised.value.got + raised.value.todo
    assert len(str(raised.value).splitlines()) == 3


@pytest.mark.parametrize("indicators", [{"quote": [{}], "adjclose": [{}]}, {"quote": [{}]}, {"quote": []}])
def test_a_chart_without_bars_is_empty(indicators: dict[str, Any]) -> None:
    result = {"meta": {"symbol": "JPM", "exchangeTimezoneName": "UTC"}, "indicators": indicators}
    assert parse_chart(chart_body([result])) == []


@pytest.mark.parametrize(("results", "todo"), [([], "spelling"), ([1, 2], "raw"), ([None], "raw"), (None, "raw")])
def test_an_answer_without_one_chart_is_a_bad_payload(results: Any, todo: str) -> None:
    with pytest.raises(BadPayload) as raised:
        parse_chart(chart_body(results))
    assert todo in raised.value.todo
