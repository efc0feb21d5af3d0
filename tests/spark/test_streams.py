"""Streaming queries: windows of a topic equal those of pandas, and their progress can be followed."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyspark.errors import StreamingQueryException

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


def _averages_of(stream: Any, checkpoint: Path, mode: str = "update") -> tuple[dict[tuple[str, int], float], Any]:
    """The averages by symbol and second of a window's end, of all there is; and the query."""
    found: dict[tuple[str, int], float] = {}

    def write(frame: Any, _: int) -> None:
        for row in frame.toPandas().itertuples():
            found[row.symbol, round(row.ts.timestamp() - ORIGIN / 1000)] = row.price

    writer = averages(stream).writeStream.outputMode(mode).foreachBatch(write)
    query = writer.option("checkpointLocation", str(checkpoint)).trigger(availableNow=True).start()
    query.awaitTermination(120)
    return found, query


def test_out_of_order_quotes_count_and_those_that_are_too_late_are_counted(
    session: Any, broker: str, topic: str, tmp_path: Path
) -> None:
    """The watermark is 10 s: of two quotes for the first window, which come one after the other, one is too late."""
    parts = [
        [("GE", 5, 1.0), ("GE", 25, 9.0)],
        [("GE", 1, 3.0)],
        [("GE", 55, 7.0)],
        [("GE", 2, 100.0), ("GE", 50, 5.0)],
    ]
    topics.create(topic, bootstrap_servers=broker)
    found, late = {}, 0
    for part in parts:  # each in a micro-batch of its own, in a query that goes on where the last one was
        send(broker, topic, part, create=False)
        more, query = _averages_of(quotes(session, broker, topic), tmp_path)
        found |= more
        late += sum(row["late_rows"] for row in spark.progress(query))
    assert found == {("GE", 20): 2.0, ("GE", 40): 9.0, ("GE", 60): 6.0}
    assert late == 1


def test_null_and_absurd_prices_have_the_average_that_pandas_gives(
    session: Any, broker: str, topic: str, tmp_path: Path
) -> None:
    prices = [
        *(("NULL", second, price) for second, price in enumerate([1.0, None, 3.0])),
        *(("NONE", second, None) for second in range(2)),
        *(("HUGE", second, 1e308) for second in range(3)),
        *(("TINY", second, price) for second, price in enumerate([5e-324, -5e-324, 0.0])),
        *(("NEGATIVE", second, price) for second, price in enumerate([-37.63, 1e9])),
    ]
    send(broker, topic, prices)
    found, _ = _averages_of(quotes(session, broker, topic), tmp_path)
    sent = pd.DataFrame(prices, columns=["symbol", "second", "price"]).astype({"price": float})
    expected = sent.groupby("symbol")["price"].mean()
    expected["HUGE"] = float("inf")  # the sum is beyond a double; pandas says NaN
    got = pd.Series({symbol: price for (symbol, _), price in found.items()}, dtype=float)
    pd.testing.assert_series_equal(got.sort_index(), expected, check_names=False)


def test_a_schema_that_changes_mid_stream_loses_no_record(
    session: Any, broker: str, topic: str, tmp_path: Path
) -> None:
    """A new field changes nothing; a renamed one or another type is a null price, beside the record as it came."""
    send(broker, topic, [("GE", 1, 1.0)])
    changed = [
        {"symbol": "GE", "price": 3.0, "ts": ORIGIN + 2000, "volume": 5},
        {"symbol": "GE", "close": 5.0, "ts": ORIGIN + 3000},
        {"symbol": "GE", "price": "7.0 USD", "ts": ORIGIN + 4000},
        {"symbol": "GE", "price": {"amount": 9.0}, "ts": ORIGIN + 5000},
        ["GE", 11.0],
    ]
    producer = clients.producer(broker)
    for record in changed:
        producer.send(topic, value=json.dumps(record).encode())
    producer.close()
    found, _ = _averages_of(quotes(session, broker, topic), tmp_path / "averages")
    assert found == {("GE", 20): 2.0}
    refused: list[str] = []

    def keep(frame: Any, _: int) -> None:
        refused.extend(frame.where("price IS NULL").toPandas()["raw"])

    writer = quotes(session, broker, topic, raw=True).writeStream.foreachBatch(keep).trigger(availableNow=True)
    assert writer.start().awaitTermination(90)
    assert sorted(map(json.dumps, changed[1:])) == sorted(refused)


def test_another_topic_on_an_old_checkpoint_is_refused_and_a_new_checkpoint_has_all_records(
    session: Any, broker: str, topic: str, tmp_path: Path
) -> None:
    send(broker, topic, [("GE", 1, 1.0), ("GE", 2, 3.0)])
    assert _averages_of(quotes(session, broker, topic), tmp_path)[0] == {("GE", 20): 2.0}
    send(broker, f"{topic}-2", [("GE", 3, 100.0)])
    with pytest.raises(StreamingQueryException) as caught:
        _averages_of(quotes(session, broker, f"{topic}-2"), tmp_path)
    shown = "\n".join(caught.value._render_traceback_())  # type: ignore[attr-defined]
    assert "another checkpointLocation" in shown, shown
    assert _averages_of(quotes(session, broker, topic), tmp_path / "new")[0] == {("GE", 20): 2.0}


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
