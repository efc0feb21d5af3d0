"""A mailbox: the messages that an actor has not read yet, in the order they came, and never more than it can hold."""

import threading
from collections import deque
from typing import Any

from pykka import ActorDeadError
from pykka._envelope import Envelope

__all__ = ["Mailbox", "MailboxFull"]


class MailboxFull(Exception):
    """The mailbox had no room in time: its actor cannot keep up, so the one that writes to it must slow down."""


class Mailbox:
    """A bounded inbox for a pykka actor.

    It counts payloads: messages that are `bytes`. Any other message (pykka's own *stop*) gets in however full the
    mailbox is. Payloads that wait one behind the other are taken out together, as one list: an idle actor gets a
    payload the moment it comes, a busy one gets all that came meanwhile.

    At most `capacity` payloads wait; at most `batch` are taken out at once; `put` waits `patience` seconds for room.
    """

    def __init__(self, *, capacity: int = 10_000, batch: int = 2_000, patience: float = 0.2) -> None:
        self.capacity, self.batch, self.patience = capacity, batch, patience
        self._messages: deque[Envelope[Any]] = deque()
        self._payloads = 0
        self._closed = False
        self._lock = threading.Lock()
        self._arrived, self._taken = threading.Condition(self._lock), threading.Condition(self._lock)

    def put(self, envelope: Envelope[Any]) -> None:
        """Add a message. Raises `MailboxFull`: no room in time. Raises `ActorDeadError`: its actor has stopped."""
        payload = type(envelope.message) is bytes
        with self._lock:
            if payload and self._payloads >= self.capacity:
                self._taken.wait_for(lambda: self._closed or self._payloads < self.capacity, self.patience)
            if self._closed:
                raise ActorDeadError("this mailbox is closed: the actor that read it has stopped")
            if payload and self._payloads >= self.capacity:
                raise MailboxFull(f"{self._payloads} payloads wait in a mailbox for {self.capacity}")
            self._messages.append(envelope)
            self._payloads += payload
            self._arrived.notify()

    def get(self) -> Envelope[Any]:
        """Take the next message, or the payloads that wait next as one list; waits until there is one."""
        with self._lock:
            messages, batch = self._messages, list[bytes]()
            while not messages:
                self._arrived.wait()
            while messages and len(batch) < self.batch and type(messages[0].message) is bytes:
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
