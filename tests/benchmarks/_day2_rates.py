"""Records a second into Cassandra: by Spark as the notebooks teach it, by a plain loop and the plain driver."""

import itertools
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from _day2_kernel import TABLE, steadily, waited
from _report import Target

from kit import spark, topics, views
from kit.servers.cassandra import CassandraCluster
from kit.servers.clients import producer
from kit.servers.kafka import KafkaCluster
from tests.spark.tools import ORIGIN, quotes, send

__all__ = ["loop_latency", "rates"]

_RECORDS = 20_000
Figures = dict[str, float]


def by_spark(session: Any, broker: str, topic: str) -> float:
    """Records a second from a topic to rows, as the notebooks teach it."""
    rows = 0

    def write(frame: Any, _batch: int) -> None:
        nonlocal rows
        found = frame.toPandas()
        rows += views.write(session, "quotes", found.assign(ts=found["ts"].dt.tz_localize("UTC")))

    began = time.perf_counter()
    options = {"maxOffsetsPerTrigger": str(_RECORDS // 4)}
    writer = quotes(spark.session(), broker, topic, **options).writeStream.foreachBatch(write)
    query = writer.trigger(availableNow=True).start()
    assert query.awaitTermination(120)
    assert rows == _RECORDS
    return rows / (time.perf_counter() - began)


def by_loop(session: Any, broker: str, topic: str) -> float:
    """The same by a loop over a KafkaConsumer, and the driver."""
    from cassandra.concurrent import execute_concurrent_with_args
    from kafka import KafkaConsumer

    began, rows = time.perf_counter(), 0
    insert = session.prepare("INSERT INTO quotes (symbol, ts, price) VALUES (?, ?, ?)")
    consumer = KafkaConsumer(topic, bootstrap_servers=broker, auto_offset_reset="earliest", group_id=None)
    while rows < _RECORDS:
        polled = consumer.poll(timeout_ms=1000, max_records=5000)
        values = [json.loads(record.value) for record in itertools.chain(*polled.values())]
        arguments = [(one["symbol"], one["ts"], one["price"]) for one in values]
        execute_concurrent_with_args(session, insert, arguments, concurrency=100)
        rows += len(values)
    seconds = time.perf_counter() - began
    consumer.close()
    return rows / seconds


def by_driver(session: Any) -> float:
    """Rows a second by the plain driver, out of a list."""
    from cassandra.concurrent import execute_concurrent_with_args

    insert = session.prepare("INSERT INTO quotes (symbol, ts, price) VALUES (?, ?, ?)")
    arguments = [("JPM", ORIGIN + 1000 * number, float(number)) for number in range(_RECORDS)]
    began = time.perf_counter()
    execute_concurrent_with_args(session, insert, arguments, concurrency=100)
    return _RECORDS / (time.perf_counter() - began)


def by_views(session: Any) -> float:
    """Rows a second by `views.write`, out of a DataFrame."""
    numbers = pd.Series(range(_RECORDS))
    times = pd.to_datetime(ORIGIN + 1000 * numbers, unit="ms", utc=True)
    rows = pd.DataFrame({"symbol": "JPM", "ts": times, "price": numbers.astype(float)})
    began = time.perf_counter()
    views.write(session, "quotes", rows)
    return _RECORDS / (time.perf_counter() - began)


def loop_latency(session: Any, broker: str, *, rate: int, seconds: int) -> Figures:
    """Milliseconds from a record's send to its row, by a loop that writes each record as it comes."""
    from kafka import KafkaConsumer

    topics.create("loop", partitions=2, fresh=True, bootstrap_servers=broker)
    insert = session.prepare("INSERT INTO quotes (symbol, ts, price) VALUES (?, ?, ?)")
    consumer = KafkaConsumer("loop", bootstrap_servers=broker, auto_offset_reset="earliest", group_id=None)
    written: dict[int, float] = {}

    def write() -> None:
        while len(written) < rate * seconds:
            for record in itertools.chain(*consumer.poll(timeout_ms=1000).values()):
                one = json.loads(record.value)
                session.execute(insert, (one["symbol"], one["ts"], one["price"]))
                written[round(one["price"])] = time.perf_counter()

    thread, sender = threading.Thread(target=write), producer(broker)
    thread.start()
    sent = steadily(sender.send, "loop", rate=rate, seconds=seconds)
    thread.join(60)
    sender.close()
    consumer.close()
    return waited(sent, written)


def rates(runs: int) -> tuple[list[list[object]], list[Target]]:
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="kit-bench-") as folder:
        os.environ |= {"KIT_HOME": folder, "TQDM_DISABLE": "1"}
        with KafkaCluster(Path(folder) / "k") as kafka, CassandraCluster(Path(folder) / "c") as cassandra:
            broker = kafka.bootstrap_servers
            send(broker, "rate", [("JPM", second, 25.0) for second in range(_RECORDS)])
            with views.connect("market", contact_points=cassandra.contact_points) as session:
                session.execute(TABLE)
                measures: dict[str, Callable[[], float]] = {
                    "by Spark": lambda: by_spark(session, broker, "rate"),
                    "by a loop": lambda: by_loop(session, broker, "rate"),
                    "by views": lambda: by_views(session),
                    "by the driver": lambda: by_driver(session),
                }
                for _ in range(runs + 1):
                    for name, measure in measures.items():
                        found.setdefault(name, []).append(measure())
                spark.stop()
    rate = {name: round(statistics.median(figures[1:])) for name, figures in found.items()}  # the first is to warm up
    driver = "execute_concurrent_with_args"
    rows: list[list[object]] = [
        ["Kafka to Cassandra, Spark and views.write in foreachBatch, records/s", rate["by Spark"], rate["by a loop"],
         f"a KafkaConsumer's loop, {driver}"],
        ["a DataFrame to Cassandra, views.write, rows/s", rate["by views"], rate["by the driver"], driver],
    ]  # fmt: skip
    return rows, []
