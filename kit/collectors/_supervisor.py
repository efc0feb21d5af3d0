"""Supervision: an actor that fails asks its supervisor whether, and when, it may restart."""

import time

from kit.collectors._actor import Actor, Failure
from kit.errors import ConfigError, RateLimited, TopicError, Unauthorized, UnknownSymbol

__all__ = ["Supervisor"]

# A broken line comes back with time. A wrong password does not become right.
_HOPELESS = (ConfigError, TopicError, Unauthorized, UnknownSymbol)


class Supervisor(Actor):
    """Decides when a failing actor of a collector may restart, and when it must give up.

    The failing actor asks: it sends its supervisor a `Failure`, and gets back a number of seconds, or None. After so
    many seconds the actor restarts itself: its thread, its mailbox and its work in hand stay, its connection is made
    anew. None means: give up; the collector's state is then ``failed``. So the supervisor restarts nothing and touches
    no other actor. It only decides.

    The first restart comes after `first` seconds, each further one after twice as long, up to `longest`. The count
    starts afresh when the actor got something done, or ran for `steady` seconds, since its last failure. The actor must
    give up after `restarts` failures in a row, and at once where no restart helps: wrong credentials, an unknown
    symbol, a deleted topic, or code of a source that asks Python to end (``sys.exit()``).

    Parameters
    ----------
    restarts
        Most failures in a row after which the actor restarts; after one more it gives up.
    first, longest
        Seconds before the first restart, and the most before any.
    steady
        Seconds without a failure after which the count starts afresh.

    Examples
    --------
    >>> supervisor = Supervisor(restarts=2)
    >>> broken = Failure("poller", OSError("the line is down"), progressed=False)
    >>> [supervisor.on_receive(broken) for _ in range(3)]
    [0.2, 0.4, None]
    """

    def __init__(self, *, restarts: int = 8, first: float = 0.2, longest: float = 10.0, steady: float = 30.0) -> None:
        super().__init__("supervisor")
        self.restarts, self.first, self.longest, self.steady = restarts, first, longest, steady
        self._in_a_row: dict[str, tuple[int, float]] = {}  # of each actor: failures, and when its last restart was due

    def on_receive(self, message: Failure) -> float | None:
        """Answer a `Failure` with the seconds to wait before the restart, or None: there will be none."""
        now = time.monotonic()
        failures, restarted = self._in_a_row.get(message.actor, (0, now))
        if message.progressed or now - restarted > self.steady:
            failures = 0
        pause: float = min(self.first * 2.0**failures, self.longest)
        self._in_a_row[message.actor] = failures + 1, now + pause
        hopeless = isinstance(message.error, _HOPELESS) or not isinstance(message.error, Exception)
        if hopeless or failures >= self.restarts:
            return None
        if isinstance(message.error, RateLimited):
            pause = max(pause, message.error.retry_after or 0.0)
        return pause
