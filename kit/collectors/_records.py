"""What goes into a topic, what goes into its dead-letter topic, and how a record is known again."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, NamedTuple, TypeAlias

from kit.errors import BadPayload, KitError

__all__ = ["DEAD_LETTER", "DeadLetter", "Record", "Seen", "ToRecords"]
__all__ += ["checked", "identity_in_topic", "in_words"]

DEAD_LETTER = ".dead-letter"
_MOST_BYTES = 900_000  # of a dead letter's value: what Kafka takes by default, less room for headers
_MOST_RECORD_BYTES = 1_048_000  # of key, value and id: what the producer takes in one request, less its framing
_MOST_LETTERS = 1_000  # of an error's text
_ID, _EVENT_TIME = "record-id", "event-time"
Headers: TypeAlias = list[tuple[str, bytes]]


class Record(NamedTuple):
    """One record for a topic.

    A record is known by its `id`, if it has one, else by its key, its event time and its value. A second record that is
    known by the same is a duplicate. The topic carries what a collector needs to know its records again after a
    restart: an id in the header ``record-id`` (empty where the id is the key); in a topic whose
    ``message.timestamp.type`` is ``LogAppendTime``, the event time in the header ``event-time`` (milliseconds, as
    text). Records of other writers, which lack these headers, are known by key, Kafka timestamp and value.

    Parameters
    ----------
    key
        Records with the same key go to the same partition, in order. None: any partition.
    value
        The record itself. None, with a key: a tombstone.
    time
        When it happened (event time): milliseconds since 1970, UTC; 0 or more.
    id
        What the source knows the record by, for instance the id of a tweet.
    """

    key: bytes | None
    value: bytes | None
    time: int
    id: bytes | None = None

    @property
    def identity(self) -> Hashable:
        """What the record is known by. Of a large value the digest: it is remembered for long."""
        key, value, at, name = self
        if name is not None:
            return name
        return key, at, value if value is None or len(value) < 256 else blake2b(value, digest_size=16).digest()

    def headers(self, *, keep_time: bool) -> Headers:
        """What the topic must carry so that the record is known again; `keep_time`: the topic keeps no event time."""
        key, _, at, name = self
        if name is not None:
            return [(_ID, b"" if name == key else name)]
        return [(_EVENT_TIME, b"%d" % at)] if keep_time else []


ToRecords: TypeAlias = Callable[[bytes], Iterable[Record | BadPayload]]


class DeadLetter(NamedTuple):
    """What could not become a record: its bytes, as far as Kafka takes them, and the reason as headers."""

    value: bytes
    time: int
    why: Headers
    key: None = None

    @classmethod
    def of(cls, value: bytes, error: BaseException, *, source: str) -> "DeadLetter":
        """The dead letter for these bytes, as of now."""
        text = in_words(error).encode("utf-8", "backslashreplace")  # half of a surrogate pair has no bytes
        at = datetime.now(UTC).isoformat(timespec="milliseconds").encode()
        why = [("error", text), ("source", source.encode()), ("at", at)]
        return cls(value, time.time_ns() // 1_000_000, why).cut(_MOST_BYTES)

    def cut(self, most: int) -> "DeadLetter":
        """The same with a value of at most so many bytes; its first length is in the header ``cut-from-bytes``."""
        if len(self.value) <= most:
            return self
        cut_before = self.why[-1][0] == "cut-from-bytes"
        why = self.why if cut_before else [*self.why, ("cut-from-bytes", b"%d" % len(self.value))]
        return self._replace(value=self.value[:most], why=why)

    @property
    def identity(self) -> Hashable:
        return self.value, tuple(self.why)

    def headers(self, *, keep_time: bool) -> Headers:
        return self.why


def in_words(error: BaseException | None) -> str:
    """The type and the text of an error, in bounded length, whatever its own code does."""
    try:
        text = str(error.got if isinstance(error, KitError) else error)
    except BaseException as broken:  # its __str__ is code of the source
        text = f"its text cannot be shown: {type(broken).__name__}"
    if error is not None and not isinstance(error, Exception):
        text = f"{text} (the code of the source or of to_records asked Python to end)".lstrip()
    return f"{type(error).__name__}: {text}"[:_MOST_LETTERS]


def checked(made: object) -> Record:
    """`made`, if Kafka can take it as a record; else raises what is wrong with it, or the `BadPayload` that it is."""
    if type(made) is not Record:
        if isinstance(made, BadPayload):
            raise made
        if not isinstance(made, Record):
            raise TypeError(f"to_records must give a Record, not a {type(made).__name__}")
        made = Record(*made)
    key, value, at, name = made
    if type(value) is not bytes and (value is not None or key is None):
        raise TypeError(f"a record's value must be bytes (None: with a key only), not {type(value).__name__}")
    if key is not None and type(key) is not bytes:
        raise TypeError(f"a record's key must be bytes or None, not {type(key).__name__}")
    if type(at) is not int:
        raise TypeError(f"a record's time must be an int of milliseconds, not {type(at).__name__}")
    if not 0 <= at < 1 << 63:
        raise ValueError("a record's time must be from 0 to 2**63 - 1 milliseconds since 1970")
    if name is not None and (type(name) is not bytes or not name):
        raise TypeError(f"a record's id must be bytes, and not empty, or None, not {type(name).__name__}")
    if len(key or b"") + len(value or b"") + len(name or b"") > _MOST_RECORD_BYTES:
        raise ValueError(f"a record must have at most {_MOST_RECORD_BYTES:,} bytes")
    return made


def identity_in_topic(found: Any) -> tuple[str, Hashable]:
    """The topic of a record that kafka-python has read, and what the record is known by."""
    if found.topic.endswith(DEAD_LETTER):
        return found.topic, (found.value, tuple(found.headers))
    name, at = None, found.timestamp
    for header, value in found.headers:
        if header == _ID:
            name = value or found.key
        elif header == _EVENT_TIME and value and value.isdigit():
            at = int(value)
    return found.topic, Record(found.key, found.value, at, name).identity


class Seen:
    """Remembers the last `most` identities, so that what comes twice can be told from what is new. Senders share it."""

    def __init__(self, *, most: int, known: Iterable[Hashable] = ()) -> None:
        self._most, self._lock = most, threading.Lock()
        self._known: OrderedDict[Hashable, bool] = OrderedDict.fromkeys(known, False)

    def add(self, one: Hashable) -> bool:
        """Remember `one`; False if it was known already."""
        with self._lock:
            new = self._known.pop(one, True)
            self._known[one] = False
            if len(self._known) > self._most:
                self._known.popitem(last=False)
        return new
