"""A stream while one of three brokers dies: what has a replica is read on, what has none is missed by name."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaProducer

from kit import topics
from kit.errors import BrokerUnavailable
from kit.servers.kafka import KafkaCluster
from kit.streams import _watch, batches
from tests.streams.tools import Reading, together, value
from tests.wait import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("no_thread_left")]


@pytest.fixture
def three(tmp_path: Path) -> Iterator[KafkaCluster]:
    with KafkaCluster(tmp_path / "three", brokers=3) as cluster:
        yield cluster


class Writing:
    """Writes numbers to the partitions of a topic in turn, until it is stopped. It leaves out what cannot be sent."""

    def __init__(self, servers: str, topic: str, partitions: int) -> None:
        self.sent: set[int] = set()
        self._stop = threading.Event()
        self._topic, self._partitions = topic, partitions
        self._producer = KafkaProducer(bootstrap_servers=servers, acks="all", reconnect_backoff_max_ms=500)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(0.02):
            future = self._producer.send(self._topic, value(number), partition=number % self._partitions)
            future.add_callback(lambda _, number=number: self.sent.add(number))
            number += 1

    def stop(self, *, flush: bool) -> None:
        self._stop.set()
        self._thread.join(10.0)
        if flush:
            self._producer.flush(30)
            self._producer.close(timeout=10)
        else:  # what has no leader would keep it
            self._producer._sender.force_close()
            self._producer._sender.join(10.0)
            self._producer.close(timeout=5)


def test_a_topic_with_replicas_is_read_on_and_one_without_ends_with_the_missing_leader(
    three: KafkaCluster, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_watch, "_EVERY", 0.5)
    servers = three.bootstrap_servers
    safe, bare = f"{topic}-safe", f"{topic}-bare"
    topics.create(safe, partitions=3, replication_factor=3, bootstrap_servers=servers)
    topics.create(bare, partitions=3, replication_factor=1, bootstrap_servers=servers)
    # Both know one broker only, the one that dies: the others they have to have heard of.
    first = servers.split(",")[0]
    safe_one = Reading(safe_stream := batches(safe, every=0.1, bootstrap_servers=first))
    bare_one = Reading(bare_stream := batches(bare, every=0.1, bootstrap_servers=first))
    to_safe, to_bare = Writing(servers, safe, 3), Writing(servers, bare, 3)
    try:
        wait_until(lambda: safe_stream.records > 9 and bare_stream.records > 9, timeout=20)
        three.kill(1)
        assert bare_one.ended(60.0)
    finally:
        to_bare.stop(flush=False)
        to_safe.stop(flush=True)
    assert isinstance(bare_one.error, BrokerUnavailable)
    assert "no broker leads partition" in bare_one.error.got
    wait_until(lambda: safe_stream.records >= len(to_safe.sent), timeout=20)
    safe_stream.stop()
    assert safe_one.ended()
    assert safe_one.error is None
    assert sorted(together(safe_one.frames)["n"]) == sorted(to_safe.sent)
