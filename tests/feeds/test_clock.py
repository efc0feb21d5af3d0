"""The replay clock: which trading day it shows, at which instant, and that no way of getting there changes either."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.feeds import clock as clock_module
from kit.feeds.clock import ClockError, ReplayClock
from tests.feeds.tools import ORIGIN, ORIGIN_TEXT

DAYS = [(date(2008, 9, 1) + timedelta(n)).isoformat() for n in range(10)]

T = TypeVar("T")


def in_a_loop(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns. In a thread: the test's own may have a running loop, of a browser's test."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result(timeout=30)


class WallTime:
    """The wall clock in the hands of the test."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return ORIGIN + self.now


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> WallTime:
    wall = WallTime()
    monkeypatch.setattr(clock_module, "time", wall)
    return wall


def pinned(**options: float) -> ReplayClock:
    return ReplayClock(DAYS, start="2008-09-03", origin=ORIGIN, **options)  # type: ignore[arg-type]


# ---- ticks, days, instants ------------------------------------------------------------------------------------


def test_a_tick_is_a_trading_day_and_a_second(wall: WallTime) -> None:
    clock = pinned(speed=2.0)
    shown = []
    for wall.now in (0.0, 0.49, 0.5, 1.0, 3.49):
        shown.append((clock.tick, clock.state()["day"], clock.instant(clock.tick) - ORIGIN))
    assert shown == [
        (0, "2008-09-03", 0),
        (0, "2008-09-03", 0),
        (1, "2008-09-04", 1),
        (2, "2008-09-05", 2),
        (6, "2008-09-09", 6),
    ]


def test_after_the_last_day_the_days_start_again_and_the_instants_go_on(wall: WallTime) -> None:
    clock = pinned(speed=1.0)
    wall.now = 8.0
    assert (clock.tick, clock.state()["day"]) == (8, "2008-09-03")
    assert clock.state()["instant"] == "2026-01-05T14:30:08Z"


def test_a_replay_of_the_last_day_alone_shows_it_at_each_tick() -> None:
    clock = ReplayClock(DAYS, start=DAYS[-1], origin=ORIGIN, paused=True)
    assert {clock.day_number(tick) for tick in range(5)} == {9}


def test_a_paused_clock_moves_by_steps_only(wall: WallTime) -> None:
    clock = pinned(speed=100.0, paused=True)
    wall.now = 1000.0
    assert clock.tick == 0
    clock.step(3)
    assert clock.tick == 3
    clock.set(paused=False)
    assert clock.tick == 3
    wall.now += 0.055
    assert clock.tick == 8


def test_a_new_speed_goes_on_from_the_tick_that_is(wall: WallTime) -> None:
    clock = pinned(speed=1.0)
    wall.now = 4.0
    clock.set(speed=10.0)
    assert clock.tick == 4
    wall.now = 5.0
    assert clock.tick == 14


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.floats(0, 20)),
        st.tuples(st.just("step"), st.integers(1, 30)),
        st.tuples(st.just("speed"), st.floats(0.01, 500)),
        st.tuples(st.just("paused"), st.booleans()),
        st.tuples(st.just("rewind"), st.none()),
    ),
    max_size=25,
)


@given(MOVES)
def test_however_the_clock_is_moved_a_tick_shows_the_same_day_and_instant(moves: list[tuple[str, float]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock_module, "time", wall := WallTime())
        clock = pinned(speed=3.0)
        for move, value in moves:
            before = clock.tick
            if move == "wait":
                wall.now += value
            elif move == "step":
                clock.step(int(value))
                assert clock.tick == before + value
            elif move == "rewind":
                clock.rewind()
                assert clock.tick == 0
            else:
                clock.set(**{move: value})  # type: ignore[arg-type]
                assert clock.tick == before
            assert clock.tick >= (0 if move == "rewind" else before)
            state = clock.state()
            assert state["day"] == DAYS[2 + clock.tick % 8]
            assert state["instant"] == clock_module._iso(ORIGIN + clock.tick)


# ---- replays: start, origin, rewind, reset --------------------------------------------------------------------


def test_a_new_start_begins_another_replay_at_the_pinned_origin(wall: WallTime) -> None:
    clock = pinned()
    wall.now = 5.0
    clock.set(start="2008-09-08")
    assert (clock.tick, clock.origin, clock.state()["day"]) == (0, ORIGIN, "2008-09-08")


def test_without_an_origin_a_replay_begins_at_the_moment_it_is_set(wall: WallTime) -> None:
    clock = ReplayClock(DAYS, start="2008-09-03", speed=1.0)
    assert clock.origin == ORIGIN
    wall.now = 500.0
    clock.set(start="2008-09-08", speed=0.01)
    assert clock.origin == ORIGIN + 501  # the instant after the last one shown
    wall.now = 700.0
    clock.set(start="2008-09-08")
    assert clock.origin == ORIGIN + 700


def test_without_an_origin_no_instant_comes_twice_however_far_the_replay_ran_ahead(wall: WallTime) -> None:
    clock = ReplayClock(DAYS, start="2008-09-03", speed=100.0)
    wall.now = 10.0
    shown = clock.instant(clock.tick)
    assert shown == ORIGIN + 1000
    clock.rewind()
    clock.set(start="2008-09-08")
    assert clock.origin == shown + 1


def test_an_origin_set_later_stays(wall: WallTime) -> None:
    clock = ReplayClock(DAYS, start="2008-09-03")
    clock.set(origin=ORIGIN + 5)
    wall.now = 1000.0
    clock.set(start="2008-09-04")
    assert clock.origin == ORIGIN + 5


@pytest.mark.parametrize(
    ("move", "counts"),
    [
        (lambda clock: clock.rewind(), True),
        (lambda clock: clock.set(start="2008-09-04"), True),
        (lambda clock: clock.set(origin=ORIGIN), True),
        (lambda clock: clock.reset(), True),
        (lambda clock: clock.step(2), False),
        (lambda clock: clock.set(speed=3.0, paused=True), False),
    ],
)
def test_whoever_follows_the_clock_can_tell_that_another_replay_began(
    move: Callable[[ReplayClock], None], counts: bool
) -> None:
    clock = pinned()
    before = clock.generation
    move(clock)
    assert (clock.generation > before) == counts


def test_a_reset_clock_is_as_it_was_made(wall: WallTime) -> None:
    clock = pinned(speed=2.0, paused=True)
    as_made = clock.state()
    clock.set(start="2008-09-09", origin=ORIGIN + 77, speed=9.0, paused=False)
    wall.now = 3.0
    clock.reset()
    assert clock.state() == as_made


def test_a_reset_takes_back_an_origin_that_was_not_there_at_the_start(wall: WallTime) -> None:
    clock = ReplayClock(DAYS, start="2008-09-03", paused=True)
    clock.set(origin=ORIGIN - 1000)
    wall.now = 60.0
    clock.reset()
    assert clock.origin == ORIGIN + 60


# ---- what it refuses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("speed", [0, -1, 10_001, float("nan"), float("inf")])
def test_a_speed_that_is_none_is_refused_and_changes_nothing(speed: float) -> None:
    clock = pinned(paused=True)
    before = clock.state()
    with pytest.raises(ClockError, match="speed must be above 0 and at most 10000"):
        clock.set(start="2008-09-08", speed=speed)
    assert clock.state() == before


@pytest.mark.parametrize(
    ("days", "wrong", "nearest"),
    [
        (["2008-09-12", "2008-09-15"], "2008-09-13", "2008-09-12 and 2008-09-15"),
        (DAYS, "1066-10-14", DAYS[0]),
        (DAYS, "2099-01-01", DAYS[-1]),
        (DAYS, "soon", DAYS[-1]),
    ],
)
def test_a_day_without_trading_is_refused_with_its_neighbours(days: list[str], wrong: str, nearest: str) -> None:
    with pytest.raises(ClockError) as caught:
        ReplayClock(days, start=wrong)
    assert str(caught.value).endswith(f"not {wrong!r}; the nearest are {nearest}")


def test_an_origin_before_the_first_tweet_id_is_refused() -> None:
    with pytest.raises(ClockError, match="origin must be from 2010-11-04"):
        ReplayClock(DAYS, start="2008-09-03", origin=1_221_485_400)


@pytest.mark.parametrize("ticks", [0, -1, 1_000_001])
def test_a_step_of_no_ticks_is_refused(ticks: int) -> None:
    with pytest.raises(ClockError, match="ticks must be 1 to 1000000"):
        pinned(paused=True).step(ticks)


# ---- waiting for it -------------------------------------------------------------------------------------------


async def waiting(clock: ReplayClock, act: Callable[[], object], *, timeout: float = 5.0) -> bool:
    waiter = asyncio.ensure_future(clock.beyond(clock.tick, timeout=timeout))
    await asyncio.sleep(0)
    act()
    return await waiter


@pytest.mark.parametrize(
    "act",
    [
        lambda clock: clock.step(1),
        lambda clock: clock.rewind(),
        lambda clock: clock.set(paused=False, speed=500.0),
        lambda clock: clock.wake(),
    ],
)
def test_a_wait_for_a_tick_is_woken_by_every_change_of_the_clock(act: Callable[[ReplayClock], None]) -> None:
    clock = pinned(paused=True)
    assert in_a_loop(waiting(clock, lambda: act(clock)))


def test_a_wait_for_a_tick_of_a_paused_clock_ends_without_one() -> None:
    clock = pinned(paused=True)
    assert not in_a_loop(clock.beyond(0, timeout=0.01))


def test_a_wait_for_a_tick_that_has_passed_ends_at_once() -> None:
    clock = pinned(paused=True)
    clock.step(2)
    assert in_a_loop(clock.beyond(1, timeout=0.0))


def test_a_running_clock_brings_the_next_tick_by_itself() -> None:
    clock = pinned(speed=200.0)

    async def five() -> list[int]:
        seen = [clock.tick]
        while len(seen) < 5:
            assert await clock.beyond(seen[-1], timeout=5.0)
            seen.append(clock.tick)
        return seen

    seen = in_a_loop(five())
    assert seen == sorted(set(seen))


def test_the_text_of_the_origin_is_the_instant_of_tick_0() -> None:
    assert pinned(paused=True).state()["instant"] == ORIGIN_TEXT
