"""Supervision: an actor that fails does not mend itself; it asks its supervisor what to do."""

import time
from typing import NamedTuple

from kit.collectors._actor import Actor, Failure
from kit.errors import ConfigError, RateLimited, TopicError, Unauthorized, UnknownSymbol

__all__ = ["Supervisor"]

# Time heals a broken line; it does not heal a wrong password.
_HOPELESS = (ConfigError, TopicError, Unauthorized, UnknownSymbol)


class _Record(NamedTuple):
    failures: int  # in a row
    at: float


class Supervisor(Actor):
    """Decides when a failing actor starts again, and when it is time to give up.

    The first restart comes after `first` seconds, each further one after twice as long, up to `longest`. A good spell
    (the actor got something done, or lived for `steady` seconds) starts the count afresh. After `restarts` failures in
    a row, or one that no restart can mend (wrong credentials, an unknown symbol), it gives up.

    Parameters
    ----------
    restarts
        Failures in a row that are mended by a restart; the next one is the last.
    first, longest
        Seconds before the first restart, and the most before any.
    steady
        Seconds of life that make a spell a good one.

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
        self._records: dict[str, _Record] = {}

    def on_receive(self, message: Failure) -> float | None:
        """Answer a `Failure` with the seconds to wait before the restart, or None: there will be none."""
        now = time.monotonic()
        last = self._records.get(message.actor)
        good_spell = last is None or message.progressed or now - last.at > self.steady
        failures = 1 if last is None or good_spell else last.failures + 1
        pause: float = min(self.first * 2.0 ** (failures - 1), self.longest)
        self._records[message.actor] = _Record(failures, now + pause)
        if failures > self.restarts or isinstance(message.error, _HOPELESS):
            return None
        if isinstance(message.error, RateLimited):
            pause = max(pause, message.error.retry_after or 0.0)
        return pause
