"""Supervision: an actor that fails asks its supervisor whether, and when, it may restart."""

import time

from kit.errors import ConfigError, RateLimited, TopicError, Unauthorized, UnknownSymbol

__all__ = ["Supervisor"]

# A broken line comes back with time. A wrong password does not become right.
_HOPELESS = (ConfigError, TopicError, Unauthorized, UnknownSymbol)
_STEADY_SECONDS = 30.0


class Supervisor:
    """Decides when a failing actor of a collector may restart, and when it must give up.

    It only decides: the actor restarts itself. Its thread, its mailbox and its work in hand stay, its connection is
    made anew. If it must give up, the collector's state is ``failed``.

    The first restart comes after `first` seconds, each further one after twice as long, up to `longest`. After
    `restarts` failures in a row the actor must give up; the count starts afresh when it got something done, or ran for
    30 seconds. It must give up at once where no restart helps: wrong credentials, an unknown symbol, a deleted topic,
    or code of a source that asks Python to end (``sys.exit()``).

    Examples
    --------
    >>> supervisor = Supervisor(restarts=2)
    >>> [supervisor.decide("poller", OSError("the line is down")) for _ in range(3)]
    [0.2, 0.4, None]
    """

    def __init__(self, *, restarts: int = 8, first: float = 0.2, longest: float = 10.0) -> None:
        self.restarts, self.first, self.longest = restarts, first, longest
        self._in_a_row: dict[str, tuple[int, float]] = {}  # of each actor: failures, and when its last restart was due

    def decide(self, actor: str, error: BaseException, *, progressed: bool = False) -> float | None:
        """The seconds that the actor waits before it restarts, or None: it must give up.

        `progressed`: whether it got anything done since it started. Each actor calls from its own thread.
        """
        now = time.monotonic()
        failures, restarted = self._in_a_row.get(actor, (0, now))
        if progressed or now - restarted > _STEADY_SECONDS:
            failures = 0
        pause: float = min(self.first * 2.0**failures, self.longest)
        self._in_a_row[actor] = failures + 1, now + pause
        if isinstance(error, _HOPELESS) or not isinstance(error, Exception) or failures >= self.restarts:
            return None
        return max(pause, error.retry_after or 0.0) if isinstance(error, RateLimited) else pause
