"""A topic, read batch by batch."""

import threading
from collections.abc import Generator
from itertools import chain
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeAlias

import pandas as pd
from kafka import TopicPartition
from kafka.errors import LogTruncationError, NoOffsetForPartitionError, OffsetOutOfRangeError

from kit.deadline import Deadline
from kit.errors import BadPayload, BrokerUnavailable, ConfigError, TopicError
from kit.servers import addresses
from kit.servers.clients import consumer
from kit.streams._arguments import Offsets, Parse, Start, check, first_offsets
from kit.streams._decoding import PartitionRecords
from kit.streams._parsing import Unreadable, parsed
from kit.streams._watch import Watch
from kit.topics.records import columns

__all__ = ["Stream", "batches"]

_MOST = 10_000  # records in one batch
_POLL_MS = 100
_RECONNECT_MS = 500  # the longest pause before a broker that died is looked for again; kafka-python's own is 30 s
_GONE = (OffsetOutOfRangeError, NoOffsetForPartitionError, LogTruncationError)
_Polled: TypeAlias = tuple[list[Any], Offsets, Offsets]  # records, the offsets behind them, and those behind the last


class _Progress(NamedTuple):
    """How far a stream is: the next offset of each partition, and the records up to there."""

    position: Offsets
    records: int


class Stream:
    """A topic, read batch by batch: an iterator of DataFrames, and a context manager. `stop` ends it from any thread.

    After an interrupt (■), an error or `break`, a new loop goes on behind the last batch. Records of a transaction come
    when it has been committed, or never.

    Parameters
    ----------
    topic
        All its partitions are read; one that is added meanwhile, some 5 seconds later, from its beginning.
    start
        ``"now"``: what comes after this call. ``"earliest"``: from the oldest record. A number: from that offset in
        each partition; a mapping: from an offset for each partition. A `datetime`, `date` or pandas `Timestamp`: from
        the first record that is not older; without a time zone it is this machine's time.
    every
        Seconds from one batch to the next; 0: as soon as there is something. A batch is never empty.
    count, seconds
        End after so many records, or so many seconds, whichever comes first. None: no end.
    parse
        ``"json"``: the fields of a JSON object become columns. A function from bytes to a mapping: its keys do. None:
        one column `value`, text if it is UTF-8.
    bootstrap_servers
        ``host:port,…``; default: the lab's.

    Yields
    ------
    DataFrame
        ``topic``, ``partition``, ``offset``, ``timestamp`` (``datetime64[ms, UTC]``, NaT for a record without a time)
        and ``key`` of Kafka, and a column for each field of the values. A field with the name of one of these five has
        a prefix: ``value_timestamp``. Numbers are exact: whole numbers with gaps are ``Int64``.

    Raises
    ------
    ConfigError, TopicError, BrokerUnavailable
        An argument cannot be used; there is no such topic, or no broker. While iterating: the topic, or what comes next
        in it, was deleted; for 15 seconds no broker has answered, or a partition has had no leader.
    BadPayload
        A record cannot be parsed; the message says where it is. What comes before it has been given.

    Examples
    --------
    >>> for batch in streams.batches("quotes", start="earliest", seconds=5):                  # doctest: +SKIP
    ...     print(len(batch), batch.offset.max())
    """

    def __init__(
        self,
        topic: str,
        *,
        start: Start = "now",
        every: float = 0.5,
        count: int | None = None,
        seconds: float | None = None,
        parse: Parse = "json",
        bootstrap_servers: str | None = None,
    ) -> None:
        check(every=every, count=count, seconds=seconds, parse=parse)
        self.topic = topic
        self._every, self._count, self._seconds, self._parse = every, count, seconds, parse
        self._servers = bootstrap_servers or addresses.bootstrap_servers()
        first, self._end = first_offsets(topic, start, self._servers)
        self._progress = _Progress(first, 0)
        self._watch = Watch(topic, self._servers)
        self._stopped, self._ended = threading.Event(), False
        self._deadline: Deadline | None = None  # from the first batch on
        self._consumer: Generator[Any, Any, None] | None = None
        self._bad: Unreadable | None = None  # the record behind the last batch, if it cannot be parsed

    @property
    def records(self) -> int:
        """How many have been read."""
        return self._progress.records

    @property
    def position(self) -> dict[int, int]:
        """The offset of the next record of each partition: `start` for a stream that goes on where this one is."""
        return {tp.partition: offset for tp, offset in sorted(self._progress.position.items())}

    @property
    def behind(self) -> set[int]:
        """The partitions that held more, when they were last asked, than has been read."""
        return {tp.partition for tp, offset in self._progress.position.items() if offset < self._end[tp]}

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> pd.DataFrame:
        self._deadline = self._deadline or Deadline(self._seconds)
        try:
            found = self._read(self._deadline)
        except BaseException as error:  # an interrupt, too: the next call reads on from `_progress` with a new consumer
            self._release()
            if not (isinstance(error, BrokerUnavailable) and self._stopped.is_set()):
                raise
            found = None  # a stream that was stopped does not need them any more
        if found is None:
            self._ended = True
            self._release()
            raise StopIteration
        batch, progress = found
        # Without a call between these two lines no interrupt can come between them: a batch is given, or read again.
        self._progress = progress
        return batch

    def stop(self) -> None:
        """End the stream: the loop over it gets what has been read, and then no more. From any thread; idempotent."""
        self._stopped.set()

    def close(self) -> None:
        """Stop, and close the consumer. For the thread that iterates. Idempotent."""
        self.stop()
        self._release()

    def __enter__(self) -> Self:
        if self._stopped.is_set():
            todo = f"make a new one: streams.batches({self.topic!r}, start={self.position})"
            raise ConfigError("an open stream", got="it has been stopped", todo=todo)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "stopped" if self._stopped.is_set() else "ended" if self._ended else "open"
        return f"<Stream of topic {self.topic!r}: {state}, {self.records:,} records read, at offsets {self.position}>"

    def _poll(self, milliseconds: float, most: int) -> _Polled:
        """Ask the consumer, which is opened when there is none."""
        if self._consumer is None:
            self._consumer = _polls(self._servers, self._progress.position)
            next(self._consumer)
        polled: _Polled = self._consumer.send((int(milliseconds), most))
        return polled

    def _release(self) -> None:
        """Close the consumer."""
        opened, self._consumer, self._bad = self._consumer, None, None
        if opened is not None:
            opened.close()

    def _read(self, deadline: Deadline) -> tuple[pd.DataFrame, _Progress] | None:
        """The next batch, with the progress that it is; None at the end."""
        while not self._stopped.is_set() and not deadline.passed and self._wanted():
            if self._bad is not None:
                raise self._unreadable(self._bad) from self._bad.__cause__
            self._look()  # one partition may be gone while another keeps the consumer busy
            try:
                records, reached = self._gather(Deadline(min(self._every, deadline.left)))
            except TopicError as error:
                if isinstance(error.__cause__, _GONE):
                    raise self._gone(error.__cause__) from error.__cause__
                raise
            if records:
                return self._batch(records, reached)
            self._progress = self._after(reached)
        return None

    def _look(self) -> None:
        """See that all is well; partitions that were added are read from their beginning, by a new consumer."""
        if new := self._watch.look(self._progress.position):
            self._end |= {tp: end for tp, (_, end) in new.items()}
            self._progress = self._after({tp: first for tp, (first, _) in new.items()})
            self._release()

    def _after(self, reached: Offsets, records: int = 0) -> _Progress:
        return _Progress(self._progress.position | reached, self._progress.records + records)

    def _wanted(self) -> int:
        """How many records the next batch may have."""
        return _MOST if self._count is None else min(_MOST, self._count - self._progress.records)

    def _gather(self, due: Deadline) -> tuple[list[Any], Offsets]:
        """The records up to `due` (at least one poll), and the offsets behind them."""
        gathered: list[Any] = []
        while True:
            patience = _POLL_MS if not self._every and not gathered else min(due.left * 1000, _POLL_MS)
            records, reached, ends = self._poll(patience, self._wanted() - len(gathered))
            gathered += records
            self._end |= ends
            if len(gathered) >= self._wanted() or self._stopped.is_set() or due.passed:
                return gathered, reached
            if not gathered:  # what there is, is given first
                self._look()

    def _batch(self, records: list[Any], reached: Offsets) -> tuple[pd.DataFrame, _Progress]:
        """The records as a batch, up to the first that cannot be parsed: that one is the next call's error."""
        try:
            values = parsed(records, self._parse)
        except Unreadable as error:
            if error.place == 0:
                raise self._unreadable(error) from error.__cause__
            self._bad, records = error, records[: error.place]
            values = parsed(records, self._parse)
            reached = {TopicPartition(record.topic, record.partition): record.offset + 1 for record in records}
        return pd.DataFrame(columns(records) | values), self._after(reached, len(records))

    def _gone(self, error: Exception) -> TopicError:
        wanted = f"the records of topic {self.topic!r} from the offsets {self.position} on"
        got = f"they are not there any more: the topic was made anew, or its retention deleted them ({error})"
        todo = 'start again with start="earliest", and keep the records longer (retention.ms)'
        return TopicError(wanted, got=got, todo=todo)

    def _unreadable(self, bad: Unreadable) -> BadPayload:
        record = bad.record
        wanted = f"a record that can be parsed at {record.topic}-{record.partition}, offset {record.offset}"
        behind = self.position | {record.partition: record.offset + 1}
        got, todo = f"{bad}; the value begins {record.value[:60]!r}", f"go on behind it with start={behind}"
        return BadPayload(wanted, got=got, todo=f"{todo}, or read it with parse=None", raw=record.value)


def _polls(servers: str, position: Offsets) -> Generator[Any, tuple[int, int], None]:
    """Polls of a consumer from these offsets on, each for the milliseconds and the most records that are sent to it.

    kafka-python keeps errors of calls, and so the frames above them: here those end, so a stream that is dropped is
    gone, and its consumer closed.
    """
    with consumer(servers, reconnect_backoff_max_ms=_RECONNECT_MS) as client:
        client._fetcher.PartitionRecords = PartitionRecords
        client.assign(list(position))
        for tp, offset in position.items():
            client.seek(tp, offset)
        polled = None
        while True:
            milliseconds, most = yield polled
            found = client.poll(timeout_ms=milliseconds, max_records=most)
            # The end of a transaction takes an offset, too, behind its last record.
            reached = {tp: at for tp in position if (at := client.position(tp, timeout_ms=0)) is not None}
            ends = {tp: high for tp in position if (high := client.highwater(tp)) is not None}
            polled = list(chain.from_iterable(found.values())), reached, ends


batches = Stream
