"""The actor that turns payloads into records and has Kafka acknowledge each of them, once."""

import time
from collections import Counter
from functools import lru_cache
from itertools import chain
from typing import Any

from kafka import TopicPartition, errors
from kafka.partitioner import murmur2

from kit.collectors import _kafka
from kit.collectors._actor import Actor, Halted
from kit.collectors._kafka import MOST_BYTES, Batch
from kit.collectors._records import DEAD_LETTER, DeadLetter, Record, Seen, ToRecords, checked, in_words
from kit.errors import TopicError

__all__ = ["REMEMBER", "Sender"]

REMEMBER = 10_000  # records of a partition: more than can be in flight, more than a feed sends again

# Kafka will never take this record, or one of this batch, however often it is asked.
_TOO_LARGE = (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError)
_REFUSED = (errors.InvalidRecordError, errors.InvalidTimestampError, *_TOO_LARGE)
_IN_FLIGHT = 10_000  # records, at most
_LATE_SECONDS = 2.0  # an acknowledgement that takes longer has a reason
_MISSING_LOOKS = 3  # a second apart: then the topic is deleted; a broker that starts may not know it yet
_STUCK_SECONDS = 60.0  # the brokers answer, but not to this producer
_hash = lru_cache(maxsize=4096)(murmur2)  # in Python it takes 10 microseconds


class Sender(Actor):
    """Takes payloads from its mailbox, makes records of them, drops duplicates, sends the rest to a topic.

    It holds each record until Kafka acknowledges it; meanwhile its mailbox fills. After a failure the outcome of what
    it had given to Kafka is unknown: the sender looks it up in the topic, and sends the missing records again.
    """

    def __init__(
        self, name: str, topic: str, to_records: ToRecords, start: _kafka.Start, servers: str,
        *, source: str, seen: Seen, capacity: int,
    ) -> None:  # fmt: skip
        super().__init__(name, capacity=capacity)
        self.topic, self._to_records, self._servers = topic, to_records, servers
        self._topics = {Record: topic, DeadLetter: topic + DEAD_LETTER}
        self._source, self._seen, self._keep_time = source, seen, start.keep_time
        self._held: list[Record | DeadLetter] = []
        self._ends = dict(start.ends)  # of each partition: the offset from which held records may be found
        self._unknown = False  # whether they may be there
        self._batch_bytes, self._turn = MOST_BYTES, 0
        self._producer: Any = None
        self._next_look, self._missing = 0.0, 0  # at the topic; how many looks in a row did not find it

    @property
    def unsent(self) -> int:
        """Records and payloads that the sender holds, and that are not known to be in a topic."""
        return len(self.mailbox) + len(self._held)

    def work(self, message: list[bytes]) -> None:
        self.oldest = time.monotonic()
        for payload in message:
            self._take(payload)
        self.supervised(self._deliver)
        self.oldest = None

    def _take(self, payload: bytes) -> None:
        """Hold what is new in a payload. This cannot fail: what is no record is a dead letter."""
        counts, held, is_new = self.counts, self._held, self._seen.add
        try:
            for made in self._to_records(payload):
                counts.received += 1
                try:
                    record = checked(made)
                except Exception as error:
                    held.append(DeadLetter.of(payload, error, source=self._source))
                    continue
                if is_new(record.identity):
                    held.append(record)
                else:
                    counts.duplicate += 1
        except BaseException as error:  # a payload must not stop the pipeline, even if its code calls sys.exit()
            counts.received += 1
            held.append(DeadLetter.of(payload, error, source=self._source))

    def _deliver(self) -> None:
        """Give Kafka what is held, and wait until all of it is acknowledged."""
        while self._held or self._producer is None:
            producer = self._producer or self._open()
            batches, rest = self._batches(producer, self._held[:_IN_FLIGHT]), self._held[_IN_FLIGHT:]
            try:
                for batch in batches:
                    batch.send(producer)
                for batch in batches:
                    self._wait(batch)
                    if batch.errors:
                        self._take_back(batches)
                        break
            finally:
                for batch in batches:
                    if batch.acknowledged:
                        self._count(batch.tp.topic, len(batch.held))
                        self._ends[batch.tp] = max(batch.future.value[0] + len(batch.held), self._ends.get(batch.tp, 0))
                        batch.held, self._progressed = [], True
                self._held = [*chain.from_iterable(batch.held for batch in batches), *rest]

    def _batches(self, producer: Any, records: list[Record | DeadLetter]) -> list[Batch]:
        """The records in batches, each of one partition."""
        batches, filling = list[Batch](), dict[TopicPartition, Batch]()
        kind: type | None = None
        self._turn += 1
        for record in records:
            if type(record) is not kind:
                kind = type(record)
                partitions = self._partitions(producer, self._topics[kind])
            tp = partitions[0]
            if len(partitions) > 1:
                turn = self._turn if record.key is None else _hash(record.key) & 0x7FFFFFFF
                tp = partitions[turn % len(partitions)]
            if (batch := filling.get(tp)) is None or not batch.add(record):
                batch = filling[tp] = Batch(tp, most_bytes=self._batch_bytes, keep_time=self._keep_time)
                batches.append(batch)
                batch.add(record)
        return batches

    def _partitions(self, producer: Any, topic: str) -> list[TopicPartition]:
        try:
            return [TopicPartition(topic, number) for number in sorted(producer.partitions_for(topic))]
        except errors.KafkaTimeoutError as error:
            raise _kafka.obstacle(self._servers, topic) or error from error

    def _count(self, topic: str, records: int) -> None:
        name = "sent" if topic == self.topic else "dead_lettered"
        setattr(self.counts, name, getattr(self.counts, name) + records)

    def _wait(self, batch: Batch) -> None:
        """Wait until Kafka has acknowledged a batch, or has not taken it; if that is late, look for the reason."""
        while not batch.future.is_done:
            if self.halted.is_set():
                raise Halted
            if batch.future.wait(0.1):
                return
            if not self._producer._sender.is_alive():
                raise errors.KafkaConnectionError("the producer's thread has died")
            now = time.monotonic()
            if now < max(self._next_look, batch.created + _LATE_SECONDS):
                continue
            self._next_look = now + 1.0
            obstacle = _kafka.obstacle(self._servers, batch.tp.topic)
            self._missing = self._missing + 1 if isinstance(obstacle, TopicError) else 0
            if obstacle is not None and self._missing > _MISSING_LOOKS:
                raise obstacle
            if obstacle is None and now - batch.created > _STUCK_SECONDS:
                text = f"nothing acknowledged in {_STUCK_SECONDS:.0f} s, though the brokers answer"
                raise errors.KafkaTimeoutError(text)
            self.trouble = obstacle or self.trouble

    def _take_back(self, batches: list[Batch]) -> None:
        """Kafka did not take a batch: fail, or find the records that it refuses and make them dead letters.

        The broker names them, or, of a batch that is too large, none: then the next batches are half as large. After a
        refusal an idempotent producer drops all that it holds, so a new one sends the rest.
        """
        failed = [batch for batch in batches if batch.future.is_done and batch.errors]
        # Of a batch that the producer dropped, and no broker refused, the future has a base offset.
        batch = next((batch for batch in failed if batch.future.value[0] is None), None)
        errors = (batch or failed[0]).errors
        refused = [number for number, error in enumerate(errors) if isinstance(error, _REFUSED)]
        if batch is None or not refused:
            raise errors[0]
        if len(errors) > 1 and errors[0] is errors[-1]:  # one error for the whole batch
            self._batch_bytes = max(batch.records.size_in_bytes() // 2, 1)
        else:
            for number in refused:
                batch.held[number] = self._refuse(batch.held[number], errors[number])
            if not isinstance(errors[0], _TOO_LARGE):
                self._batch_bytes = MOST_BYTES
        self.on_restart()

    def _refuse(self, record: Record | DeadLetter, error: Exception) -> DeadLetter:
        """The dead letter in place of a record that Kafka will never take."""
        if type(record) is Record:
            return DeadLetter.of(record.value, error, source=self._source)
        if isinstance(record, DeadLetter) and isinstance(error, _TOO_LARGE) and len(record.value) > 100:
            return record.cut(len(record.value) // 2)
        name = self._topics[DeadLetter]
        todo = f"topics.delete({name!r}), then start the collector again: it makes the topic"
        wanted = f"topic {name!r} to take dead letters: records without a key"
        raise TopicError(wanted, got=in_words(error), todo=todo) from error

    def on_restart(self) -> None:
        self._unknown = True
        self._close(flushed=False)

    def _open(self) -> Any:
        """A new producer; after a failure, first see which records the old one got through."""
        self._producer = _kafka.open_producer(self._servers)
        if self._unknown:
            there = Counter(_kafka.tails(self._servers, [*self._topics.values()], self._ends))
            held, self._held, self._unknown = self._held, [], False
            for record in held:
                one = self._topics[type(record)], record.identity
                if there[one]:
                    there[one] -= 1
                    self._count(one[0], 1)
                else:
                    self._held.append(record)
        return self._producer

    def on_stop(self) -> None:
        super().on_stop()
        self._close(flushed=not self._held)

    def _close(self, *, flushed: bool) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            _kafka.close_producer(producer, flushed=flushed)
