"""Topics on a cluster that has grown to three brokers: where replicas are, and how they are moved."""

from collections.abc import Iterator

import pytest
from kafka import KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType

from kit import topics
from kit.errors import ConfigError, TopicError
from kit.servers.clients import admin, ask_each_broker
from kit.servers.kafka import KafkaCluster
from tests.topics.tools import write

OLD = "older-than-the-cluster"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with KafkaCluster(tmp_path_factory.mktemp("three")) as cluster:
        topics.create(OLD, partitions=3, bootstrap_servers=cluster.bootstrap_servers)
        write(cluster.bootstrap_servers, OLD, b"1", b"2")
        cluster.add_broker()
        cluster.add_broker()
        yield cluster.bootstrap_servers


def setting(servers: str, topic: str, name: str) -> str:
    with admin(servers) as open_admin:
        asked = [ConfigResource(ConfigResourceType.TOPIC, topic, {name: ""})]
        return str(open_admin.describe_configs(asked, config_filter="all")["topic"][topic][name]["value"])


def test_a_topic_has_three_replicas_all_in_sync_and_the_brokers_lead_in_turn(servers: str, topic: str) -> None:
    made = topics.create(topic, partitions=3, bootstrap_servers=servers)
    assert sorted(made["leader"]) == [1, 2, 3]
    assert made["leader"].tolist() == [replicas[0] for replicas in made["replicas"]]
    assert made["in_sync"].tolist() == [[1, 2, 3]] * 3
    assert made["records"].tolist() == [0, 0, 0]
    assert setting(servers, topic, "min.insync.replicas") == "2"


def test_every_broker_serves_a_topic_that_has_just_been_made(servers: str, topic: str) -> None:
    for number in range(10):
        made = topics.create(f"{topic}-{number}", partitions=6, replication_factor=1, bootstrap_servers=servers)
        assert made["latest"].tolist() == [0] * 6
        assert topics.describe(f"{topic}-{number}", bootstrap_servers=servers)["latest"].tolist() == [0] * 6


def test_fewer_replicas_are_made_if_asked_for_and_more_than_brokers_refused(servers: str, topic: str) -> None:
    made = topics.create(topic, replication_factor=2, bootstrap_servers=servers)
    assert [len(replicas) for replicas in made["replicas"]] == [2]
    assert setting(servers, topic, "min.insync.replicas") == "1"
    with pytest.raises(TopicError, match="at most 3"):
        topics.create(f"{topic}-4", replication_factor=4, bootstrap_servers=servers)


def test_a_setting_of_yours_is_not_overruled(servers: str, topic: str) -> None:
    topics.create(topic, config={"min.insync.replicas": 1}, bootstrap_servers=servers)
    assert setting(servers, topic, "min.insync.replicas") == "1"


def test_every_broker_knows_what_a_call_has_changed_when_it_returns(servers: str, topic: str) -> None:
    def known(name: str) -> set[tuple[str, str]]:
        asked = [ConfigResource(ConfigResourceType.TOPIC, name, {"min.insync.replicas": ""})]
        with admin(servers) as client:
            replicas = ask_each_broker(client, client.describe_topics, [name])
            settings = ask_each_broker(client, client.describe_configs, asked, config_filter="all")
        assert len(replicas) == len(settings) == 3
        return {
            (str([p["replica_nodes"] for p in found["partitions"]]), str(setting["topic"][name]))
            for (found,), setting in zip(replicas, settings, strict=True)
        }

    for number in range(5):
        name = f"{topic}-{number}"
        topics.create(name, partitions=3, bootstrap_servers=servers)
        assert len(known(name)) == 1
        topics.reassign(name, replication_factor=1, bootstrap_servers=servers)
        assert len(known(name)) == 1
        topics.delete(name, bootstrap_servers=servers)
        with admin(servers) as client:
            assert all(found["error_code"] for (found,) in ask_each_broker(client, client.describe_topics, [name]))


# ---- reassign ------------------------------------------------------------------------------------------------------


def test_a_topic_is_moved_with_its_records_and_its_settings(servers: str, topic: str) -> None:
    config = {"retention.bytes": 86_400_000}
    topics.create(topic, partitions=4, replication_factor=1, config=config, bootstrap_servers=servers)
    write(servers, topic, b"1", b"2", partition=3)
    spread = topics.reassign(topic, replication_factor=3, bootstrap_servers=servers)
    assert spread["replicas"].tolist() == [[1, 2, 3], [2, 3, 1], [3, 1, 2], [1, 2, 3]]
    assert spread["in_sync"].tolist() == [[1, 2, 3]] * 4
    assert spread["leader"].tolist() == [1, 2, 3, 1]
    assert spread["records"].tolist() == [0, 0, 0, 2]
    assert setting(servers, topic, "min.insync.replicas") == "2"
    back = topics.reassign(topic, replication_factor=1, bootstrap_servers=servers)
    assert back["replicas"].tolist() == back["in_sync"].tolist() == [[1], [2], [3], [1]]
    assert setting(servers, topic, "min.insync.replicas") == "1"
    assert setting(servers, topic, "retention.bytes") == "86400000"
    assert topics.tail(topic, bootstrap_servers=servers)["value"].tolist() == ["1", "2"]


def test_sends_with_acks_all_go_on_while_a_topic_is_moved(servers: str, topic: str) -> None:
    topics.create(topic, bootstrap_servers=servers)
    producer = KafkaProducer(bootstrap_servers=servers, acks="all")
    try:
        for replication_factor in (1, 3, 2):
            sent = [producer.send(topic, b"x") for _ in range(20)]
            topics.reassign(topic, replication_factor=replication_factor, bootstrap_servers=servers)
            sent += [producer.send(topic, b"x") for _ in range(20)]
            producer.flush(20)
            assert all(future.succeeded() for future in sent)
    finally:
        producer.close()
    assert topics.offsets(topic, bootstrap_servers=servers)["records"].tolist() == [120]


def test_what_cannot_be_moved_says_why(servers: str, topic: str) -> None:
    topics.create(topic, bootstrap_servers=servers)
    with pytest.raises(TopicError, match=r"3 live broker\(s\)") as caught:
        topics.reassign(topic, replication_factor=4, bootstrap_servers=servers)
    assert "add_broker" in caught.value.todo
    with pytest.raises(TopicError, match=f"did you mean '{topic}'"):
        topics.reassign(f"{topic}x", replication_factor=1, bootstrap_servers=servers)
    with pytest.raises(ConfigError):
        topics.reassign(topic, replication_factor=0, bootstrap_servers=servers)


def test_a_topic_from_before_the_cluster_grew_is_spread_over_the_new_brokers(servers: str) -> None:
    before = topics.describe(OLD, bootstrap_servers=servers)
    assert before["replicas"].tolist() == before["in_sync"].tolist() == [[1]] * 3
    spread = topics.reassign(OLD, replication_factor=3, bootstrap_servers=servers)
    assert spread["replicas"].tolist() == [[1, 2, 3], [2, 3, 1], [3, 1, 2]]
    assert spread["leader"].tolist() == [1, 2, 3]
    assert topics.tail(OLD, bootstrap_servers=servers)["value"].tolist() == ["1", "2"]
    topics.reassign(OLD, replication_factor=1, bootstrap_servers=servers)
    gathered = topics.describe(OLD, bootstrap_servers=servers)
    assert gathered["replicas"].tolist() == [[1], [2], [3]]
