"""Quotes in a topic, and queries on them."""

import json
from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as f

from kit import topics
from kit.servers.clients import producer

__all__ = ["ORIGIN", "averages", "quote", "quotes", "send"]

ORIGIN = 1_767_623_400_000  # 2026-01-05 14:30:00 UTC


def send(broker: str, topic: str, prices: Sequence[tuple[str, int, float | None]], *, create: bool = True) -> None:
    """Quotes of (symbol, second, price) into a topic, which is made first."""
    if create:
        topics.create(topic, partitions=2, bootstrap_servers=broker)
    sender = producer(broker)
    for symbol, second, price in prices:
        at = ORIGIN + 1000 * second
        sender.send(topic, key=symbol.encode(), value=quote(symbol, price, at), timestamp_ms=at)
    sender.flush()
    sender.close()


def quote(symbol: str, price: float | None, at: int) -> bytes:
    """The value of a record: a quote at so many milliseconds."""
    return json.dumps({"symbol": symbol, "price": price, "ts": at}).encode()


def quotes(session: Any, broker: str, topic: str, *, raw: bool = False, **options: str) -> DataFrame:
    """A topic as a stream of symbol, price, ts; `raw`: and of each record as it came."""
    source = session.readStream.format("kafka").option("kafka.bootstrap.servers", broker)
    found = source.option("subscribe", topic).option("startingOffsets", "earliest").options(**options).load()
    quote = f.from_json(found.value.cast("string"), "symbol STRING, price DOUBLE, ts LONG")
    columns = ["q.symbol", "q.price", f.timestamp_millis("q.ts").alias("ts"), *(["raw"] if raw else [])]
    return found.select(found.value.cast("string").alias("raw"), quote.alias("q")).select(*columns)


def averages(quotes: DataFrame) -> DataFrame:
    """The average price of each symbol in each window of 20 s."""
    groups = quotes.withWatermark("ts", "10 seconds").groupBy(f.window("ts", "20 seconds"), "symbol")
    return groups.agg(f.avg("price").alias("price")).select(f.col("window.end").alias("ts"), "symbol", "price")
