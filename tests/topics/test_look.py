"""Looking into topics on a real broker: what their partitions hold, and the last records."""

from typing import Any

import pandas as pd
import pytest
from kafka import TopicPartition

from kit import topics
from kit.errors import ConfigError, TopicError
from kit.servers.clients import admin
from tests.topics.tools import NOON, write, write_in_transactions, write_pairs

DESCRIBED = {
    "topic": "object",
    "partition": "int64",
    "leader": "Int64",
    "replicas": "object",
    "in_sync": "object",
    "earliest": "Int64",
    "latest": "Int64",
    "records": "Int64",
}
TAILED = {
    "partition": "int64",
    "offset": "int64",
    "timestamp": "datetime64[ms, UTC]",
    "key": "object",
    "value": "object",
}


def dtypes(frame: pd.DataFrame) -> dict[str, str]:
    return frame.dtypes.astype(str).to_dict()


def drop_before(broker: str, topic: str, offset: int) -> None:
    """Delete the oldest records of partition 0, as retention would."""
    with admin(broker) as client:
        client.delete_records({TopicPartition(topic, 0): offset})


# ---- describe, offsets ---------------------------------------------------------------------------------------------


def test_each_partition_is_a_row_with_what_it_holds(broker: str, topic: str) -> None:
    topics.create(topic, partitions=3, bootstrap_servers=broker)
    write(broker, topic, b"1", b"2", partition=1)
    found = topics.describe(topic, bootstrap_servers=broker)
    assert dtypes(found) == DESCRIBED
    assert found["partition"].tolist() == [0, 1, 2]
    assert found["records"].tolist() == found["latest"].tolist() == [0, 2, 0]


def test_several_topics_are_described_in_the_order_of_their_names_each_once(broker: str, topic: str) -> None:
    for name in (f"{topic}-a", f"{topic}-b"):
        topics.create(name, bootstrap_servers=broker)
    found = topics.describe(f"{topic}-b", f"{topic}-a", f"{topic}-b", bootstrap_servers=broker)
    assert found["topic"].tolist() == [f"{topic}-a", f"{topic}-b"]


def test_without_a_name_all_topics_but_kafkas_own_are_described(broker: str, topic: str) -> None:
    topics.create(topic, bootstrap_servers=broker)
    with pytest.raises(TopicError):
        topics.lag(f"{topic}-nobody", bootstrap_servers=broker)  # makes Kafka's own topic of offsets
    found = topics.describe(bootstrap_servers=broker)
    assert dtypes(found) == DESCRIBED
    assert topic in set(found["topic"])
    assert "__consumer_offsets" not in set(found["topic"])
    assert set(topics.describe("__consumer_offsets", bootstrap_servers=broker)["topic"]) == {"__consumer_offsets"}


def test_offsets_begin_after_what_retention_has_deleted(broker: str, topic: str) -> None:
    topics.create(topic, bootstrap_servers=broker)
    write(broker, topic, b"1", b"2", b"3", b"4", b"5")
    drop_before(broker, topic, 3)
    assert topics.offsets(topic, bootstrap_servers=broker).to_dict("records") == [
        {"topic": topic, "partition": 0, "earliest": 3, "latest": 5, "records": 2}
    ]


@pytest.mark.parametrize("look", [topics.describe, topics.offsets, topics.tail])
def test_an_unknown_topic_gets_a_suggestion_and_is_not_made(broker: str, topic: str, look: Any) -> None:
    topics.create(f"{topic}-quotes", bootstrap_servers=broker)
    with pytest.raises(TopicError) as caught:
        look(f"{topic}-Qoutes", bootstrap_servers=broker)
    assert caught.value.expected == f"topic '{topic}-Qoutes' to exist"
    assert f"'{topic}-quotes'" in caught.value.todo
    assert f"{topic}-Qoutes" not in set(topics.describe(bootstrap_servers=broker)["topic"])


# ---- tail ----------------------------------------------------------------------------------------------------------


def test_the_tail_of_an_empty_topic_is_an_empty_table_with_the_same_columns(broker: str, topic: str) -> None:
    topics.create(topic, partitions=2, bootstrap_servers=broker)
    found = topics.tail(topic, bootstrap_servers=broker)
    assert found.empty
    assert dtypes(found) == TAILED


def test_the_tail_is_the_last_records_oldest_first(broker: str, topic: str) -> None:
    topics.create(topic, bootstrap_servers=broker)
    write_pairs(broker, topic, [(b"k%d" % number, b"v%d" % number) for number in range(25)])
    found = topics.tail(topic, 3, bootstrap_servers=broker)
    assert dtypes(found) == TAILED
    first = pd.Timestamp(NOON, unit="ms", tz="UTC")
    assert found.to_dict("list") == {
        "partition": [0, 0, 0],
        "offset": [22, 23, 24],
        "timestamp": [first + pd.Timedelta(seconds=seconds) for seconds in (22, 23, 24)],
        "key": ["k22", "k23", "k24"],
        "value": ["v22", "v23", "v24"],
    }
    assert topics.tail(topic, bootstrap_servers=broker)["offset"].tolist() == list(range(15, 25))
    assert topics.tail(topic, 1000, bootstrap_servers=broker)["offset"].tolist() == list(range(25))


def test_the_tail_of_several_partitions_is_in_the_order_of_time(broker: str, topic: str) -> None:
    topics.create(topic, partitions=4, bootstrap_servers=broker)
    write_pairs(broker, topic, [(None, b"a"), (None, b"c"), (None, b"e")], partition=0, at=NOON)
    write_pairs(broker, topic, [(None, b"d")], partition=1, at=NOON + 1500)
    write_pairs(broker, topic, [(None, b"b"), (None, b"c2")], partition=3, at=NOON)
    assert topics.tail(topic, bootstrap_servers=broker)["value"].tolist() == ["a", "b", "c", "c2", "d", "e"]
    last = topics.tail(topic, 3, bootstrap_servers=broker)
    assert last[["partition", "offset"]].values.tolist() == [[3, 1], [1, 0], [0, 2]]


def test_the_tail_shows_tombstones_and_binary_as_they_are(broker: str, topic: str) -> None:
    topics.create(topic, config={"cleanup.policy": "compact"}, bootstrap_servers=broker)
    pairs = [(b"IBM", None), (b"\xff\x00", b"\x80\x81"), (b"", b""), (b"k", "größer ✓".encode())]
    write_pairs(broker, topic, pairs)
    found = topics.tail(topic, bootstrap_servers=broker)
    assert dtypes(found) == TAILED
    assert found["key"].tolist() == ["IBM", b"\xff\x00", "", "k"]
    assert found["value"].tolist() == [None, b"\x80\x81", "", "größer ✓"]


def test_a_topic_of_nothing_but_tombstones_has_values_of_none(broker: str, topic: str) -> None:
    topics.create(topic, bootstrap_servers=broker)
    write_pairs(broker, topic, [(b"k", None), (b"k", None)])
    found = topics.tail(topic, bootstrap_servers=broker)
    assert dtypes(found) == TAILED
    assert found["value"].tolist() == [None, None]


def test_the_tail_counts_records_where_transactions_take_offsets_of_their_own(broker: str, topic: str) -> None:
    topics.create(topic, bootstrap_servers=broker)
    write_in_transactions(broker, topic, b"1", b"2", b"3", b"4")
    assert topics.offsets(topic, bootstrap_servers=broker)["latest"].tolist() == [8]
    assert topics.tail(topic, 1, bootstrap_servers=broker)["value"].tolist() == ["4"]
    assert topics.tail(topic, 3, bootstrap_servers=broker)["value"].tolist() == ["2", "3", "4"]
    assert topics.tail(topic, 9, bootstrap_servers=broker)["value"].tolist() == ["1", "2", "3", "4"]


def test_the_tail_ends_where_retention_has_deleted(broker: str, topic: str) -> None:
    topics.create(topic, bootstrap_servers=broker)
    write(broker, topic, b"1", b"2", b"3")
    drop_before(broker, topic, 2)
    assert topics.tail(topic, bootstrap_servers=broker)["value"].tolist() == ["3"]
    drop_before(broker, topic, 3)
    assert topics.tail(topic, bootstrap_servers=broker).empty


@pytest.mark.parametrize("n", [0, -1, "5", 2.5, None])
def test_a_tail_needs_a_whole_positive_number_of_records(n: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        topics.tail("quotes", n)
    assert caught.value.got == f"n={n!r}"
