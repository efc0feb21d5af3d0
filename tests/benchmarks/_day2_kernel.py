"""What the kernel of a notebook does on Day 2: quotes at a steady rate go from Kafka by Spark into Cassandra.

`day2.py` runs `path` in a kernel, on a lab that `kit lab` has started, and measures the memory while it runs.
"""

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from kit.deadline import pause
from tests.spark.tools import ORIGIN, quote, quotes

__all__ = ["TABLE", "path", "steadily", "waited"]

TABLE = "CREATE TABLE IF NOT EXISTS quotes (symbol text, ts timestamp, price double, PRIMARY KEY (symbol, ts))"
_WARM = 1 / 3  # of the records: the first micro-batches compile


def steadily(send: Callable[..., Any], topic: str, *, rate: int, seconds: int) -> list[float]:
    """Send so many quotes a second, each of another price: its number. Returns when each was sent."""
    sent, began = [], time.perf_counter()
    for number in range(rate * seconds):
        pause(max(0.0, began + number / rate - time.perf_counter()))
        sent.append(time.perf_counter())
        send(topic, value=quote("JPM", float(number), ORIGIN + number))
    return sent


def waited(sent: list[float], written: dict[int, float]) -> dict[str, float]:
    """Milliseconds from a record's send to its row."""
    assert len(written) == len(sent), f"{len(written)} rows, not {len(sent)}"
    waits = [1000 * (written[number] - sent[number]) for number in range(len(sent))][int(len(sent) * _WARM) :]
    return {f"p{percent}": float(np.percentile(waits, percent)) for percent in (50, 95)}


def path(rate: int, seconds: int) -> Any:
    """Run it, print its figures, and return the query and its plot, which go on."""
    import kit
    from kit import plots, topics, views
    from kit.config import settings
    from kit.servers.clients import producer

    lab = kit.up("kafka", "feeds", "cassandra")
    broker = lab.kafka.bootstrap_servers
    topics.create("quotes", partitions=2, bootstrap_servers=broker)
    session = views.connect("market")
    session.execute(TABLE)
    written: dict[int, float] = {}

    def write(frame: Any, _batch: int) -> None:
        rows = frame.toPandas()
        views.write(session, "quotes", rows.assign(ts=rows["ts"].dt.tz_localize("UTC")))
        written.update(dict.fromkeys(map(round, rows["price"]), time.perf_counter()))

    began = time.perf_counter()
    spark = kit.spark()
    started = time.perf_counter() - began
    writer = quotes(spark, broker, "quotes").writeStream.foreachBatch(write)
    writer = writer.option("checkpointLocation", str(settings().home / "checkpoint"))
    query = writer.trigger(processingTime="250 milliseconds").start()
    chart = plots.LineChart("batch", ["input_rows", "trigger_ms"])
    chart.follow(kit.spark.progress(query))
    sender = producer(broker)
    sent = steadily(sender.send, "quotes", rate=rate, seconds=seconds)
    sender.flush()
    query.processAllAvailable()
    triggers = [one.durationMs["triggerExecution"] for one in query.recentProgress if one.numInputRows][2:]
    figures = {
        **waited(sent, written),
        **{f"a trigger, p{percent}, ms": float(np.percentile(triggers, percent)) for percent in (50, 95)},
        "kit.spark() in a notebook, s": started,
    }
    print(json.dumps(figures), flush=True)
    return query, chart
