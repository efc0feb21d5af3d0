"""What reads a stream's topic. It knows nothing of the `Stream` that holds it, so a stream that is dropped is gone."""

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
from kafka import TopicPartition
from kafka.errors import LogTruncationError, NoOffsetForPartitionError, OffsetOutOfRangeError

from kit.errors import BadPayload, BrokerUnavailable, TopicError
from kit.servers.clients import consumer
from kit.streams._arguments import Parse, Start, first_offsets
from kit.streams._parsing import Unreadable, parsed
from kit.streams._watch import Watch
from kit.topics.records import columns, readable

__all__ = ["Reader"]

_MOST = 10_000  # records in one batch
_POLL_MS = 100
_RECONNECT_MS = 500  # the longest pause before a broker that died is looked for again; kafka-python's own is 30 s
_GONE = (OffsetOutOfRangeError, NoOffsetForPartitionError, LogTruncationError)


class Reader:
    """Reads a topic from `start`; the attributes say how far it is."""

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
        self.position, self.end = first_offsets(topic, start, bootstrap_servers)
        self.stopped = threading.Event()
        self.origins: Sequence[int] = ()  # the partitions that the records of the last batch are from
        self.records = 0

    @property
    def offsets(self) -> dict[int, int]:
        """The offset of the next record of each partition."""
        return {tp.partition: offset for tp, offset in sorted(self.position.items())}

    def batches(self) -> Iterator[pd.DataFrame]:
        """Read on until the stream has ended."""
        if self.stopped.is_set():
            return
        try:
            with consumer(self._servers, reconnect_backoff_max_ms=_RECONNECT_MS) as client:
                yield from self._read(client)
        except BrokerUnavailable:
            if not self.stopped.is_set():  # else nobody waits for them any more
                raise

    def _read(self, client: Any) -> Iterator[pd.DataFrame]:
        watch = Watch(self.topic, self._servers)
        until = time.monotonic() + self.seconds if self.seconds is not None else float("inf")
        client.assign(list(self.position))
        for tp, offset in self.position.items():
            client.seek(tp, offset)
        while not self.stopped.is_set() and (now := time.monotonic()) < until:
            try:
                records = self._gather(client, min(now + self.every, until), watch)
                # The end of a transaction takes an offset, too, behind its last record.
                reached = {tp: at for tp in self.position if (at := client.position(tp, timeout_ms=0)) is not None}
            except _GONE as error:
                raise self._gone(error) from error
            self.end |= {tp: high for tp in self.position if (high := client.highwater(tp)) is not None}
            if records:
                yield from self._given(records, reached)
            else:
                self.position |= reached
            if self.count is not None and self.records >= self.count:
                return
            watch.look()  # one partition may be gone while another keeps us busy

    def _gather(self, client: Any, due: float, watch: Watch) -> list[Any]:
        """The records up to `due` (at least one poll), in the order of their partitions."""
        gathered: list[Any] = []
        while True:
            most = _MOST - len(gathered)
            if self.count is not None:
                most = min(most, self.count - self.records - len(gathered))
            left = max(due - time.monotonic(), 0.0)
            patience = _POLL_MS if not self.every and not gathered else min(left * 1000, _POLL_MS)
            for records in client.poll(timeout_ms=int(patience), max_records=most).values():
                gathered += records
            if not gathered and not self.stopped.is_set():  # what there is, is given first
                watch.look()
            full = len(gathered) >= _MOST or (self.count is not None and self.records + len(gathered) >= self.count)
            if full or self.stopped.is_set() or time.monotonic() >= due:
                return gathered

    def _given(self, records: list[Any], reached: dict[TopicPartition, int]) -> Iterator[pd.DataFrame]:
        """The records as a batch; an error for the first that cannot be parsed, after those before it."""
        bad: Unreadable | None = None
        try:
            frame = self._frame(records)
        except Unreadable as error:
            bad, records = error, records[: error.place]
            frame = self._frame(records)
            reached = {TopicPartition(record.topic, record.partition): record.offset + 1 for record in records}
        self.position |= reached
        self.origins = [record.partition for record in records]
        self.records += len(records)
        if records:
            yield frame
        if bad is not None:
            raise self._unreadable(bad) from bad.__cause__

    def _frame(self, records: Sequence[Any]) -> pd.DataFrame:
        frame = pd.DataFrame(columns(records))
        if self._parse is None:
            frame["value"] = pd.Series([readable(record.value) for record in records], dtype=object)
            return frame
        fields = parsed(records, self._parse)
        for name in frame.columns.intersection(fields.columns):
            # A field that is called as a column of ours takes its place, where the record has it.
            if fields[name].isna().any():
                fields[name] = fields[name].astype(object).where(fields[name].notna(), frame[name])
            del frame[name]
        return pd.concat([frame, fields], axis=1)

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
