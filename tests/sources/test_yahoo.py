"""Yahoo's client against the local feeds, and against servers that answer by a script."""

import inspect
import json
import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests

from kit.errors import BadPayload, ConfigError, RateLimited, SourceError, Unauthorized, UnknownSymbol
from kit.servers.feeds import FeedServer
from kit.servers.ports import choose_port
from kit.sources import Quote, Yahoo, _yahoo_format, twitter
from kit.sources import yahoo as yahoo_module
from tests.sources.tools import AT_ONCE, MONDAY, ORIGIN, Answer, ScriptedServer, days, prices

Scripted = Callable[..., ScriptedServer]

COOKIE = Answer(404, headers={"Set-Cookie": "A3=abc"})
CRUMB = Answer(200, b"crumb")


def answer(*entries: object) -> Answer:
    return Answer(200, json.dumps({"quoteResponse": {"result": entries, "error": None}}).encode())


JPM = {"symbol": "JPM", "regularMarketPrice": 25.9, "regularMarketTime": ORIGIN}


def served(feed: FeedServer) -> dict[str, int]:
    counts: dict[str, int] = feed.state()["served"]
    return counts


# ---- quotes --------------------------------------------------------------------------------------------------------


def test_quotes_are_typed_and_equal_to_the_data(feed: FeedServer) -> None:
    with Yahoo(feed.url) as yahoo:
        quotes = yahoo.quotes(prices())
    assert quotes == [
        Quote(symbol=symbol, price=closes[MONDAY], time=ORIGIN, day=date(2008, 9, 15), currency="USD")
        for symbol, closes in prices().items()
    ]


def test_the_next_day_of_the_replay_is_a_second_later(feed: FeedServer) -> None:
    feed.step(2)
    with Yahoo(feed.url) as yahoo:
        (quote,) = yahoo.quotes(["GE"])
    assert (quote.time, quote.day, quote.price) == (ORIGIN + 2, date(2008, 9, 17), prices()["GE"]["2008-09-17"])


def test_the_same_symbol_twice_is_asked_once(feed: FeedServer) -> None:
    with Yahoo(feed.url) as yahoo:
        assert [quote.symbol for quote in yahoo.quotes(iter(["JPM", "GE", "JPM"]))] == ["JPM", "GE"]


def test_a_quote_cannot_be_changed(feed: FeedServer) -> None:
    with Yahoo(feed.url) as yahoo:
        (quote,) = yahoo.quotes(["JPM"])
    with pytest.raises(ValueError, match="frozen"):
        quote.price = 1.0  # type: ignore[misc]


def test_one_connection_carries_all_requests(scripted: Scripted) -> None:
    server = scripted(COOKIE, CRUMB, answer(JPM))
    with Yahoo(server.url) as yahoo:
        for _ in range(5):
            yahoo.quotes(["JPM"])
    assert server.connections == 1
    assert [path.partition("?")[0] for path in server.asked] == ["/", "/v1/test/getcrumb"] + ["/v7/finance/quote"] * 5


def test_several_symbols_are_one_request(feed: FeedServer) -> None:
    with Yahoo(feed.url) as yahoo:
        yahoo.quotes(["JPM"])  # the first one also gets a crumb
        before = served(feed)["requests"]
        yahoo.quotes(["JPM", "GE", "BAC", "KO"])
    assert served(feed)["requests"] == before + 1


def test_threads_share_one_client_and_one_crumb(scripted: Scripted) -> None:
    server = scripted(COOKIE, CRUMB, answer(JPM))
    got: list[Quote] = []
    with Yahoo(server.url) as yahoo:
        threads = [threading.Thread(target=lambda: got.extend(yahoo.quotes(["JPM"]))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10.0)
    assert len(got) == 8
    assert sum("getcrumb" in path for path in server.asked) == 1


# ---- charts --------------------------------------------------------------------------------------------------------


def upto(last: str, first: str = "0000") -> list[str]:
    return [day for day in days() if first <= day <= last]


@pytest.mark.parametrize(
    ("range", "first"),
    [
        ("1d", "2008-09-15"),
        ("5d", "2008-09-09"),
        ("1mo", "2008-08-16"),
        ("1y", "2007-09-16"),
        ("ytd", "2008-01-02"),
        ("max", "0000"),
    ],
)
def test_a_chart_ends_at_the_replays_today_and_begins_as_its_range_says(
    feed: FeedServer, range: str, first: str
) -> None:
    with Yahoo(feed.url) as yahoo:
        bars = yahoo.chart("JPM", range=range)
    assert [bar.day.isoformat() for bar in bars] == upto(MONDAY, first)
    assert all(bar.close == prices()["JPM"][bar.day.isoformat()] and bar.symbol == "JPM" for bar in bars)


@pytest.mark.parametrize(("interval", "form"), [("1wk", "%G-%V"), ("1mo", "%Y-%m")])
def test_a_bar_of_a_week_or_month_has_its_first_date_and_last_close(feed: FeedServer, interval: str, form: str) -> None:
    with Yahoo(feed.url) as yahoo:
        bars = yahoo.chart("JPM", range="1y", interval=interval)
    last = {date.fromisoformat(day).strftime(form): day for day in upto(MONDAY, "2007-09-16")}
    assert [bar.day.strftime(form) for bar in bars] == list(last)
    assert all((bar.day.weekday() if interval == "1wk" else bar.day.day - 1) == 0 for bar in bars)
    assert [bar.close for bar in bars] == [prices()["JPM"][day] for day in last.values()]


@pytest.mark.parametrize(
    ("asked", "todo"),
    [({"range": "1day"}, "correct the request"), ({"interval": "7m"}, "correct"), ({"interval": "5m"}, '"1wk"')],
)
def test_a_chart_that_cannot_be_read_is_refused_with_what_to_do(
    feed: FeedServer, asked: dict[str, str], todo: str
) -> None:
    with Yahoo(feed.url) as yahoo, pytest.raises(SourceError, match=next(iter(asked.values()))) as raised:
        yahoo.chart("JPM", **asked)  # type: ignore[arg-type]
    assert todo in raised.value.todo


# ---- symbols -------------------------------------------------------------------------------------------------------


def test_an_unknown_symbol_is_named(feed: FeedServer) -> None:
    with Yahoo(feed.url) as yahoo:
        with pytest.raises(UnknownSymbol, match="JMP, jpm"):
            yahoo.quotes(["JPM", "jpm", "JMP"])
        with pytest.raises(UnknownSymbol, match="JMP") as raised:
            yahoo.chart("JMP")
    assert "delisted" in str(raised.value)


@pytest.mark.parametrize("wrong", ["JPM", None, 5, [["JPM"]], [], [""], ["JPM,GE"], ["JPM GE"], ["a/b"], [b"JPM"], [7]])
def test_what_is_no_list_of_symbols_is_an_error_before_any_request(feed: FeedServer, wrong: object) -> None:
    with Yahoo(feed.url) as yahoo, pytest.raises(ConfigError, match="symbol"):
        yahoo.quotes(wrong)  # type: ignore[arg-type]
    assert served(feed)["requests"] == 0


def test_signs_that_symbols_have_elsewhere_reach_the_feed_as_they_are(scripted: Scripted) -> None:
    odd = ["^GSPC", "EURUSD=X", "BRK-B", "M&M.NS"]
    server = scripted(COOKIE, CRUMB, answer(*({**JPM, "symbol": symbol} for symbol in odd)))
    with Yahoo(server.url) as yahoo:
        assert [quote.symbol for quote in yahoo.quotes(odd)] == odd
        with pytest.raises(BadPayload):
            yahoo.chart("M&M.NS")
    assert "symbols=%5EGSPC%2CEURUSD%3DX%2CBRK-B%2CM%26M.NS" in server.asked[2]
    assert server.asked[3].startswith("/v8/finance/chart/M%26M.NS?")


# ---- trouble -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_feed_is_asked_again(scripted: Scripted, status: int) -> None:
    server = scripted(COOKIE, CRUMB, Answer(status), Answer(status), answer(JPM))
    with Yahoo(server.url, retries=2) as yahoo:
        assert yahoo.quotes(["JPM"])[0].price == 25.9
    assert sum("quote" in path for path in server.asked) == 3


def test_a_fault_of_the_feeds_is_mended_after_its_retry_after(feed: FeedServer) -> None:
    feed.fault("status", route="quote", status=429, times=1)  # it says: after one second
    with Yahoo(feed.url) as yahoo:
        begun = time.monotonic()
        assert len(yahoo.quotes(["JPM"])) == 1
        assert time.monotonic() - begun >= 1.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"Retry-After": "3600"}, 3600.0), ({"Retry-After": "31"}, 31.0), ({"Retry-After": "soon"}, None)],
)
def test_a_wait_that_is_too_long_or_unclear_is_not_waited_for(
    scripted: Scripted, headers: dict[str, str], seconds: float | None
) -> None:
    server = scripted(COOKIE, CRUMB, Answer(429, b"Too Many Requests", headers))
    begun = time.monotonic()
    with Yahoo(server.url) as yahoo, pytest.raises(RateLimited, match="429 Too Many Requests") as raised:
        yahoo.quotes(["JPM"])
    assert raised.value.retry_after == seconds
    assert sum("quote" in path for path in server.asked) == 1
    assert time.monotonic() - begun < AT_ONCE


def test_a_retry_after_may_be_a_date(scripted: Scripted) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
    server = scripted(COOKIE, CRUMB, Answer(429, headers={"Retry-After": later}))
    with Yahoo(server.url) as yahoo, pytest.raises(RateLimited) as raised:
        yahoo.quotes(["JPM"])
    assert raised.value.retry_after == pytest.approx(600, abs=30)


def test_it_gives_up_after_its_retries_with_the_error_that_fits(scripted: Scripted) -> None:
    for status, kind in [(429, RateLimited), (503, SourceError), (403, Unauthorized), (400, SourceError)]:
        server = scripted(COOKIE, CRUMB, Answer(status, b"no"))
        with Yahoo(server.url, retries=1) as yahoo, pytest.raises(SourceError, match=f"{status} no") as raised:
            yahoo.quotes(["JPM"])
        assert type(raised.value) is kind
        assert sum("quote" in path for path in server.asked) == (2 if status in (429, 503) else 1)


def test_the_feeds_own_limit_says_how_long_to_wait(feed: FeedServer) -> None:
    feed.limits(requests_per_minute=2)
    with Yahoo(feed.url, retries=0) as yahoo:
        yahoo.quotes(["JPM"])
        with pytest.raises(RateLimited) as raised:
            yahoo.quotes(["JPM"])
    assert raised.value.retry_after is not None
    assert 30 <= raised.value.retry_after <= 60


def test_a_crumb_that_has_run_out_is_renewed_once(scripted: Scripted) -> None:
    server = scripted(COOKIE, CRUMB, Answer(401), COOKIE, Answer(200, b"new"), answer(JPM))
    with Yahoo(server.url) as yahoo:
        assert len(yahoo.quotes(["JPM"])) == 1
        assert len(yahoo.quotes(["JPM"])) == 1
    crumbs = [path.rpartition("crumb=")[2] for path in server.asked if "quote" in path]
    assert crumbs == ["crumb", "new", "new"]


def test_a_crumb_that_is_never_taken_ends_as_unauthorized(scripted: Scripted) -> None:
    server = scripted(COOKIE, CRUMB, Answer(401), COOKIE, CRUMB, Answer(401))
    with Yahoo(server.url) as yahoo, pytest.raises(Unauthorized, match="401"):
        yahoo.quotes(["JPM"])
    assert sum("quote" in path for path in server.asked) == 2


def test_feeds_that_were_restarted_are_asked_again_silently(feed: FeedServer) -> None:
    with Yahoo(feed.url) as yahoo:
        yahoo.quotes(["JPM"])
        yahoo._session.cookies.clear()
        yahoo._crumb = "of another life"
        assert len(yahoo.quotes(["JPM"])) == 1


@pytest.mark.parametrize(("status", "kind"), [(404, SourceError), (429, RateLimited), (503, SourceError)])
def test_an_error_on_the_way_to_a_crumb_is_not_taken_for_an_unknown_symbol_or_a_wrong_password(
    scripted: Scripted, status: int, kind: type[SourceError]
) -> None:
    for answers in ([Answer(status)], [COOKIE, Answer(status)]):
        server = scripted(*answers)
        with Yahoo(server.url, retries=0) as yahoo, pytest.raises(SourceError) as raised:
            yahoo.quotes(["JPM"])
        assert type(raised.value) is kind


def test_a_feed_that_is_slower_than_the_time_out_is_an_error_in_time(feed: FeedServer) -> None:
    feed.fault("latency", route="quote", seconds=20)
    begun = time.monotonic()
    with Yahoo(feed.url, retries=0, timeout=(1.0, 0.2)) as yahoo, pytest.raises(SourceError, match="timed out"):
        yahoo.quotes(["JPM"])
    assert time.monotonic() - begun < AT_ONCE


def test_a_feed_that_is_down_is_an_error_with_what_to_do() -> None:
    with Yahoo(f"http://127.0.0.1:{choose_port()}", retries=1) as yahoo, pytest.raises(SourceError) as raised:
        yahoo.quotes(["JPM"])
    assert "Connection refused" in raised.value.got
    assert "kit up" in raised.value.todo
    assert isinstance(raised.value.__cause__, requests.RequestException)


@pytest.mark.parametrize("kind", ["truncate", "disconnect"])
def test_an_answer_that_breaks_off_is_an_error_and_the_next_one_is_whole(feed: FeedServer, kind: str) -> None:
    with Yahoo(feed.url, retries=0) as yahoo:
        yahoo.quotes(["JPM"])
        feed.fault(kind, route="quote")
        with pytest.raises(SourceError):
            yahoo.quotes(["JPM"])
        assert len(yahoo.quotes(["JPM"])) == 1


@pytest.mark.parametrize("garbage", ["<html>busy</html>", '{"quoteResponse": {}}', "[]", "null", "[" * 90_000])
def test_garbage_is_a_bad_payload_with_its_bytes(scripted: Scripted, garbage: str) -> None:
    server = scripted(COOKIE, CRUMB, Answer(200, garbage.encode()))
    with Yahoo(server.url) as yahoo:
        with pytest.raises(BadPayload) as raised:
            yahoo.quotes(["JPM"])
        assert raised.value.raw == garbage.encode()
        with pytest.raises(BadPayload) as raised:
            yahoo.chart("JPM")
        assert raised.value.raw == garbage.encode()


def test_a_malformed_answer_of_the_feeds_is_a_bad_payload(feed: FeedServer) -> None:
    feed.fault("malformed", route="quote", body="oops")
    with Yahoo(feed.url) as yahoo:
        with pytest.raises(BadPayload) as raised:
            yahoo.quotes(["JPM"])
        assert raised.value.raw == b"oops"
        assert len(yahoo.quotes(["JPM"])) == 1


def test_every_error_has_at_most_four_lines(scripted: Scripted) -> None:
    for last in (Answer(500, b"a\nlong\ntext\n" * 9), Answer(200, b"no\njson")):
        server = scripted(COOKIE, CRUMB, last)
        with Yahoo(server.url, retries=0) as yahoo, pytest.raises(SourceError) as raised:
            yahoo.quotes(["JPM"])
        assert len(str(raised.value).splitlines()) <= 4


def test_the_symbols_in_the_docstrings_are_in_the_feed() -> None:
    for module in (twitter, yahoo_module, _yahoo_format):
        shown = re.findall(r"(?:\$|symbol='|\[\"|, \")([A-Z]+)\b", str(module.__doc__) + inspect.getsource(module))
        assert set(shown) - {"OR"} <= set(prices()), module.__name__


# ---- its life ------------------------------------------------------------------------------------------------------


def test_it_can_be_closed_twice_and_says_where_it_asks(feed: FeedServer) -> None:
    yahoo = Yahoo(f"{feed.url}/")
    assert repr(yahoo) == f"Yahoo('{feed.url}')"
    yahoo.close()
    yahoo.close()


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    feed: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{choose_port()}")
    with Yahoo(feed.url) as yahoo:
        assert len(yahoo.quotes(["JPM"])) == 1


def test_live_it_asks_the_real_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIT_FEEDS", "live")
    with Yahoo() as yahoo:
        assert yahoo.base_url == "https://query1.finance.yahoo.com"
