"""The gap of notebook 13: records to a topic, each with its key, and no return before all of them are there."""

from kafka import KafkaProducer

from kit.exercises import CheckContext, Gap, shown

__all__ = ["GAPS"]

_LINGER_MS = 1500  # what is not flushed leaves the producer later: so a missing flush shows
_PRICES = [("JPM", 25.314), ("GE", 99.879), ("JPM", 27.873), ("XOM", 46.2)]


def _send_prices(context: CheckContext) -> None:
    function = context.named("send_prices")
    topic = context.topic(partitions=3)
    producer = KafkaProducer(bootstrap_servers=context.servers, acks="all", linger_ms=_LINGER_MS, max_block_ms=3000)
    context.defer(lambda: producer.close(timeout=1))
    context.call(function, producer, topic, list(_PRICES), on=f"send_prices(producer, topic, {_PRICES})", seconds=9.0)
    got = sorted((record.key or b"", record.value or b"") for record in context.records(topic, 1, seconds=0.1))
    expected = sorted((symbol.encode(), str(price).encode()) for symbol, price in _PRICES)
    if got == expected:
        return
    if not got:
        advice = "send(topic, key=…, value=…) for each pair; after the loop, wait until all are acknowledged: flush"
        context.wrong(f"{len(expected)} records in the topic when it returns", got="none", advice=advice)
    if len(got) != len(expected):
        advice = "one send for each pair, in a loop"
        context.wrong(f"{len(expected)} records", got=f"{len(got)}", advice=advice)
    wrong, right = next((one, other) for one, other in zip(got, expected, strict=True) if one != other)
    advice = "name them: key=… and value=…; without names the value comes first"
    if wrong[0] == right[0]:
        advice = "the value is the price as text, as bytes: str(price).encode()"
    context.wrong(
        f"key {right[0]!r}, value {right[1]!r}", got=f"key {shown(wrong[0])}, value {shown(wrong[1])}", advice=advice
    )


GAPS = (
    Gap(
        names=("send_prices",),
        check=_send_prices,
        needs=("kafka",),
        hints=(
            "A loop over the pairs: for symbol, price in prices. In it, one method of the producer; behind it, another.",
            "producer.send takes the topic, key=… and value=…, both bytes. producer.flush waits.",
            "producer.send(topic, key=symbol.encode(), value=…) in the loop; producer.flush() after it",
        ),
        why="send puts a record into the producer's buffer and returns at once; so records travel in batches. flush "
        "waits once, at the end. A wait after each send would cost a round trip for each record.",
        title="send_prices",
        todo="send a record for each pair; then wait until all are there",
        solution="for symbol, price in prices:\n"
        "    producer.send(topic, key=symbol.encode(), value=str(price).encode())\n"
        "producer.flush()",
    ),
)
