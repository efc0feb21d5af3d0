"""The replay clock: which trading day the feeds show, and what time it is for them.

Tick n shows trading day start + n, at the instant origin + n seconds: one second of replay time a trading day, so that
event-time windows of seconds hold days. The speed is how fast ticks pass; it changes no record. Same start and same
origin give the same records. After the last day the replay goes on with the first one; instants go on too.
"""

import asyncio
import contextlib
import time
from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, datetime

__all__ = ["ClockError", "ReplayClock"]

_MAX_SPEED = 10_000.0
_EARLIEST, _LATEST = 1_288_834_975, 3_400_000_000  # X's ids count milliseconds from the first, in 41 bits


class ClockError(ValueError):
    """A setting that the clock cannot take; the message names one that it can."""


class ReplayClock:
    """Turns wall time into ticks. It needs no task of its own: it works out the tick when it is read.

    `days` are the trading days there are (ISO dates, ascending), `start` is that of tick 0, `speed` is ticks a second.
    `origin` is the instant of tick 0, epoch seconds. None: the moment the clock is set, or, if the replay ran ahead of
    that, the instant after the last one shown. So an instant never stands for two moments of the data.
    """

    def __init__(
        self, days: Sequence[str], *, start: str, speed: float = 1.0, origin: int | None = None, paused: bool = False
    ) -> None:
        self._days = days
        self._made = start, speed, origin, paused
        self._changed = asyncio.Event()
        self._tick, self._since, self._shown = 0, time.monotonic(), 0
        self._first, self.origin, self._pinned, self.paused, self.speed = 0, 0, False, True, 1.0
        self.generation = 0  # counts the replays: a new start, a new origin and a rewind each begin one at tick 0
        self.reset()

    @property
    def tick(self) -> int:
        """The tick it is now."""
        if self.paused:
            return self._tick
        return self._tick + int((time.monotonic() - self._since) * self.speed)

    def day_number(self, tick: int) -> int:
        """The position, in all days, of the trading day that a tick shows."""
        return self._first + tick % (len(self._days) - self._first)

    def instant(self, tick: int) -> int:
        """The replay clock's time at a tick, in epoch seconds."""
        return self.origin + tick

    def state(self) -> dict[str, object]:
        """What the clock shows, as a JSON object."""
        tick = self.tick
        return {
            "start": self._days[self._first],
            "origin": _iso(self.origin),
            "tick": tick,
            "day": self._days[self.day_number(tick)],
            "instant": _iso(self.instant(tick)),
            "speed": self.speed,
            "paused": self.paused,
        }

    async def beyond(self, tick: int, *, timeout: float) -> bool:
        """Wait until the clock shows a tick after `tick`, or is set anew; False after `timeout` seconds."""
        changed, until = self._changed, time.monotonic() + timeout
        while self.tick <= tick:
            left = until - time.monotonic()
            if left <= 0:
                return False
            if not self.paused:
                left = min(left, (tick + 1 - self._tick) / self.speed - (time.monotonic() - self._since))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), max(0.0005, left))
                return True
        return True

    def set(
        self, *, start: str | None = None, speed: float | None = None, origin: int | None = None,
        paused: bool | None = None,
    ) -> None:  # fmt: skip
        """Change what is given. A new start or origin goes back to tick 0; else the replay goes on from where it is."""
        if speed is not None and not 0 < speed <= _MAX_SPEED:
            raise ClockError(f"speed must be above 0 and at most {_MAX_SPEED:g} trading days a second, not {speed}")
        if origin is not None and not _EARLIEST <= origin <= _LATEST:
            raise ClockError(f"origin must be from {_iso(_EARLIEST)} (where X's ids begin) to {_iso(_LATEST)}")
        first = self._first if start is None else self._find(start)
        self._move(self.tick)
        if start is not None or origin is not None:
            self._pinned = self._pinned or origin is not None
            if origin is None:
                origin = self.origin if self._pinned else max(int(time.time()), self._shown + 1)
            self._first, self.origin, self._tick = first, origin, 0
            self.generation += 1
        self.speed = self.speed if speed is None else speed
        self.paused = self.paused if paused is None else paused
        self.wake()

    def reset(self) -> None:
        """All as the clock was made."""
        start, speed, origin, paused = self._made
        self._pinned = False
        self.set(start=start, speed=speed, origin=origin, paused=paused)

    def step(self, ticks: int) -> None:
        """Go on by whole ticks."""
        if not 1 <= ticks <= 1_000_000:
            raise ClockError(f"ticks must be 1 to 1000000, not {ticks}")
        self._move(self.tick + ticks)
        self.wake()

    def rewind(self) -> None:
        """Back to tick 0: the same records once more."""
        self._move(0)
        self.generation += 1
        self.wake()

    def wake(self) -> None:
        """Have all that wait for a tick look again: at the clock, and at what else may have changed."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _move(self, tick: int) -> None:
        """Go on from a tick, beginning now."""
        self._shown = max(self._shown, self.instant(self.tick))
        self._tick, self._since = tick, time.monotonic()

    def _find(self, day: str) -> int:
        """The position of a trading day."""
        place = bisect_left(self._days, day)
        if place < len(self._days) and self._days[place] == day:
            return place
        around = [self._days[i] for i in (place - 1, place) if 0 <= i < len(self._days)]
        raise ClockError(f"start must be a trading day, not {day!r}; the nearest are {' and '.join(around)}")


def _iso(instant: int) -> str:
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
