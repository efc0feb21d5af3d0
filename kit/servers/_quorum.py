"""What the lab asks a Kafka cluster about itself: who has joined, who leads, where its own topics live.

kafka-python is imported where it is used: it takes 0.3 s, and a lab of one broker comes up without it.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from kit.errors import ServerError
from kit.servers.ports import answers

if TYPE_CHECKING:
    from kafka.admin import KafkaAdminClient

__all__ = ["admin", "leaders", "replicate_internal_topics", "wait_joined"]

_OPTIONS = {"request_timeout_ms": 5000, "reconnect_backoff_ms": 20, "retry_backoff_ms": 20}
_pause = threading.Event()  # never set: a wait on it is a pause that Ctrl-C interrupts


@contextmanager
def admin(bootstrap_servers: str) -> "Iterator[KafkaAdminClient]":
    """An admin client on the brokers that answer: kafka-python waits a second or two for one that does not."""
    from kafka.admin import KafkaAdminClient

    live = [server for server in bootstrap_servers.split(",") if _reachable(server)]
    client = KafkaAdminClient(bootstrap_servers=live or bootstrap_servers.split(","), **_OPTIONS)
    try:
        yield client
    finally:
        client.close()


def _reachable(server: str) -> bool:
    host, _, port = server.rpartition(":")
    return host not in ("127.0.0.1", "localhost") or answers(int(port))


def wait_joined(bootstrap_servers: str, brokers: set[int], *, timeout: float) -> None:
    """Wait until all `brokers` are registered with the cluster and vote in its controller quorum.

    Raises
    ------
    ServerError
        One of them has not joined in `timeout` seconds.
    """
    from kafka.errors import KafkaError

    missing = brokers
    until = time.monotonic() + timeout
    with admin(bootstrap_servers) as client:
        while time.monotonic() < until:
            try:
                registered = {int(broker["broker_id"]) for broker in client.describe_cluster()["brokers"]}
                quorum = client.describe_metadata_quorum()["topics"][0]["partitions"][0]
                missing = brokers - (registered & {int(voter["replica_id"]) for voter in quorum["current_voters"]})
                if not missing:
                    return
            except KafkaError:  # no leader yet: the quorum is being formed
                pass
            _pause.wait(0.05)
    raise ServerError(
        f"brokers {sorted(brokers)} to join the cluster",
        got=f"after {timeout:.0f} s {sorted(missing)} had not",
        todo="run `kit down`, then `kit up`; if it stays so, `kit reset`",
    )


def leaders(bootstrap_servers: str) -> dict[int, int]:
    """How many partitions each broker leads, Kafka's own topics included; empty when no broker answers."""
    from kafka.errors import KafkaError

    try:
        with admin(bootstrap_servers) as client:
            return dict(Counter(p["leader_id"] for topic in client.describe_topics() for p in topic["partitions"]))
    except KafkaError:
        return {}


def replicate_internal_topics(bootstrap_servers: str, replicas: int) -> None:
    """Give Kafka's own topics (consumer offsets, transactions) `replicas` replicas, led in turn by each broker."""
    from kafka import TopicPartition

    with admin(bootstrap_servers) as client:
        _make_offsets_topic(client)
        brokers = sorted(int(broker["broker_id"]) for broker in client.describe_cluster()["brokers"])
        moves = {
            TopicPartition(topic["name"], partition["partition_index"]): _in_turn(
                brokers, partition["partition_index"], replicas
            )
            for topic in client.describe_topics()
            if topic["is_internal"]
            for partition in topic["partitions"]
            if len(partition["replica_nodes"]) < replicas
        }
        if moves:
            client.alter_partition_reassignments(moves)


def _make_offsets_topic(client: "KafkaAdminClient") -> None:
    """Have Kafka make its topic of consumer offsets now.

    Kafka makes it when the first group asks for its coordinator, with as many replicas as the broker asked was told of
    when it started: on a cluster that has grown since, that may be one.
    """
    from kafka.errors import KafkaError

    until = time.monotonic() + 10.0
    while not any(topic["name"] == "__consumer_offsets" for topic in client.describe_topics()):
        with suppress(KafkaError):  # "coordinator not available": it is being made
            client.describe_groups(["none-yet"])
        if time.monotonic() > until:
            return
        _pause.wait(0.05)


def _in_turn(brokers: list[int], first: int, count: int) -> list[int]:
    """So many brokers, beginning with another one for each partition: the first of them is the preferred leader."""
    return [brokers[(first + step) % len(brokers)] for step in range(count)]
