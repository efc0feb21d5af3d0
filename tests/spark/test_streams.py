"""Streaming queries: windows of a topic equal those of pandas, and their progress can be followed."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kit import spark
from kit.plots import LineChart
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
