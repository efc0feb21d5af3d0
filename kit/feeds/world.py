"""All that one feeds server knows: data, clock, faults, limits, and the account of what it served."""

import secrets
import time
from collections import defaultdict, deque
from dataclasses import asdict, dataclass, field, fields

from kit.feeds.clock import ReplayClock
from kit.feeds.data import Prices, Tweet
from kit.feeds.faults import Faults

__all__ = ["Limits", "Served", "Window", "World"]

_BLOCK = 4096


@dataclass
class Limits:
    """How much a client may ask. X cuts a stream that is silent for 20 s, so keep-alives come more often."""

    requests_per_minute: int = 6000
    stream_connections: int = 5
    connects_per_15min: int = 300
    keep_alive_seconds: float = 15.0


@dataclass
class Served:
    """The account of what clients were given: what was handed to a connection whose client had not hung up.

    A quote is known by its symbol and its time, a tweet by its id; who has one of them already is given it repeatedly.

    Attributes
    ----------
    quotes, tweets
        Records given whole, each counted once, whoever got it.
    quotes_repeated, tweets_repeated
        Records given whole that had been given before: to another client, at another poll, by a fault.
    malformed
        Payloads given whole that are no record: a line more on the stream; on the other routes instead of the answer.
    truncated
        Payloads that broke off together with their connection; what they held was not given.
    requests, streams_open
        Requests that came, refused ones too; streams that are open now.
    """

    quotes: int = 0
    quotes_repeated: int = 0
    tweets: int = 0
    tweets_repeated: int = 0
    malformed: int = 0
    truncated: int = 0
    requests: int = 0
    streams_open: int = 0
    _given: dict[object, bytearray] = field(default_factory=lambda: defaultdict(lambda: bytearray(_BLOCK)), repr=False)

    def quote(self, symbol: str, instant: int) -> None:
        if self._first_time(symbol, instant):
            self.quotes += 1
        else:
            self.quotes_repeated += 1

    def tweet(self, slot: int) -> None:
        """`slot` numbers the places for tweets in the instants since 1970: an id has one slot."""
        if self._first_time("", slot):
            self.tweets += 1
        else:
            self.tweets_repeated += 1

    def _first_time(self, what: str, number: int) -> bool:
        """Whether this one is new. A byte a record: cheap enough to remember all of them."""
        block, place = divmod(number, _BLOCK)
        given = self._given[what, block]
        if given[place]:
            return False
        given[place] = 1
        return True

    def state(self) -> dict[str, int]:
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "_given"}


class Window:
    """A rate limit: so many in so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._times: deque[float] = deque()

    def take(self, limit: int) -> tuple[bool, int, float]:
        """Count one more request: whether it is allowed, how many remain, seconds until the next is free."""
        now = time.monotonic()
        while self._times and now - self._times[0] >= self.seconds:
            self._times.popleft()
        free_in = self.seconds - (now - self._times[0]) if self._times else self.seconds
        if len(self._times) >= limit:
            return False, 0, free_in
        self._times.append(now)
        return True, limit - len(self._times), free_in

    def clear(self) -> None:
        self._times.clear()


class World:
    """One feeds server's state. `token` is the bearer token that X's routes want."""

    def __init__(
        self, prices: Prices, tweets: list[Tweet], clock: ReplayClock, *, token: str, tweets_per_tick: int
    ) -> None:
        self.prices, self.tweets, self.clock, self.token = prices, tweets, clock, token
        self.tweets_per_tick = tweets_per_tick
        self.crumb = secrets.token_urlsafe(8)
        self.cookie = secrets.token_urlsafe(16)
        self.closing = False
        self.served = Served()
        self.yahoo_window, self.rules_window, self.connect_window = Window(60.0), Window(900.0), Window(900.0)
        self.reset_account()

    def reset_account(self) -> None:
        """Counts, faults, rules and limits as they were at the start."""
        self.served = Served(streams_open=self.served.streams_open)
        self.faults = Faults()
        self.limits = Limits()
        self.rules: dict[str, tuple[str, str | None]] = {}
        for window in (self.yahoo_window, self.rules_window, self.connect_window):
            window.clear()

    def reset(self) -> None:
        self.reset_account()
        self.clock.reset()

    def status(self) -> dict[str, object]:
        return {
            "clock": self.clock.state(),
            "served": self.served.state(),
            "faults": self.faults.state(),
            "limits": asdict(self.limits),
        }
