"""A collector on a real broker: everything arrives, once, and it stops without a trace."""

import threading
import time
from collections.abc import Iterator

import pykka
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kit.collectors import Collector, Counts, Listener, Poller, Record, Supervisor
from kit.errors import BadPayload, BrokerUnavailable, CollectorError, SourceError
from tests.collectors.tools import (
    ORIGIN,
    QuietStream,
    Receive,
    numbers,
    payload,
    payloads,
    records,
    stream,
    to_records,
)
from tests.wait import wait_until

pytestmark = pytest.mark.usefixtures("no_thread_left")


@pytest.mark.parametrize("workers", [1, 3])
def test_every_record_of_a_stream_is_in_the_topic_once(broker: str, topic: str, workers: int) -> None:
    twice = [*payloads(2000), *payloads(1000)]
    with Collector(Listener(stream(twice)), topic, to_records, workers=workers, bootstrap_servers=broker) as collector:
        counts = collector.wait()
    assert counts == Counts(received=3000, sent=2000, duplicate=1000)
    assert numbers(broker, topic) == list(range(2000))


def test_several_workers_send_what_comes_in_other_bytes_once(broker: str, topic: str) -> None:
    lines = [payload(number) + b" " * again for number in range(500) for again in range(4)]

    def convert(raw: bytes) -> list[Record]:
        return [record._replace(id=record.key) for record in to_records(raw)]

    with Collector(Listener(stream(lines)), topic, convert, workers=3, bootstrap_servers=broker) as collector:
        assert collector.wait() == Counts(received=2000, sent=500, duplicate=1500)
    assert numbers(broker, topic) == list(range(500))


def test_a_record_keeps_its_key_its_bytes_and_its_time(broker: str, topic: str) -> None:
    with Collector(Listener(stream(payloads(1))), topic, to_records, bootstrap_servers=broker) as collector:
        collector.wait()
    (record,) = records(broker, topic)
    assert (record.key, record.value, record.timestamp) == (b"0", payload(0), ORIGIN)


def test_a_poller_passes_on_what_is_new_and_drops_what_it_has_seen(broker: str, topic: str) -> None:
    answers: Iterator[bytes] = iter([payload(0), payload(0), payload(1), payload(1), payload(1), payload(2)])
    poller = Poller(lambda: next(answers, payload(2)), every=0.01)
    with Collector(poller, topic, to_records, bootstrap_servers=broker) as collector:
        collector.wait(sent=3)
        wait_until(lambda: collector.counts.duplicate >= 5)
        counts = collector.stop()
    assert counts.sent == 3
    assert counts.received == counts.sent + counts.duplicate
    assert numbers(broker, topic) == [0, 1, 2]


def test_a_source_that_fails_now_and_then_is_asked_again(broker: str, topic: str) -> None:
    asked = iter(range(1000))

    def fetch() -> bytes:
        number = next(asked)
        if number % 3 == 1:
            raise SourceError("an answer", got="503", todo="wait")
        return payload(number)

    supervisor = Supervisor(restarts=1, first=0.01)
    with Collector(
        Poller(fetch, every=0.01), topic, to_records, supervisor=supervisor, bootstrap_servers=broker
    ) as collector:
        counts = collector.wait(sent=20)
    assert counts.restarts >= 9
    assert collector.failed is None


def test_a_stream_that_drops_is_resumed_without_loss(broker: str, topic: str) -> None:
    connections = iter(range(100))

    def listen(receive: Receive) -> None:
        first = next(connections) * 40
        for number in range(max(first - 10, 0), min(first + 40, 200)):  # the feed sends the last ten again
            receive(payload(number))
        if first + 40 < 200:
            raise SourceError("a stream", got="the line dropped", todo="connect again")

    supervisor = Supervisor(first=0.01)
    with Collector(Listener(listen), topic, to_records, supervisor=supervisor, bootstrap_servers=broker) as collector:
        counts = collector.wait()
    assert (counts.sent, counts.duplicate, counts.restarts) == (200, 40, 4)
    assert numbers(broker, topic) == list(range(200))


def test_what_is_no_record_is_kept_as_a_dead_letter_with_its_bytes_and_its_error(broker: str, topic: str) -> None:
    def convert(raw: bytes) -> list[Record | BadPayload]:
        if raw == b"rejected":
            return [BadPayload("a quote", got="no price", todo="ask the feed", raw=b"the raw bytes")]
        return [*to_records(raw)]

    lines = [payload(0), b"not json", b"rejected", payload(1)]
    with Collector(Listener(stream(lines)), topic, convert, bootstrap_servers=broker) as collector:
        counts = collector.wait()
    assert counts == Counts(received=4, sent=2, dead_lettered=2)
    letters = records(broker, f"{topic}.dead-letter")
    assert [letter.value for letter in letters] == [b"not json", b"the raw bytes"]
    headers = [dict(letter.headers) for letter in letters]
    assert headers[0]["error"].startswith(b"JSONDecodeError: Expecting value")
    assert headers[1]["error"] == b"BadPayload: no price"
    assert {header["source"] for header in headers} == {b"listener"}
    assert all(header["at"].startswith(b"20") for header in headers)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(garbage=st.lists(st.binary(max_size=200), min_size=200, max_size=200))
def test_whatever_bytes_come_none_is_lost_and_the_good_ones_get_through(
    broker: str, topic: str, garbage: list[bytes]
) -> None:
    topic = f"{topic}-{time.monotonic_ns()}"
    mixed = [line for number, bad in enumerate(garbage) for line in (bad, payload(number))]
    with Collector(Listener(stream(mixed)), topic, to_records, bootstrap_servers=broker) as collector:
        counts = collector.wait()
    assert counts == Counts(received=400, sent=200, dead_lettered=200)
    assert numbers(broker, topic) == list(range(200))
    assert [letter.value for letter in records(broker, f"{topic}.dead-letter")] == garbage


@pytest.mark.parametrize("wrong", ["a text", (b"key", b"value", 3), Record("text", b"value", 3), Record(b"k", "v", 3)])
def test_what_to_records_got_wrong_is_a_dead_letter_too(broker: str, topic: str, wrong: object) -> None:
    def convert(raw: bytes) -> list[Record]:
        return [wrong] if raw == payload(0) else to_records(raw)  # type: ignore[list-item]

    with Collector(Listener(stream(payloads(2))), topic, convert, bootstrap_servers=broker) as collector:
        counts = collector.wait()
    assert (counts.sent, counts.dead_lettered) == (1, 1)


def test_a_record_too_large_for_kafka_is_a_dead_letter_cut_to_size(broker: str, topic: str) -> None:
    huge = b'{"id": 1, "text": "' + b"x" * 2_000_000 + b'"}'
    lines = [payload(0), huge, payload(2)]
    with Collector(Listener(stream(lines)), topic, to_records, bootstrap_servers=broker) as collector:
        assert collector.wait() == Counts(received=3, sent=2, dead_lettered=1)
    (letter,) = records(broker, f"{topic}.dead-letter")
    assert huge.startswith(letter.value)
    assert dict(letter.headers)["cut-from-bytes"] == str(len(huge)).encode()


def test_a_record_the_broker_refuses_is_a_dead_letter_and_its_neighbours_get_through(broker: str, topic: str) -> None:
    tomorrow = 86_400_000 + int(time.time() * 1000)

    def convert(raw: bytes) -> list[Record]:
        (record,) = to_records(raw)
        return [record._replace(time=tomorrow) if record.key == b"50" else record]

    create_strict(broker, topic)
    with Collector(Listener(stream(payloads(100))), topic, convert, bootstrap_servers=broker) as collector:
        counts = collector.wait()
    assert (counts.received, counts.sent, counts.dead_lettered) == (100, 99, 1)
    assert numbers(broker, topic) == [number for number in range(100) if number != 50]
    (letter,) = records(broker, f"{topic}.dead-letter")
    assert letter.value == payload(50)
    assert dict(letter.headers)["error"].startswith(b"InvalidTimestampError")


def create_strict(broker: str, topic: str) -> None:
    """A topic that takes no record from more than an hour ahead."""
    from kafka.admin import KafkaAdminClient, NewTopic

    admin = KafkaAdminClient(bootstrap_servers=broker)
    config = {"message.timestamp.after.max.ms": "3600000"}
    admin.create_topics([NewTopic(topic, 1, 1, topic_configs=config)])
    admin.close()


# ---- restarts, back-pressure, the end ------------------------------------------------------------------------------


def test_a_collector_started_again_sends_only_what_the_topic_has_not_got(broker: str, topic: str) -> None:
    with Collector(Listener(stream(payloads(300))), topic, to_records, bootstrap_servers=broker) as collector:
        collector.wait()
    with Collector(Listener(stream(payloads(400))), topic, to_records, bootstrap_servers=broker) as collector:
        assert collector.wait() == Counts(received=400, sent=100, duplicate=300)
    assert numbers(broker, topic) == list(range(400))


def test_a_producer_that_breaks_under_its_sender_loses_nothing_and_doubles_nothing(broker: str, topic: str) -> None:
    collector: Collector
    ready = threading.Event()

    def listen(receive: Receive) -> None:
        ready.wait(10.0)
        for number in range(6000):
            receive(payload(number))
            if number % 2000 == 1000:  # with records in flight
                collector._senders[0]._producer._sender.force_close()

    with Collector(Listener(listen), topic, to_records, bootstrap_servers=broker) as collector:
        wait_until(lambda: collector._senders[0]._producer)
        ready.set()
        counts = collector.wait()
    assert counts.restarts >= 1
    assert (counts.received, counts.sent, counts.duplicate) == (6000, 6000, 0)
    assert numbers(broker, topic) == list(range(6000))


def test_a_full_mailbox_slows_the_source_down(broker: str, topic: str) -> None:
    unblock = threading.Event()

    def slow(raw: bytes) -> list[Record]:
        unblock.wait(30.0)
        return to_records(raw)

    listener = Listener(stream(payloads(1000)))
    with Collector(listener, topic, slow, mailbox=100, bootstrap_servers=broker) as collector:
        wait_until(lambda: len(collector._senders[0].mailbox) == 100)
        held = listener.counts.received
        assert held <= 100 + 500 + 1  # the mailbox, the batch in the sender's hands, the line in the listener's
        assert collector.counters().loc["sender", "mailbox"] == 100
        assert collector.counters().loc["sender", "lag_s"] > 0
        unblock.set()
        assert collector.wait().sent == 1000
    assert numbers(broker, topic) == list(range(1000))


def test_stop_sends_what_has_come_in_and_says_the_same_each_time(broker: str, topic: str) -> None:
    quiet = QuietStream(payloads(500))
    collector = Collector(Listener(quiet, hang_up=quiet.hung_up.set), topic, to_records, bootstrap_servers=broker)
    wait_until(lambda: collector._source.counts.received == 500)
    counts = collector.stop()
    assert counts == Counts(received=500, sent=500) == collector.stop()
    assert collector.state == "stopped"
    assert numbers(broker, topic) == list(range(500))


def test_a_collector_can_be_stopped_the_moment_it_was_made(broker: str, topic: str) -> None:
    quiet = QuietStream()
    listener = Listener(quiet, hang_up=quiet.hung_up.set)
    assert Collector(listener, topic, to_records, bootstrap_servers=broker).stop() == Counts()


def test_a_source_that_does_not_let_go_is_named(broker: str, topic: str) -> None:
    quiet = QuietStream()
    collector = Collector(Listener(quiet), topic, to_records, bootstrap_servers=broker)
    with pytest.raises(CollectorError, match="hang_up"):
        collector.stop(timeout=0.3)
    quiet.hung_up.set()


def test_a_collector_that_gives_up_raises_its_error(broker: str, topic: str) -> None:
    def fetch() -> bytes:
        raise SourceError("an answer from the feed", got="connection refused", todo="run `kit up`")

    supervisor = Supervisor(restarts=2, first=0.01)
    collector = Collector(Poller(fetch), topic, to_records, supervisor=supervisor, bootstrap_servers=broker)
    with pytest.raises(CollectorError, match="gave up after 2 restarts"):
        collector.wait(sent=1)
    assert isinstance(collector.failed, SourceError)
    assert "failed" in repr(collector)
    assert "red" in collector._repr_html_()
    for _ in range(2):
        with pytest.raises(CollectorError, match="connection refused") as raised:
            collector.stop()
        assert raised.value.__cause__ is collector.failed


def test_the_readers_own_error_is_not_hidden_by_the_collectors(broker: str, topic: str) -> None:
    def fetch() -> bytes:
        raise SourceError("an answer", got="none", todo="wait")

    supervisor = Supervisor(restarts=0)
    with (  # noqa: PT012
        pytest.raises(ZeroDivisionError),
        Collector(Poller(fetch), topic, to_records, supervisor=supervisor, bootstrap_servers=broker) as collector,
    ):
        wait_until(lambda: collector.failed)
        raise ZeroDivisionError


def test_stopping_all_of_pykkas_actors_does_not_stop_a_collector(broker: str, topic: str) -> None:
    go = threading.Event()

    def listen(receive: Receive) -> None:
        go.wait(10.0)
        stream(payloads(10))(receive)

    with Collector(Listener(listen), topic, to_records, bootstrap_servers=broker) as collector:
        pykka.ActorRegistry.stop_all()
        go.set()
        assert collector.wait().sent == 10


def test_no_broker_is_an_error_at_once(topic: str) -> None:
    with pytest.raises(BrokerUnavailable, match="kit up"):
        Collector(Poller(lambda: b""), topic, to_records, bootstrap_servers="127.0.0.1:1")


def test_waiting_for_what_does_not_come_ends_with_what_there_is(broker: str, topic: str) -> None:
    quiet = QuietStream(payloads(3))
    listener = Listener(quiet, hang_up=quiet.hung_up.set)
    with Collector(listener, topic, to_records, bootstrap_servers=broker) as collector:
        collector.wait(sent=3)
        with pytest.raises(CollectorError, match="3 sent"):
            collector.wait(sent=4, timeout=0.1)


def test_its_counters_are_a_table_with_a_row_an_actor(broker: str, topic: str) -> None:
    listener = Listener(stream(payloads(10)))
    with Collector(listener, topic, to_records, workers=2, bootstrap_servers=broker) as collector:
        collector.wait()
        table = collector.counters()
    columns = ["received", "sent", "duplicate", "dead_lettered", "restarts", "mailbox", "lag_s"]
    assert table.columns.tolist() == columns
    assert table.index.tolist() == ["listener", "sender-1", "sender-2"]
    assert table.loc["listener", "sent"] == table["received"].iloc[1:].sum() == 10
    assert (table["lag_s"] == 0).all()
    assert repr(collector) == (
        f"<Collector of topic {topic!r}: stopped, 10 received, 10 sent, 0 duplicate, 0 dead-lettered, 0 restarts>"
    )
