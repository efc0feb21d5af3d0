"""Kafka → Spark → Cassandra as notebook 22 has it, to be killed while quotes come.

Two queries run in one Spark session. The first is the notebook's own code, out of its cells: each quote is a row. The
second has a state: the average price of each symbol in each window of 20 s. The notebook's supervisor starts either
again when it has ended. After each kill the rows of both must be those that pandas makes of what was sent.
"""

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import nbformat
import pandas as pd
from kafka import KafkaProducer
from pyspark.sql import functions as f

import kit
from kit import spark, topics, views
from kit.deadline import pause
from kit.errors import CassandraUnavailable
from kit.servers.cassandra import CassandraCluster
from kit.servers.kafka import KafkaCluster
from kit.spark import _driver
from tests.spark.tools import ORIGIN, averages, quote, quotes
from tests.wait import wait_until

__all__ = ["KINDS", "Kill", "Pipeline"]

# What is killed. The last two: two of the first three at the same time; the driver when a batch is in Cassandra, and
# Spark has not yet noted that in the checkpoint.
KINDS = ("driver", "broker", "cassandra", "two at once", "before the commit")
_NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "22_prepared_views.ipynb"
_SYMBOLS = ("JPM", "BAC", "GE", "XOM")
# Of a part: ticks, seconds between two, and milliseconds of event time. All its event time is shorter than the delay of
# the watermark: so no quote is too late, in whatever order the partitions come back.
_TICKS, _PAUSE, _STEP = 100, 0.02, 100
_SECONDS = 180  # until the rows are right again


@dataclass(frozen=True)
class Kill:
    """A kill, and what was found after it."""

    what: str
    after: float
    down: float
    quotes: int
    averages: int
    seconds: float
    starts: int

    def __str__(self) -> str:
        return (
            f"killed {self.what} {self.after:.2f} s after the first quote, down {self.down:.2f} s: {self.quotes} quotes"
            f" and {self.averages} averages are those of pandas {self.seconds:.1f} s later; {self.starts} starts"
        )


class Pipeline:
    """The pipeline, its servers in `folder`; `seed` decides prices and moments."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._random, self._ends = folder, random.Random(seed), ExitStack()
        self._sent: list[tuple[str, int, float]] = []  # symbol, milliseconds, price
        self.starts, self.ends = 0, list[Any]()  # the supervisors note why a query has ended
        self._armed = ""  # the table whose next batch is the driver's last

    def __enter__(self) -> Self:
        with ExitStack() as ends:
            self._kafka = ends.enter_context(KafkaCluster(self._folder / "kafka"))
            self._cassandra = ends.enter_context(CassandraCluster(self._folder / "cassandra"))
            self._view = ends.enter_context(views.connect("market", contact_points=self._cassandra.contact_points))
            for table in ("quotes", "averages"):
                self._view.execute(f"CREATE TABLE IF NOT EXISTS {table} "
                                   "(symbol text, ts timestamp, price double, PRIMARY KEY (symbol, ts))")  # fmt: skip
            servers = self._kafka.bootstrap_servers
            topics.create("view-quotes", partitions=2, bootstrap_servers=servers)
            producer = self._producer = KafkaProducer(bootstrap_servers=servers, acks="all")
            ends.callback(producer.close, timeout=10)
            ends.callback(spark.stop)
            for table in ("quotes", "averages"):
                ends.callback(self._supervise(table))
            self._send()
            self._wait_right()
            self._ends = ends.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def kill(self, kind: str) -> Kill:
        """Kill once, at a random moment of a part of the quotes, and wait until the rows are right."""
        victims = self._random.sample(KINDS[:3], 2) if kind == "two at once" else [kind]
        servers = [self._servers[victim] for victim in victims if victim in self._servers]
        after, down = self._random.uniform(0, _TICKS * _PAUSE), self._random.uniform(0, 2) if servers else 0.0
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(self._send)
            pause(after)
            for victim in victims:
                self._kill(victim)
            pause(down)
            for server in servers:
                server.restart(1)
            restarted = time.monotonic()
            sending.result(_SECONDS)
        count, windows = self._wait_right()
        seconds = time.monotonic() - restarted
        return Kill(" and ".join(victims), after, down, count, windows, seconds, self.starts)

    def _kill(self, victim: str) -> None:
        if victim in self._servers:
            self._servers[victim].kill(1)
        elif victim == "driver":
            wait_until(_kill_driver, timeout=_SECONDS, what="a driver that can be killed")
        else:
            self._armed = self._random.choice(("quotes", "averages"))
            wait_until(lambda: not self._armed, timeout=_SECONDS, what="a batch to be killed in")

    @property
    def _servers(self) -> dict[str, Any]:
        return {"broker": self._kafka, "cassandra": self._cassandra}

    # ---- the quotes, and what pandas makes of them ------------------------------------------------------------

    def _send(self) -> None:
        """A part of the quotes, at a steady pace; returns when the broker has acknowledged each."""
        futures, first, began = [], len(self._sent) // len(_SYMBOLS), time.monotonic()
        for tick in range(_TICKS):
            pause(began + tick * _PAUSE - time.monotonic())
            for symbol in _SYMBOLS:
                price, at = round(self._random.uniform(5, 100), 2), ORIGIN + (first + tick) * _STEP
                futures.append(self._producer.send("view-quotes", key=symbol.encode(), value=quote(symbol, price, at)))
                self._sent.append((symbol, at, price))
        for future in futures:
            future.get(_SECONDS)

    def _expected(self) -> dict[str, "pd.Series[float]"]:
        sent = pd.DataFrame(self._sent, columns=["symbol", "ts", "price"])
        sent["ts"] = pd.to_datetime(sent["ts"], unit="ms", utc=True)
        windows = sent.assign(ts=sent["ts"].dt.floor("20s") + pd.Timedelta("20s"))
        return {
            "quotes": sent.set_index(["symbol", "ts"])["price"],
            "averages": windows.groupby(["symbol", "ts"])["price"].mean(),
        }

    def _wait_right(self) -> tuple[int, int]:
        """Wait until the rows of both tables equal those of pandas, to the cent. Returns how many there are."""
        expected, until = self._expected(), time.monotonic() + _SECONDS
        for table, series in expected.items():
            while wrong := self._wrong(table, series):
                assert time.monotonic() < until, f"{table}, after {_SECONDS} s: {wrong}; ends: {self.ends[-5:]}"
                pause(0.1)
        return len(expected["quotes"]), len(expected["averages"])

    def _wrong(self, table: str, expected: "pd.Series[float]") -> str:
        """How the rows differ; empty if they do not."""
        try:
            rows = views.query(self._view, f"SELECT symbol, ts, price FROM {table}")
        except CassandraUnavailable as error:  # the node is back, and the session has not yet connected again
            return str(error)
        found = rows.set_index(["symbol", "ts"])["price"].reindex(expected.index)
        more, missing = len(rows) - int(found.notna().sum()), int(found.isna().sum())
        other = int(((found - expected).abs() >= 0.005).sum())
        return f"{missing} missing, {other} of another price, {more} not sent" if missing or other or more else ""

    # ---- the queries ------------------------------------------------------------------------------------------

    def _supervise(self, table: str) -> Callable[[], None]:
        """Run the notebook's supervisor in a thread of its own; returns what stops it."""
        checkpoint = str(self._folder / f"checkpoint-{table}")
        code = {
            "kit": kit,
            "f": f,
            "threading": threading,
            "time": time,
            "views": views,
            "began": time.monotonic(),
            "session": self._view,
            "lab": SimpleNamespace(kafka=self._kafka),
            "TOPIC": "view-quotes",
            "folder": SimpleNamespace(name=checkpoint),
            "tempfile": SimpleNamespace(mkdtemp=lambda: checkpoint),
        }
        for cell in _cells("def start(", "def supervise("):
            exec(cell, code)
        start, write = code["start"], code["write"]

        def write_averages(frame: Any, _batch: int) -> None:
            rows = frame.toPandas()
            views.write(self._view, "averages", rows.assign(ts=rows["ts"].dt.tz_localize("UTC")))

        def write_and_die(frame: Any, batch: int) -> None:
            (write if table == "quotes" else write_averages)(frame, batch)
            if self._armed == table and _kill_driver():
                self._armed = ""

        def start_averages(checkpoint: str) -> Any:
            found = averages(quotes(spark.session(), self._kafka.bootstrap_servers, "view-quotes"))
            writer = found.writeStream.outputMode("update").option("checkpointLocation", checkpoint)
            return writer.trigger(processingTime="250 milliseconds").foreachBatch(write_and_die).start()

        def counted_start(checkpoint: str) -> Any:
            query = (start if table == "quotes" else start_averages)(checkpoint)
            self.starts += 1
            return query

        code |= {"write": write_and_die, "start": counted_start, "ends": self.ends}
        thread = threading.Thread(target=code["supervise"], name=f"supervise {table}")

        def stop() -> None:
            code["over"].set()
            thread.join(60)
            assert not thread.is_alive()

        thread.start()
        return stop


def _cells(*words: str) -> list[str]:
    """The notebook's cells in which these words stand."""
    cells = nbformat.read(_NOTEBOOK, as_version=4).cells
    return [next(cell.source for cell in cells if cell.cell_type == "code" and word in cell.source) for word in words]


def _kill_driver() -> bool:
    """``kill -9`` of Spark's driver, if there is one."""
    driver = _driver._driver
    if driver is None or not driver.alive:
        return False
    os.kill(driver.pid, signal.SIGKILL)
    return True
