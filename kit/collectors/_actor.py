"""What the actors of a collector have in common: a bounded mailbox, a daemon thread with an owner, supervision."""

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import pykka
from pykka import ActorDeadError
from pykka._envelope import Envelope

from kit.collectors._supervisor import Supervisor

__all__ = ["Actor", "Counts", "Halted", "Mailbox"]

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


class Mailbox(queue.Queue[Envelope[Any]]):
    """A bounded inbox for a pykka actor.

    Payloads (messages that are `bytes`) that wait one behind the other are taken out together, as one list of at most
    `batch`: an idle actor gets a payload the moment it comes, a busy one gets all that came meanwhile. `put` waits
    `patience` seconds for room for a payload, then raises `queue.Full`. Any other message (pykka's own *stop*) gets in
    however full it is.
    """

    def __init__(self, *, capacity: int = 10_000, batch: int = 2_000, patience: float = 0.2) -> None:
        super().__init__(capacity)
        self._batch, self._patience, self._payloads, self._closed = batch, patience, 0, False

    def put(self, item: Envelope[Any], block: bool = True, timeout: float | None = None) -> None:
        """Add a message. Raises `ActorDeadError`: its actor has stopped."""
        if type(item.message) is bytes:
            super().put(item, timeout=self._patience)
        else:
            with self.not_empty:
                self._put(item)
                self.not_empty.notify()

    def _put(self, item: Envelope[Any]) -> None:
        if self._closed:
            raise ActorDeadError("this mailbox is closed: the actor that read it has stopped")
        self.queue.append(item)
        self._payloads += type(item.message) is bytes

    def _get(self) -> Envelope[Any]:
        messages, batch = self.queue, list[bytes]()
        while messages and len(batch) < self._batch and type(messages[0].message) is bytes:
            batch.append(messages.popleft().message)
        self._payloads -= len(batch)
        return Envelope(batch) if batch else messages.popleft()

    def empty(self) -> bool:
        """Whether nothing is to be read any more. Pykka empties an inbox at the end; what is in a closed one stays."""
        return self._closed or super().empty()

    def close(self) -> None:
        """Refuse messages from now on. Idempotent."""
        with self.mutex:
            self._closed = True

    def __len__(self) -> int:
        """How many payloads wait."""
        return self._payloads


class Actor(pykka.ThreadingActor):
    """A pykka actor that belongs to one owner, and asks a supervisor what to do when it fails.

    Its owner starts it with `begin`, outside pykka's registry, so that `pykka.ActorRegistry.stop_all()` in another cell
    leaves it alone. Its thread is a daemon that can be joined. Its mailbox closes with it. Its ref, its mailbox and its
    work in hand survive a restart; what may be broken is made anew.
    """

    supervisor: Supervisor

    def __init__(self, name: str, *, capacity: int = 10_000) -> None:
        self.name, self.mailbox = name, Mailbox(capacity=capacity)
        super().__init__()
        self.counts = Counts()  # only the actor itself writes it
        self.oldest: float | None = None  # since when it has held the oldest record that is not acknowledged
        self.halted = threading.Event()
        self.error: BaseException | None = None  # what it ended with
        self.trouble: BaseException | None = None  # its last failure or obstacle
        self._progressed = False
        self._thread = threading.Thread(target=self._actor_loop, name=f"collector-{name}", daemon=True)

    def _create_actor_inbox(self) -> Mailbox:  # type: ignore[override]  # pykka makes it without asking the instance
        return self.mailbox

    def begin(self) -> None:
        """Start the actor's thread."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Put pykka's stop message behind what waits in the mailbox. Idempotent, never waits."""
        with suppress(ActorDeadError):
            self.actor_ref.stop(block=False)

    def halt(self) -> None:
        """Make the actor let go of what it does or waits for. From any thread; idempotent."""
        self.halted.set()

    def join(self, timeout: float = 0.0) -> bool:
        """Wait until the actor's thread has ended, and return whether it has."""
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def on_receive(self, message: Any) -> None:
        try:
            self.work(message)
        except BaseException as error:  # not raised: for a SystemExit pykka would stop every actor of the process
            self.error = None if isinstance(error, Halted) else error
            self.actor_stopped.set()
            self.on_stop()

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
        """The last that the actor does, also after it failed with `error`."""
        self.mailbox.close()
