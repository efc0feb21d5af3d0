"""Records carry the replay's time, which may be long ago or far ahead: Kafka keeps them all the same."""

from kafka import KafkaProducer

from kit import topics
from kit.servers.kafka import KafkaCluster

_1990, _2100 = 631_152_000_000, 4_102_444_800_000


def test_no_record_is_refused_or_thrown_away_for_its_time(cluster: KafkaCluster, topic: str) -> None:
    topics.create(topic, bootstrap_servers=cluster.bootstrap_servers)
    producer = KafkaProducer(bootstrap_servers=cluster.bootstrap_servers)
    for at in (_1990, _2100):
        producer.send(topic, b"record", timestamp_ms=at).get(timeout=20)
    producer.close()
    assert [at.year for at in topics.tail(topic, bootstrap_servers=cluster.bootstrap_servers)["timestamp"]] == [
        1990,
        2100,
    ]
    settings = cluster.nodes[1].settings.read_text("utf-8").splitlines()
    assert "log.retention.ms=-1" in settings  # by age nothing goes: the check for it runs every five minutes only
