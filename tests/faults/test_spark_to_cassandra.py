"""Kafka → Spark → Cassandra, with each of the three killed while quotes come: the rows are those of a batch."""

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
from cassandra.cluster import Session
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from kit import spark, topics, views
from kit.deadline import pause
from kit.errors import CassandraUnavailable, KitError
from kit.servers.cassandra import CassandraCluster
from kit.servers.kafka import KafkaCluster
from kit.spark import _driver
from tests.spark.tools import ORIGIN, averages, quotes, send
from tests.wait import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

_KILLS = 2  # of each kind
_SECONDS = 100  # of event time between two kills
_PRICES = [
    (symbol, second, base + (second * step) % 7 / 8)
    for second in range(_SECONDS * (_KILLS + 1))
    for symbol, base, step in (("JPM", 25.0, 3), ("GE", 99.875, 5))
]


@pytest.fixture(scope="module")
def broker_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    with KafkaCluster(tmp_path_factory.mktemp("kafka")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CassandraCluster]:
    with CassandraCluster(tmp_path_factory.mktemp("cassandra")) as cluster:
        yield cluster


@pytest.fixture
def view(nodes: CassandraCluster) -> Iterator[Session]:
    with views.connect("market", contact_points=nodes.contact_points) as session:
        session.execute("CREATE TABLE IF NOT EXISTS averages (symbol text, ts timestamp, price double, "
                        "PRIMARY KEY (symbol, ts))")  # fmt: skip
        session.execute("TRUNCATE averages")
        yield session


class Query:
    """The query, started again whenever it has ended."""

    def __init__(self, view: Session, broker: str, topic: str, checkpoint: Path) -> None:
        self._view, self._broker, self._topic, self._checkpoint = view, broker, topic, checkpoint
        self.starts, self._over = 0, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _write(self, frame: Any, _batch: int) -> None:
        rows = frame.toPandas()
        views.write(self._view, "averages", rows.assign(ts=rows["ts"].dt.tz_localize("UTC")))

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                found = quotes(spark.session(), self._broker, self._topic, maxOffsetsPerTrigger="60")
                writer = averages(found).writeStream.outputMode("update").foreachBatch(self._write)
                writer = writer.option("checkpointLocation", str(self._checkpoint))
                query = writer.trigger(processingTime="100 milliseconds").start()
                self.starts += 1
                while not self._over.is_set() and not query.awaitTermination(0.2):
                    pass
                query.stop()
            except (
                KitError,
                PySparkException,
                Py4JError,
                OSError,
                AttributeError,
            ):  # of the query, or of a driver that has ended
                pause(0.2)

    def stop(self) -> None:
        self._over.set()
        self._thread.join(60)


def _kill_driver() -> None:
    driver = _driver._driver
    if driver is not None:
        psutil.Process(driver.pid).kill()


@pytest.fixture(scope="module", autouse=True)
def _spark_ended() -> Iterator[None]:
    yield
    spark.stop()


def _rows(view: Session) -> dict[tuple[str, pd.Timestamp], float]:
    found = views.query(view, "SELECT symbol, ts, price FROM averages")
    return {(row.symbol, row.ts): row.price for row in found.itertuples()}


@pytest.mark.parametrize("victim", ["the query's JVM", "the broker", "Cassandra"])
def test_the_rows_equal_a_batch_whatever_is_killed(
    victim: str, broker_cluster: KafkaCluster, nodes: CassandraCluster, view: Session, tmp_path: Path
) -> None:
    topic = f"t-{uuid.uuid4().hex[:10]}"
    broker = broker_cluster.bootstrap_servers
    sent = pd.DataFrame(_PRICES, columns=["symbol", "second", "price"])
    sent["ts"] = pd.to_datetime(ORIGIN + (sent["second"] // 20 + 1) * 20_000, unit="ms", utc=True)
    expected = sent.groupby(["symbol", "ts"])["price"].mean()
    parts = [_PRICES[start : start + 2 * _SECONDS] for start in range(0, len(_PRICES), 2 * _SECONDS)]

    topics.create(topic, partitions=2, bootstrap_servers=broker)
    query = Query(view, broker, topic, tmp_path)
    try:
        send(broker, topic, parts[0], create=False)
        wait_until(lambda: len(_rows(view)) >= 4, timeout=120, what="the first windows in the view")
        for kills, part in enumerate(parts[1:]):
            send(broker, topic, part, create=False)  # which are on their way when it is killed
            if victim == "the broker":
                broker_cluster.kill(1)
                broker_cluster.restart(1)
            elif victim == "Cassandra":
                nodes.kill(1)
                nodes.restart(1)
            else:
                wait_until(lambda kills=kills: query.starts > kills, timeout=120, what="the query's next start")
                _kill_driver()
        rows = wait_until(lambda: _all(view, expected), timeout=180, what=f"all averages after {query.starts} starts")
    finally:
        query.stop()
    assert rows.keys() == set(expected.index)
    assert [round(rows[key], 2) for key in expected.index] == [round(price, 2) for price in expected]
    assert victim != "the query's JVM" or query.starts > _KILLS


def _all(view: Session, expected: "pd.Series[float]") -> dict[tuple[str, pd.Timestamp], float]:
    """The rows, once they are those that are expected; a window that is still open has another average at first."""
    try:
        rows = _rows(view)
    except CassandraUnavailable:  # the node is back, and the session has not yet connected again
        return {}
    right = [key for key in expected.index if key in rows and abs(rows[key] - expected[key]) < 0.005]
    return rows if len(right) == len(expected) else {}
