"""What cannot become a record, or is refused by Kafka: always one bounded dead letter, and its neighbours are sent."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kit import topics
from kit.collectors import Collector, Counts, Listener, Record
from kit.collectors._kafka import MOST_BYTES
from kit.errors import BadPayload
from tests.collectors.tools import ORIGIN, numbers, payload, payloads, records, stream, to_records

pytestmark = pytest.mark.usefixtures("no_thread_left")

NUMPY = pytest.importorskip("numpy")


class Rude(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even this")


class Derived(Record):
    pass


def raising(error: BaseException) -> Callable[[bytes], Any]:
    def convert(raw: bytes) -> Any:
        raise error

    return convert


def giving(*made: Any) -> Callable[[bytes], Any]:
    return lambda raw: made


def failing_half_way(raw: bytes) -> Iterator[Record]:
    yield Record(b"first", raw, ORIGIN)
    raise ValueError("half way")


def recursing(raw: bytes) -> Any:
    return recursing(raw)


BAD: dict[str, tuple[Callable[[bytes], Any], str]] = {
    "error that repeats a large payload": (raising(ValueError("x" * 600_000)), "ValueError: xxx"),
    "half a surrogate in the error": (raising(ValueError("half \ud83d")), "ValueError: half \\ud83d"),
    "error whose text raises": (raising(Rude()), "Rude: its text cannot be shown"),
    "half a surrogate in the key": (giving(Record("\ud83d", b"v", 1)), "UnicodeEncodeError: "),  # type: ignore[arg-type]
    "half a surrogate in the value": (giving(Record(b"k", "\ud83d", 1)), "UnicodeEncodeError: "),  # type: ignore[arg-type]
    "unhashable key": (giving(Record([], b"v", 1)), "TypeError: a record's key, value"),  # type: ignore[arg-type]
    "unhashable value": (giving(Record(None, {}, 1)), "TypeError: a record's key, value"),  # type: ignore[arg-type]
    "neither key nor value": (giving(Record(None, None, 1)), "ValueError: a record without a key"),
    "time 2**63": (giving(Record(b"k", b"v", 2**63)), "TypeError: a record's key, value"),
    "negative time": (giving(Record(b"k", b"v", -1)), "TypeError: a record's key, value"),
    "time as float": (giving(Record(b"k", b"v", 1.5)), "TypeError: a record's key, value"),  # type: ignore[arg-type]
    "time as bool": (giving(Record(b"k", b"v", True)), "TypeError: a record's key, value"),
    "time as text": (giving(Record(b"k", b"v", "1")), "TypeError: a record's key, value"),  # type: ignore[arg-type]
    "time of numpy": (giving(Record(b"k", b"v", NUMPY.int64(1))), "TypeError: a record's key, value"),
    "no time": (giving(Record(b"k", b"v", None)), "TypeError: a record's key, value"),  # type: ignore[arg-type]
    "id as text": (giving(Record(b"k", b"v", 1, "id")), "TypeError: a record's key, value"),  # type: ignore[arg-type]
    "empty id": (giving(Record(b"k", b"v", 1, b"")), "TypeError: a record's key, value"),
    "larger than a request": (giving(Record(b"k", b"v" * 2_000_000, 1)), "ValueError: a record must have at most"),
    "derived with a bad part": (giving(Derived(b"k", 3, 1)), "TypeError: a record's key, value"),  # type: ignore[arg-type]
    "a tuple": (giving((b"k", b"v", 1)), "TypeError: to_records must give a Record"),
    "nothing": (lambda raw: None, "TypeError: 'NoneType'"),
    "rejected with raw that is not bytes": (
        giving(BadPayload("a quote", got="no price", todo="ask", raw=3)),  # type: ignore[arg-type]
        "BadPayload: no price",
    ),
    "sys.exit()": (raising(SystemExit("done")), "SystemExit: done (the code"),
    "sys.exit() without a word": (raising(SystemExit()), "SystemExit: "),
    "Ctrl-C": (raising(KeyboardInterrupt()), "KeyboardInterrupt: "),
    "GeneratorExit": (raising(GeneratorExit()), "GeneratorExit: "),
    "CancelledError": (raising(asyncio.CancelledError()), "CancelledError: "),
    "StopIteration": (raising(StopIteration()), "StopIteration: "),
    "MemoryError": (raising(MemoryError()), "MemoryError: "),
    "endless recursion": (recursing, "RecursionError: "),
}


def test_whatever_is_wrong_with_a_payload_is_one_dead_letter_and_its_neighbours_are_sent(
    broker: str, topic: str
) -> None:
    converts = {payload(2 * number + 1): bad for number, (bad, _) in enumerate(BAD.values())}
    lines = payloads(2 * len(BAD) + 1)
    with Collector(
        Listener(stream(lines)), topic, lambda raw: converts.get(raw, to_records)(raw), bootstrap_servers=broker
    ) as collector:
        assert collector.wait() == Counts(received=len(lines), sent=len(BAD) + 1, dead_lettered=len(BAD))
    assert numbers(broker, topic) == list(range(0, len(lines), 2))
    letters = records(broker, f"{topic}.dead-letter")
    assert [letter.value for letter in letters] == list(converts)
    for name, (_, reason), letter in zip(BAD, BAD.values(), letters, strict=True):
        error = dict(letter.headers)["error"].decode()
        assert error.startswith(reason), name
        assert len(error) <= 1000


def test_what_a_generator_gave_before_it_failed_is_sent(broker: str, topic: str) -> None:
    with Collector(Listener(stream(payloads(1))), topic, failing_half_way, bootstrap_servers=broker) as collector:
        assert collector.wait() == Counts(received=2, sent=1, dead_lettered=1)
    assert [record.key for record in records(broker, topic)] == [b"first"]


def test_odd_records_that_kafka_takes_are_sent(broker: str, topic: str) -> None:
    odd = [Derived(b"k", b"v", 1), Record(b"k", None, 2), Record(None, b"", 0), Record(b"k", b"v", 2**63 - 1)]
    odd += [Record(bytearray(b"k"), b"v", 3), Record(b"k", memoryview(b"w"), 3)]
    with Collector(Listener(stream([b"x"])), topic, giving(*odd), bootstrap_servers=broker) as collector:
        assert collector.wait() == Counts(received=6, sent=6)
    assert [(r.key, r.value, r.timestamp) for r in records(broker, topic)] == [tuple(record[:3]) for record in odd]


@pytest.mark.parametrize("share", [1, 7])
def test_records_that_a_topic_refuses_cost_a_restart_a_batch_and_not_a_record(
    broker: str, topic: str, share: int
) -> None:
    def convert(raw: bytes) -> list[Record]:
        (record,) = to_records(raw)
        number = int(record.key or b"")
        return [record._replace(key=None)] if number % share == 0 else [record]

    topics.create(topic, config={"cleanup.policy": "compact"}, bootstrap_servers=broker)
    opened = 0
    with Collector(Listener(stream(payloads(3000))), topic, convert, bootstrap_servers=broker) as collector:
        sender = collector._senders[0]
        open_again = sender._open

        def counted() -> Any:
            nonlocal opened
            opened += 1
            return open_again()

        sender._open = counted  # type: ignore[method-assign]
        refused = len(range(0, 3000, share))
        assert collector.wait(timeout=60) == Counts(received=3000, sent=3000 - refused, dead_lettered=refused)
    assert opened <= 20
    assert numbers(broker, topic) == [number for number in range(3000) if number % share]
    assert sorted(letter.value for letter in records(broker, f"{topic}.dead-letter")) == sorted(
        payload(number) for number in range(0, 3000, share)
    )


def test_a_topic_of_small_batches_gets_small_batches(broker: str, topic: str) -> None:
    lines = [*payloads(500), b'{"id": 500, "text": "' + b"x" * 5000 + b'"}', *payloads(501, 1000)]
    topics.create(topic, config={"max.message.bytes": "4000"}, bootstrap_servers=broker)
    with Collector(Listener(stream(lines)), topic, to_records, bootstrap_servers=broker) as collector:
        assert collector.wait(timeout=60) == Counts(received=1000, sent=999, dead_lettered=1)
        assert collector._senders[0]._batch_bytes < MOST_BYTES
    assert numbers(broker, topic) == [number for number in range(1000) if number != 500]


def test_a_dead_letter_that_is_too_large_for_its_topic_is_cut_until_it_fits(broker: str, topic: str) -> None:
    topics.create(f"{topic}.dead-letter", config={"max.message.bytes": "2000"}, bootstrap_servers=broker)
    huge = b"x" * 600_000
    with Collector(Listener(stream([huge, payload(1)])), topic, to_records, bootstrap_servers=broker) as collector:
        assert collector.wait(timeout=60) == Counts(received=2, sent=1, dead_lettered=1)
    (letter,) = records(broker, f"{topic}.dead-letter")
    assert 0 < len(letter.value) < 2000
    assert dict(letter.headers)["cut-from-bytes"] == b"600000"
