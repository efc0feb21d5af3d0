"""What goes into a topic, what goes into its dead-letter topic, and how a record is known again."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Annotated, Any, NamedTuple, TypeAlias

import msgspec

from kit.errors import BadPayload, KitError

__all__ = ["DEAD_LETTER", "DeadLetter", "Record", "Seen", "ToRecords", "checked", "identity_in_topic", "in_words"]

DEAD_LETTER = ".dead-letter"
_MOST_BYTES = 900_000  # of a dead letter's value: what Kafka takes by default, less room for headers
_MOST_RECORD_BYTES = 1_048_000  # of key, value and id: what the producer takes in one request, less its framing
_MOST_LETTERS = 1_000  # of an error's text
_MOST_TIME = 2**63 - 1
_ID, _EVENT_TIME = "record-id", "event-time"
_BYTES = (bytes, bytearray, memoryview)
Headers: TypeAlias = list[tuple[str, bytes]]


class Record(NamedTuple):
    """One record for a topic.

    A record is known by its `id` (what the source knows it by, such as a tweet's id), if it has one, else by its key,
    its event time and its value. A second record that is known by the same is a duplicate. After a restart a collector
    knows its records by the topic: an id is in the header ``record-id`` (empty where the id is the key); a topic whose
    ``message.timestamp.type`` is ``LogAppendTime`` has the event time in the header ``event-time`` (milliseconds).

    Parameters
    ----------
    key
        Records with the same key go to the same partition, in order. None: any partition.
    value
        The record itself. None, with a key: a tombstone.
    time
        When it happened (event time): milliseconds since 1970, UTC; 0 or more.
    """

    key: bytes | None
    value: bytes | None
    time: Annotated[int, msgspec.Meta(ge=0, le=_MOST_TIME)]
    id: Annotated[bytes, msgspec.Meta(min_length=1)] | None = None

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
    def of(cls, payload: bytes | None, error: BaseException, *, source: str) -> "DeadLetter":
        """The dead letter for a payload, as of now; of a `BadPayload`, for what it rejects."""
        if isinstance(error, BadPayload):
            payload = error.raw if type(error.raw) is bytes else payload
            error = error.__cause__ or error
        text = in_words(error).encode("utf-8", "backslashreplace")  # half of a surrogate pair has no bytes
        at = datetime.now(UTC).isoformat(timespec="milliseconds").encode()
        why = [("error", text), ("source", source.encode()), ("at", at)]
        return cls(payload or b"", time.time_ns() // 1_000_000, why).cut(_MOST_BYTES)

    def cut(self, most: int) -> "DeadLetter":
        """The same with a value of at most so many bytes; its first length is in the header ``cut-from-bytes``."""
        if len(self.value) <= most:
            return self
        first = [] if self.why[-1][0] == "cut-from-bytes" else [("cut-from-bytes", b"%d" % len(self.value))]
        return self._replace(value=self.value[:most], why=self.why + first)

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
    if isinstance(made, BadPayload):
        raise made
    if not isinstance(made, Record):
        raise TypeError(f"to_records must give a Record, not a {type(made).__name__}")
    key, value, at, name = made
    usual = type(key) is type(value) is bytes and type(at) is int and (name is None or type(name) is bytes)
    if not (usual and 0 <= at <= _MOST_TIME and name != b"" and type(made) is Record):
        try:
            made = key, value, at, name = msgspec.convert(tuple(made), Record, builtin_types=_BYTES)
        except msgspec.ValidationError as error:
            raise TypeError(f"a record's key, value, time and id, in this order: {error}") from None
    if value is None and key is None:
        raise ValueError("a record without a key must have a value")
    if len(key or b"") + len(value or b"") + len(name or b"") > _MOST_RECORD_BYTES:
        raise ValueError(f"a record must have at most {_MOST_RECORD_BYTES:,} bytes")
    return made


def identity_in_topic(found: Any) -> tuple[str, Hashable]:
    """The topic of a record that kafka-python has read, and what the record is known by."""
    if found.topic.endswith(DEAD_LETTER):
        return found.topic, (found.value, tuple(found.headers))
    headers, at = dict(found.headers), found.timestamp
    if (kept := headers.get(_EVENT_TIME, b"")).isdigit():
        at = int(kept)
    name = headers[_ID] or found.key if _ID in headers else None
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
