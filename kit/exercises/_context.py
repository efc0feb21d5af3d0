"""What a check works with: the student's names, fresh topics on the real broker, and an end that tidies up."""

import difflib
import uuid
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack, suppress
from types import CoroutineType, FunctionType, GeneratorType
from typing import Any, NoReturn, Self

from kafka import KafkaProducer, TopicPartition
from kafka.serializer import DefaultSerializer

from kit import spark, topics
from kit.deadline import wait_until
from kit.errors import BrokerUnavailable, KitError, ServerError
from kit.exercises._outcomes import Ended, NotAttempted, NotYetRight
from kit.exercises._running import StudentError, TookTooLong, call, guarded
from kit.exercises._values import shown
from kit.servers import clients, lab
from kit.topics.reading import read

__all__ = ["CheckContext"]

_CALL_SECONDS = 3.0
_CLOSE_SECONDS = 2.0
_ALIKE = 0.8  # a name that was misspelled; TweetListener is none for TweetActor
_RUN = "run the cell with the gap, above, then check again; `kit exercises reset` brings back one that is gone"
_BACK = "put `def {}` back; `kit exercises reset` brings back the whole notebook"


class CheckContext(ExitStack):
    """One check of one gap. A context manager: what it made is gone at the end.

    `namespace` has the student's names: ``globals()`` of the notebook. `on` is the input of the last call of the
    student's code, in words. `advise` says what to do about an error of the student's code; set it before `call`.
    """

    def __init__(self, namespace: Mapping[str, Any], *, needs: Collection[str] = ()) -> None:
        super().__init__()
        self.namespace, self._needs, self.on = namespace, needs, ""
        self.advise: Callable[[BaseException], str] = lambda error: ""
        self._servers, self._pids = "", list[int]()  # of the brokers
        self._made: list[str] = []

    def __enter__(self) -> Self:
        if "spark" in self._needs:  # before `guarded`, whose limits are not for its driver
            spark.session()
        _ = self.servers if "kafka" in self._needs else ""
        self.look_again()
        self.callback(self._delete_topics)
        self.enter_context(guarded())
        return self

    def _delete_topics(self) -> None:
        if self._made and self._servers:
            with suppress(KitError):  # a broker that died meanwhile is in the outcome
                made = [name for name in self.topics() if name.startswith(tuple(self._made))]
                topics.delete(*made, bootstrap_servers=self.servers)

    def defer(self, end: Callable[[], object]) -> None:
        """Have something done at the end, the last first."""

        def bounded() -> None:
            with suppress(StudentError, TookTooLong):  # likewise
                call(end, seconds=_CLOSE_SECONDS)

        self.callback(bounded)

    def named(self, name: str) -> Any:
        """The student's function, class or method (``Class.method``); ends the check if there is none."""
        owner, _, method = name.partition(".")
        if owner not in self.namespace:
            if like := self._like(owner):
                self.renamed(name, like)
            raise Ended(NotAttempted("", (("to do", f"there is no {owner} yet"), ("next", _RUN))))
        found = self.namespace[owner]
        if method and issubclass(type(found), type):
            # The notebook may have made a class in several steps; what a library's class has does not count.
            own = [kind for kind in found.__mro__ if kind is found or kind.__module__ == self.namespace.get("__name__")]
            found = next((vars(kind)[method] for kind in own if method in vars(kind)), None)
            if found is None:
                self.wrong(f"the method {method} of {owner}", got="none", advice=_BACK.format(method))
        if not callable(found) or (method and found is self.namespace[owner]):
            kind, name = ("class", owner) if found is self.namespace[owner] and method else ("function", name)
            advice = "give that another name, and run the gap's cell again"
            self.wrong(f"a {kind} {name}", got=f"{name} is {shown(found)}", advice=advice)
        return found

    def _like(self, name: str) -> str:
        own = [key for key, value in self.namespace.items() if type(value) in (FunctionType, type)]
        own = [key for key in own if self.namespace[key].__module__ == self.namespace.get("__name__")]
        return next(iter(difflib.get_close_matches(name, own, n=1, cutoff=_ALIKE)), "")

    def renamed(self, name: str, other: str) -> NoReturn:
        """End the check: the function or class of the gap has another name now."""
        owner = name.partition(".")[0]
        self.wrong(f"the name {owner}", got=other, advice=f"name it {owner}, and run its cell again")

    def call(
        self, function: Callable[..., Any], *args: Any, on: str = "", seconds: float = _CALL_SECONDS, **options: Any
    ) -> Any:
        """Call the student's function for a bounded time; raises `StudentError` or `TookTooLong`."""
        self.on = on or self.on
        result = call(function, *args, seconds=seconds, **options)
        if type(result) in (CoroutineType, GeneratorType):
            result.close()
            advice = "write def, not async def, and return, not yield: the body has not run"
            self.wrong("a plain function", got=f"a {type(result).__name__}", advice=advice)
        return result

    def wrong(self, expected: str, *, got: object, on: str | None = None, advice: str = "") -> NoReturn:
        """End the check: it is not yet right."""
        text = got[:2000] if type(got) is str else shown(got)
        lines = (("expected", expected), ("got", text), ("on", self.on if on is None else on), ("next", advice))
        raise Ended(NotYetRight("", lines))

    @property
    def servers(self) -> str:
        """``host:port,…`` of the brokers that answer; `BrokerUnavailable` if none does. Nothing is started."""
        if not self._servers:
            there = lab.Lab().kafka.bootstrap_servers
            if not there:
                raise clients.unavailable("127.0.0.1", "it has not been started")
            self._servers, self._pids = ",".join(clients.reachable(there)), _pids()
        return self._servers

    def look_again(self) -> None:
        """Make sure that what the check needs runs, with the brokers that answered first; errors as `servers`."""
        for name in set(self._needs) - {"kafka", "spark"}:
            if not lab.servers()[name].running:
                raise ServerError(f"{name} to run", got="it is stopped", todo=f"run `kit up {name}`, then check again")
        if self._servers and clients.reachable(self._servers) and _pids() != self._pids:
            got, todo = "one was stopped or started meanwhile", "run this check again"
            raise BrokerUnavailable("brokers that run as long as the check", got=got, todo=todo)

    def new_topic(self) -> str:
        """A name that no topic has; if the student makes it one, it goes at the end."""
        self._made.append(f"check-{uuid.uuid4().hex[:8]}")
        return self._made[-1]

    def topic(self, *, partitions: int = 1) -> str:
        """A fresh topic."""
        topics.create(self.new_topic(), partitions=partitions, replication_factor=1, bootstrap_servers=self.servers)
        return self._made[-1]

    def topics(self) -> set[str]:
        """The names of all topics."""
        with clients.admin(self.servers) as asker:
            return set(clients.ask(asker.list_topics))

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has; 0: it does not exist."""
        with clients.consumer(self.servers) as reader:
            return len(reader.partitions_for_topic(topic) or ())

    def producer(self) -> KafkaProducer:
        """A producer that takes text, closed at the end."""
        text = {"key_serializer": DefaultSerializer(), "value_serializer": DefaultSerializer()}
        made = clients.producer(self.servers, acks="all", max_block_ms=3000, **text)
        self.defer(lambda: made.close(timeout=1))
        return made

    def records(self, topic: str, count: int = 0, *, seconds: float = 2.0) -> list[Any]:
        """What is in the topic; waits for `count` records, but no longer than `seconds`."""
        with clients.consumer(self.servers) as reader:
            tps = [TopicPartition(topic, number) for number in reader.partitions_for_topic(topic) or ()]
            wait_until(lambda: sum(reader.end_offsets(tps).values()) >= count, seconds=seconds)
            spans = {tp: (0, end) for tp, end in reader.end_offsets(tps).items()}
            return [record for batch in read(reader, spans, seconds=seconds) for record in batch]


def _pids() -> list[int]:
    return [process.pid for process in lab.Lab().kafka.processes]
