"""What every actor of a collector has in common: a bounded mailbox, a daemon thread with an owner, a supervisor."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import astuple, dataclass
from typing import Any, NamedTuple, Self, TypeVar

import pykka

from kit.collectors._mailbox import Mailbox

__all__ = ["Actor", "Counts", "Failure", "GaveUp", "Halted", "Supervised"]

T = TypeVar("T")


class Halted(BaseException):
    """The actor must let go of what it does. Like `SystemExit` it passes through ``except Exception``."""


class GaveUp(Exception):
    """The supervisor has decided against another try; the cause is chained."""


class Failure(NamedTuple):
    """What a failing actor asks its supervisor about; `progressed`: whether it got anything done since it started."""

    actor: str
    error: BaseException
    progressed: bool


@dataclass(slots=True)
class Counts:
    """What became of the records: received = sent + duplicate + dead_lettered, once all is done."""

    received: int = 0
    sent: int = 0
    duplicate: int = 0
    dead_lettered: int = 0
    restarts: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))


class Actor(pykka.ThreadingActor):
    """A pykka actor with a bounded mailbox that belongs to one owner.

    It differs from pykka's `ThreadingActor` in three things. Its owner starts it with `begin`, outside pykka's
    registry, so that `pykka.ActorRegistry.stop_all()` in another cell leaves it alone. Its thread is a daemon that can
    be joined. And its mailbox closes with it: to tell a dead actor something raises `ActorDeadError`, and never waits.
    """

    use_daemon_thread = True

    def __init__(self, name: str, *, mailbox: Mailbox | None = None) -> None:
        self.name = name
        self.mailbox = Mailbox() if mailbox is None else mailbox  # an empty one is false
        super().__init__()
        self._thread: threading.Thread | None = None

    def _create_actor_inbox(self) -> Mailbox:  # type: ignore[override]  # pykka makes it without asking the instance
        return self.mailbox

    def begin(self) -> None:
        """Start the actor's thread."""
        self._thread = threading.Thread(target=self._actor_loop, name=f"collector-{self.name}", daemon=True)
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Put pykka's stop message behind what waits in the mailbox. Idempotent, never waits."""
        with suppress(pykka.ActorDeadError):
            self.actor_ref.stop(block=False)

    def join(self, timeout: float) -> bool:
        """Wait until the actor's thread has ended, and return whether it has."""
        if self._thread is not None:
            self._thread.join(max(timeout, 0.0))
        return not self.running

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def on_stop(self) -> None:
        self.mailbox.close()

    def on_failure(self, *_error: Any) -> None:
        self.mailbox.close()


class Supervised(Actor):
    """An actor that asks a supervisor what to do when it fails, and then restarts itself, or ends.

    Its ref, its mailbox and its work in hand survive a restart; what may be broken is made anew. So the actors that
    hold its ref do not notice.
    """

    supervisor: pykka.ActorRef[Any]

    def __init__(self, name: str, *, mailbox: Mailbox | None = None) -> None:
        super().__init__(name, mailbox=mailbox)
        self.counts = Counts()  # only the actor itself writes it
        self.halted = threading.Event()
        self.error: BaseException | None = None  # what it ended with
        self.trouble: BaseException | None = None  # its last failure or obstacle
        self._progressed = False

    def on_receive(self, message: Any) -> None:
        try:
            self.work(message)
        except Halted:
            return
        except BaseException as error:
            self.error = self.error or error
            raise

    def work(self, message: Any) -> None:
        """Deal with one message."""
        raise NotImplementedError

    def on_restart(self) -> None:
        """Throw away what may be broken; called before each new try."""

    def halt(self) -> None:
        """Make the actor let go of what it does or waits for. From any thread; idempotent."""
        self.halted.set()

    def supervised(self, step: Callable[[], T]) -> T:
        """Do a step until it succeeds; after each failure ask the supervisor, wait as long as it says, and restart.

        Raises `GaveUp` where the supervisor decides against another try, `Halted` where the actor was halted.
        """
        while True:
            try:
                return step()
            except Halted:
                raise
            except BaseException as error:  # a step calls code of the source: that can do anything, even sys.exit()
                self._recover(error)

    def _recover(self, error: BaseException) -> None:
        if self.halted.is_set():
            raise Halted
        self.trouble = error
        pause: float | None = self.supervisor.ask(Failure(self.name, error, self._progressed), block=True)
        if pause is None:
            self.error = error
            raise GaveUp(f"{self.name} gave up") from error
        self._progressed = False
        if self.halted.wait(pause):
            raise Halted
        self.counts.restarts += 1
        self.on_restart()
