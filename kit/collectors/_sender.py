"""The actor that turns payloads into records and has Kafka acknowledge each of them, once."""

from collections import Counter, deque
from contextlib import suppress
from typing import Any, NamedTuple

from kafka.errors import (
    InvalidRecordError,
    InvalidTimestampError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)

from kit.collectors import _kafka
from kit.collectors._actor import GaveUp, Halted, Supervised
from kit.collectors._mailbox import Mailbox
from kit.collectors._records import DEAD_LETTER, Identity, Letter, Record, Seen, ToRecords, dead_letter, identity
from kit.errors import BadPayload

__all__ = ["REMEMBER", "Sender"]

REMEMBER = 10_000  # records of a partition: more than can be in flight, more than a feed sends again

# The broker will never take this record, however often it is asked.
_REFUSED = (InvalidRecordError, InvalidTimestampError, MessageSizeTooLargeError, RecordListTooLargeError)


class _Flying(NamedTuple):
    """A letter that Kafka has been given and has not acknowledged yet."""

    letter: Letter
    future: Any
    since: float


class Sender(Supervised):
    """Takes payloads from its mailbox, makes records of them, drops duplicates, sends the rest to a topic.

    Each record it has received ends in one of three ways: acknowledged by Kafka (`sent`), known already (`duplicate`),
    or in the dead-letter topic with its bytes and its error (`dead_lettered`). Until then the sender holds it: in the
    outbox before Kafka is given it, flying until Kafka acknowledges it. After a failure it looks up which of the flying
    ones landed, and sends the others again.

    Parameters
    ----------
    topic
        Where the records go; what cannot become a record goes to ``<topic>.dead-letter``.
    to_records
        Makes records of one payload. What it cannot use it returns as a `BadPayload`, or raises.
    known
        What the topic holds already.
    in_flight
        Most records given to Kafka and not acknowledged: when it is reached, the sender waits and its mailbox fills.
    """

    def __init__(
        self,
        topic: str,
        to_records: ToRecords,
        *,
        bootstrap_servers: str,
        name: str = "sender",
        source: str = "",
        known: list[Identity] | None = None,
        remember: int = REMEMBER,
        in_flight: int = 5_000,
        mailbox: Mailbox | None = None,
    ) -> None:
        super().__init__(name, mailbox=mailbox)
        self.topic, self._to_records, self._bootstrap_servers = topic, to_records, bootstrap_servers
        self._source, self._in_flight, self._remember = source, in_flight, remember
        self._seen = Seen(most=2 * remember, known=known or ())
        self._outbox: deque[Letter] = deque()
        self._flying: deque[_Flying] = deque()
        self._suspects = 0  # letters at the front of the outbox that are sent one by one: Kafka refused one of them
        self._doubtful = 0  # letters at the front of the outbox that may have landed before the last restart
        self._producer: Any = None
        self._taken = 0.0
        self.handled = 0  # payloads
        self.latest: bytes | None = None  # the value of the newest record
        self.left = 0  # payloads it did not look at any more
        self.oldest: float | None = None

    @property
    def unsent(self) -> int:
        """Records and payloads that are in the sender's hands, and not known to be in a topic."""
        return len(self.mailbox) + len(self._outbox) + len(self._flying) + self.left

    # ---- one letter: payloads become records, records are delivered -------------------------------------------

    def work(self, message: list[bytes]) -> None:
        if self.halted.is_set():
            self.left += len(message)
            return
        self._taken = self.mailbox.last_arrival
        self.oldest = self.oldest or self._taken
        self._take(message)
        self.supervised(self._deliver)
        self.handled += len(message)

    def _take(self, payloads: list[bytes]) -> None:
        """Put into the outbox what is new in the payloads. This cannot fail: what is no record is a dead letter."""
        outbox, topic, tally, is_new = self._outbox, self.topic, self.tally, self._seen.add
        for payload in payloads:
            try:
                records = list(self._to_records(payload))
            except Exception as error:  # a payload must not stop the pipeline, whatever is wrong with it
                records = [_rejected(payload, error)]
            tally.received += len(records)
            for record in records:
                if type(record) is not Record:
                    outbox.append(self._reject(record))
                    continue
                key, value, at = record
                if is_new((value if key is None else key, at)):
                    outbox.append(Letter(key, value, at, topic, None))
                    self.latest = value
                else:
                    tally.duplicate += 1

    def _reject(self, odd: object) -> Letter:
        """The dead letter for what `to_records` gave in place of a `Record`."""
        if isinstance(odd, BadPayload):
            return dead_letter(self.topic, odd.raw, odd.__cause__ or odd, source=self._source)
        error = TypeError(f"to_records gave a {type(odd).__name__}, not a Record")
        return dead_letter(self.topic, odd, error, source=self._source)

    def _deliver(self) -> None:
        """Give Kafka what is in the outbox; with nothing else to do, wait until it is acknowledged."""
        outbox, flying = self._outbox, self._flying
        while True:
            producer = self._producer or self._open()
            partitions = len(producer.partitions_for(self.topic))
            while outbox and self._producer is producer:  # it is not, once Kafka has refused a record
                if self._suspects:
                    self._send_next(producer, partitions)
                    self._settle(0)
                    self._suspects -= self._producer is producer
                elif len(flying) >= self._in_flight:
                    self._settle(self._in_flight // 2)
                else:
                    self._send_next(producer, partitions)
            self.oldest = flying[0].since if flying else None
            self._settle(self._in_flight if len(self.mailbox) else 0)
            if not outbox:
                return

    def _send_next(self, producer: Any, partitions: int) -> None:
        """Give Kafka the first letter of the outbox."""
        letter = self._outbox[0]
        key, value, at, topic, headers = letter
        try:
            where = None if key is None else 0 if partitions == 1 else _kafka.partition_of(key, partitions)
            future = producer.send(topic, value, key, headers, where, at)
        except (TypeError, AttributeError, MessageSizeTooLargeError) as error:
            self._outbox[0] = self._refuse(letter, error)
            return
        self._flying.append(_Flying(letter, future, self._taken))
        self._outbox.popleft()

    def _settle(self, most: int) -> None:
        """Look through what Kafka has acknowledged, and wait until at most `most` records fly."""
        flying, tally = self._flying, self.tally
        while flying:
            letter, future, _ = flying[0]
            if not future.is_done:
                if len(flying) <= most:
                    break
                self._wait(future)
                continue
            if future.exception is not None:
                self._take_back(future.exception)
                return
            if letter.headers is None:
                tally.sent += 1
            else:
                tally.dead_lettered += 1
            flying.popleft()
        self.oldest = flying[0].since if flying else None
        self._progressed = True

    def _wait(self, future: Any) -> None:
        if self.halted.is_set():
            raise Halted
        with suppress(KafkaError):  # what has become of the record is read off the future
            future.get(timeout=0.1)

    # ---- when something fails ---------------------------------------------------------------------------------

    def _take_back(self, error: Exception) -> None:
        """Kafka did not take the first of the flying records: fail, bury it, or find out which one it meant.

        One record that Kafka refuses takes its whole batch with it, and with an idempotent producer every batch after
        that. So the records in flight are sent again one by one, by a new producer: one that is refused alone is bad.
        """
        refused = type(error) is KafkaError or isinstance(error, _REFUSED)
        if not refused:
            raise error
        if self._suspects:
            self._outbox.appendleft(self._refuse(self._flying.popleft().letter, error))
        else:
            self._suspects = len(self._flying)
        self.on_restart()

    def _refuse(self, letter: Letter, error: Exception) -> Letter:
        """The dead letter in place of a record that Kafka will never take."""
        if letter.topic != self.topic:
            raise error
        return dead_letter(self.topic, letter.value, error, source=self._source)

    def on_restart(self) -> None:
        self._doubtful += len(self._flying)
        self._outbox.extendleft(flying.letter for flying in reversed(self._flying))
        self._flying.clear()
        self._close(flushed=False)

    def _open(self) -> Any:
        """A new producer; after a failure, first see what the old one got through."""
        self._producer = _kafka.open_producer(self._bootstrap_servers)
        if self._doubtful:
            landed: Counter[Identity] = Counter()
            for topic in (self.topic, self.topic + DEAD_LETTER):
                landed.update(_kafka.tail(topic, self._remember, bootstrap_servers=self._bootstrap_servers))
            doubtful = [self._outbox.popleft() for _ in range(self._doubtful)]
            self._doubtful = 0
            missing = [letter for letter in doubtful if not self._landed(letter, landed)]
            self._suspects = max(self._suspects - len(doubtful) + len(missing), 0)
            self._outbox.extendleft(reversed(missing))
        return self._producer

    def _landed(self, letter: Letter, landed: Counter[Identity]) -> bool:
        known_by = identity(letter.key, letter.value, letter.time)
        if not landed[known_by]:
            return False
        landed[known_by] -= 1
        if letter.headers is None:
            self.tally.sent += 1
        else:
            self.tally.dead_lettered += 1
        return True

    # ---- the end ----------------------------------------------------------------------------------------------

    def on_stop(self) -> None:
        try:
            while (self._outbox or self._flying) and not self.halted.is_set():
                self.supervised(self._deliver)
        except (GaveUp, Halted):
            pass  # `unsent` tells how many; the collector's stop() raises it
        finally:
            self._close(flushed=not self._flying)
            super().on_stop()

    def on_failure(self, *error: Any) -> None:
        self.left += len(self.mailbox)
        self._close(flushed=False)
        super().on_failure(*error)

    def _close(self, *, flushed: bool) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            _kafka.close_producer(producer, flushed=flushed)


def _rejected(payload: bytes, error: Exception) -> BadPayload:
    if isinstance(error, BadPayload):
        return error
    rejected = BadPayload("a payload that becomes records", got=str(error), todo="see the dead letter", raw=payload)
    rejected.__cause__ = error
    return rejected
