"""Yahoo Finance's quotes and charts as typed records, over one kept-alive connection.

>>> with Yahoo() as yahoo:                                   # doctest: +SKIP
...     yahoo.quotes(["JPM", "GE"])
[Quote(symbol='JPM', price=25.314, time=1767623400, day=datetime.date(2008, 9, 15), currency='USD'), …]

The local feeds speak the same format as the real Yahoo, so only the address differs.
"""

import re
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import InvalidHeader, MaxRetryError
from urllib3.util import Retry

from kit.config import settings
from kit.errors import ConfigError, SourceError, UnknownSymbol
from kit.servers import addresses
from kit.sources._http import on_this_machine, refusal
from kit.sources._yahoo_format import Bar, Quote, parse_chart, parse_quotes

__all__ = ["Bar", "Quote", "Yahoo", "parse_chart", "parse_quotes", "symbol_list"]

_LIVE = "https://query1.finance.yahoo.com"
_LIVE_COOKIE = "https://fc.yahoo.com"
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36"
_BUSY = (429, 500, 502, 503, 504)
_NO_SYMBOL = re.compile(r"[\s,/?#%]")
_LONGEST_WAIT = 30.0  # seconds of a Retry-After that a retry waits for


class _Patience(Retry):
    """urllib3's retries, but a *Retry-After* that is too long, or cannot be read, ends them: the answer stands."""

    def increment(self, *args: Any, **options: Any) -> Self:
        header = getattr(options.get("response"), "headers", {}).get("Retry-After")
        wait = 0.0 if header is None else _seconds(header)
        if wait is None or wait > _LONGEST_WAIT:
            raise MaxRetryError(options["_pool"], str(args[1]))
        return super().increment(*args, **options)


class Yahoo:
    """A polite client: one session, time-outs, a bounded number of retries that wait as *Retry-After* asks.

    Its calls raise RateLimited, Unauthorized, UnknownSymbol, BadPayload or SourceError, as fits.

    Parameters
    ----------
    base_url
        Where to ask; by default the lab's feeds, or the real Yahoo with ``KIT_FEEDS=live``.
    retries
        How often a request is sent again that met 429, 5xx or no connection. A *Retry-After* of up to 30 s is waited
        for; one that asks for more is raised at once, as `RateLimited`.
    timeout
        Seconds to connect, seconds to wait for the next bytes.
    """

    def __init__(
        self, base_url: str | None = None, *, retries: int = 3, timeout: tuple[float, float] = (3.05, 10.0)
    ) -> None:
        live = base_url is None and settings().feeds == "live"
        self.base_url = (base_url or (_LIVE if live else addresses.feeds().url)).rstrip("/")
        self._cookie_url = _LIVE_COOKIE if live else f"{self.base_url}/"
        self._timeout, self._crumb, self._lock = timeout, "", threading.Lock()
        self._session = requests.Session()
        self._session.headers["User-Agent"] = _BROWSER
        self._session.trust_env = not on_this_machine(self.base_url)
        retry = _Patience(total=retries, backoff_factor=0.25, status_forcelist=_BUSY, raise_on_status=False)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retry))

    def quotes(self, symbols: Iterable[str]) -> list[Quote]:
        """The quotes of several symbols, in one request; UnknownSymbol if the market has no quote for one of them."""
        wanted = symbol_list(symbols)
        quotes, rejected = parse_quotes(self.fetch_quotes(wanted))
        if rejected:
            raise rejected[0]
        if missing := sorted(set(wanted) - {quote.symbol for quote in quotes}):
            raise _unknown(", ".join(missing))
        return quotes

    def fetch_quotes(self, symbols: Iterable[str]) -> bytes:
        """The same answer as bytes, as it came: a collector passes it on."""
        asked = {"symbols": ",".join(symbol_list(symbols))}
        answer = self._get("/v7/finance/quote", {**asked, "crumb": self._credentials()})
        if answer.status_code == 401:  # cookie and crumb have a term: one new pair, one more try
            answer = self._get("/v7/finance/quote", {**asked, "crumb": self._credentials(new=True)})
        return self._body(answer)

    def chart(self, symbol: str, *, range: str = "1mo", interval: str = "1d") -> list[Bar]:  # Yahoo's own words
        """The closing prices of a symbol, oldest first; ``pandas.DataFrame(bars)`` makes a table of them.

        Parameters
        ----------
        range
            ``1d`` to ``10y``, ``ytd`` or ``max``, back from now.
        interval
            ``1d``, ``1wk`` or ``1mo``.
        """
        (wanted,) = symbol_list([symbol])
        answer = self._get(f"/v8/finance/chart/{quote(wanted)}", {"range": range, "interval": interval})
        if answer.status_code == 404:
            raise _unknown(wanted, _message(answer))
        return parse_chart(self._body(answer))

    def close(self) -> None:
        """Close the connection. Idempotent."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Yahoo({self.base_url!r})"

    def _credentials(self, *, new: bool = False) -> str:
        """The crumb that goes with this session's cookie: Yahoo wants both with a request for quotes."""
        with self._lock:
            if new or not self._crumb:
                answer = self._get("", base=self._cookie_url)  # 404, with a cookie
                if not self._session.cookies:
                    self._body(answer)
                self._crumb = self._body(self._get("/v1/test/getcrumb")).decode("utf-8", "replace").strip()
            return self._crumb

    def _get(self, path: str, params: dict[str, str] | None = None, *, base: str = "") -> requests.Response:
        try:
            return self._session.get((base or self.base_url) + path, params=params, timeout=self._timeout)
        except requests.RequestException as error:
            raise SourceError(
                f"an answer from {self.base_url}",
                got=f"{type(error).__name__}: {_cause(error)}",
                todo="run `kit status`, then `kit up` if the feeds are stopped; the live Yahoo needs a network",
            ) from error

    def _body(self, answer: requests.Response) -> bytes:
        if answer.status_code == 200:
            return answer.content
        wait = _seconds(answer.headers.get("Retry-After", ""))
        todo = "ask again; the live Yahoo blocks some networks"
        raise refusal(self.base_url, answer.status_code, _message(answer), retry_after=wait, credentials=todo)


def symbol_list(symbols: Iterable[str]) -> list[str]:
    """The symbols to ask for, each once. ConfigError if there are none, or one cannot be a symbol."""
    try:
        if isinstance(symbols, str):
            raise TypeError
        wanted = list(dict.fromkeys(symbols))
    except TypeError:
        raise ConfigError("a list of symbols", got=repr(symbols), todo='write for instance ["JPM"]') from None
    bad = [one for one in wanted if not isinstance(one, str) or not one or _NO_SYMBOL.search(one)]
    if bad or not wanted:
        raise ConfigError("symbols such as 'JPM'", got=repr(bad[0]) if bad else "none", todo="name at least one")
    return wanted


def _unknown(symbols: str, message: str = "no quote") -> UnknownSymbol:
    todo = "look for a typing error: symbols are capitals, for instance JPM"
    return UnknownSymbol("symbols that the market knows", got=f"{message} for {symbols}", todo=todo)


def _message(answer: requests.Response) -> str:
    """The description in Yahoo's JSON, or the text of the answer."""
    try:
        (inner,) = answer.json().values()
        message = str(inner["error"]["description"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        message = answer.text
    return " ".join(message.split())[:200]


def _seconds(retry_after: str) -> float | None:
    """The header *Retry-After* in seconds, from a number or a date; None if it is neither."""
    try:
        return float(Retry().parse_retry_after(retry_after))
    except (InvalidHeader, ValueError, OverflowError):
        return None


def _cause(error: BaseException) -> str:
    """The innermost reason, without the addresses and parameters that the layers above repeat."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return str(error)[:120]
