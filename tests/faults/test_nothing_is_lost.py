"""What is killed, cut off or garbled under load: every record is accounted for, and none is there twice."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kit import topics
from kit.collectors import Collector, Counts, Listener, Supervisor, collect_quotes, collect_tweets
from kit.servers.feeds import FeedServer
from kit.servers.kafka import KafkaCluster
from kit.servers.ports import choose_port
from tests.collectors.tools import numbers, of_today, payload, payloads, records, stream, to_records
from tests.wait import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("no_thread_left")]

_ROOT = Path(__file__).parents[2]


def brisk() -> Supervisor:
    return Supervisor(restarts=60, first=0.02, longest=0.5)


@contextmanager
def running_feed(home: Path, *, speed: float, port: int = 0) -> Iterator[FeedServer]:
    with FeedServer(home, start="2008-09-15", origin="2026-01-05T14:30:00Z", speed=speed, port=port) as feed:
        yield feed


def ids(broker: str, topic: str) -> list[str]:
    return [record.key.decode() for record in records(broker, topic)]


def paused_and_settled(feed: FeedServer, collector: Collector) -> dict[str, Any]:
    """Stop the replay, and wait until the collector has sent all tweets that were served."""
    feed.clock(paused=True)
    wait_until(
        lambda: feed.state()["served"]["tweets"] == collector.counts.sent, timeout=20, what="all that was served sent"
    )
    served: dict[str, Any] = feed.state()["served"]
    return served


class Load:
    """A stream of numbered payloads at a steady pace, until `end` is called."""

    def __init__(self, per_second: int) -> None:
        self._pause, self._over = 1 / per_second, threading.Event()
        self.given = 0

    def __call__(self, receive: Callable[[bytes], None]) -> None:
        while not self._over.wait(self._pause):
            receive(payload(self.given))
            self.given += 1

    def end(self) -> None:
        self._over.set()


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    with KafkaCluster(tmp_path_factory.mktemp("three"), brokers=3) as cluster:
        yield cluster


def test_each_broker_of_three_killed_in_turn_loses_no_record(three: KafkaCluster, topic: str) -> None:
    servers = three.bootstrap_servers
    topics.create(topic, partitions=3, bootstrap_servers=servers)
    load = Load(500)

    def in_sync() -> int:
        return int(topics.describe(topic, bootstrap_servers=servers)["in_sync"].map(len).min())

    with Collector(Listener(load, hang_up=load.end), topic, of_today, bootstrap_servers=servers) as collector:
        for broker in (1, 2, 3):
            three.kill(broker)
            collector.wait(sent=collector.counts.sent + 200, timeout=60)
            three.restart(broker)
            wait_until(lambda: in_sync() == 3, timeout=60, what="all replicas in sync")
        load.end()
        counts = collector.wait(timeout=60)
    assert counts == Counts(received=load.given, sent=load.given, restarts=counts.restarts)
    assert numbers(servers, topic) == list(range(load.given))


def test_the_only_broker_killed_and_started_again_has_every_record(tmp_path: Path, topic: str) -> None:
    load = Load(500)
    with (
        KafkaCluster(tmp_path) as cluster,
        Collector(
            Listener(load, hang_up=load.end), topic, of_today, bootstrap_servers=cluster.bootstrap_servers
        ) as collector,
    ):
        collector.wait(sent=300)
        cluster.kill(1)
        wait_until(lambda: collector.trouble, timeout=20, what="trouble")
        assert "running" in repr(collector)
        assert "BrokerUnavailable" in repr(collector)
        assert collector.counters()["lag_s"].max() > 1
        cluster.restart(1)
        collector.wait(sent=collector.counts.sent + 500, timeout=60)
        load.end()
        collector.wait(timeout=60)
        assert numbers(cluster.bootstrap_servers, topic) == list(range(load.given))


def test_a_collectors_process_killed_again_and_again_loses_no_tweet(tmp_path: Path, broker: str, topic: str) -> None:
    # X sends again the last five minutes: at this speed, 12 s, in which the next process must have begun.
    with running_feed(tmp_path, speed=25) as feed:
        for _ in range(2):
            with collecting_process(feed, broker, topic) as process:
                before = feed.state()["served"]["tweets"]
                wait_until(lambda before=before: feed.state()["served"]["tweets"] > before + 40, timeout=20)
                process.kill()
        with collect_tweets(topic, url=feed.url, token=feed.token, bootstrap_servers=broker) as collector:
            feed.clock(paused=True)
            wait_until(
                lambda: feed.state()["served"]["tweets"] == len(records(broker, topic)),
                timeout=20,
                what="all that was served in the topic",
            )
            collector.stop()
        found = ids(broker, topic)
        assert len(found) == len(set(found)) == feed.state()["served"]["tweets"] > 80


@contextmanager
def collecting_process(feed: FeedServer, broker: str, topic: str) -> "Iterator[subprocess.Popen[str]]":
    argv = [sys.executable, "-m", "tests.faults.collect", feed.url, broker, topic]
    env = {**os.environ, "FEED_TOKEN": feed.token.get_secret_value()}
    process = subprocess.Popen(argv, cwd=_ROOT, env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "collecting\n"
        yield process
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


def test_a_feed_that_drops_repeats_and_stalls_is_collected_whole(tmp_path: Path, broker: str, topic: str) -> None:
    with (
        running_feed(tmp_path, speed=150) as feed,
        collect_tweets(
            topic, url=feed.url, token=feed.token, supervisor=brisk(), bootstrap_servers=broker
        ) as collector,
    ):
        feed.fault("disconnect", route="stream", times=3, every=70)
        feed.fault("operational-disconnect", route="stream", times=2, every=90)
        feed.fault("truncate", route="stream", times=2, every=110)
        feed.fault("duplicate", route="stream", times=20, every=7)
        feed.fault("status", route="stream", times=2, status=503)
        collector.wait(sent=600, timeout=60)
        served = paused_and_settled(feed, collector)
        counts = collector.stop()
        assert counts.restarts >= 7
        assert counts.duplicate >= 20
        assert counts.dead_lettered == 0
    found = ids(broker, topic)
    assert len(found) == len(set(found)) == served["tweets"]


def test_a_feed_killed_and_started_again_is_collected_on(tmp_path: Path, broker: str, topic: str) -> None:
    port = choose_port()
    with running_feed(tmp_path, speed=40, port=port) as feed:
        token = feed.token
        collector = collect_tweets(topic, url=feed.url, token=token, supervisor=brisk(), bootstrap_servers=broker)
        with collector:
            collector.wait(sent=60)
            (process,) = feed.processes
            assert process is not None
            process.kill()
            wait_until(lambda: collector.trouble is not None, what="the listener noticed")
            feed.start()  # a new replay, on the same port and with the same token
            feed.clock(paused=True)
            wait_until(lambda: feed.state()["served"]["tweets"] > 0, timeout=20, what="the listener is back")
            before = collector.counts.sent
            feed.step(200)  # past the ticks of the first life, whose tweets are known
            wait_until(lambda: collector.counts.sent >= before + 30, timeout=20, what="the new tweets sent")
            assert collector.state == "running"
    found = ids(broker, topic)
    assert len(found) == len(set(found))


def test_polls_that_fail_in_every_way_lose_no_quote_that_was_served(tmp_path: Path, broker: str, topic: str) -> None:
    with (
        running_feed(tmp_path, speed=10) as feed,
        collect_quotes(
            ["JPM", "GE"], topic, every=0.02, base_url=feed.url, supervisor=brisk(), bootstrap_servers=broker
        ) as collector,
    ):
        feed.fault("status", route="quote", status=503, times=5, every=9)
        feed.fault("disconnect", route="quote", times=5, every=11)
        feed.fault("truncate", route="quote", times=5, every=13)
        feed.fault("malformed", route="quote", times=5, every=17)
        feed.fault("duplicate", route="quote", times=5, every=19)
        wait_until(lambda: not feed.state()["faults"] and collector.counts.sent > 60, timeout=40)
        feed.clock(paused=True)
        wait_until(lambda: feed.state()["served"]["quotes"] == collector.counts.sent, timeout=20)
        counts = collector.stop()
        assert counts.dead_lettered == 5
        assert counts.restarts >= 10
    found = [(record.key, record.timestamp) for record in records(broker, topic)]
    assert len(found) == len(set(found)) == counts.sent


@settings(
    max_examples=1, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck), derandomize=False
)
@given(
    garbage=st.lists(
        st.one_of(
            st.binary(min_size=1, max_size=60),
            st.text(min_size=1, max_size=40).map(str.encode),
            st.sampled_from([b"{", b"null", b"[]", b'{"id": "x"}', b'{"id": []}', b"\xff\xfe", b"NaN", b"[" * 3000]),
        ),
        min_size=1000,
        max_size=1000,
    )
)
def test_a_thousand_malformed_payloads_are_a_thousand_dead_letters(
    broker: str, topic: str, garbage: list[bytes]
) -> None:
    def numbered(raw: bytes) -> Any:
        return to_records(raw) if raw.startswith(b'{"id": ') and raw.endswith(b'"}') else to_records(b"?" + raw)

    mixed = [line for bad, good in zip(garbage, payloads(1000), strict=True) for line in (bad, good)]
    with Collector(Listener(stream(mixed)), topic, numbered, bootstrap_servers=broker) as collector:
        assert collector.wait(timeout=60) == Counts(received=2000, sent=1000, dead_lettered=1000)
    assert numbers(broker, topic) == list(range(1000))
    letters = records(broker, f"{topic}.dead-letter")
    assert [letter.value for letter in letters] == garbage
    assert all(dict(letter.headers)["error"] for letter in letters)
