"""A topic, read batch by batch."""

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import pandas as pd

from kit.errors import ConfigError
from kit.servers import addresses
from kit.streams._arguments import Parse, Start, check
from kit.streams._reader import Progress, Reader

__all__ = ["Stream", "batches"]


class Stream:
    """A topic, read batch by batch. An iterator of DataFrames, and a context manager; `stop` ends it from any thread.

    A loop over it that an interrupt (■), an error or `break` has ended can be started again: it goes on behind the last
    batch that it was given. Records of a transaction come when it has been committed, or never.

    Parameters
    ----------
    topic
        Its name. All its partitions are read; one that is added meanwhile, some 5 seconds later, from its beginning.
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

    Raises
    ------
    TopicError, BrokerUnavailable
        The topic is not there, or no broker is; while iterating also: the topic was deleted, what comes next was
        deleted, or for 15 seconds no broker has answered or a partition has had no leader.
    ConfigError
        An argument cannot be used.
    BadPayload
        A record cannot be parsed (while iterating); the message says where it is. What comes before it has been given.

    Examples
    --------
    >>> with Stream("quotes", start="earliest", seconds=5) as stream:                # doctest: +SKIP
    ...     for batch in stream:
    ...         print(len(batch), batch.offset.max())
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
        servers = bootstrap_servers or addresses.bootstrap_servers()
        self.topic = topic
        self._reader = Reader(
            topic, start, every=every, count=count, seconds=seconds, parse=parse, bootstrap_servers=servers
        )
        self._batches: Iterator[tuple[pd.DataFrame, Progress]] | None = None
        self._ended = False

    @property
    def records(self) -> int:
        """How many have been read."""
        return self._reader.progress.records

    @property
    def position(self) -> dict[int, int]:
        """The offset of the next record of each partition: `start` for a stream that goes on where this one is."""
        return self._reader.offsets

    @property
    def behind(self) -> set[int]:
        """The partitions that held more, when they were last asked, than has been read."""
        end = self._reader.end
        return {tp.partition for tp, offset in self._reader.progress.position.items() if offset < end[tp]}

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return self

    def __next__(self) -> pd.DataFrame:
        if self._batches is None:
            self._batches = self._reader.batches()
        try:
            batch, progress = next(self._batches)
        except StopIteration:
            self._ended = True
            raise
        except BaseException:  # an interrupt, too: the next call reads on from `progress` with a consumer of its own
            batches, self._batches = self._batches, None
            batches.close()  # type: ignore[attr-defined]  # it is a generator
            raise
        # Without a call between these two lines no interrupt can come between them: a batch is given, or read again.
        self._reader.progress = progress
        return batch

    def stop(self) -> None:
        """End the stream: whoever iterates gets what has been read, and then no more. Idempotent."""
        self._reader.stopped.set()

    def close(self) -> None:
        """Stop, and close the consumer. For the thread that iterates. Idempotent."""
        self.stop()
        if self._batches is not None:
            self._batches.close()  # type: ignore[attr-defined]  # it is a generator

    def __enter__(self) -> Self:
        if self._reader.stopped.is_set():
            todo = f"make a new one: streams.batches({self.topic!r}, start={self.position})"
            raise ConfigError("an open stream", got="it has been stopped", todo=todo)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "stopped" if self._reader.stopped.is_set() else "ended" if self._ended else "open"
        return f"<Stream of topic {self.topic!r}: {state}, {self.records:,} records read, at offsets {self.position}>"


def batches(topic: str, **options: Any) -> Stream:
    """A topic as micro-batches: a `Stream`, whose options these are.

    Returns
    -------
    Stream
        An iterator of DataFrames with the columns ``topic``, ``partition``, ``offset``, ``timestamp``
        (``datetime64[ms, UTC]``, NaT for a record without a time), ``key``, and one for each field of the values (or
        ``value``). These five are always Kafka's: a field called ``timestamp`` is the column ``value_timestamp``.
        Numbers are exact: whole numbers with gaps are ``Int64``, whole numbers beyond 64 bits stay Python's own.
    """
    return Stream(topic, **options)
