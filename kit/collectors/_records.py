"""What goes into a topic, what goes into its dead-letter topic, and how a record is known again."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, NamedTuple, TypeAlias

from kit.errors import BadPayload, KitError

__all__ = [
    "DEAD_LETTER",
    "DeadLetter",
    "Record",
    "Seen",
    "ToRecords",
    "checked",
    "headers_of",
    "identity",
    "identity_in_topic",
    "in_words",
]

DEAD_LETTER = ".dead-letter"
_MOST_BYTES = 900_000  # of a dead letter's value: what Kafka takes by default, less room for headers
_MOST_RECORD_BYTES = 1_048_000  # of key, value and id: what the producer takes in one request, less its framing
_MOST_LETTERS = 1_000  # of an error's text
_ID, _EVENT_TIME = "record-id", "event-time"
_KEY_IS_ID = [(_ID, b"")]
_NO_HEADERS: list[tuple[str, bytes]] = []


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

    Examples
    --------
    >>> Record(b"JPM", b'{"price": 310.5}', 1_767_623_400_000).id is None
    True
    """

    key: bytes | None
    value: bytes | None
    time: int
    id: bytes | None = None


ToRecords: TypeAlias = Callable[[bytes], Iterable[Record | BadPayload]]


class DeadLetter(NamedTuple):
    """What could not become a record: its bytes, as far as Kafka takes them, and the reason as headers."""

    value: bytes
    time: int
    headers: list[tuple[str, bytes]]
    key: None = None

    @classmethod
    def of(cls, value: bytes, error: BaseException, *, source: str) -> "DeadLetter":
        """The dead letter for these bytes, as of now."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        headers = [("error", _encoded(in_words(error))), ("source", source.encode()), ("at", at.encode())]
        return cls(value, time.time_ns() // 1_000_000, headers).cut(_MOST_BYTES)

    def cut(self, most: int) -> "DeadLetter":
        """The same with a value of at most so many bytes; its first length is in the header ``cut-from-bytes``."""
        if len(self.value) <= most:
            return self
        headers = self.headers
        if not any(name == "cut-from-bytes" for name, _ in headers):
            headers = [*headers, ("cut-from-bytes", b"%d" % len(self.value))]
        return self._replace(value=self.value[:most], headers=headers)


def in_words(error: BaseException | None) -> str:
    """The type and the text of an error, in bounded length, whatever its own code does."""
    try:
        text = str(error.got if isinstance(error, KitError) else error)
    except BaseException as broken:  # its __str__ is anybody's code
        text = f"its text cannot be shown: {type(broken).__name__}"
    if error is not None and not isinstance(error, Exception):
        text = f"{text} (the code of the source or of to_records asked Python to end)".lstrip()
    return f"{type(error).__name__}: {text}"[:_MOST_LETTERS]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")  # half of a surrogate pair has no bytes


def checked(made: object) -> Record:
    """`made`, if Kafka can take it as a record.

    Raises
    ------
    BadPayload
        `to_records` gave it as one.
    TypeError, ValueError
        It is not a `Record`, or a part of it has the wrong type or range.
    """
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


def headers_of(record: Record, *, keep_time: bool) -> list[tuple[str, bytes]]:
    """What the topic must carry so that the record is known again; `keep_time`: the topic keeps no event time."""
    key, _, at, name = record
    if name is not None:
        return _KEY_IS_ID if name == key else [(_ID, name)]
    return [(_EVENT_TIME, b"%d" % at)] if keep_time else _NO_HEADERS


def identity(record: Record) -> Hashable:
    """What a record is known by."""
    key, value, at, name = record
    if name is not None:
        return name
    # A large value would stay in memory for as long as its identity is remembered.
    return key, at, value if value is None or len(value) < 256 else blake2b(value, digest_size=16).digest()


def identity_in_topic(found: Any) -> Hashable:
    """What a record of kafka-python, read from a topic, is known by."""
    name, at = None, found.timestamp
    for header, value in found.headers:
        if header == _ID:
            name = value or found.key
        elif header == _EVENT_TIME and value and value.isdigit():
            at = int(value)
    return identity(Record(found.key, found.value, at, name))


class Seen:
    """Remembers the last `most` identities, so that what comes twice can be told from what is new.

    >>> seen = Seen(most=2)
    >>> [seen.add(name) for name in (b"a", b"a", b"b", b"c", b"a")]
    [True, False, True, True, True]
    """

    def __init__(self, *, most: int, known: Iterable[Hashable] = ()) -> None:
        self.most = most
        self._known: OrderedDict[Hashable, None] = OrderedDict.fromkeys(known)

    def add(self, one: Hashable) -> bool:
        """Remember `one`; False if it was known already."""
        known = self._known
        if one in known:
            known.move_to_end(one)
            return False
        known[one] = None
        if len(known) > self.most:
            known.popitem(last=False)
        return True
