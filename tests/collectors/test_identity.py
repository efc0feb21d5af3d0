"""How a record is known again: by its id, else by key, event time and value; also after a restart."""

from typing import Any

import pytest
from kafka import KafkaProducer

from kit import topics
from kit.collectors import Collector, Counts, Listener, Record
from kit.collectors._tweets import tweet_records
from tests.collectors.tools import ORIGIN, payloads, records, stream, to_records
from tests.wait import wait_until

pytestmark = pytest.mark.usefixtures("no_thread_left")

INSTANT = [Record(b"k", b"%d" % number, ORIGIN) for number in range(3)]
KEYLESS = [Record(None, b"v", ORIGIN + number) for number in range(3)]
LARGE = [Record(b"k", b"x" * 5000 + b"%d" % number, ORIGIN) for number in range(3)]
WITH_ID = [Record(b"k", b"%d" % number, ORIGIN + number, b"one") for number in range(3)]
ID_IS_KEY = [Record(b"one", b"%d" % number, ORIGIN + number, b"one") for number in range(3)]
TWEETS = [
    b'{"data":{"id":"2001984374857723904","text":"a"},"matching_rules":[{"id":"%d"}]}' % number for number in range(3)
]


def collect(broker: str, topic: str, made: list[Record]) -> Counts:
    """What a collector that gets these records from its source counts."""
    with Collector(Listener(stream([b"x"])), topic, lambda raw: made, bootstrap_servers=broker) as collector:
        return collector.wait()


@pytest.mark.parametrize("kept", ["CreateTime", "LogAppendTime"])
@pytest.mark.parametrize(
    ("made", "different"),
    [
        (INSTANT, 3),
        (KEYLESS, 3),
        (LARGE, 3),
        (WITH_ID, 1),
        (ID_IS_KEY, 1),
        ([record for line in TWEETS for record in tweet_records(line)], 1),
    ],
    ids=["same instant", "no key", "large", "id", "id is key", "tweets"],
)
def test_a_record_is_known_again_in_the_same_run_and_after_a_restart(
    broker: str, topic: str, kept: str, made: list[Record], different: int
) -> None:
    topics.create(topic, config={"message.timestamp.type": kept}, bootstrap_servers=broker)
    assert collect(broker, topic, [*made, *made]) == Counts(received=6, sent=different, duplicate=6 - different)
    assert collect(broker, topic, made) == Counts(received=3, duplicate=3)
    assert len(records(broker, topic)) == different


def test_headers_are_written_only_where_they_are_needed(broker: str, topic: str) -> None:
    collect(broker, topic, [INSTANT[0], WITH_ID[0], Record(b"two", b"v", ORIGIN, b"two")])
    assert [record.headers for record in records(broker, topic)] == [
        [],
        [("record-id", b"one")],
        [("record-id", b"")],
    ]


def test_a_topic_that_replaces_times_keeps_the_event_time_as_a_header(broker: str, topic: str) -> None:
    topics.create(topic, config={"message.timestamp.type": "LogAppendTime"}, bootstrap_servers=broker)
    collect(broker, topic, INSTANT[:1])
    (record,) = records(broker, topic)
    assert record.headers == [("event-time", b"%d" % ORIGIN)]


@pytest.mark.parametrize("kept", ["CreateTime", "LogAppendTime"])
def test_a_producer_that_breaks_in_flight_doubles_nothing(broker: str, topic: str, kept: str) -> None:
    topics.create(topic, config={"message.timestamp.type": kept}, bootstrap_servers=broker)
    collector: Collector

    def listen(receive: Any) -> None:
        wait_until(lambda: collector._senders[0]._producer)
        for number, line in enumerate(payloads(3000)):
            receive(line)
            if number == 2000:  # with records in flight
                collector._senders[0]._producer._sender.force_close()

    with Collector(Listener(listen), topic, to_records, bootstrap_servers=broker) as collector:
        assert collector.wait().restarts >= 1
    assert sorted(int(record.key) for record in records(broker, topic)) == list(range(3000))


def test_records_of_other_writers_are_known_by_key_time_and_value(broker: str, topic: str) -> None:
    topics.create(topic, bootstrap_servers=broker)
    producer = KafkaProducer(bootstrap_servers=broker)
    producer.send(topic, INSTANT[0].value, INSTANT[0].key, timestamp_ms=ORIGIN)
    producer.send(topic, None, b"tombstone", headers=[("event-time", b"no number"), ("record-id", b"x")])
    producer.send(topic, b"v", b"without a time", timestamp_ms=-1)
    producer.close()
    assert collect(broker, topic, INSTANT) == Counts(received=3, sent=2, duplicate=1)
