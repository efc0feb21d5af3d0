"""Making and deleting topics on a real broker. (With replicas: test_cluster.)"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kit import topics
from kit.errors import ConfigError, TopicError
from kit.servers.clients import admin
from tests.topics.tools import write


def names(broker: str) -> set[str]:
    return set(topics.describe(bootstrap_servers=broker)["topic"])


def test_a_new_topic_is_shown_and_can_be_written_to_at_once(broker: str, topic: str) -> None:
    made = topics.create(topic, partitions=3, bootstrap_servers=broker)
    write(broker, topic, b"1", partition=2)
    assert made.to_dict("list") == {
        "topic": [topic] * 3,
        "partition": [0, 1, 2],
        "leader": [1] * 3,
        "replicas": [[1]] * 3,
        "in_sync": [[1]] * 3,
        "earliest": [0] * 3,
        "latest": [0] * 3,
        "records": [0] * 3,
    }


def test_making_a_topic_again_changes_nothing_and_keeps_its_records(broker: str, topic: str) -> None:
    wanted: dict[str, Any] = {"partitions": 2, "replication_factor": 1, "config": {"retention.bytes": 60_000}}
    topics.create(topic, **wanted, bootstrap_servers=broker)
    write(broker, topic, b"1", b"2")
    again = topics.create(topic, **wanted, bootstrap_servers=broker)
    assert again["records"].tolist() == [2, 0]
    with pytest.raises(TopicError):
        topics.create(topic, bootstrap_servers=broker)  # one partition is wanted, and there are two


def test_a_topic_that_is_there_with_other_settings_says_which(broker: str, topic: str) -> None:
    topics.create(topic, partitions=2, config={"retention.ms": 60_000}, bootstrap_servers=broker)
    with pytest.raises(TopicError) as caught:
        topics.create(
            topic,
            partitions=3,
            replication_factor=2,
            config={"retention.ms": 5, "cleanup.policy": "delete"},
            bootstrap_servers=broker,
        )
    assert caught.value.expected == f"topic '{topic}' with partitions=3, replication_factor=2, retention.ms=5"
    assert caught.value.got == "it exists with partitions=2, replication_factor=1, retention.ms=60000"
    assert f"topics.delete('{topic}')" in caught.value.todo
    assert len(topics.describe(topic, bootstrap_servers=broker)) == 2


def test_settings_are_given_as_python_values_and_kept_by_kafka(broker: str, topic: str) -> None:
    config = {
        "retention.ms": 60_000,
        "preallocate": True,
        "cleanup.policy": "compact",
        "min.cleanable.dirty.ratio": 0.1,
    }
    topics.create(topic, config=config, bootstrap_servers=broker)
    topics.create(topic, config=config, bootstrap_servers=broker)  # and are found equal to what was asked for


def test_a_fresh_topic_is_empty_whatever_there_was(broker: str, topic: str) -> None:
    for partitions in (1, 3):
        made = topics.create(topic, partitions=partitions, fresh=True, bootstrap_servers=broker)
        assert made["records"].tolist() == [0] * partitions
        write(broker, topic, b"1")


def test_four_that_make_the_same_topic_at_once_all_succeed(broker: str, topic: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = [pool.submit(topics.create, topic, partitions=2, bootstrap_servers=broker) for _ in range(4)]
        assert [len(future.result(30)) for future in made] == [2] * 4


def test_a_mistyped_setting_says_which_was_meant(broker: str, topic: str) -> None:
    with pytest.raises(TopicError) as caught:
        topics.create(topic, config={"retention.mss": 1, "preallocate": True}, bootstrap_servers=broker)
    assert caught.value.expected == f"Kafka to create topic '{topic}'"
    assert "retention.mss" in caught.value.got
    assert caught.value.todo == "did you mean 'retention.ms' instead of 'retention.mss'?"
    assert topic not in names(broker)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"retention.ms": "long"}, "Invalid value long"),
        ({"cleanup.policy": "none"}, "compact, delete"),
        ({"xyz": 1}, "Unknown topic config name: xyz"),
    ],
)
def test_a_setting_that_kafka_does_not_take_is_reported_in_kafkas_words(
    broker: str, topic: str, config: dict[str, object], said: str
) -> None:
    with pytest.raises(TopicError, match="change what the message names") as caught:
        topics.create(topic, config=config, bootstrap_servers=broker)
    assert said in caught.value.got
    assert topic not in names(broker)


def test_more_replicas_than_brokers_says_how_many_there_can_be(broker: str, topic: str) -> None:
    with pytest.raises(TopicError, match="replication factor of 2") as caught:
        topics.create(topic, replication_factor=2, bootstrap_servers=broker)
    assert caught.value.todo.startswith("ask for at most 1, or add a broker")


@pytest.mark.parametrize("count", [0, -1, "3", 2.0])
@pytest.mark.parametrize("what", ["partitions", "replication_factor"])
def test_a_count_that_is_no_count_is_refused(broker: str, topic: str, what: str, count: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        topics.create(topic, **{what: count}, bootstrap_servers=broker)
    assert (what in caught.value.expected, caught.value.got) == (True, repr(count))


def test_a_name_that_is_no_name_is_refused_before_any_broker_is_asked() -> None:
    nowhere = "127.0.0.1:1"
    for call in (topics.create, topics.describe, topics.offsets, topics.tail, topics.delete):
        with pytest.raises(Exception, match=r"topic name|answer at") as caught:
            call("no good", bootstrap_servers=nowhere)
        assert isinstance(caught.value, TopicError) == (call is topics.create)


def test_a_name_that_kafka_takes_for_another_is_told_with_that_other(broker: str, topic: str) -> None:
    topics.create(f"{topic}.a", bootstrap_servers=broker)
    with pytest.raises(TopicError, match=f"collides with existing topic: {topic}.a"):
        topics.create(f"{topic}_a", bootstrap_servers=broker)


# ---- delete --------------------------------------------------------------------------------------------------------


def test_deleted_topics_are_gone_and_can_be_made_again_empty(broker: str, topic: str) -> None:
    both = (topic, f"{topic}-2")
    for name in both:
        topics.create(name, bootstrap_servers=broker)
    write(broker, topic, b"1", b"2")
    topics.delete(*both, bootstrap_servers=broker)
    assert not names(broker) & set(both)
    assert topics.create(topic, partitions=2, bootstrap_servers=broker)["records"].tolist() == [0, 0]


def test_deleting_a_topic_that_is_not_there_deletes_none(broker: str, topic: str) -> None:
    topics.create(topic, bootstrap_servers=broker)
    with pytest.raises(TopicError) as caught:
        topics.delete(topic, f"{topic}x", bootstrap_servers=broker)
    assert caught.value.expected == f"topic '{topic}x' to exist"
    assert f"'{topic}'" in caught.value.todo
    assert topic in names(broker)


def test_kafkas_own_topics_are_not_deleted(broker: str, topic: str) -> None:
    topics.create(topic, bootstrap_servers=broker)
    with pytest.raises(TopicError, match="group"):
        topics.lag(f"{topic}-nobody", bootstrap_servers=broker)  # the first look at a group makes Kafka keep its books
    with pytest.raises(TopicError, match="__consumer_offsets, a topic of Kafka's own"):
        topics.delete(topic, "__consumer_offsets", bootstrap_servers=broker)
    assert topic in names(broker)
    with admin(broker) as client:
        assert "__consumer_offsets" in client.list_topics()


def test_a_topic_of_yours_may_begin_with_underscores(broker: str, topic: str) -> None:
    topics.create(f"__{topic}", bootstrap_servers=broker)
    topics.delete(f"__{topic}", bootstrap_servers=broker)
    assert f"__{topic}" not in names(broker)


def test_deleting_nothing_deletes_nothing(broker: str, topic: str) -> None:
    topics.create(topic, bootstrap_servers=broker)
    topics.delete(bootstrap_servers=broker)
    assert topic in names(broker)
