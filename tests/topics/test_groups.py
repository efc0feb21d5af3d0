"""The lag of consumer groups on a real broker: of those that read, that have stopped, that never were."""

from collections.abc import Callable

import pandas as pd
import pytest
from kafka.admin import KafkaAdminClient

from kit import topics
from kit.errors import ConfigError, TopicError
from tests.topics.tools import commit, member, write
from tests.wait import wait_until

DTYPES = {"topic": "object", "partition": "int64", "committed": "Int64", "latest": "Int64", "lag": "Int64"}


def rows(frame: pd.DataFrame) -> list[list[object]]:
    """The table without its topic; what is missing is None."""
    assert frame.dtypes.astype(str).to_dict() == DTYPES
    return frame.drop(columns="topic").astype(object).where(frame.drop(columns="topic").notna(), None).values.tolist()


@pytest.fixture
def filled(broker: str, topic: str) -> str:
    """A topic of two partitions with 5 and 3 records."""
    topics.create(topic, partitions=2, bootstrap_servers=broker)
    write(broker, topic, *[b"x"] * 5, partition=0)
    write(broker, topic, *[b"x"] * 3, partition=1)
    return topic


def test_a_group_that_has_stopped_is_behind_by_what_it_has_not_committed(broker: str, filled: str) -> None:
    commit(broker, f"{filled}-g", filled, 2, 3)
    assert rows(topics.lag(f"{filled}-g", bootstrap_servers=broker)) == [[0, 2, 5, 3], [1, 3, 3, 0]]


def test_only_partitions_with_a_commit_are_shown_of_a_group_that_has_stopped(broker: str, filled: str) -> None:
    commit(broker, f"{filled}-g", filled, 0)
    assert rows(topics.lag(f"{filled}-g", bootstrap_servers=broker)) == [[0, 0, 5, 5]]


def test_a_group_that_reads_shows_its_partitions_before_its_first_commit_and_after(broker: str, filled: str) -> None:
    with member(broker, f"{filled}-g", filled) as consumer:
        assert rows(topics.lag(f"{filled}-g", bootstrap_servers=broker)) == [[0, None, 5, None], [1, None, 3, None]]
        consumer.seek_to_end()
        assert [consumer.position(partition) for partition in sorted(consumer.assignment())] == [5, 3]
        consumer.commit()
        write(broker, filled, b"one more")
        assert rows(topics.lag(f"{filled}-g", bootstrap_servers=broker)) == [[0, 5, 6, 1], [1, 3, 3, 0]]


def test_a_group_of_two_topics_has_both_in_the_order_of_their_names(broker: str, topic: str) -> None:
    for name, offset in ((f"{topic}-b", 1), (f"{topic}-a", 0)):
        topics.create(name, bootstrap_servers=broker)
        write(broker, name, b"x")
        commit(broker, f"{topic}-g", name, offset)
    found = topics.lag(f"{topic}-g", bootstrap_servers=broker)
    assert found[["topic", "lag"]].values.tolist() == [[f"{topic}-a", 1], [f"{topic}-b", 0]]


def test_a_group_that_left_without_a_commit_is_an_empty_table(broker: str, filled: str) -> None:
    with member(broker, f"{filled}-g", filled):
        pass
    assert rows(topics.lag(f"{filled}-g", bootstrap_servers=broker)) == []


def test_an_unknown_group_gets_a_suggestion(broker: str, filled: str) -> None:
    commit(broker, f"{filled}-dashboard", filled, 1)
    with pytest.raises(TopicError) as caught:
        topics.lag(f"{filled}-Dashbord", bootstrap_servers=broker)
    assert caught.value.expected == f"consumer group '{filled}-Dashbord' to exist"
    assert caught.value.todo == f"did you mean '{filled}-dashboard'?"


@pytest.mark.parametrize("group", [None, 5, b"dashboard"])
def test_a_group_that_is_not_text_is_refused(group: object) -> None:
    with pytest.raises(ConfigError, match="give the name as text"):
        topics.lag(group)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", ["", "Dead"])
def test_a_group_that_its_broker_does_not_know_at_first_is_asked_for_again(
    broker: str, filled: str, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = f"{filled}-g"
    commit(broker, group, filled, 2, 3)
    at_first = {
        "describe_cluster": {"brokers": [1, 2]},  # where there is one broker, none takes over
        "list_group_offsets": {group: {}},
        "describe_groups": {group: {"group_state": state, "members": []}},
    }
    for name, answer in at_first.items():
        monkeypatch.setattr(KafkaAdminClient, name, answering(answer, then=getattr(KafkaAdminClient, name)))
    assert rows(topics.lag(group, bootstrap_servers=broker)) == [[0, 2, 5, 3], [1, 3, 3, 0]]


def answering(answer: object, then: Callable[..., object]) -> Callable[..., object]:
    """A method that gives this answer once."""
    left = [answer]
    return lambda *args: left.pop() if left else then(*args)


def test_a_group_outlives_a_topic_that_is_deleted(broker: str, filled: str) -> None:
    topics.create(f"{filled}-other", bootstrap_servers=broker)
    commit(broker, f"{filled}-g", filled, 2, 3)
    commit(broker, f"{filled}-g", f"{filled}-other", 0)
    topics.delete(filled, bootstrap_servers=broker)

    def shown() -> set[str]:
        return set(topics.lag(f"{filled}-g", bootstrap_servers=broker)["topic"])

    wait_until(lambda: shown() == {f"{filled}-other"}, what="Kafka to forget the commits")


def test_commits_of_a_topic_that_is_gone_have_no_latest_offset_and_no_lag(
    broker: str, filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(broker, f"{filled}-g", filled, 2, 3)
    ask_kafka = KafkaAdminClient.list_group_offsets

    def then_delete(self: KafkaAdminClient, group: str) -> object:
        answer = ask_kafka(self, group)
        topics.delete(filled, bootstrap_servers=broker)  # between two questions of `lag`
        return answer

    monkeypatch.setattr(KafkaAdminClient, "list_group_offsets", then_delete)
    assert rows(topics.lag(f"{filled}-g", bootstrap_servers=broker)) == [[0, 2, None, None], [1, 3, None, None]]
