"""A mailbox: what an actor was told and has not read yet, in the order it came, and never more than it can hold."""

import threading
import time
from collections import deque
from typing import Any

from pykka import ActorDeadError
from pykka._envelope import Envelope

__all__ = ["Mailbox", "MailboxFull"]


class MailboxFull(Exception):
    """The mailbox had no room in time: its owner cannot keep up, so the sender must slow down."""


class Mailbox:
    """A bounded inbox for a pykka actor.

    It counts *records*, not letters: a `bytes` message is one record, a list of them as many as it holds. Any other
    message (pykka's own *stop*, a question asked) weighs nothing, so it gets in however full the mailbox is.

    Payloads that wait one behind the other are taken out together, as one list: an idle actor gets a record the moment
    it comes, a busy one gets what has come meanwhile. That makes a thread hop per batch out of a hop per record.

    Parameters
    ----------
    capacity
        Most records that may wait.
    batch
        Most records taken out at once.
    patience
        Seconds that `put` waits for room before it raises `MailboxFull`.

    Examples
    --------
    >>> mailbox = Mailbox(capacity=3)
    >>> for letter in (b"a", b"b", b"c"):
    ...     mailbox.put(Envelope(letter))
    >>> len(mailbox), mailbox.get().message, len(mailbox)
    (3, [b'a', b'b', b'c'], 0)
    """

    def __init__(self, *, capacity: int = 10_000, batch: int = 500, patience: float = 0.2) -> None:
        self.capacity, self.batch, self.patience = capacity, batch, patience
        self._letters: deque[tuple[Envelope[Any], float]] = deque()
        self._records = 0
        self._closed = False
        lock = threading.Lock()
        self._arrived, self._taken = threading.Condition(lock), threading.Condition(lock)
        self._readers_wait = False
        self.last_arrival = 0.0  # when the letter that was taken out last had come in

    def put(self, envelope: Envelope[Any]) -> None:
        """Add a letter.

        Raises
        ------
        MailboxFull
            There was no room for it within `patience` seconds.
        ActorDeadError
            The mailbox is closed: nobody will ever read it again.
        """
        weight = _weight(envelope.message)
        with self._arrived:
            if weight and self._records + weight > self.capacity:
                self._wait_for_room(weight)
            if self._closed:
                raise ActorDeadError("this mailbox is closed: the actor that read it has stopped")
            self._letters.append((envelope, time.monotonic()))
            self._records += weight
            if self._readers_wait:
                self._arrived.notify()

    def get(self) -> Envelope[Any]:
        """Take the next letter, or the payloads that wait next as one letter; waits until there is one."""
        with self._arrived:
            while not self._letters:
                self._readers_wait = True
                self._arrived.wait()
                self._readers_wait = False
            envelope, self.last_arrival = self._letters.popleft()
            weight = _weight(envelope.message)
            if isinstance(envelope.message, bytes) and envelope.reply_to is None:
                envelope = Envelope(self._take_payloads([envelope.message]))
                weight = len(envelope.message)
            self._records -= weight
            if weight:
                self._taken.notify_all()
            return envelope

    def empty(self) -> bool:
        return not self._letters

    def close(self) -> None:
        """Refuse letters from now on, and wake whoever waits for room. What is in it stays in it. Idempotent."""
        with self._taken:
            self._closed = True
            self._taken.notify_all()

    def waiting_since(self) -> float | None:
        """When the oldest letter came in (`time.monotonic()`), or None when there is none."""
        with self._arrived:
            return self._letters[0][1] if self._letters else None

    def __len__(self) -> int:
        """How many records wait."""
        return self._records

    def _wait_for_room(self, weight: int) -> None:
        def room() -> bool:
            # A letter heavier than the whole mailbox gets in once all others are out.
            return self._closed or not self._records or self._records + weight <= self.capacity

        if not self._taken.wait_for(room, self.patience):
            raise MailboxFull(f"{self._records} records wait in a mailbox for {self.capacity}")

    def _take_payloads(self, batch: list[bytes]) -> list[bytes]:
        letters = self._letters
        while letters and len(batch) < self.batch:
            envelope = letters[0][0]
            if not isinstance(envelope.message, bytes) or envelope.reply_to is not None:
                break
            batch.append(envelope.message)
            letters.popleft()
        return batch


def _weight(message: object) -> int:
    if isinstance(message, bytes):
        return 1
    return len(message) if isinstance(message, list) else 0
