"""Supervision: how long to wait before a restart, when to give up, what survives a restart."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pykka
import pytest

from kit.collectors import Supervisor, _supervisor
from kit.collectors._actor import Actor
from kit.errors import RateLimited, SourceError, Unauthorized
from tests.wait import wait_until

DOWN = SourceError("an answer", got="none", todo="wait")


def pauses(supervisor: Supervisor, failures: int) -> list[float | None]:
    return [supervisor.decide("poller", DOWN) for _ in range(failures)]


def test_each_restart_in_a_row_waits_twice_as_long_up_to_the_longest() -> None:
    supervisor = Supervisor(restarts=6, first=0.5, longest=3.0)
    assert pauses(supervisor, 7) == [0.5, 1.0, 2.0, 3.0, 3.0, 3.0, None]


def test_progress_starts_the_count_afresh() -> None:
    supervisor = Supervisor(restarts=2, first=0.5)
    assert pauses(supervisor, 2) == [0.5, 1.0]
    assert supervisor.decide("poller", DOWN, progressed=True) == 0.5


def test_a_long_quiet_life_starts_the_count_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_supervisor, "_STEADY_SECONDS", 0.0)  # any life at all is long enough
    assert pauses(Supervisor(restarts=1, first=1e-9), 3) == [1e-9] * 3


def test_each_actor_is_counted_alone() -> None:
    supervisor = Supervisor(restarts=1, first=0.5)
    pauses(supervisor, 1)
    assert supervisor.decide("sender", DOWN) == 0.5


def test_a_rate_limit_is_waited_for_as_long_as_the_feed_says() -> None:
    limited = RateLimited("fewer requests", got="429", todo="wait", retry_after=42.0)
    assert Supervisor().decide("poller", limited) == 42.0


def test_what_no_restart_can_mend_is_given_up_at_once() -> None:
    assert Supervisor().decide("poller", Unauthorized("a token", got="401", todo="get one")) is None


class Fragile(Actor):
    """Collects its messages; `tools` break when the test says so."""

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
    actor.supervisor = supervisor
    actor.begin()
    try:
        yield actor
    finally:
        actor.ask_to_stop()
        assert actor.join(5.0)


def test_a_restarted_actor_keeps_its_ref_its_mailbox_and_the_work_in_hand() -> None:
    actor = Fragile()
    actor.breaks = breaking(3)
    with started(actor, Supervisor(first=0.01)):
        for message in (b"a", b"b", b"c"):
            actor.actor_ref.tell(message)
        wait_until(lambda: len(actor.seen) == 3)
    assert actor.seen == [b"a", b"b", b"c"]
    assert actor.remade == actor.counts.restarts == 3


def test_an_actor_that_is_given_up_is_dead_and_keeps_the_error() -> None:
    actor = Fragile()
    actor.breaks = breaking(100)
    with started(actor, Supervisor(restarts=2, first=0.01)):
        actor.actor_ref.tell(b"a")
        assert actor.join(5.0)
        assert isinstance(actor.error, OSError)
        assert actor.counts.restarts == 2
        with pytest.raises(pykka.ActorDeadError):
            actor.actor_ref.tell(b"b")


class Bystander(pykka.ThreadingActor):
    use_daemon_thread = True


@pytest.mark.parametrize("error", [ValueError("a bug"), SystemExit()])
def test_a_bug_outside_the_supervised_step_kills_the_actor_visibly_and_no_other(error: BaseException) -> None:
    def broken(message: Any) -> None:
        raise error

    bystander, actor = Bystander.start(), Fragile()
    try:
        with started(actor, Supervisor()):
            actor.work = broken
            actor.actor_ref.tell(b"a")
            assert actor.join(5.0)
            assert actor.error is error
        assert bystander.is_alive()
    finally:
        bystander.stop()


def test_a_halt_interrupts_a_long_back_off() -> None:
    actor = Fragile()
    actor.breaks = breaking(100)
    with started(actor, Supervisor(first=600.0, longest=600.0)):
        actor.actor_ref.tell(b"a")
        wait_until(actor.mailbox.empty)
        actor.halt()
        actor.ask_to_stop()
        assert actor.join(30.0)  # where it does not, it waits for 600 s
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
    assert actor.join()
