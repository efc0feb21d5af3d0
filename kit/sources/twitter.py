"""X's stream of posts: tweepy's own client, against the live API or the local feeds.

tweepy knows one address only. An adapter on its session sends each request where it belongs, and adds the bearer token
on the way out, so that tweepy never holds it and cannot log it.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from typing import Any

import requests
import tweepy
from pydantic import SecretStr

from kit.config import settings
from kit.errors import ConfigError, SourceError
from kit.servers import addresses
from kit.sources._http import refusal
from kit.sources._x_adapter import XAdapter
from kit.sources.credentials import checked_token, live_token

__all__ = ["StreamingClient", "TweetStream"]

_HOST = "https://api.twitter.com"
_CHUNK = 65_536  # bytes; a chunk of the stream is passed on as it comes, so a large one adds no delay
_PAUSE_SECONDS = 5.0
_READ_SECONDS = 21.0  # X sends a keep-alive every 20 s: after that the connection is dead
_LIMIT_SECONDS = 900.0  # X counts requests by quarters of an hour
_OUR_TAG = "pipeline-kit"
_BACKFILL = 5  # minutes, the most that X gives
_BREAKS = (requests.RequestException, OSError, ValueError, KeyError, TypeError, AttributeError)
"""How a connection breaks, that of another thread's `disconnect` too, and an answer that is not as X documents it."""


class StreamingClient(tweepy.StreamingClient):  # type: ignore[misc]  # tweepy has no types
    """`tweepy.StreamingClient`, connected to the lab's feeds (or to the live API, with ``KIT_FEEDS=live``).

    It takes tweepy's options. `url` and `token` are by default as the settings have them: ConfigError if it is live and
    there is no token. After `read_timeout` seconds without even a keep-alive the connection counts as dead.
    """

    def __init__(
        self,
        url: str | None = None,
        token: SecretStr | str | None = None,
        *,
        read_timeout: float = _READ_SECONDS,
        **options: Any,
    ) -> None:
        if url is None and settings().feeds == "live":
            url, token = _HOST, token or live_token()
        elif url is None:
            local = addresses.feeds()
            url, token = local.url, token or local.token
        self.url = url.rstrip("/")
        self._adapter = XAdapter(self.url, checked_token(token), read_timeout)
        super().__init__("held by the adapter", **{"daemon": True, "chunk_size": _CHUNK} | options)
        self.session.mount(_HOST, self._adapter)

    def sample(self, **options: Any) -> Any:
        """A sample of all posts, as tweepy has it; ``threaded=True`` listens in the background."""
        self._allow_again()
        return super().sample(**options)

    def filter(self, **options: Any) -> Any:
        """The posts that match the rules, as tweepy has it."""
        self._allow_again()
        return super().filter(**options)

    def disconnect(self) -> None:
        """Hang up: a stream that connects or waits for data ends at once. From any thread; idempotent."""
        self.running = False
        self._adapter.hang_up()

    @property
    def running(self) -> bool:
        """Whether a stream is open or being opened; tweepy looks here after each line, and before it connects."""
        return self._running and not self._adapter.hung_up.is_set()

    @running.setter
    def running(self, value: bool) -> None:
        self._running = value

    def on_connection_error(self) -> None:
        """As in tweepy, which logs it, but the end of a stream by `disconnect` is not an error."""
        if not self._adapter.hung_up.is_set():
            super().on_connection_error()

    def _allow_again(self) -> None:
        """Allow a stream after `disconnect`, once the thread of the stream before has ended."""
        before = self.thread
        if self._adapter.hung_up.is_set() and before is not None and before is not threading.current_thread():
            before.join(_PAUSE_SECONDS)
            if before.is_alive():
                got = "tweepy still waits before it connects again"
                raise SourceError("the stream before to have ended", got=got, todo="make a new client")
        self._adapter.hung_up.clear()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"


class TweetStream(StreamingClient):
    """The stream as a collector wants it: raw lines, no reconnecting of its own, and an error when it breaks.

    Parameters
    ----------
    rules
        Rules of the filtered stream, in X's rule language (``["$JPM OR bank", "lang:en coffee"]``); none: the sample
        stream. Rules that an earlier stream of the kit had set are removed, others are left alone.
    backfill
        On a reconnect, ask for the last five minutes once more: what came already is dropped by its id. By default
        only of the local feeds, for X sells that apart.

    Examples
    --------
    >>> stream = TweetStream()                               # doctest: +SKIP
    >>> Collector(Listener(stream.listen, hang_up=stream.disconnect), "tweets", to_records)   # doctest: +SKIP
    """

    def __init__(
        self,
        url: str | None = None,
        token: SecretStr | str | None = None,
        *,
        rules: Iterable[str] = (),
        backfill: bool | None = None,
        **options: Any,
    ) -> None:
        super().__init__(url, token, **options)
        self._rules = [rules] if isinstance(rules, str) else list(rules)
        self._backfill = self.url != _HOST if backfill is None else backfill
        self.connected = False  # whether it has been once
        self.resume = False  # True: the first connection, too, asks for the last five minutes

    def listen(self, receive: Callable[[bytes], None]) -> None:
        """Connect, and pass each line on until the stream ends; returns when `disconnect` was called, now or before.

        SourceError if the connection broke, or there was none: call it again to go on. Unauthorized, RateLimited or
        ConfigError if X refused the token, the pace, or a rule.
        """
        with closing(self._lines()) as lines:
            for line in lines:
                receive(line)

    def _lines(self) -> Generator[bytes, None, None]:
        """The lines of a new connection."""
        try:
            if self._rules and not self._adapter.hung_up.is_set():
                self._set_rules()
            with self._open() as answer:
                self.connected = True
                for line in answer.iter_lines(_CHUNK):
                    if self._adapter.hung_up.is_set():
                        return
                    if line.startswith(b'{"errors"'):  # the last line of a stream that X ends
                        raise _broken(line[:200].decode("utf-8", "replace"))
                    if line:
                        yield line
                    else:
                        self.on_keep_alive()
            raise _broken("the server ended the stream")
        except SourceError:
            if not self._adapter.hung_up.is_set():
                raise
        except _BREAKS as error:
            if not self._adapter.hung_up.is_set():
                raise _broken(f"{type(error).__name__}: {error}") from error

    def _open(self) -> requests.Response:
        asked: dict[str, Any] = {"expansions": "author_id", "user.fields": "username"}
        if self._backfill and (self.connected or self.resume):
            asked["backfill_minutes"] = _BACKFILL
        path = "search/stream" if self._rules else "sample/stream"
        answer: requests.Response = self.session.get(f"{_HOST}/2/tweets/{path}", params=asked, stream=True)
        if answer.status_code != 200:
            raise _refused(answer.status_code, answer.text, answer.headers)
        return answer

    def _set_rules(self) -> None:
        """Make the kit's rules at X the wanted ones."""
        try:
            present = self.get_rules().data or []
            if old := [rule.id for rule in present if rule.tag == _OUR_TAG and rule.value not in self._rules]:
                self.delete_rules(old)
            known = {rule.value for rule in present}
            if new := [tweepy.StreamRule(rule, tag=_OUR_TAG) for rule in self._rules if rule not in known]:
                self._add_rules(new)
        except tweepy.HTTPException as error:
            raise _refused(error.response.status_code, str(error), error.response.headers) from error
        except _BREAKS as error:
            raise _broken(f"no rules, but {type(error).__name__}") from error

    def _add_rules(self, rules: list[tweepy.StreamRule]) -> None:
        try:
            errors = self.add_rules(rules).errors
        except tweepy.BadRequest as error:  # X's answer if it takes none of them
            errors = error.response.json().get("errors")
            if not errors:
                raise
        for one in errors:
            if one.get("title") != "DuplicateRule":  # another client was a moment quicker
                reason = (one.get("details") or [one.get("title", "refused")])[0]
                todo = 'correct the rule, for instance ["$JPM OR bank"]'
                raise ConfigError("rules that X can read", got=f"{one.get('value')!r}: {reason}", todo=todo)


def _refused(status: int, text: str, headers: Mapping[str, str]) -> SourceError:
    """The error for an answer that is not 200. Of too many open streams, X's headers do not say when one may end."""
    reset, remaining = headers.get("x-rate-limit-reset", ""), headers.get("x-rate-limit-remaining", "0")
    wait = None
    if reset.isdecimal() and remaining == "0":
        wait = min(max(float(reset) - time.time(), 1.0), _LIMIT_SECONDS)
    todo = "set KIT_X_BEARER_TOKEN to a token from the X developer portal; or unset KIT_FEEDS to replay"
    return refusal("X", status, text, retry_after=wait, credentials=todo)


def _broken(reason: str) -> SourceError:
    """The error for a connection that broke, or could not be had."""
    todo = "connect again; `kit status` shows whether the feeds run"
    return SourceError("a stream of posts", got=" ".join(reason.split()), todo=todo)
