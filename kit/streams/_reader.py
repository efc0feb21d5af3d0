"""What reads a stream's topic. It knows nothing of the `Stream` that holds it, so a stream that is dropped is gone."""

import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from kafka import TopicPartition
from kafka.errors import LogTruncationError, NoOffsetForPartitionError, OffsetOutOfRangeError

from kit.deadline import Deadline
from kit.errors import BadPayload, BrokerUnavailable, TopicError
from kit.servers.clients import consumer
from kit.streams._arguments import Parse, Start, first_offsets
from kit.streams._parsing import Unreadable, parsed
from kit.streams._watch import Watch
from kit.topics.records import columns, readable

__all__ = ["Progress", "Reader"]

_MOST = 10_000  # records in one batch
_POLL_MS = 100
_RECONNECT_MS = 500  # the longest pause before a broker that died is looked for again; kafka-python's own is 30 s
_GONE = (OffsetOutOfRangeError, NoOffsetForPartitionError, LogTruncationError)


class Progress(NamedTuple):
    """How far a stream is: the next offset of each partition, and the records up to there."""

    position: dict[TopicPartition, int]
    records: int


class Reader:
    """Reads a topic on from `progress`, which whoever takes the batches sets to what came with each."""

    def __init__(
        self,
        topic: str,
        start: Start,
        *,
        every: float,
        count: int | None,
        seconds: float | None,
        parse: Parse,
        bootstrap_servers: str,
    ) -> None:
        self.topic, self.every, self.count, self.seconds = topic, every, count, seconds
        self._parse, self._servers = parse, bootstrap_servers
        first, self.end = first_offsets(topic, start, bootstrap_servers)
        self.progress = Progress(first, 0)
        self.stopped = threading.Event()
        self._watch: Watch | None = None
        self._deadline: Deadline | None = None

    @property
    def offsets(self) -> dict[int, int]:
        """The offset of the next record of each partition."""
        return {tp.partition: offset for tp, offset in sorted(self.progress.position.items())}

    def batches(self) -> Iterator[tuple[pd.DataFrame, Progress]]:
        """Read on until the stream has ended: batches, each with the progress that it is."""
        if self.stopped.is_set():
            return
        self._watch = self._watch or Watch(self.topic, self._servers)
        self._deadline = self._deadline or Deadline(self.seconds)
        try:
            with consumer(self._servers, reconnect_backoff_max_ms=_RECONNECT_MS) as client:
                yield from self._read(client, self._watch, self._deadline)
        except BrokerUnavailable:
            if not self.stopped.is_set():  # else nobody waits for them any more
                raise

    def _read(self, client: Any, watch: Watch, deadline: Deadline) -> Iterator[tuple[pd.DataFrame, Progress]]:
        self._assign(client, self.progress.position)
        while not self.stopped.is_set() and not deadline.passed and self._wanted():
            self._look(client, watch)  # one partition may be gone while another keeps us busy
            try:
                records = self._gather(client, Deadline(min(self.every, deadline.left)), watch)
                # The end of a transaction takes an offset, too, behind its last record.
                partitions = self.progress.position
                reached = {tp: at for tp in partitions if (at := client.position(tp, timeout_ms=0)) is not None}
            except _GONE as error:
                raise self._gone(error) from error
            self.end |= {tp: high for tp in partitions if (high := client.highwater(tp)) is not None}
            if records:
                yield from self._given(records, reached)
            else:
                self.progress = self._after(reached, 0)

    def _assign(self, client: Any, offsets: dict[TopicPartition, int]) -> None:
        """Have the consumer read all partitions, these from these offsets on."""
        client.assign(list(self.progress.position))
        for tp, offset in offsets.items():
            client.seek(tp, offset)

    def _look(self, client: Any, watch: Watch) -> None:
        """See that all is well; partitions that were added are read from their beginning."""
        if new := watch.look(self.progress.position):
            self.end |= {tp: end for tp, (_, end) in new.items()}
            first = {tp: first for tp, (first, _) in new.items()}
            self.progress = self._after(first, 0)
            self._assign(client, first)

    def _after(self, reached: dict[TopicPartition, int], records: int) -> Progress:
        return Progress(self.progress.position | reached, self.progress.records + records)

    def _wanted(self) -> int:
        """How many records the next batch may have."""
        return _MOST if self.count is None else min(_MOST, self.count - self.progress.records)

    def _gather(self, client: Any, due: Deadline, watch: Watch) -> list[Any]:
        """The records up to `due` (at least one poll), in the order of their partitions."""
        gathered: list[Any] = []
        while True:
            patience = _POLL_MS if not self.every and not gathered else min(due.left * 1000, _POLL_MS)
            polled = client.poll(timeout_ms=int(patience), max_records=self._wanted() - len(gathered))
            for records in polled.values():
                gathered += records
            if len(gathered) >= self._wanted() or self.stopped.is_set() or due.passed:
                return gathered
            if not gathered:  # what there is, is given first
                self._look(client, watch)

    def _given(self, records: list[Any], reached: dict[TopicPartition, int]) -> Iterator[tuple[pd.DataFrame, Progress]]:
        """The records as a batch; an error for the first that cannot be parsed, after those before it."""
        bad: Unreadable | None = None
        try:
            frame = self._frame(records)
        except Unreadable as error:
            bad, records = error, records[: error.place]
            frame = self._frame(records)
            reached = {TopicPartition(record.topic, record.partition): record.offset + 1 for record in records}
        if records:
            yield frame, self._after(reached, len(records))
        if bad is not None:
            raise self._unreadable(bad) from bad.__cause__

    def _frame(self, records: Sequence[Any]) -> pd.DataFrame:
        if self._parse is None:
            values = np.array([readable(record.value) for record in records], dtype=object)
            return pd.DataFrame(columns(records) | {"value": values})
        return pd.DataFrame(columns(records) | parsed(records, self._parse))

    def _gone(self, error: Exception) -> TopicError:
        return TopicError(
            f"the records of topic {self.topic!r} from the offsets {self.offsets} on",
            got=f"they are not there any more: the topic was made anew, or its retention deleted them ({error})",
            todo='start again with start="earliest", and keep the records longer (retention.ms)',
        )

    def _unreadable(self, bad: Unreadable) -> BadPayload:
        record = bad.record
        return BadPayload(
            f"a record that can be parsed at {record.topic}-{record.partition}, offset {record.offset}",
            got=f"{bad}; the value begins {record.value[:60]!r}",
            todo=f"go on behind it with start={self.offsets | {record.partition: record.offset + 1}}, "
            "or read it with parse=None",
            raw=record.value,
        )
