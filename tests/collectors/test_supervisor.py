"""Supervision: how long to wait before a restart, when to give up, what survives a restart."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pykka
import pytest

from kit.collectors import Supervisor
from kit.collectors._actor import Failure, Supervised
from kit.errors import RateLimited, SourceError, Unauthorized
from tests.wait import wait_until

DOWN = SourceError("an answer", got="none", todo="wait")


def failure(error: Exception = DOWN, *, progressed: bool = False) -> Failure:
    return Failure("poller", error, progressed)


def test_each_restart_in_a_row_waits_twice_as_long_up_to_the_longest() -> None:
    supervisor = Supervisor(restarts=6, first=0.5, longest=3.0)
    assert [supervisor.on_receive(failure()) for _ in range(7)] == [0.5, 1.0, 2.0, 3.0, 3.0, 3.0, None]


def test_progress_starts_the_count_afresh() -> None:
    supervisor = Supervisor(restarts=2, first=0.5)
    assert [supervisor.on_receive(failure()) for _ in range(2)] == [0.5, 1.0]
    assert supervisor.on_receive(failure(progressed=True)) == 0.5


def test_a_long_quiet_life_starts_the_count_afresh() -> None:
    supervisor = Supervisor(restarts=1, first=1e-9, steady=0.0)  # any life at all is long enough
    assert [supervisor.on_receive(failure()) for _ in range(3)] == [1e-9] * 3


def test_each_actor_is_counted_alone() -> None:
    supervisor = Supervisor(restarts=1, first=0.5)
    supervisor.on_receive(failure())
    assert supervisor.on_receive(Failure("sender", DOWN, False)) == 0.5


def test_a_rate_limit_is_waited_for_as_long_as_the_feed_says() -> None:
    limited = RateLimited("fewer requests", got="429", todo="wait", retry_after=42.0)
    assert Supervisor().on_receive(failure(limited)) == 42.0


def test_what_no_restart_can_mend_is_given_up_at_once() -> None:
    assert Supervisor().on_receive(failure(Unauthorized("a token", got="401", todo="get one"))) is None


class Fragile(Supervised):
    """Adds up what it is told; `tools` break when the test says so."""

    def __init__(self) -> None:
        super().__init__("fragile")
        self.seen: list[bytes] = []
        self.remade = 0
        self.breaks: Callable[[], None] = lambda: None

    def work(self, message: Any) -> None:
        self.supervised(lambda: self._step(message))

    def _step(self, message: list[bytes]) -> None:
        self.breaks()
        self.seen += message

    def on_restart(self) -> None:
        self.remade += 1


def breaking(times: int) -> Callable[[], None]:
    left = iter(range(times))

    def breaks() -> None:
        if next(left, None) is not None:
            raise OSError("broken")

    return breaks


@contextmanager
def started(actor: Fragile, supervisor: Supervisor) -> Iterator[Fragile]:
    supervisor.begin()
    actor.supervisor = supervisor.actor_ref
    actor.begin()
    try:
        yield actor
    finally:
        for one in (actor, supervisor):
            one.ask_to_stop()
            assert one.join(5.0)


def test_a_restarted_actor_keeps_its_ref_its_mailbox_and_the_work_in_hand() -> None:
    actor = Fragile()
    actor.breaks = breaking(3)
    with started(actor, Supervisor(first=0.01)):
        for message in (b"a", b"b", b"c"):
            actor.actor_ref.tell(message)
        wait_until(lambda: len(actor.seen) == 3)
    assert actor.seen == [b"a", b"b", b"c"]
    assert actor.remade == actor.counts.restarts == 3


def test_an_actor_that_is_given_up_is_dead_and_says_of_what() -> None:
    actor = Fragile()
    actor.breaks = breaking(100)
    with started(actor, Supervisor(restarts=2, first=0.01)):
        actor.actor_ref.tell(b"a")
        assert actor.join(5.0)
        assert isinstance(actor.error, OSError)
        assert actor.counts.restarts == 2
        with pytest.raises(pykka.ActorDeadError):
            actor.actor_ref.tell(b"b")


def test_a_bug_outside_the_supervised_step_kills_the_actor_visibly() -> None:
    actor = Fragile()
    with started(actor, Supervisor()):
        actor.work = [].index
        actor.actor_ref.tell(b"a")
        assert actor.join(5.0)
        assert actor.error is not None


def test_a_halt_interrupts_a_long_back_off() -> None:
    actor = Fragile()
    actor.breaks = breaking(100)
    with started(actor, Supervisor(first=600.0, longest=600.0)):
        actor.actor_ref.tell(b"a")
        wait_until(actor.mailbox.empty)
        began = time.monotonic()
        actor.halt()
        actor.ask_to_stop()
        assert actor.join(5.0)
        assert time.monotonic() - began < 5.0
    assert actor.error is None


def test_stopping_every_actor_of_pykka_leaves_ours_alone() -> None:
    actor = Fragile()
    with started(actor, Supervisor()):
        pykka.ActorRegistry.stop_all()
        actor.actor_ref.tell(b"a")
        wait_until(lambda: actor.seen == [b"a"])


def test_asking_a_dead_actor_to_stop_is_no_error() -> None:
    actor = Fragile()
    with started(actor, Supervisor()):
        actor.ask_to_stop()
        assert actor.join(5.0)
        actor.ask_to_stop()
    assert not actor.running
