"""A topic read batch by batch: what is in it is in the batches, once, in order, and the end is clear."""

import ast
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import confluent_kafka
import numpy as np
import pandas as pd
import pytest
from kafka import KafkaProducer

from kit import topics
from kit.errors import BadPayload, BrokerUnavailable, ConfigError, TopicError
from kit.servers import clients
from kit.servers.kafka import KafkaCluster
from kit.servers.ports import choose_port
from kit.streams import Stream, _watch, batches
from tests.streams.tools import AT_ONCE, NOON, Reading, together, value, write
from tests.topics.tools import write_in_transactions
from tests.wait import wait_until

pytestmark = pytest.mark.usefixtures("no_thread_left")


def fill(broker: str, topic: str) -> str:
    """Make a topic of two partitions, the numbers 0 to 9 in the first, 100 to 104 in the second, a second apart."""
    topics.create(topic, partitions=2, bootstrap_servers=broker)
    write(broker, topic, map(value, range(10)))
    write(broker, topic, map(value, range(100, 105)), partition=1)
    return topic


@pytest.fixture(scope="session")
def filled(cluster: KafkaCluster) -> str:
    """Such a topic, for all tests that change nothing."""
    return fill(cluster.bootstrap_servers, f"t-filled-{uuid.uuid4().hex[:6]}")


@pytest.fixture
def changing(broker: str, topic: str) -> str:
    """Such a topic of the test's own."""
    return fill(broker, topic)


@pytest.fixture
def read(broker: str) -> Callable[..., pd.DataFrame]:
    """Reads a topic to the end of what is asked for."""

    def read(topic: str, **options: Any) -> pd.DataFrame:
        options = {"start": "earliest", "every": 0.05, "seconds": 20.0} | options
        return together(batches(topic, bootstrap_servers=broker, **options))

    return read


Read = Callable[..., pd.DataFrame]


# ---- where it starts -----------------------------------------------------------------------------------------------


def test_earliest_is_everything(filled: str, read: Read) -> None:
    frame = read(filled, count=15)
    assert frame["n"].tolist() == [*range(10), *range(100, 105)]
    assert frame["offset"].tolist() == [*range(10), *range(5)]
    assert frame["partition"].tolist() == [0] * 10 + [1] * 5
    assert set(frame["topic"]) == {filled}


def test_now_is_what_comes_after_the_call_even_if_it_is_read_later(changing: str, broker: str) -> None:
    with batches(changing, count=2, seconds=20, bootstrap_servers=broker) as stream:
        write(broker, changing, [value(10), value(11)])
        assert together(stream)["n"].tolist() == [10, 11]


@pytest.mark.parametrize("kind", [int, np.int64])
def test_an_offset_is_for_each_partition(filled: str, read: Read, kind: Callable[[int], Any]) -> None:
    assert read(filled, start=kind(3), count=9)["n"].tolist() == [*range(3, 10), 103, 104]


def test_a_mapping_is_for_the_partitions_it_names_and_the_others_are_read_from_their_first(
    changing: str, read: Read, broker: str
) -> None:
    assert read(changing, start={0: 8, 1: 4}, count=3)["n"].tolist() == [8, 9, 104]
    assert read(changing, start={0: 10}, count=5)["n"].tolist() == [*range(100, 105)]
    table = topics.offsets(changing, bootstrap_servers=broker)
    write(broker, changing, [value(10)])
    assert read(changing, start=dict(zip(table.partition, table.latest, strict=True)), count=1)["n"].tolist() == [10]


@pytest.mark.parametrize(
    ("start", "first"),
    [
        (datetime.fromtimestamp(NOON / 1000 + 3, UTC), 3),
        (datetime.fromtimestamp(NOON / 1000 + 3, timezone(timedelta(hours=5))), 3),
        (datetime.fromtimestamp(NOON / 1000 + 3), 3),  # noqa: DTZ006  # a time without a zone is this machine's
        (datetime.fromtimestamp(NOON / 1000 + 3, UTC) + timedelta(microseconds=1), 4),
        (pd.Timestamp(NOON + 3000, unit="ms", tz="UTC"), 3),
        (pd.Timestamp(NOON + 3000, unit="ms", tz="UTC") + pd.Timedelta(1, "ns"), 4),
        (pd.Timestamp(NOON + 3000, unit="ms", tz="UTC") - pd.Timedelta(1, "ns"), 3),
        (date(2026, 1, 4), 0),
        (datetime(2000, 1, 1, tzinfo=UTC), 0),
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        *[
            (datetime(1969, 12, 31, 23, 59, 59, micros, tzinfo=UTC), 0)
            for micros in (996_500, 997_000, 998_000, 999_999)
        ],
        (pd.Timestamp("1969-12-31T23:59:59.999999999Z"), 0),
        (datetime(1815, 6, 18, tzinfo=UTC), 0),
        (datetime.min, 0),  # noqa: DTZ901  # without a zone
        (datetime.min.replace(tzinfo=UTC), 0),
        (pd.Timestamp.min, 0),
    ],
)
def test_a_time_begins_with_the_first_record_that_is_not_older(
    filled: str, read: Read, start: date, first: int
) -> None:
    left = [*range(first, 10), *range(100 + first, 105)]
    assert read(filled, start=start, count=len(left))["n"].tolist() == left


@pytest.mark.parametrize("start", [datetime(2030, 1, 1, tzinfo=UTC), date(2030, 1, 1), datetime.max, pd.Timestamp.max])  # noqa: DTZ901
def test_a_time_after_the_last_record_is_now(filled: str, broker: str, start: date) -> None:
    with batches(filled, start=start, count=1, bootstrap_servers=broker) as stream:
        assert stream.position == {0: 10, 1: 5}


@pytest.mark.parametrize(
    "wrong",
    [
        11,
        -1,
        {0: 11},
        {2: 0},
        {0: None},
        {0: "1"},
        "latest",
        "",
        None,
        True,
        {0: True},
        1.0,
        [1],
        pd.NaT,
        "2026-01-05",
        np.datetime64("2026-01-05"),
    ],
    ids=repr,
)
def test_a_start_that_cannot_be_used_is_an_error_at_once(filled: str, broker: str, wrong: Any) -> None:
    with pytest.raises(ConfigError, match="start="):
        batches(filled, start=wrong, bootstrap_servers=broker)


# ---- how much it is ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [0, 0.05, 60])
def test_count_ends_it_exactly_there_and_position_goes_on_from_there(filled: str, broker: str, every: float) -> None:
    with batches(filled, start="earliest", count=7, every=every, bootstrap_servers=broker) as stream:
        assert sum(map(len, stream)) == stream.records == 7
    rest = Stream(filled, start=stream.position, count=8, every=0, bootstrap_servers=broker)
    with rest:
        assert sum(map(len, rest)) == 8
    assert rest.position == {0: 10, 1: 5}


def test_batches_are_never_empty(topic: str, broker: str) -> None:
    topics.create(topic, bootstrap_servers=broker)
    for every in (0, 0.01):
        assert list(batches(topic, start="earliest", every=every, seconds=0.5, bootstrap_servers=broker)) == []


def test_with_every_0_a_record_is_there_as_soon_as_it_comes(topic: str, broker: str) -> None:
    topics.create(topic, bootstrap_servers=broker)
    reading = Reading(stream := batches(topic, every=0, seconds=30, bootstrap_servers=broker))
    for number in range(3):
        write(broker, topic, [value(number)])
        wait_until(lambda: reading.records == number + 1, timeout=AT_ONCE)  # noqa: B023  # it is asked here and now
    stream.stop()
    assert reading.ended()
    assert [len(frame) for frame in reading.frames] == [1, 1, 1]


def test_every_gathers_what_comes_meanwhile(changing: str, broker: str) -> None:
    reading = Reading(stream := batches(changing, start="earliest", every=600, bootstrap_servers=broker))
    wait_until(lambda: stream._consumer is not None and reading.thread.is_alive())
    write(broker, changing, [value(10)])
    stream.stop()
    assert reading.ended()
    assert len(reading.frames) <= 1


def test_seconds_end_it(filled: str, broker: str) -> None:
    begun = time.monotonic()
    frames = list(batches(filled, start="earliest", every=0, seconds=0.5, bootstrap_servers=broker))
    assert sum(map(len, frames)) == 15
    assert time.monotonic() - begun < AT_ONCE


@pytest.mark.parametrize(
    "wrong",
    [
        {"every": -1},
        {"every": float("nan")},
        {"every": "1"},
        {"every": None},
        {"count": 0},
        {"count": 1.5},
        {"count": True},
        {"seconds": 0},
        {"seconds": float("nan")},
        {"parse": "csv"},
        {"parse": 5},
    ],
    ids=str,
)
def test_an_argument_that_cannot_be_used_is_named_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        batches("quotes", bootstrap_servers="127.0.0.1:1", **wrong)


# ---- its end -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [0, 600])
def test_stop_from_another_thread_ends_it_at_once_with_what_has_been_read(
    filled: str, broker: str, every: float
) -> None:
    stream = batches(filled, start="earliest", every=every, bootstrap_servers=broker)
    reading = Reading(stream)
    wait_until(lambda: stream.records == 15 if every == 0 else stream._consumer is not None)
    begun = time.monotonic()
    stream.stop()
    stream.stop()
    assert reading.ended()
    assert time.monotonic() - begun < AT_ONCE
    assert reading.error is None
    assert stream.records == reading.records
    assert next(stream, None) is None


def test_a_stream_that_was_stopped_before_gives_nothing(filled: str, broker: str) -> None:
    stream = batches(filled, start="earliest", bootstrap_servers=broker)
    stream.stop()
    assert list(stream) == []


def test_it_can_be_closed_twice_and_before_it_began(filled: str, broker: str) -> None:
    stream = batches(filled, start="earliest", bootstrap_servers=broker)
    stream.close()
    with batches(filled, start="earliest", every=0, bootstrap_servers=broker) as stream:
        assert len(next(stream)) > 0
    stream.close()
    assert next(stream, None) is None
    assert "stopped" in repr(stream)


def test_a_loop_that_is_left_leaves_no_thread(filled: str, broker: str) -> None:
    for _ in batches(filled, start="earliest", every=0, bootstrap_servers=broker):
        break


def test_its_repr_says_where_it_is(filled: str, broker: str) -> None:
    with batches(filled, start={0: 4, 1: 5}, count=6, bootstrap_servers=broker) as stream:
        assert repr(stream) == f"<Stream of topic {filled!r}: open, 0 records read, at offsets {{0: 4, 1: 5}}>"
        list(stream)
    assert repr(stream) == f"<Stream of topic {filled!r}: stopped, 6 records read, at offsets {{0: 10, 1: 5}}>"


# ---- values and columns --------------------------------------------------------------------------------------------


def test_the_columns_and_their_dtypes(topic: str, broker: str, read: Read) -> None:
    topics.create(topic, bootstrap_servers=broker)
    values = [b'{"price": 1.5, "symbol": "JPM", "n": 1}', b'{"price": 2, "symbol": "GE", "n": 2, "more": [1]}']
    write(broker, topic, values, keys=[b"JPM", b"\xff"])
    frame = read(topic, count=2)
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "topic": "object",
        "partition": "int64",
        "offset": "int64",
        "timestamp": "datetime64[ms, UTC]",
        "key": "object",
        "price": "float64",
        "symbol": "object",
        "n": "int64",
        "more": "object",
    }
    assert frame["timestamp"].tolist() == [pd.Timestamp(NOON + 1000 * number, unit="ms", tz="UTC") for number in (0, 1)]
    assert frame["key"].tolist() == ["JPM", b"\xff"]
    assert frame["more"].tolist()[1] == [1]


def test_without_parsing_values_are_text_or_bytes_or_none(topic: str, broker: str, read: Read) -> None:
    topics.create(topic, bootstrap_servers=broker)
    write(broker, topic, ["no json, but ünicode".encode(), b"\xff\x00", None, b""])
    frame = read(topic, parse=None, count=4)
    assert frame["value"].tolist() == ["no json, but ünicode", b"\xff\x00", None, ""]
    assert list(frame.columns) == ["topic", "partition", "offset", "timestamp", "key", "value"]


def test_a_function_of_the_reader_makes_the_columns(topic: str, broker: str, read: Read) -> None:
    def parse(raw: bytes) -> dict[str, str]:
        return dict(zip(("symbol", "price"), raw.decode().split(";"), strict=True))

    topics.create(topic, bootstrap_servers=broker)
    write(broker, topic, [b"JPM;1.5", None, b"GE;2"])
    frame = read(topic, parse=parse, count=3)
    assert frame["symbol"].tolist()[::2] == ["JPM", "GE"]
    assert pd.isna(frame["symbol"][1])


def test_a_tombstone_has_a_key_and_no_fields(topic: str, broker: str, read: Read) -> None:
    topics.create(topic, bootstrap_servers=broker)
    write(broker, topic, [value(1), None, value(3)], keys=[b"a", b"b", b"c"])
    frame = read(topic, count=3)
    assert frame["key"].tolist() == ["a", "b", "c"]
    assert frame["n"].isna().tolist() == [False, True, False]


def test_a_topic_of_tombstones_only_can_be_read(topic: str, broker: str, read: Read) -> None:
    topics.create(topic, bootstrap_servers=broker)
    write(broker, topic, [None, None], keys=[b"a", b"b"])
    frame = read(topic, count=2)
    assert frame["key"].tolist() == ["a", "b"]
    assert list(frame.columns) == ["topic", "partition", "offset", "timestamp", "key"]


def test_kafkas_columns_stay_kafkas_whatever_the_fields_are_called(topic: str, broker: str, read: Read) -> None:
    topics.create(topic, bootstrap_servers=broker)
    own = {"key": "mine", "timestamp": 5, "topic": "weather", "offset": -1, "partition": "Berlin", "value_offset": 7}
    write(broker, topic, [value(1, **own), value(2), None], keys=[b"a", b"b", b"c"])
    frame = read(topic, count=3)
    assert frame["key"].tolist() == ["a", "b", "c"]
    assert frame["offset"].tolist() == [0, 1, 2]
    assert frame["timestamp"].tolist()[0] == pd.Timestamp(NOON, unit="ms", tz="UTC")
    first = frame.iloc[0]
    assert first["value_key"] == "mine"
    assert first["value_timestamp"] == 5
    assert first["value_topic"] == "weather"
    assert first["value_partition"] == "Berlin"
    assert (first["value_offset"], first["value_value_offset"]) == (-1, 7)
    assert frame.columns.is_unique


def test_batches_of_one_topic_are_read_in_full_whatever_their_size(topic: str, broker: str, read: Read) -> None:
    topics.create(topic, partitions=3, bootstrap_servers=broker)
    for partition in range(3):
        write(broker, topic, map(value, range(5000)), partition=partition)
    frames = list(batches(topic, start="earliest", every=0, count=15_000, bootstrap_servers=broker))
    assert max(map(len, frames)) <= 10_000
    whole = together(frames)
    assert whole["n"].tolist() == [*range(5000)] * 3
    assert whole["n"].equals(whole["offset"])


def test_the_end_of_a_transaction_is_behind_the_position(topic: str, broker: str) -> None:
    topics.create(topic, bootstrap_servers=broker)
    write_in_transactions(broker, topic, value(1), value(2))
    stream = batches(topic, start="earliest", every=0, bootstrap_servers=broker)
    reading = Reading(stream)
    wait_until(lambda: stream.position == {0: 4})
    assert stream.behind == set()
    stream.stop()
    assert reading.ended()
    assert together(reading.frames)["n"].tolist() == [1, 2]


CODECS = ["gzip", "snappy", "lz4", "zstd"]


def test_every_codec_of_kafka_can_be_read_whichever_client_wrote_it(topic: str, broker: str, read: Read) -> None:
    topics.create(topic, bootstrap_servers=broker)
    sent = [value(number, text="again and again " * 20) for number in range(60)]
    for codec in CODECS:
        with closing(clients.producer(broker, compression_type=codec, linger_ms=50)) as ours:
            for one in sent:
                ours.send(topic, one)
        theirs = confluent_kafka.Producer({"bootstrap.servers": broker, "compression.type": codec, "linger.ms": 50})
        for one in sent:
            theirs.produce(topic, one)
        assert theirs.flush(20) == 0
    everything = [*range(60)] * 2 * len(CODECS)
    assert read(topic, count=len(everything))["n"].tolist() == everything
    tail = topics.tail(topic, len(everything), bootstrap_servers=broker)
    assert [json.loads(one)["n"] for one in tail["value"]] == everything


def test_of_a_transaction_only_what_was_committed_is_read(topic: str, broker: str, read: Read) -> None:
    topics.create(topic, bootstrap_servers=broker)
    with closing(clients.producer(broker, transactional_id=topic)) as producer:
        producer.init_transactions()
        for number in range(4):
            producer.begin_transaction()
            producer.send(topic, value(number)).get(10)
            (producer.abort_transaction if number % 2 else producer.commit_transaction)()
        producer.begin_transaction()
        producer.send(topic, value(4)).get(10)
        assert read(topic, every=0, seconds=0.6)["n"].tolist() == [0, 2]
        assert topics.tail(topic, bootstrap_servers=broker)["value"].tolist() == [value(0).decode(), value(2).decode()]
        with batches(topic, every=0, count=1, seconds=20, bootstrap_servers=broker) as stream:
            producer.commit_transaction()
            assert next(stream)["n"].tolist() == [4]


def test_a_record_without_a_time_has_none(topic: str, broker: str, read: Read) -> None:
    topics.create(topic, bootstrap_servers=broker)
    write(broker, topic, [value(0), value(1)], times=[-1, NOON])
    shown = [read(topic, count=2), topics.tail(topic, bootstrap_servers=broker)]
    for frame in shown:
        assert frame["timestamp"].isna().tolist() == [True, False]
        assert str(frame["timestamp"].dtype) == "datetime64[ms, UTC]"


# ---- bad records ---------------------------------------------------------------------------------------------------


def test_a_bad_record_is_named_with_its_place_after_those_before_it_were_given(topic: str, broker: str) -> None:
    topics.create(topic, bootstrap_servers=broker)
    write(broker, topic, [value(0), value(1), b"no json", value(3)])
    with batches(topic, start="earliest", every=0.3, bootstrap_servers=broker) as stream:
        reading = Reading(stream)
        assert reading.ended()
    assert isinstance(reading.error, BadPayload)
    assert f"{topic}-0, offset 2" in reading.error.expected
    assert "JSONDecodeError" in reading.error.got
    assert "b'no json'" in reading.error.got
    assert reading.error.raw == b"no json"
    assert isinstance(reading.error.__cause__, json.JSONDecodeError)
    assert together(reading.frames)["n"].tolist() == [0, 1]
    assert stream.position == {0: 2}


def test_the_start_that_the_error_names_goes_on_behind_the_bad_record_in_all_partitions(
    topic: str, broker: str, read: Read
) -> None:
    topics.create(topic, partitions=3, bootstrap_servers=broker)
    for partition in range(3):
        write(broker, topic, [value(10 * partition), b"[]" if partition == 1 else value(1)], partition=partition)
    stream = batches(topic, start="earliest", every=0.3, bootstrap_servers=broker)
    reading = Reading(stream)
    assert reading.ended()
    assert isinstance(reading.error, BadPayload)
    assert "a list, not a mapping" in reading.error.got
    start = ast.literal_eval(reading.error.todo.partition("start=")[2].partition("}")[0] + "}")
    write(broker, topic, [value(2)], partition=1)  # so that something is left to read
    rest = together(batches(topic, start=start, every=0, count=6 - reading.records, bootstrap_servers=broker))
    both = together([*reading.frames, rest])
    assert both[["partition", "offset"]].to_numpy().tolist() == [[0, 0], [0, 1], [1, 0], [1, 2], [2, 0], [2, 1]]


@pytest.mark.parametrize("bad", [b"", b'{"a": 1}, {"b": 2}', b"[" * 5000])
def test_whatever_the_bad_record_is_it_is_the_one_that_is_named(topic: str, broker: str, bad: bytes) -> None:
    topics.create(topic, bootstrap_servers=broker)
    write(broker, topic, [value(0), bad, value(2)])
    with pytest.raises(BadPayload, match="offset 1"):
        list(batches(topic, start="earliest", every=0, seconds=20, bootstrap_servers=broker))


def test_an_error_of_the_readers_function_is_chained(topic: str, broker: str) -> None:
    topics.create(topic, bootstrap_servers=broker)
    write(broker, topic, [value(0)])
    with pytest.raises(BadPayload, match="ZeroDivisionError") as raised:
        list(batches(topic, start="earliest", parse=lambda raw: 1 / 0, seconds=20, bootstrap_servers=broker))  # type: ignore[arg-type,return-value]
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


# ---- trouble -------------------------------------------------------------------------------------------------------


def test_a_missing_topic_is_an_error_that_proposes_a_name_like_it(filled: str, broker: str) -> None:
    with pytest.raises(TopicError, match=f"did you mean '{filled}'"):
        batches(f"{filled}s", bootstrap_servers=broker)


def test_brokers_that_are_down_are_an_error_at_once(topic: str) -> None:
    with pytest.raises(BrokerUnavailable, match="kit up"):
        batches(topic, bootstrap_servers=f"127.0.0.1:{choose_port()}")


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watch looks twice a second, and waits two seconds for brokers: less than the house's, to the same end."""
    monkeypatch.setattr(_watch, "_EVERY", 0.5)
    monkeypatch.setattr(_watch, "_PATIENCE", 2.0)


@pytest.mark.usefixtures("_impatient")
def test_a_topic_that_is_deleted_while_it_is_read_is_an_error(changing: str, broker: str) -> None:
    reading = Reading(stream := batches(changing, start="earliest", every=0, bootstrap_servers=broker))
    wait_until(lambda: stream.records == 15)
    topics.delete(changing, bootstrap_servers=broker)
    assert reading.ended(10.0)
    assert isinstance(reading.error, TopicError)
    assert changing in str(reading.error)


@pytest.mark.usefixtures("_impatient")
def test_a_topic_that_is_made_anew_while_it_is_read_is_an_error(changing: str, broker: str) -> None:
    reading = Reading(stream := batches(changing, start="earliest", every=0, bootstrap_servers=broker))
    wait_until(lambda: stream.records == 15)
    topics.delete(changing, bootstrap_servers=broker)
    topics.create(changing, partitions=2, bootstrap_servers=broker)
    assert reading.ended(15.0)
    assert isinstance(reading.error, TopicError)
    assert 'start="earliest"' in reading.error.todo or "create" in reading.error.todo


def test_records_that_were_deleted_before_they_were_read_are_an_error(changing: str, broker: str) -> None:
    from kafka import TopicPartition

    from kit.servers.clients import admin

    stream = batches(changing, start="earliest", every=0, bootstrap_servers=broker)
    with admin(broker) as client:
        client.delete_records({TopicPartition(changing, 0): 5})
    reading = Reading(stream)
    assert reading.ended(10.0)
    assert isinstance(reading.error, TopicError)
    assert "retention" in str(reading.error)


@pytest.mark.usefixtures("_impatient")
def test_a_silent_topic_is_no_trouble(changing: str, broker: str) -> None:
    looked = threading.Semaphore(0)
    original = _watch.Watch._ask

    def ask(watch: _watch.Watch, known: Any) -> Any:
        found = original(watch, known)
        looked.release()
        return found

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_watch.Watch, "_ask", ask)
        reading = Reading(stream := batches(changing, every=0, bootstrap_servers=broker))
        assert all(looked.acquire(timeout=10) for _ in range(3))
        write(broker, changing, [value(7)])
        wait_until(lambda: stream.records == 1)
        stream.stop()
        assert reading.ended()
    assert reading.error is None


@pytest.fixture
def own(tmp_path: Path) -> Iterator[KafkaCluster]:
    with KafkaCluster(tmp_path / "own") as cluster:
        yield cluster


@pytest.mark.usefixtures("_impatient")
def test_a_broker_that_dies_and_stays_away_ends_the_stream_in_bounded_time(own: KafkaCluster, topic: str) -> None:
    servers = own.bootstrap_servers
    topics.create(topic, bootstrap_servers=servers)
    write(servers, topic, [value(0)])
    reading = Reading(stream := batches(topic, start="earliest", every=0, bootstrap_servers=servers))
    wait_until(lambda: stream.records == 1)
    own.kill(1)
    assert reading.ended(15.0)
    assert isinstance(reading.error, BrokerUnavailable)
    assert "kit up" in reading.error.todo
    assert stream.position == {0: 1}


def test_a_broker_that_is_restarted_is_read_on_and_nothing_comes_twice(own: KafkaCluster, topic: str) -> None:
    servers = own.bootstrap_servers
    topics.create(topic, bootstrap_servers=servers)
    write(servers, topic, map(value, range(5)))
    reading = Reading(stream := batches(topic, start="earliest", every=0, bootstrap_servers=servers))
    wait_until(lambda: stream.records == 5)
    own.kill(1)
    port = own.brokers[0].port
    wait_until(lambda: choose_port(port) == port)
    own.restart(1)
    write(servers, topic, map(value, range(5, 10)))
    wait_until(lambda: stream.records == 10, timeout=20)
    stream.stop()
    assert reading.ended()
    assert together(reading.frames)["n"].tolist() == [*range(10)]


@pytest.mark.usefixtures("_impatient")
def test_stop_is_quick_while_the_brokers_are_away(own: KafkaCluster, topic: str) -> None:
    servers = own.bootstrap_servers
    topics.create(topic, bootstrap_servers=servers)
    write(servers, topic, [value(0)])
    reading = Reading(stream := batches(topic, start="earliest", every=0, bootstrap_servers=servers))
    wait_until(lambda: stream.records == 1)
    own.kill(1)
    stream.stop()
    assert reading.ended()
    assert reading.error is None


def test_records_that_come_as_fast_as_they_can_are_all_read(topic: str, broker: str) -> None:
    topics.create(topic, partitions=2, bootstrap_servers=broker)
    reading = Reading(stream := batches(topic, every=0.1, count=20_000, bootstrap_servers=broker))
    producer = KafkaProducer(bootstrap_servers=broker, linger_ms=5)
    for number in range(20_000):
        producer.send(topic, value(number), partition=number % 2, timestamp_ms=NOON + number)
    producer.flush(30)
    producer.close()
    assert reading.ended(20.0)
    assert sorted(together(reading.frames)["n"]) == [*range(20_000)]
    assert stream.position == {0: 10_000, 1: 10_000}
