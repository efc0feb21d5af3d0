"""The state of one feeds server: data, clock, faults, limits, and the counts of what it served."""

import secrets
import time
from collections import defaultdict, deque
from dataclasses import asdict, dataclass, field
from typing import Annotated, Literal

from fastapi import Depends, Request
from pydantic import BaseModel, Field

from kit.feeds.clock import ReplayClock
from kit.feeds.data import Prices, Tweet
from kit.feeds.faults import Faults

__all__ = ["FeedState", "Limits", "RateLimit", "Served", "State"]

_BLOCK = 4096


class Limits(BaseModel, extra="forbid", strict=True):
    """How much a client may ask. X cuts a stream that is silent for 20 s, so keep-alives come more often."""

    requests_per_minute: int = Field(default=6000, ge=1)
    stream_connections: int = Field(default=5, ge=0)
    connects_per_15min: int = Field(default=300, ge=1)
    keep_alive_seconds: float = Field(default=15.0, gt=0, le=20)


@dataclass
class Served:
    """Counts of what clients were given: what went to a connection whose client had not hung up.

    Records given whole are counted once each, whichever client got them, and as repeated if they had been given before.
    """

    quotes: int = 0
    quotes_repeated: int = 0
    tweets: int = 0
    tweets_repeated: int = 0
    malformed: int = 0  # payloads that are not a record: a line more on the stream, elsewhere instead of the answer
    truncated: int = 0  # payloads that broke off with their connection; their records are not counted
    requests: int = 0  # refused ones too
    streams_open: int = 0  # now
    _given: dict[object, bytearray] = field(default_factory=lambda: defaultdict(lambda: bytearray(_BLOCK)), repr=False)

    def count(self, kind: Literal["quotes", "tweets"], what: str, number: int) -> None:
        """Count a quote by its symbol and instant, a tweet by its place since 1970: a byte for each."""
        block, place = divmod(number, _BLOCK)
        given = self._given[what, block]
        name = f"{kind}_repeated" if given[place] else kind
        given[place] = 1
        setattr(self, name, getattr(self, name) + 1)


class RateLimit:
    """So many requests in so many seconds."""

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


class FeedState:
    """All that one server knows. `token` is the bearer token that X's routes want."""

    def __init__(self, prices: Prices, tweets: list[Tweet], clock: ReplayClock, *, token: str) -> None:
        self.prices, self.tweets, self.clock, self.token = prices, tweets, clock, token
        self.crumb, self.cookie = secrets.token_urlsafe(8), secrets.token_urlsafe(16)
        self.closing, self.served = False, Served()
        self.forget()

    def forget(self) -> None:
        """Counts, faults, rules and limits as they were at the start."""
        self.served = Served(streams_open=self.served.streams_open)
        self.faults, self.limits = Faults(), Limits()
        self.rules: dict[str, tuple[str, str | None]] = {}
        self.yahoo_rate, self.rules_rate, self.connect_rate = RateLimit(60.0), RateLimit(900.0), RateLimit(900.0)

    def status(self) -> dict[str, object]:
        """What ``/control/status`` shows."""
        return {
            "clock": self.clock.state(),
            "served": {name: count for name, count in vars(self.served).items() if name != "_given"},
            "faults": [asdict(fault) for fault in self.faults],
            "limits": self.limits.model_dump(),
        }


def _state_of(request: Request) -> FeedState:
    state: FeedState = request.app.state.feeds
    return state


State = Annotated[FeedState, Depends(_state_of)]
"""A route's parameter of this type is the server's state."""
