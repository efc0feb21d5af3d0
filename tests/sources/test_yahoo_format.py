"""Whatever comes over the wire, it is records, or a `BadPayload` with the bytes: nothing else, and nothing is lost."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
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


def chart(
    at: Any, closes: Any, *, zone: Any = "America/New_York", symbol: Any = "JPM", error: Any = None
) -> dict[str, Any]:
    meta = {"symbol": symbol, "exchangeTimezoneName": zone}
    return {"meta": meta, "timestamp": at, "indicators": {"quote": [{"close": closes}]}}


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
        assert all(type(bar.symbol) is str and type(bar.day) is date and bar.close > 0 for bar in parse_chart(body))


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
        ({"regularMarketPrice": 0}, "regularMarketPrice"),
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


def test_an_error_of_the_market_is_told_in_its_words() -> None:
    body = quote_body(None, {"code": "argument-error", "description": 'Missing value for the "symbols" argument'})
    with pytest.raises(BadPayload, match="Missing value"):
        parse_quotes(body)


@given(bars=st.lists(st.tuples(st.dates(date(1971, 1, 1), date(2100, 1, 1)), st.floats(0.01, 1e6)), max_size=5))
def test_a_bar_has_the_day_its_exchange_had_at_the_opening_and_at_midnight(bars: list[tuple[date, float]]) -> None:
    for hour, minute in [(9, 30), (0, 0), (23, 59)]:
        at = [int(datetime(d.year, d.month, d.day, hour, minute, tzinfo=NEW_YORK).timestamp()) for d, _ in bars]
        body = chart_body([chart(at, [close for _, close in bars])])
        assert parse_chart(body) == [Bar("JPM", day, close) for day, close in bars]


def test_days_without_a_close_are_left_out() -> None:
    body = chart_body([chart([1_221_485_400, 1_221_571_800], [None, 25.9])])
    assert parse_chart(body) == [Bar("JPM", date(2008, 9, 16), 25.9)]


def test_a_chart_of_nothing_is_empty() -> None:
    result = {"meta": {"symbol": "JPM", "exchangeTimezoneName": "UTC"}, "indicators": {"quote": [{}]}}
    assert parse_chart(chart_body([result])) == []


@pytest.mark.parametrize("results", [[], [1, 2]])
def test_an_answer_without_one_chart_is_a_bad_payload(results: list[Any]) -> None:
    with pytest.raises(BadPayload, match="one chart"):
        parse_chart(chart_body(results))
