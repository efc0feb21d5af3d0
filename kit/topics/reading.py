"""Reading a topic from one offset to another: the one place that does."""

from collections.abc import Iterator, Mapping
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaTimeoutError

from kit.deadline import Deadline

__all__ = ["read"]

_POLL_MS = 200
_MOST = 10_000  # records of one poll
_SILENCE_SECONDS = 15.0


def read(
    reader: KafkaConsumer, spans: Mapping[TopicPartition, tuple[int, int]], *, seconds: float | None = None
) -> Iterator[list[Any]]:
    """The records of partitions, each from one offset to before another, as they come: lists of one partition's.

    The consumer is assigned these partitions. `KafkaTimeoutError`: for `seconds` (default: 15) nothing came.
    """
    ends = {tp: end for tp, (start, end) in spans.items() if start < end}
    reader.assign(list(ends))
    for tp in ends:
        reader.seek(tp, spans[tp][0])
    reached = {tp: spans[tp][0] for tp in ends}
    seconds = _SILENCE_SECONDS if seconds is None else seconds
    deadline = Deadline(seconds)
    while left := [tp for tp, end in ends.items() if reached[tp] < end]:
        batches = reader.poll(timeout_ms=_POLL_MS, max_records=_MOST)
        for tp, batch in batches.items():
            if records := [record for record in batch if record.offset < ends[tp]]:
                yield records
        now = {tp: reader.position(tp) for tp in ends}  # gaps are passed over: the end of a transaction is no record
        if now != reached:
            reached = now
            deadline.restart()
        elif deadline.passed:
            names = ", ".join(f"{tp.topic}-{tp.partition}" for tp in left)
            raise KafkaTimeoutError(f"no records of {names} came for {seconds:.0f} s")
