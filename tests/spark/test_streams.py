"""Streaming queries: windows of a topic equal those of pandas, and their progress can be followed."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kit import spark, topics
from kit.plots import LineChart
from kit.servers import clients
from tests.spark.tools import ORIGIN, averages, quotes, send
from tests.wait import wait_until

# In order, late by less than the watermark, there twice, with a price of 0.1 + 0.2 and an absurd one.
_PRICES = [
    *(("JPM", second, 25.0 + second / 8) for second in range(60)),
    ("GE", 1, 0.1),
    ("GE", 2, 0.2),
    ("JPM", 55, 1e9),
    ("JPM", 55, 1e9),
]


def test_windows_equal_those_of_pandas_to_the_cent(session: Any, broker: str, topic: str, tmp_path: Path) -> None:
    send(broker, topic, _PRICES)
    found: dict[tuple[str, pd.Timestamp], float] = {}

    def write(frame: Any, _: int) -> None:
        found.update({(row.symbol, row.ts): row.price for row in frame.toPandas().itertuples()})

    writer = averages(quotes(session, broker, topic, maxOffsetsPerTrigger="20")).writeStream.outputMode("update")
    query = writer.foreachBatch(write).option("checkpointLocation", str(tmp_path)).trigger(availableNow=True).start()
    chart = LineChart("batch", ["input_rows", "trigger_ms", "state_rows"])
    chart.follow(spark.progress(query))
    assert query.awaitTermination(120)

    sent = pd.DataFrame(_PRICES, columns=["symbol", "second", "price"])
    sent["ts"] = pd.to_datetime(ORIGIN + (sent["second"] // 20 + 1) * 20_000, unit="ms")
    expected = sent.groupby(["symbol", "ts"])["price"].mean()
    assert found.keys() == set(expected.index)
    assert [found[key] for key in expected.index] == pytest.approx(expected.tolist(), abs=0.005)

    wait_until(lambda: "the stream has ended" in chart.note)
    assert chart.total == len(query.recentProgress)
    rows = list(spark.progress(query))
    assert sum(row["input_rows"] for row in rows) == len(_PRICES)
    assert rows[-1]["watermark"] is not None
    assert all(row["trigger_ms"] > 0 for row in rows)
    chart.close()


def test_what_ends_a_query_is_in_the_note_of_its_plot(session: Any) -> None:
    def write(_frame: Any, _batch: int) -> None:
        raise ZeroDivisionError("no price")

    query = session.readStream.format("rate").load().writeStream.foreachBatch(write).start()
    with LineChart("batch", ["input_rows"]) as chart:
        chart.follow(spark.progress(query))
        with pytest.raises(Exception, match="no price"):
            query.awaitTermination(60)
        wait_until(lambda: "stopped: StreamingQueryException" in chart.note)


def test_a_topic_that_is_not_there_is_named(session: Any, broker: str, topic: str) -> None:
    query = quotes(session, broker, topic).writeStream.format("noop").start()
    with pytest.raises(Exception, match="UnknownTopicOrPartition") as caught:
        query.awaitTermination(90)
    assert any("kit.topics.create" in line for line in caught.value._render_traceback_())  # type: ignore[attr-defined]


def test_a_checkpoint_of_another_query_is_refused_with_its_reason(
    session: Any, broker: str, topic: str, tmp_path: Path
) -> None:
    topics.create(topic, bootstrap_servers=broker)
    found = quotes(session, broker, topic)
    for stream in (averages(found), found.groupBy("symbol").count()):
        send(broker, topic, _PRICES[:20], create=False)
        writer = stream.writeStream.outputMode("update").format("noop").option("checkpointLocation", str(tmp_path))
        query = writer.trigger(availableNow=True).start()
        wait_until(lambda query=query: not query.isActive, timeout=90)
    error = query.exception()
    assert error is not None
    assert any("checkpointLocation of its own" in line for line in error._render_traceback_())


def test_a_record_that_is_no_quote_is_null_and_can_be_counted(session: Any, broker: str, topic: str) -> None:
    send(broker, topic, [("JPM", 0, 25.0), ("JPM", 1, float("nan")), ("JPM", 2, -1e308)])
    raw = clients.producer(broker)
    for value in (b"", b"<html>", b'{"symbol": null, "price": "much"}', None):
        raw.send(topic, key=b"JPM", value=value)
    raw.close()
    counts: list[tuple[int, int]] = []

    def write(frame: Any, _: int) -> None:
        rows = frame.toPandas()
        counts.append((len(rows), int((rows["price"] > 0).sum())))

    writer = quotes(session, broker, topic).writeStream.foreachBatch(write)
    assert writer.trigger(availableNow=True).start().awaitTermination(90)
    assert counts == [(7, 1)]
