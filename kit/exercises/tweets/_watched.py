"""A producer that sees how it is used."""

from typing import Any

from kafka import KafkaProducer
from kafka.producer.future import FutureRecordMetadata
from kafka.serializer import DefaultSerializer

from kit.exercises._trial import Trial

__all__ = ["AT_ONCE", "Watched", "watched"]

AT_ONCE = 0.5  # seconds; a busy machine may need that long once, but not twice

_LINGER_MS = 60_000  # it sends when somebody waits for it, and never by itself: so it is seen who does


class Watched(KafkaProducer):  # type: ignore[misc]  # kafka-python has no types
    """A real producer for one topic, which notes who uses it, and who waits for it.

    Attributes
    ----------
    given
        How many records it was given.
    elsewhere
        The other topics that records were for; they came to this one, so that nobody's topic gets what is not for it.
    waits
        How often somebody waited for the broker.
    """

    def __init__(self, servers: str, topic: str) -> None:
        text = {"key_serializer": DefaultSerializer(), "value_serializer": DefaultSerializer()}
        super().__init__(bootstrap_servers=servers, acks="all", linger_ms=_LINGER_MS, **text)
        self.topic = topic
        self.given, self.waits = 0, 0
        self.elsewhere: list[Any] = []
        self._waited = _waited(self)

    def send(self, topic: Any, value: Any = None, key: Any = None, *more: Any, **options: Any) -> Any:
        self.given += 1
        if topic != self.topic:
            self.elsewhere.append(topic)
        future = super().send(self.topic, value, key, *more, **options)
        future.__class__ = self._waited
        return future

    def flush(self, timeout: float | None = None) -> Any:
        self.waits += 1
        return super().flush(timeout)

    @property
    def closed(self) -> bool:
        return bool(self._closed)


def _waited(producer: Watched) -> type:
    """A future that tells its producer who waits for it, and keeps nobody waiting for the linger."""

    class Future(FutureRecordMetadata):  # type: ignore[misc]
        __slots__ = ()

        def get(self, timeout: float | None = None) -> Any:
            producer.flush(timeout)
            return super().get(timeout)

    Future.__name__ = FutureRecordMetadata.__name__
    return Future


# In errors of a student's code it is what it is to the student.
Watched.__name__ = Watched.__qualname__ = "KafkaProducer"
for _name in ("send", "flush"):
    getattr(Watched, _name).__qualname__ = f"KafkaProducer.{_name}"


def watched(trial: Trial, topic: str) -> Watched:
    """A watched producer, connected, and closed at the end of the trial."""
    producer = Watched(trial.servers, topic)
    trial.defer(lambda: producer.close(timeout=1))
    producer.partitions_for(topic)  # so that the first record does not wait for it
    return producer
