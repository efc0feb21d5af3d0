"""Records carry the replay's time, which may be long ago or far ahead: Kafka keeps them all the same."""

import time
from contextlib import closing

from kafka import TopicPartition

from kit import topics
from kit.servers.clients import producer
from kit.servers.kafka import KafkaCluster
from tests.wait import wait_until

_1990, _2100 = 631_152_000_000, 4_102_444_800_000
_DAY = 86_400_000  # milliseconds


def test_no_record_is_refused_or_thrown_away_for_its_time(cluster: KafkaCluster, topic: str) -> None:
    topics.create(topic, bootstrap_servers=cluster.bootstrap_servers)
    with closing(producer(cluster.bootstrap_servers)) as sender:
        for at in (_1990, _2100):
            sender.send(topic, b"record", timestamp_ms=at).get(timeout=20)
    assert [at.year for at in topics.tail(topic, bootstrap_servers=cluster.bootstrap_servers)["timestamp"]] == [
        1990,
        2100,
    ]
    settings = (cluster.nodes[1].folder / "server.properties").read_text("utf-8").splitlines()
    assert "log.retention.ms=-1" in settings  # by age nothing goes, unless a topic asks for it


def test_a_topic_that_keeps_records_for_a_second_loses_them_within_seconds(cluster: KafkaCluster, topic: str) -> None:
    servers = cluster.bootstrap_servers
    topics.create(topic, config={"retention.ms": 1000}, bootstrap_servers=servers)
    with closing(producer(servers)) as writer:
        assert writer.send(topic, b"record").get(timeout=20).offset == 0
    wait_until(lambda: topics.offsets(topic, bootstrap_servers=servers)["earliest"].tolist() == [1], timeout=20)


def test_thirty_years_of_records_are_one_segment_a_partition(cluster: KafkaCluster, topic: str) -> None:
    topics.create(topic, bootstrap_servers=cluster.bootstrap_servers)
    with closing(producer(cluster.bootstrap_servers, batch_size=0)) as sender:
        for number in range(1450):  # eight days apart, a batch each: by itself Kafka begins a segment each week
            sender.send(topic, b"record", timestamp_ms=_1990 + number * 8 * _DAY)
        sender.flush(60)
    assert topics.offsets(topic, bootstrap_servers=cluster.bootstrap_servers)["records"].tolist() == [1450]
    assert len(list(cluster.nodes[1].data.glob(f"{topic}-0/*.log"))) == 1


def test_a_batch_that_is_sent_again_to_a_broker_that_was_killed_is_not_there_twice(
    spare: KafkaCluster, topic: str
) -> None:
    topics.create(topic, bootstrap_servers=spare.bootstrap_servers)
    at = time.time_ns() // 1_000_000 - 20 * _DAY  # the age of a producer is that of its newest record
    with closing(producer(spare.bootstrap_servers)) as sender:
        first = sender.send(topic, b"record", timestamp_ms=at).get(timeout=20)
        spare.kill(1)
        spare.restart(1)
        # As if the acknowledgement had been lost: the same batch once more.
        sender._transaction_manager.set_sequence_number(TopicPartition(topic, 0), 0)
        again = sender.send(topic, b"record", timestamp_ms=at).get(timeout=20)
    assert again.offset == first.offset
    assert topics.offsets(topic, bootstrap_servers=spare.bootstrap_servers)["records"].tolist() == [1]
