"""Clients that know nothing of the kit: a browser as yfinance plays it, tweepy itself, a reader of raw bytes."""

import contextlib
import gzip
import io
import json
import socket
import threading
from functools import cache
from http.client import HTTPConnection, IncompleteRead
from importlib.resources import files
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import pandas as pd
import requests
import tweepy
from requests.adapters import HTTPAdapter

from kit.servers.feeds import FeedServer
from tests.wait import wait_until

ORIGIN, ORIGIN_TEXT = 1_767_623_400, "2026-01-05T14:30:00Z"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"
TIMEOUT = 10.0


@cache
def prices() -> pd.DataFrame:
    """The data file as pandas reads it: days down, symbols across."""
    return _csv("prices.csv.gz").set_index("Date")


@cache
def texts() -> list[str]:
    return list(_csv("tweets.csv.gz")["text"])


@cache
def authors() -> list[str]:
    return [f"reader_{row:04d}" for row in _csv("tweets.csv.gz")["id"]]


def _csv(name: str) -> pd.DataFrame:
    packed = files("kit.feeds").joinpath("data", name).read_bytes()
    return pd.read_csv(io.BytesIO(gzip.decompress(packed)), keep_default_na=False)


def served(feed: FeedServer) -> dict[str, int]:
    counts: dict[str, int] = feed.state()["served"]
    return counts


def streams_open(feed: FeedServer) -> int:
    return served(feed)["streams_open"]


def ids(lines: list[bytes]) -> list[str]:
    return [json.loads(line)["data"]["id"] for line in lines]


class Browser(requests.Session):
    """Asks Yahoo as yfinance does: a cookie, then a crumb, then both with each request."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.trust_env = False
        self.url, self.crumb = url, ""
        self.headers["User-Agent"] = CHROME

    def greet(self) -> None:
        self.get(self.url, timeout=TIMEOUT)
        answer = self.get(f"{self.url}/v1/test/getcrumb", timeout=TIMEOUT)
        assert answer.status_code == 200
        self.crumb = answer.text

    def ask(self, path: str, *, timeout: float | tuple[float, float] = TIMEOUT, **parameters: Any) -> requests.Response:
        if not self.crumb:
            self.greet()
        return self.get(f"{self.url}{path}", params={**parameters, "crumb": self.crumb}, timeout=timeout)

    def quotes(self, *symbols: str) -> list[dict[str, Any]]:
        answer = self.ask("/v7/finance/quote", symbols=",".join(symbols))
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["quoteResponse"]["result"]
        return found

    def chart(self, symbol: str, **parameters: Any) -> dict[str, Any]:
        answer = self.ask(f"/v8/finance/chart/{symbol}", **parameters)
        assert answer.status_code == 200, answer.text
        body = answer.json()["chart"]
        assert body["error"] is None
        (result,) = body["result"]
        found: dict[str, Any] = result
        return found


def rules(feed: FeedServer, *values: str) -> requests.Response:
    """Add rules of the filtered stream."""
    return post_rules(feed, {"add": [{"value": value} for value in values]})


def post_rules(feed: FeedServer, body: Any, **parameters: Any) -> requests.Response:
    return requests.post(
        f"{feed.url}/2/tweets/search/stream/rules",
        json=body,
        params=parameters,
        headers={"Authorization": f"Bearer {feed.token.get_secret_value()}"},
        timeout=TIMEOUT,
    )


class Reader:
    """An open stream, read in the background as bytes come.

    `heard` holds the whole lines without their ends, a keep-alive as an empty one; `rest` what came of a line that has
    no end yet; `end` is "properly" or "broken" once the stream is over. A refusal has another `status`, and a `body`.
    """

    def __init__(
        self,
        feed: FeedServer,
        path: str = "sample/stream",
        *,
        token: str | None = None,
        read: bool = True,
        **asked: Any,
    ) -> None:
        parts = urlsplit(feed.url)
        self._connection = HTTPConnection(str(parts.hostname), parts.port, timeout=TIMEOUT)
        self._connection.connect()
        self._socket = self._connection.sock
        if not read:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        bearer = feed.token.get_secret_value() if token is None else token
        where = f"/2/tweets/{path}?{urlencode(asked)}"
        self._connection.request("GET", where, headers={"Authorization": f"Bearer {bearer}"} if bearer else {})
        self._response = self._connection.getresponse()
        self.status, self.headers = self._response.status, self._response.headers
        self.heard: list[bytes] = []
        self.rest, self.end = b"", ""
        self.body: Any = None
        self._thread = threading.Thread(target=self._read, daemon=True)
        if self.status != 200:
            self.body = json.loads(self._response.read())
        elif read:
            self._thread.start()

    @property
    def lines(self) -> list[bytes]:
        return [line for line in self.heard if line]

    @property
    def keep_alives(self) -> int:
        return self.heard.count(b"")

    def start(self) -> None:
        """Begin to read a stream that was opened with ``read=False``."""
        self._thread.start()

    def _read(self) -> None:
        try:
            while data := self._response.read1(65_536):
                *lines, self.rest = (self.rest + data).split(b"\r\n")
                self.heard += lines
            self.end = "properly"
        except (IncompleteRead, OSError):
            self.end = "broken"

    def close(self) -> None:
        """Hang up. Idempotent."""
        if self._socket.fileno() != -1:
            with contextlib.suppress(OSError):  # the other side was quicker
                self._socket.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive():
            self._thread.join(TIMEOUT)
        self._response.close()
        self._connection.close()


class _ToFeed(HTTPAdapter):
    """Sends what is addressed to X to the feed."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        request.url = f"{self._url}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        return super().send(request, *args, **options)


class Witness(tweepy.StreamingClient):  # type: ignore[misc]  # tweepy has no types
    """tweepy's own client, which notes down all that it gets. It gives up at a refusal and, if `once`, at the end."""

    def __init__(self, feed: FeedServer, *, token: str | None = None, once: bool = True) -> None:
        super().__init__(feed.token.get_secret_value() if token is None else token, daemon=True)
        self.session.mount("https://api.twitter.com", _ToFeed(feed.url))
        self.session.trust_env = False
        self._feed, self._once = feed, once
        self.tweets: list[Any] = []
        self.included: list[Any] = []
        self.matching: list[Any] = []
        self.problems: list[Any] = []
        self.refusals: list[int] = []
        self.crashes: list[Exception] = []
        self.keep_alives = self.connects = self.broken = self.closed = 0

    def on_connect(self) -> None:
        self.connects += 1

    def on_tweet(self, tweet: Any) -> None:
        self.tweets.append(tweet)

    def on_includes(self, includes: Any) -> None:
        self.included.append(includes)

    def on_matching_rules(self, matching_rules: Any) -> None:
        self.matching.append(matching_rules)

    def on_errors(self, errors: Any) -> None:
        self.problems.extend(errors)

    def on_keep_alive(self) -> None:
        self.keep_alives += 1

    def on_request_error(self, status_code: int) -> None:
        self.refusals.append(status_code)
        self.disconnect()

    def on_connection_error(self) -> None:
        self.broken += 1
        self._hang_up_if_once()

    def on_closed(self, response: requests.Response) -> None:
        self.closed += 1
        self._hang_up_if_once()

    def on_exception(self, exception: Exception) -> None:
        self.crashes.append(exception)

    def on_disconnect(self) -> None:
        """Nothing to note: `stop` waits for the thread."""

    def open(self, kind: str = "sample", **asked: Any) -> Self:
        """Listen in the background; returns when the stream is open."""
        getattr(self, kind)(threaded=True, **asked)
        wait_until(lambda: self.keep_alives, what="the open stream")
        return self

    def _hang_up_if_once(self) -> None:
        if self._once:
            self.disconnect()

    def stop(self) -> None:
        """Disconnect. tweepy looks up at the next line only, so the feed sends a keep-alive."""
        self.disconnect()
        if self.thread is not None:
            self._feed.limits(keep_alive_seconds=0.05)
            self.thread.join(TIMEOUT)
            assert not self.thread.is_alive()
