"""What the actors of a collector have in common: a bounded mailbox, a daemon thread with an owner, supervision."""

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import astuple, dataclass
from typing import Any, Self, TypeVar

import pykka
from pykka import ActorDeadError
from pykka._envelope import Envelope

from kit.collectors._supervisor import Supervisor

__all__ = ["Actor", "Counts", "Halted", "Mailbox", "MailboxFull"]

T = TypeVar("T")


class Halted(BaseException):
    """The actor must let go of what it does. Like `SystemExit` it passes through ``except Exception``."""


class MailboxFull(Exception):
    """The mailbox had no room in time: its actor cannot keep up, so the one that writes to it must slow down."""


@dataclass(slots=True)
class Counts:
    """What became of the records: received = sent + duplicate + dead_lettered, once all is done."""

    received: int = 0
    sent: int = 0
    duplicate: int = 0
    dead_lettered: int = 0
    restarts: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(*map(sum, zip(astuple(self), astuple(other), strict=True)))


class Mailbox:
    """A bounded inbox for a pykka actor: the messages that it has not read yet, in the order they came.

    It counts payloads: messages that are `bytes`. Any other message (pykka's own *stop*) gets in however full it is.
    Payloads that wait one behind the other are taken out together, as one list: an idle actor gets a payload the moment
    it comes, a busy one gets all that came meanwhile.

    At most `capacity` payloads wait; at most `batch` are taken out at once; `put` waits `patience` seconds for room.
    """

    def __init__(self, *, capacity: int = 10_000, batch: int = 2_000, patience: float = 0.2) -> None:
        self._capacity, self._batch, self._patience = capacity, batch, patience
        self._messages: deque[Envelope[Any]] = deque()
        self._payloads, self._closed, self._lock = 0, False, threading.Lock()
        self._arrived, self._taken = threading.Condition(self._lock), threading.Condition(self._lock)

    def put(self, envelope: Envelope[Any]) -> None:
        """Add a message. Raises `MailboxFull`: no room in time. Raises `ActorDeadError`: its actor has stopped."""
        payload = type(envelope.message) is bytes
        with self._lock:
            if payload and self._payloads >= self._capacity:
                self._taken.wait_for(lambda: self._closed or self._payloads < self._capacity, self._patience)
            if self._closed:
                raise ActorDeadError("this mailbox is closed: the actor that read it has stopped")
            if payload and self._payloads >= self._capacity:
                raise MailboxFull(f"{self._payloads} payloads wait in a mailbox for {self._capacity}")
            self._messages.append(envelope)
            self._payloads += payload
            self._arrived.notify()

    def get(self) -> Envelope[Any]:
        """Take the next message, or the payloads that wait next as one list; waits until there is one."""
        with self._lock:
            messages, batch = self._messages, list[bytes]()
            while not messages:
                self._arrived.wait()
            while messages and len(batch) < self._batch and type(messages[0].message) is bytes:
                batch.append(messages.popleft().message)
            if not batch:
                return messages.popleft()
            self._payloads -= len(batch)
            self._taken.notify_all()
            return Envelope(batch)

    def empty(self) -> bool:
        return not self._messages

    def close(self) -> None:
        """Refuse messages from now on, and wake those that wait for room. What is in it stays in it. Idempotent."""
        with self._lock:
            self._closed = True
            self._taken.notify_all()

    def __len__(self) -> int:
        """How many payloads wait."""
        return self._payloads


class Actor(pykka.ThreadingActor):
    """A pykka actor that belongs to one owner, and asks a supervisor what to do when it fails.

    Its owner starts it with `begin`, outside pykka's registry, so that `pykka.ActorRegistry.stop_all()` in another cell
    leaves it alone. Its thread is a daemon that can be joined. Its mailbox is bounded, and closes with it: to tell a
    dead actor something raises `ActorDeadError`, and never waits.

    Its ref, its mailbox and its work in hand survive a restart; what may be broken is made anew.
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
        except Halted:
            pass
        except BaseException as error:  # not raised: for a SystemExit pykka would stop every actor of the process
            self.error = error
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
