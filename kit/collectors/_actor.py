"""What every actor of a collector has in common: a bounded mailbox, a daemon thread with an owner, a supervisor."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

import pykka

from kit.collectors._mailbox import Mailbox

__all__ = ["Actor", "Failure", "GaveUp", "Halted", "Supervised", "Tally"]

T = TypeVar("T")

# A collector shows its failures in its repr and in stop(): printed by a thread they would land in whatever cell ran
# last. Whoever configures logging still gets them. (pykka and kafka-python see to that themselves.)
logging.getLogger("tweepy").addHandler(logging.NullHandler())


class Halted(BaseException):
    """The actor was told to let go of what it does. Like `SystemExit` it passes through ``except Exception``."""


class GaveUp(Exception):
    """The supervisor gave up on this actor; the cause is chained."""


class Failure(NamedTuple):
    """What a failing actor asks its supervisor about; `progressed`: whether it got anything done since it started."""

    actor: str
    error: Exception
    progressed: bool


@dataclass(slots=True)
class Tally:
    """What an actor has done so far. Only the actor itself writes it; anybody may look."""

    received: int = 0
    sent: int = 0
    duplicate: int = 0
    dead_lettered: int = 0
    restarts: int = 0


class Actor(pykka.ThreadingActor):
    """A pykka actor with a bounded mailbox that belongs to one owner.

    It differs from pykka's `ThreadingActor` in three things. Its owner starts it with `begin`, outside pykka's
    registry, so that `pykka.ActorRegistry.stop_all()` in another cell leaves it alone. Its thread is a daemon that can
    be joined. And its mailbox closes with it: telling a dead actor something raises `ActorDeadError`, and never waits.
    """

    use_daemon_thread = True

    def __init__(self, name: str, *, mailbox: Mailbox | None = None) -> None:
        self.name = name
        self.mailbox = Mailbox() if mailbox is None else mailbox  # an empty one is false
        super().__init__()
        self._thread: threading.Thread | None = None

    def _create_actor_inbox(self) -> Mailbox:  # type: ignore[override]  # pykka makes it without asking the instance
        return self.mailbox

    def _start_actor_loop(self) -> None:
        self._thread = threading.Thread(target=self._actor_loop, name=f"collector-{self.name}", daemon=True)
        self._thread.start()

    def begin(self) -> None:
        """Start the actor's thread."""
        self._start_actor_loop()

    def ask_to_stop(self) -> None:
        """Put pykka's stop message behind what waits in the mailbox. Idempotent, never waits."""
        try:
            self.actor_ref.stop(block=False)
        except pykka.ActorDeadError:
            return

    def join(self, timeout: float) -> bool:
        """Wait until the actor's thread has ended; says whether it has."""
        if self._thread is not None:
            self._thread.join(max(timeout, 0.0))
        return not self.running

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def on_stop(self) -> None:
        self.mailbox.close()

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.mailbox.close()


class Supervised(Actor):
    """An actor whose failures go to a supervisor.

    It is restarted where it stands: the ref, the mailbox and the work in hand stay, what is broken is made anew. So
    nobody who holds its ref needs to know.
    """

    supervisor: pykka.ActorRef[Any]

    def __init__(self, name: str, *, mailbox: Mailbox | None = None) -> None:
        super().__init__(name, mailbox=mailbox)
        self.tally = Tally()
        self.halted = threading.Event()
        self.error: BaseException | None = None  # what it died of
        self.trouble: Exception | None = None  # what it failed of last
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
        """Do a step until it succeeds, starting anew after each failure as the supervisor says.

        Raises
        ------
        GaveUp
            The supervisor sees no sense in another try.
        Halted
            The actor was halted.
        """
        while True:
            try:
                return step()
            except Exception as error:
                self._recover(error)

    def _recover(self, error: Exception) -> None:
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
        self.tally.restarts += 1
        self.on_restart()
