"""What the lab asks a Kafka cluster about itself: who has joined, who leads, where its own topics live.

kafka-python is imported where it is used: it takes 0.3 s, and a lab of one broker comes up without it.
"""

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from kit.deadline import Deadline, pause
from kit.errors import KitError, ServerError

if TYPE_CHECKING:
    from kafka.admin import KafkaAdminClient

__all__ = ["exercise", "leaders", "replicate_internal_topics", "wait_joined"]


def wait_joined(bootstrap_servers: str, brokers: set[int], *, timeout: float) -> None:
    """Wait until all `brokers` are registered with the cluster and vote in its controller quorum."""
    from kafka.errors import KafkaError

    from kit.servers.clients import admin

    missing, deadline = brokers, Deadline(timeout)
    with admin(bootstrap_servers) as client:
        while not deadline.passed:
            try:
                registered = {int(broker["broker_id"]) for broker in client.describe_cluster()["brokers"]}
                quorum = client.describe_metadata_quorum()["topics"][0]["partitions"][0]
                missing = brokers - (registered & {int(voter["replica_id"]) for voter in quorum["current_voters"]})
                if not missing:
                    return
            except KafkaError:  # no leader yet: the quorum is being formed
                pass
            pause(0.05)
    got, todo = f"after {timeout:.0f} s {sorted(missing)} had not", "run `kit down`, then `kit up`, or else `kit reset`"
    raise ServerError(f"brokers {sorted(brokers)} to join the cluster", got=got, todo=todo)


def leaders(bootstrap_servers: str) -> dict[int, int]:
    """How many partitions each broker leads, Kafka's own topics included; empty when no broker answers."""
    from kit.servers.clients import admin

    try:
        with admin(bootstrap_servers) as client:
            return dict(Counter(p["leader_id"] for topic in client.describe_topics() for p in topic["partitions"]))
    except KitError:
        return {}


def replicate_internal_topics(bootstrap_servers: str, replicas: int) -> None:
    """Give Kafka's own topics (consumer offsets, transactions) `replicas` replicas, led in turn by each broker."""
    from kafka import TopicPartition

    from kit.servers.clients import admin

    with admin(bootstrap_servers) as client:
        _make_offsets_topic(client)
        brokers = sorted(int(broker["broker_id"]) for broker in client.describe_cluster()["brokers"])
        moves = {
            # The first of them, another one for each partition, is the preferred leader.
            TopicPartition(topic["name"], (first := part["partition_index"])): [
                brokers[(first + step) % len(brokers)] for step in range(replicas)
            ]
            for topic in client.describe_topics()
            for part in topic["partitions"]
            if topic["is_internal"] and len(part["replica_nodes"]) < replicas
        }
        if moves:
            client.alter_partition_reassignments(moves)


def _make_offsets_topic(client: "KafkaAdminClient") -> None:
    """Have Kafka make its topic of consumer offsets now: later it would have the replicas of a smaller cluster."""
    from kafka.errors import KafkaError

    deadline = Deadline(10.0)
    while not any(topic["name"] == "__consumer_offsets" for topic in client.describe_topics()):
        with suppress(KafkaError):  # "coordinator not available": it is being made
            client.describe_groups(["none-yet"])
        if deadline.passed:
            return
        pause(0.05)


def exercise(bootstrap_servers: str) -> None:
    """What a day asks of a broker, in a second: a topic made, written with acks, read by a group, looked into."""
    from kafka import KafkaConsumer, KafkaProducer

    from kit.servers.clients import admin

    with admin(bootstrap_servers) as client:
        client.create_topics({"warm-up": {"num_partitions": 2, "replication_factor": 1}})
        producer = KafkaProducer(bootstrap_servers=bootstrap_servers)
        for _ in range(10):
            producer.send("warm-up", b"record").get(timeout=20)
        producer.close()
        own = {"group_id": "warm-up", "auto_offset_reset": "earliest", "consumer_timeout_ms": 20000}
        consumer = KafkaConsumer("warm-up", bootstrap_servers=bootstrap_servers, **own)
        next(iter(consumer))
        consumer.commit()
        consumer.close()
        client.describe_topics()
        client.describe_metadata_quorum()
        client.delete_topics(["warm-up"])
