"""The student's actor, started for real, and a spy producer that it gives its records to."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pykka
from kafka import KafkaProducer, TopicPartition
from kafka.errors import IllegalStateError, KafkaTimeoutError
from kafka.future import Future
from kafka.producer.future import FutureProduceResult, FutureRecordMetadata
from kafka.serializer import DefaultSerializer

from kit.deadline import wait_until
from kit.exercises import CheckContext, StudentError, TookTooLong, call
from kit.plots import LiveList

from ._common import same, waited

__all__ = ["Running", "SpyProducer", "live_list", "probe"]

_CALL_SECONDS = 3.0
_SHORT = 1.0  # seconds; a time-out below is none for a broker that is busy
_ROUND_TRIP = 0.02  # seconds
_LATE = 0.3  # seconds after which the records of an actor that waits by callbacks are acknowledged


class _UnseenList(LiveList):
    """A live list that no page is told of: it is closed before a page could draw it."""

    def open(self) -> None:
        """Open no connection to the page."""


_UnseenList.__name__ = _UnseenList.__qualname__ = "LiveList"  # as the student's errors call it


def live_list(context: CheckContext) -> LiveList:
    live = _UnseenList(last=50)
    context.defer(live.close)
    return live


class SpyFuture(FutureRecordMetadata):  # type: ignore[misc]  # kafka-python has no types
    """The future of one record; its producer sees who waits for it."""

    def __init__(self, producer: "SpyProducer", record: tuple[Any, Any]) -> None:
        self.producer, self.record = producer, record
        super().__init__(FutureProduceResult(TopicPartition(producer.topic, 0)), 0, None, None, -1, -1, -1)

    @property
    def is_done(self) -> bool:
        if self.producer.stopping:
            self.producer.acknowledge(self)
        return bool(Future.is_done.__get__(self))

    @is_done.setter
    def is_done(self, value: bool) -> None:
        Future.is_done.__set__(self, value)

    def get(self, timeout: float | None = None) -> Any:
        self.producer.wait_for([self], timeout)
        return super().get(timeout)

    def add_callback(self, *args: Any, **options: Any) -> Any:
        self.producer.has_callbacks = True
        return super().add_callback(*args, **options)

    def add_both(self, *args: Any, **options: Any) -> Any:
        self.producer.has_callbacks = True
        return super().add_both(*args, **options)


class SpyProducer(KafkaProducer):  # type: ignore[misc]
    """A producer whose broker is slow: a record is acknowledged only when the actor waits for it.

    Attributes
    ----------
    given, acknowledged
        Records, as (key, value) in bytes. `in_time`: how many were acknowledged when on_stop came back.
    elsewhere
        The other topics that records were for.
    waits
        How often the actor waited before it was stopped.
    stopping
        Whether the actor is at its end, where waiting is right.
    """

    def __init__(self, topic: str) -> None:
        self.topic, self.given, self.acknowledged = topic, list[Any](), list[Any]()
        self.elsewhere, self._open = list[Any](), list[SpyFuture]()
        self.waits, self.in_time, self.stopping, self.has_callbacks, self._closed = 0, 0, False, False, False
        self.config: dict[str, Any] = {"api_version": (4, 0)}

    def send(  # noqa: PLR0917  # as kafka-python has it
        self,
        topic: Any,
        value: Any = None,
        key: Any = None,
        headers: Any = None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
    ) -> SpyFuture:
        if self._closed:
            raise IllegalStateError("KafkaProducer already closed!")
        record = tuple(
            None if part is None else DefaultSerializer().serialize(topic, [], part) for part in (key, value)
        )
        if not all(isinstance(part, bytes | None) for part in record):
            raise TypeError(f"Unsupported type for serialized value: {type(value)}")
        self.given.append(record)
        if not same(topic, self.topic):
            self.elsewhere.append(topic)
        self._open.append(SpyFuture(self, record))
        return self._open[-1]

    def flush(self, timeout: float | None = None) -> None:
        self.wait_for(list(self._open), timeout)

    def close(self, timeout: float | None = None, **_: Any) -> None:
        if self.stopping:
            self.flush()
        self._closed = True

    def partitions_for(self, topic: str) -> set[int]:
        return {0, 1, 2}

    def wait_for(self, futures: list[SpyFuture], timeout: float | None) -> None:
        self.waits += not self.stopping
        if timeout is not None and timeout < _SHORT and any(future in self._open for future in futures):
            time.sleep(timeout)
            raise KafkaTimeoutError("Timeout waiting for records to be acknowledged")
        if self._open:
            time.sleep(_ROUND_TRIP)
        for future in futures:
            self.acknowledge(future)

    def acknowledge(self, future: SpyFuture) -> None:
        if future in self._open:
            self._open.remove(future)
            self.acknowledged.append(future.record)
            future._produce_future.success((len(self.acknowledged), -1, None))

    def stop(self) -> None:
        """From now on waiting is right."""
        self.stopping = True

    def acknowledge_all(self) -> None:
        """The broker answers at last, for an actor that can only notice by its callbacks."""
        for future in list(self._open) if self.has_callbacks else ():
            self.acknowledge(future)


# In errors of a student's code they are what they are to the student.
for _kind, _name in ((SpyProducer, "KafkaProducer"), (SpyFuture, "FutureRecordMetadata")):
    _kind.__name__ = _kind.__qualname__ = _name
for _method in ("send", "flush"):
    getattr(SpyProducer, _method).__qualname__ = f"KafkaProducer.{_method}"


def probe(kind: Any, **methods: Any) -> Any:
    """A class derived from the student's, whose instances work for a `Running`; one class for all of a check."""

    class Probe(kind):  # type: ignore[misc]
        use_daemon_thread = True

        def __init__(self, running: "Running", *args: Any) -> None:
            self.__running = running
            running.actor = self
            super().__init__(*args)

        def on_start(self) -> None:
            self.__running.guarded(super().on_start)

        def on_receive(self, message: Any) -> None:
            receive = super().on_receive
            self.__running.guarded(message if callable(message) else lambda: receive(message))

        def on_stop(self) -> None:
            self.__running.stopped(super().on_stop)

    for name, method in methods.items():
        setattr(Probe, name, method)
    Probe.__name__ = Probe.__qualname__ = kind.__name__  # in errors it is what it is to the student
    Probe.__module__ = kind.__module__
    return Probe


class Running:
    """The student's actor in its own thread. Each piece of its code runs for a bounded time, one after the other.

    Attributes
    ----------
    seconds
        How long each message took.
    failure
        The error that ended the work, or None.
    """

    actor: Any = None

    def __init__(
        self, context: CheckContext, probe: Any, producer: SpyProducer, live: Any, every: int, *, method: str
    ) -> None:
        self.producer, self.seconds = producer, list[float]()
        self.failure: StudentError | TookTooLong | None = None
        self._context, self._method, self._asked, self._done = context, method, 0, 0
        on = f"{probe.__name__}.start(producer, topic, live, {every})"
        self.ref = context.call(probe.start, self, producer, producer.topic, live, every, on=on)
        context.defer(self.end)

    def stopped(self, on_stop: Callable[[], object]) -> None:
        """The end of the actor: the student's, unless the check has ended before."""
        if not self.producer.stopping:
            return
        late = threading.Timer(_LATE, self.producer.acknowledge_all)
        late.start()
        self.guarded(on_stop)
        late.cancel()
        self.producer.stopping, self.producer.in_time = False, len(self.producer.acknowledged)

    def guarded(self, task: Callable[[], object]) -> None:
        """Run a piece of the student's code, unless one before has failed."""
        began = time.perf_counter()
        try:
            if self.failure is None:
                call(task, seconds=_CALL_SECONDS)
        except (StudentError, TookTooLong) as failure:
            self.failure = failure
        self.seconds.append(time.perf_counter() - began)
        self._done += 1

    def do(self, task: Any) -> None:
        """Have the actor's thread do something, and wait for it; a message that is no function is a message."""
        self.tell(task)
        self.settle()

    def tell(self, message: Any) -> None:
        self._asked += 1
        self.ref.tell(message)

    def settle(self) -> None:
        """Wait until all messages are handled. Raises what the student's code raised."""
        with suppress(pykka.ActorDeadError):
            self.tell(lambda: None)  # behind all that the actor may have put in its own mailbox
        slow = wait_until(lambda: self._ended() or waited(self.seconds[1:]), seconds=10) and waited(self.seconds[1:])
        if slow or self.producer.waits:
            advice = "an actor that waits keeps all its mail waiting: no .get(), no flush(), no sleep and no loop here"
            self._context.wrong(f"{self._method} to come back at once", got="it waited", advice=advice)
        if self.failure is not None:
            raise self.failure
        if self._done - 1 != self._asked or not self.ref.is_alive():
            advice = "neither tell nor stop it from within: its user does that"
            got = "one with mail from itself, or stopped by itself"
            self._context.wrong("an actor that waits for the next tweet", got=got, advice=advice)

    def _ended(self) -> bool:
        return self._done > self._asked or self.failure is not None or not self.ref.is_alive()

    def stop(self) -> None:
        """Stop the actor as its user does, and wait for its end. Raises what the student's on_stop raised."""
        self.producer.stop()
        done = self._done
        self.ref.stop(block=False)
        wait_until(lambda: self._done > done, seconds=2 * _CALL_SECONDS)
        if self.failure is not None:
            raise self.failure

    def end(self) -> None:
        """Stop the actor without the student's on_stop."""
        self.producer.stopping = False
        self.failure = self.failure or TookTooLong(0, "", stopped=True)
        if self.ref.is_alive():
            self.ref.stop(block=False)
