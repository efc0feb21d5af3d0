"""What goes into a topic, what goes into its dead-letter topic, and how a record is known again."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

from kit.errors import BadPayload

__all__ = ["DEAD_LETTER", "Identity", "Letter", "Record", "Seen", "ToRecords", "dead_letter", "identity"]

DEAD_LETTER = ".dead-letter"
_MOST_BYTES = 900_000  # of a dead letter: what Kafka takes by default, less room for headers

Identity: TypeAlias = tuple[bytes, int]


class Record(NamedTuple):
    """One record for a topic.

    A record is known by its key and its event time: a second one with both the same is a duplicate. (Without a key, it
    is known by its value.)

    Parameters
    ----------
    key
        Records with the same key go to the same partition, in order.
    value
        The record itself.
    time
        When it happened (event time): milliseconds since 1970, UTC.
    """

    key: bytes | None
    value: bytes
    time: int


ToRecords: TypeAlias = Callable[[bytes], Iterable[Record | BadPayload]]


class Letter(NamedTuple):
    """A record on its way, with the topic it goes to."""

    key: bytes | None
    value: bytes
    time: int
    topic: str
    headers: list[tuple[str, bytes]] | None


def identity(key: bytes | None, value: bytes, time: int) -> Identity:
    """What a record is known by."""
    return (value if key is None else key), time


def dead_letter(topic: str, raw: object, error: BaseException, *, source: str) -> Letter:
    """The letter that keeps what could not become a record of `topic`: its bytes as they came, and why, as headers."""
    reason = getattr(error, "got", None) or str(error)
    value = raw if isinstance(raw, bytes) else repr(raw).encode()
    headers = [
        ("error", f"{type(error).__name__}: {reason}".encode()),
        ("source", source.encode()),
        ("at", datetime.now(UTC).isoformat(timespec="milliseconds").encode()),
    ]
    if len(value) > _MOST_BYTES:
        headers.append(("cut-from-bytes", str(len(value)).encode()))
    return Letter(None, value[:_MOST_BYTES], time.time_ns() // 1_000_000, topic + DEAD_LETTER, headers)


class Seen:
    """Remembers the last `most` identities, so that what comes twice can be told from what is new.

    >>> seen = Seen(most=2)
    >>> [seen.add((key, 0)) for key in (b"a", b"a", b"b", b"c", b"a")]
    [True, False, True, True, True]
    """

    def __init__(self, *, most: int, known: Iterable[Identity] = ()) -> None:
        self.most = most
        self._known: OrderedDict[Identity, None] = OrderedDict.fromkeys(known)

    def add(self, one: Identity) -> bool:
        """Remember `one`; False if it was known already."""
        known = self._known
        if one in known:
            known.move_to_end(one)
            return False
        known[one] = None
        if len(known) > self.most:
            known.popitem(last=False)
        return True
