"""What the actors of a collector have in common: a bounded mailbox, a daemon thread with an owner, supervision."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import astuple, dataclass
from typing import Any, Self, TypeVar

import pykka

from kit.collectors._mailbox import Mailbox
from kit.collectors._supervisor import Supervisor

__all__ = ["Actor", "Counts", "Halted"]

T = TypeVar("T")


class Halted(BaseException):
    """The actor must let go of what it does. Like `SystemExit` it passes through ``except Exception``."""


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
    """A pykka actor that belongs to one owner, and asks a supervisor what to do when it fails.

    Its owner starts it with `begin`, outside pykka's registry, so that `pykka.ActorRegistry.stop_all()` in another cell
    leaves it alone. Its thread is a daemon that can be joined. Its mailbox is bounded, and closes with it: to tell a
    dead actor something raises `ActorDeadError`, and never waits.

    Its ref, its mailbox and its work in hand survive a restart; what may be broken is made anew. So the actors that
    hold its ref do not notice.
    """

    supervisor: Supervisor

    def __init__(self, name: str, *, mailbox: Mailbox | None = None) -> None:
        self.name = name
        self.mailbox = Mailbox() if mailbox is None else mailbox  # an empty one is false
        super().__init__()
        self.counts = Counts()  # only the actor itself writes it
        self.oldest: float | None = None  # since when it has held the oldest record that is not acknowledged
        self.halted = threading.Event()
        self.error: BaseException | None = None  # what it ended with
        self.trouble: BaseException | None = None  # its last failure or obstacle
        self._progressed = False
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

    def halt(self) -> None:
        """Make the actor let go of what it does or waits for. From any thread; idempotent."""
        self.halted.set()

    def join(self, timeout: float) -> bool:
        """Wait until the actor's thread has ended, and return whether it has."""
        if self._thread is not None:
            self._thread.join(timeout)
        return not self.running

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def on_receive(self, message: Any) -> None:
        try:
            self.work(message)
        except Halted:
            return
        except BaseException as error:  # not raised: for a SystemExit pykka would stop every actor of the process
            self.error = error
            self.actor_stopped.set()
            self.on_failure()

    def work(self, message: Any) -> None:
        """Deal with one message."""
        raise NotImplementedError

    def supervised(self, step: Callable[[], T]) -> T:
        """Do a step until it succeeds; after each failure ask the supervisor, wait as long as it says, and restart.

        Raises the step's error where the supervisor decides against another try, `Halted` where the actor was halted.
        """
        while True:
            try:
                return step()
            except Halted:
                raise
            except BaseException as error:  # a step calls code of the source: that can do anything, even sys.exit()
                if self.halted.is_set():
                    raise Halted from error
                self.trouble = error
                pause = self.supervisor.decide(self.actor_urn, error, progressed=self._progressed)
                if pause is None:
                    raise
            self._progressed = False
            if self.halted.wait(pause):
                raise Halted
            self.counts.restarts += 1
            self.on_restart()

    def on_restart(self) -> None:
        """Throw away what may be broken; called before each new try."""

    def on_stop(self) -> None:
        self.mailbox.close()

    def on_failure(self, *_error: Any) -> None:
        self.on_stop()
