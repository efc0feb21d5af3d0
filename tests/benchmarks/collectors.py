"""Collectors and streams of DataFrames beside loops over bare kafka-python and confluent-kafka; feed-to-topic latency.

python tests/benchmarks/collectors.py [--check] [--runs 5] [--records 40000]

All do the same work on the same bytes: the lines of X's stream become key, JSON value and event time, and each record
is acknowledged by every replica, to an idempotent producer. The loops are written as a careful user writes them, with
Python's json. They neither drop duplicates, nor keep dead letters, nor survive a failure. One more confluent-kafka loop
gets its records from the kit's own function, which parses with msgspec: what is left is the difference in sending.

Readers are timed from their first records on, so that the opening of a connection is not in the figure.
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

import confluent_kafka
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

sys.path.insert(0, str(Path(__file__).parent))
from _report import Target, report

from kit import streams, topics
from kit.collectors import Collector, Listener, Record, collect_tweets
from kit.collectors._records import ToRecords
from kit.collectors._tweets import tweet_records
from kit.feeds.data import load_tweets
from kit.servers.feeds import FeedServer
from kit.servers.interrupts import stop_at_the_first
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


def with_json(line: bytes) -> list[Record]:
    """The record of a line, as a careful user makes it: with Python's json."""
    tweet = json.loads(line)
    number, user = tweet["data"]["id"], tweet["includes"]["users"][0]["username"]
    at = (int(number) >> 22) + _EPOCH
    value = {"id": number, "user": user, "text": tweet["data"]["text"], "ts": at}
    return [Record(number.encode(), json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(), at)]


def fresh(servers: str) -> str:
    name = f"bench-{uuid.uuid4().hex[:8]}"
    topics.create(name, bootstrap_servers=servers)
    topics.create(f"{name}.dead-letter", bootstrap_servers=servers)
    return name


def bare_producer(servers: str, payloads: list[bytes]) -> float:
    """Records a second of a loop over kafka-python's producer."""
    topic = fresh(servers)
    failed: list[Exception] = []
    producer = KafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True)
    producer.partitions_for(topic)
    started = time.perf_counter()
    for payload in payloads:
        for record in with_json(payload):
            future = producer.send(topic, record.value, key=record.key, timestamp_ms=record.time)
            future.add_errback(failed.append)
    producer.flush()
    seconds = time.perf_counter() - started
    producer.close()
    assert not failed
    _check(servers, topic, len(payloads))
    return len(payloads) / seconds


def confluent_producer(servers: str, payloads: list[bytes], to_records: ToRecords = with_json) -> float:
    """Records a second of a loop over confluent-kafka's producer, which counts its delivery reports."""
    topic = fresh(servers)
    delivered = 0

    def report_delivery(error: object, _message: object) -> None:
        nonlocal delivered
        delivered += error is None

    producer = confluent_kafka.Producer(
        {"bootstrap.servers": servers, "acks": "all", "enable.idempotence": True, "linger.ms": 5}
    )
    producer.list_topics(topic, timeout=10)
    started = time.perf_counter()
    for payload in payloads:
        for record in to_records(payload):
            while True:
                try:
                    producer.produce(
                        topic, record.value, record.key, timestamp=record.time, on_delivery=report_delivery
                    )
                    break
                except BufferError:  # its queue is full
                    producer.poll(0.1)
        producer.poll(0)
    producer.flush()
    seconds = time.perf_counter() - started
    assert delivered == len(payloads)
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
    next(iter(consumer))
    started = time.perf_counter()
    for record in consumer:
        found.append(json.loads(record.value))
        if len(found) == count - 1:
            break
    seconds = time.perf_counter() - started
    consumer.close()
    return len(found) / seconds


def confluent_consumer(servers: str, topic: str, count: int) -> float:
    """Records a second of a loop over confluent-kafka's consumer that parses each value."""
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": servers, "group.id": topic, "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    )
    consumer.assign([confluent_kafka.TopicPartition(topic, 0, confluent_kafka.OFFSET_BEGINNING)])
    found: list[Any] = []
    while not consumer.consume(1, timeout=1.0):
        pass
    started = time.perf_counter()
    while len(found) < count - 1:
        for message in consumer.consume(1000, timeout=1.0):
            assert message.error() is None
            found.append(json.loads(message.value()))
    seconds = time.perf_counter() - started
    consumer.close()
    return len(found) / seconds


def frames(servers: str, topic: str, count: int) -> float:
    """Records a second of the same records as DataFrames, values in columns."""
    with streams.batches(topic, start="earliest", every=0, count=count, bootstrap_servers=servers) as stream:
        first = len(next(stream))
        started = time.perf_counter()
        read = sum(len(batch) for batch in stream)
        seconds = time.perf_counter() - started
    assert first + read == count
    return read / seconds


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
    stop_at_the_first()
    payloads, to_read = lines(options.records), lines(4 * options.records)
    rates: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="kit-bench-") as folder, KafkaCluster(Path(folder)) as cluster:
        servers = cluster.bootstrap_servers
        full = fresh(servers)
        with Collector(
            Listener(lambda receive: [receive(line) for line in to_read] and None),
            full,
            tweet_records,
            bootstrap_servers=servers,
        ) as filling:
            filling.wait(timeout=120)
        measures: dict[str, Callable[[], float]] = {
            "bare producer loop": lambda: bare_producer(servers, payloads),
            "confluent-kafka producer loop": lambda: confluent_producer(servers, payloads),
            "the same, records by the kit": lambda: confluent_producer(servers, payloads, tweet_records),
            "listener": lambda: collector(servers, payloads),
            "router, 3 workers": lambda: collector(servers, payloads, workers=3),
            "bare consumer loop": lambda: bare_consumer(servers, full, len(to_read)),
            "confluent-kafka consumer loop": lambda: confluent_consumer(servers, full, len(to_read)),
            "stream of DataFrames": lambda: frames(servers, full, len(to_read)),
        }
        for _ in range(options.runs):  # in turn, so that a slow minute of the machine meets all of them
            for name, measure in measures.items():
                rates.setdefault(name, []).append(measure())
        with FeedServer(Path(folder) / "feeds", paused=True) as feeds:
            waits = latency(servers, feeds, 200)
    rate = {name: statistics.median(found) for name, found in rates.items()}
    listener, table = rate["listener"], rate["stream of DataFrames"]
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
            Target("listener / confluent-kafka", listener / rate["confluent-kafka producer loop"], 0.5, at_most=False),
            Target("listener / bare producer", listener / rate["bare producer loop"], 1.25, at_most=False),
            Target("router / bare producer", rate["router, 3 workers"] / rate["bare producer loop"], 1, at_most=False),
            Target("DataFrames / confluent-kafka", table / rate["confluent-kafka consumer loop"], 0.27, at_most=False),
            Target("DataFrames / bare consumer", table / rate["bare consumer loop"], 1.25, at_most=False),
        ],
    )


if __name__ == "__main__":
    main()
