"""A mailbox: the messages that an actor has not read yet, in the order they came, and never more than it can hold."""

import threading
import time
from collections import deque
from typing import Any

from pykka import ActorDeadError
from pykka._envelope import Envelope

__all__ = ["Mailbox", "MailboxFull"]


class MailboxFull(Exception):
    """The mailbox had no room in time: its actor cannot keep up, so the one that writes to it must slow down."""


class Mailbox:
    """A bounded inbox for a pykka actor.

    It counts *payloads*: a `bytes` message is one, a list of them as many as it holds. Any other message (pykka's own
    *stop*, a question) weighs nothing, so it gets in however full the mailbox is. Payloads that wait one behind the
    other are taken out together, as one list: an idle actor gets a payload the moment it comes, a busy one gets all
    that came meanwhile.

    At most `capacity` payloads wait; at most `batch` are taken out at once; `put` waits `patience` seconds for room.

    Examples
    --------
    >>> mailbox = Mailbox(capacity=3)
    >>> for payload in (b"a", b"b", b"c"):
    ...     mailbox.put(Envelope(payload))
    >>> len(mailbox), mailbox.get().message, len(mailbox)
    (3, [b'a', b'b', b'c'], 0)
    """

    def __init__(self, *, capacity: int = 10_000, batch: int = 2_000, patience: float = 0.2) -> None:
        self.capacity, self.batch, self.patience = capacity, batch, patience
        self._messages: deque[tuple[Envelope[Any], float]] = deque()
        self._payloads = 0
        self._closed = False
        self._lock = threading.Lock()
        self._arrived, self._taken = threading.Condition(self._lock), threading.Condition(self._lock)
        self._reader_waits = False
        self.last_arrival = 0.0  # when the message that was taken out last had come in

    def put(self, envelope: Envelope[Any]) -> None:
        """Add a message. Raises `MailboxFull`: no room in time. Raises `ActorDeadError`: its actor has stopped."""
        weight = _weight(envelope.message)
        with self._lock:
            if (
                weight
                and self._payloads + weight > self.capacity
                and not self._taken.wait_for(
                    # A list longer than the whole mailbox gets in once all others are out.
                    lambda: self._closed or not self._payloads or self._payloads + weight <= self.capacity,
                    self.patience,
                )
            ):
                raise MailboxFull(f"{self._payloads} payloads wait in a mailbox for {self.capacity}")
            if self._closed:
                raise ActorDeadError("this mailbox is closed: the actor that read it has stopped")
            self._messages.append((envelope, time.monotonic()))
            self._payloads += weight
            if self._reader_waits:
                self._arrived.notify()

    def get(self) -> Envelope[Any]:
        """Take the next message, or the payloads that wait next as one list; waits until there is one."""
        with self._lock:
            while not self._messages:
                self._reader_waits = True
                self._arrived.wait()
                self._reader_waits = False
            envelope, self.last_arrival = self._messages.popleft()
            if type(envelope.message) is bytes and envelope.reply_to is None:
                envelope = Envelope(self._take_payloads(envelope.message))
            weight = _weight(envelope.message)
            self._payloads -= weight
            if weight:
                self._taken.notify_all()
            return envelope

    def empty(self) -> bool:
        return not self._messages

    def close(self) -> None:
        """Refuse messages from now on, and wake those that wait for room. What is in it stays in it. Idempotent."""
        with self._lock:
            self._closed = True
            self._taken.notify_all()

    def waiting_since(self) -> float | None:
        """When the oldest message came in (`time.monotonic()`), or None when there is none."""
        with self._lock:
            return self._messages[0][1] if self._messages else None

    def __len__(self) -> int:
        """How many payloads wait."""
        return self._payloads

    def _take_payloads(self, first: bytes) -> list[bytes]:
        messages, batch = self._messages, [first]
        while messages and len(batch) < self.batch:
            envelope = messages[0][0]
            if type(envelope.message) is not bytes or envelope.reply_to is not None:
                break
            batch.append(envelope.message)
            messages.popleft()
        return batch


def _weight(message: object) -> int:
    if type(message) is bytes:
        return 1
    return len(message) if type(message) is list else 0
