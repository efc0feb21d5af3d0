"""Collectors beside a bare kafka-python loop, a stream of DataFrames beside a bare consumer, and feed-to-topic latency.

python tests/benchmarks/collectors.py [--check] [--runs 5] [--records 40000]

All pairs do the same work on the same bytes: the lines of X's stream become key, JSON value and event time, and each
record is acknowledged by the broker. The bare loops neither drop duplicates, nor keep dead letters, nor survive a
failure.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

sys.path.insert(0, str(Path(__file__).parent))
from _report import Target, report

from kit import streams, topics
from kit.collectors import Collector, Listener, collect_tweets
from kit.collectors._tweets import tweet_records
from kit.feeds.data import load_tweets
from kit.servers.feeds import FeedServer
from kit.servers.kafka import KafkaCluster

_EPOCH = 1_288_834_974_657
_NOW = 1_767_623_400_000


def lines(count: int) -> list[bytes]:
    """Lines of X's stream, from the real tweets."""
    tweets = load_tweets()
    made = []
    for number in range(count):
        tweet = tweets[number % len(tweets)]
        snowflake = ((_NOW + number - _EPOCH) << 22) | 1
        user = f'{{"id":"{tweet.row}","name":"reader_{tweet.row}","username":"reader_{tweet.row}"}}'
        line = f'{{"data":{{"id":"{snowflake}","text":{tweet.json_text}}},"includes":{{"users":[{user}]}}}}'
        made.append(line.encode())
    return made


def fresh(servers: str) -> str:
    name = f"bench-{uuid.uuid4().hex[:8]}"
    topics.create(name, bootstrap_servers=servers)
    topics.create(f"{name}.dead-letter", bootstrap_servers=servers)
    return name


def bare_producer(servers: str, payloads: list[bytes]) -> float:
    """Records a second of the loop that everybody writes first."""
    topic = fresh(servers)
    producer = KafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True)
    producer.partitions_for(topic)
    started = time.perf_counter()
    for payload in payloads:
        for record in tweet_records(payload):
            producer.send(topic, record.value, key=record.key, timestamp_ms=record.time)
    producer.flush()
    seconds = time.perf_counter() - started
    producer.close()
    _check(servers, topic, len(payloads))
    return len(payloads) / seconds


def collector(servers: str, payloads: list[bytes], *, workers: int = 1) -> float:
    """Records a second of a collector on the same lines: from its first line to its last acknowledgement."""
    topic = fresh(servers)
    ready: list[float] = []

    def listen(receive: Callable[[bytes], None]) -> None:
        ready.append(time.perf_counter())
        for payload in payloads:
            receive(payload)

    with Collector(Listener(listen), topic, tweet_records, workers=workers, bootstrap_servers=servers) as running:
        counts = running.wait(timeout=120)
        seconds = time.perf_counter() - ready[0]
    assert counts.sent == len(payloads), counts
    _check(servers, topic, len(payloads))
    return len(payloads) / seconds


def _check(servers: str, topic: str, count: int) -> None:
    there = int(topics.offsets(topic, bootstrap_servers=servers)["records"].sum())
    assert there == count, f"{there} records in the topic, not {count}"


def bare_consumer(servers: str, topic: str, count: int) -> float:
    """Records a second of a loop over a KafkaConsumer that parses each value."""
    consumer = KafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest", enable_auto_commit=False)
    consumer.assign([TopicPartition(topic, 0)])
    consumer.seek_to_beginning()
    found: list[Any] = []
    started = time.perf_counter()
    for record in consumer:
        found.append(json.loads(record.value))
        if len(found) == count:
            break
    seconds = time.perf_counter() - started
    consumer.close()
    return count / seconds


def frames(servers: str, topic: str, count: int) -> float:
    """Records a second of the same records as DataFrames, values in columns."""
    with streams.batches(topic, start="earliest", every=0, count=count, bootstrap_servers=servers) as stream:
        started = time.perf_counter()
        read = sum(len(batch) for batch in stream)
        seconds = time.perf_counter() - started
    assert read == count
    return count / seconds


def latency(servers: str, feeds: FeedServer, ticks: int) -> list[float]:
    """Milliseconds from a tick of the feed's clock to its tweets in a consumer's hands, one number a tick."""
    topic = fresh(servers)
    with collect_tweets(topic, url=feeds.url, token=feeds.token, bootstrap_servers=servers):
        consumer = KafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest", fetch_max_wait_ms=5000)
        consumer.assign([TopicPartition(topic, 0)])
        found = []
        for _ in range(ticks):
            started = time.perf_counter()
            feeds.step()
            while not consumer.poll(timeout_ms=2000):
                pass
            found.append((time.perf_counter() - started) * 1000)
            while consumer.position(TopicPartition(topic, 0)) % 2:  # two tweets a tick
                consumer.poll(timeout_ms=200)
        consumer.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 if a target is missed")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--records", type=int, default=40_000)
    options = parser.parse_args()
    payloads = lines(options.records)
    rates: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="kit-bench-") as folder, KafkaCluster(Path(folder)) as cluster:
        servers = cluster.bootstrap_servers
        full = fresh(servers)
        with Collector(
            Listener(lambda receive: [receive(line) for line in payloads] and None),
            full,
            tweet_records,
            bootstrap_servers=servers,
        ) as filling:
            filling.wait(timeout=120)
        measures: dict[str, Callable[[], float]] = {
            "bare producer loop": lambda: bare_producer(servers, payloads),
            "listener": lambda: collector(servers, payloads),
            "router, 3 workers": lambda: collector(servers, payloads, workers=3),
            "bare consumer loop": lambda: bare_consumer(servers, full, len(payloads)),
            "stream of DataFrames": lambda: frames(servers, full, len(payloads)),
        }
        for _ in range(options.runs):  # in turn, so that a slow minute of the machine meets all of them
            for name, measure in measures.items():
                rates.setdefault(name, []).append(measure())
        with FeedServer(Path(folder) / "feeds", paused=True) as feeds:
            waits = latency(servers, feeds, 200)
    rate = {name: statistics.median(found) for name, found in rates.items()}
    producer, consumer = rate["bare producer loop"], rate["bare consumer loop"]
    percentiles = statistics.quantiles(waits, n=20)
    rows: list[list[object]] = [[name, round(value), "records/s"] for name, value in rate.items()]
    rows += [
        ["feed to topic, p50", round(statistics.median(waits), 1), "ms"],
        ["feed to topic, p95", round(percentiles[-1], 1), "ms"],
    ]
    report(
        "collectors",
        ["what", "figure", "unit"],
        rows,
        [
            Target("listener / bare producer", rate["listener"] / producer, 0.9, at_most=False),
            Target("router / bare producer", rate["router, 3 workers"] / producer, 0.9, at_most=False),
            Target("DataFrames / bare consumer", rate["stream of DataFrames"] / consumer, 0.9, at_most=False),
        ],
    )


if __name__ == "__main__":
    main()
