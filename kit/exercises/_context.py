"""What a check works with: the student's names, fresh topics on the real broker, and an end that tidies up."""

import difflib
import inspect
import sys
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FunctionType, TracebackType
from typing import Any, NoReturn, Self

from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaTimeoutError
from kafka.serializer import DefaultSerializer

from kit import topics
from kit.deadline import wait_until
from kit.errors import BrokerUnavailable, KitError, ServerError
from kit.exercises._code import find
from kit.exercises._running import StudentError, TookTooLong, call, guarded
from kit.exercises._values import shown
from kit.servers import clients, lab
from kit.servers.kafka import KafkaCluster
from kit.topics.reading import read

__all__ = ["CheckContext", "Missing", "NotRight"]

_CALL_SECONDS = 3.0
_CLOSE_SECONDS = 2.0
_ALIKE = 0.7  # a name that was misspelled; Tweet is none for TweetActor
_ANSWERS = ("expected", "got", "on", "next")


class NotRight(Exception):
    """The gap does something else than it should."""

    def __init__(self, *texts: str) -> None:
        super().__init__(texts[0])
        self.lines = tuple((label, text) for label, text in zip(_ANSWERS, texts, strict=True) if text)


class Missing(Exception):
    """The name of the gap is not there. `like`: a name that may be meant."""

    def __init__(self, name: str, like: str = "") -> None:
        super().__init__(name)
        self.name, self.like = name, like


class CheckContext:
    """One check of one gap. A context manager: what it made is gone at the end.

    Parameters
    ----------
    namespace
        Where the student's names are: ``globals()`` of the notebook.
    known
        Names that are the exercise's own, so that none of them is taken for one that was renamed.
    needs
        Servers of the lab that must run, for example ``("kafka",)``.

    Attributes
    ----------
    on
        The input of the last call of the student's code, in words.
    advise
        Says what to do about an error of the student's code; set it before `call`.
    """

    def __init__(self, namespace: Mapping[str, Any], known: Collection[str] = (), needs: Collection[str] = ()) -> None:
        self.namespace, self._known, self._needs = namespace, known, needs
        self.on = ""
        self.advise: Callable[[BaseException], str] = lambda error: ""
        self._servers = ""
        self._pids: dict[int, int | None] = {}  # of the brokers, by their ids
        self._made: list[str] = []
        self._ends: list[Callable[[], object]] = []
        self._guard = guarded()

    def __enter__(self) -> Self:
        for name in self._needs:
            if name == "kafka":
                _ = self.servers
            elif not any(row.name.startswith(name) and row.state != "stopped" for row in lab.status()):
                raise ServerError(f"{name} to run", got="it is stopped", todo="run `kit up`, then this check again")
        self._guard.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for end in reversed(self._ends):
            with suppress(StudentError, TookTooLong):  # a broker that died meanwhile is in the outcome
                call(end, seconds=_CLOSE_SECONDS)
        self._guard.__exit__(None, None, None)
        if self._made:
            with suppress(KitError):
                made = [name for name in self.topics() if name.startswith(tuple(self._made))]
                topics.delete(*made, bootstrap_servers=self.servers)

    def defer(self, end: Callable[[], object]) -> None:
        """Have something done at the end, the last first."""
        self._ends.append(end)

    # ---- the student's side -----------------------------------------------------------------------------------

    def named(self, name: str) -> Any:
        """The student's function, class or method (``Class.method``).

        Raises
        ------
        Missing
            None has this name.
        NotRight
            The name stands for something else.
        """
        owner, _, method = name.partition(".")
        there = owner in self.namespace
        if method and there and not isinstance(self.namespace[owner], type):
            self._taken("class", owner)
        try:
            found = find(self.namespace, name)
        except KeyError:
            raise Missing(name if there else owner, "" if there else self._like(owner)) from None
        if not callable(found):
            self._taken("function", name)
        return found

    def _taken(self, kind: str, name: str) -> NoReturn:
        got = f"{name} is {shown(find(self.namespace, name))}"
        self.wrong(f"a {kind} {name}", got=got, advice="give that another name, and run the gap's cell again")

    def _like(self, name: str) -> str:
        here = self.namespace.get("__name__")
        own = [
            key
            for key, value in self.namespace.items()
            if isinstance(value, FunctionType | type) and value.__module__ == here and key not in self._known
        ]
        return next(iter(difflib.get_close_matches(name, own, n=1, cutoff=_ALIKE)), "")

    def call(
        self, function: Callable[..., Any], *args: Any, on: str = "", seconds: float = _CALL_SECONDS, **options: Any
    ) -> Any:
        """Call the student's function for a bounded time; raises `StudentError` or `TookTooLong`."""
        self.on = on or self.on
        with _no_complaints():
            result = call(function, *args, seconds=seconds, **options)
        if inspect.iscoroutine(result) or inspect.isgenerator(result):
            result.close()
            advice = "write def, not async def, and return, not yield: the body has not run"
            self.wrong("a plain function", got=f"a {type(result).__name__}", advice=advice)
        return result

    def wrong(self, expected: str, *, got: object, on: str | None = None, advice: str = "") -> NoReturn:
        """End the check: it is not yet right."""
        raise NotRight(expected, got if type(got) is str else shown(got), self.on if on is None else on, advice)

    # ---- the broker's side ------------------------------------------------------------------------------------

    @property
    def servers(self) -> str:
        """``host:port,…`` of the brokers that answer. Nothing is started.

        Raises
        ------
        BrokerUnavailable
            None does.
        """
        if not self._servers:
            there = str(getattr(lab.servers()["kafka"], "bootstrap_servers", ""))
            if not there:
                raise clients.unavailable("127.0.0.1", "it has not been started")
            self._servers, self._pids = ",".join(clients.reachable(there)), _pids()
        return self._servers

    def look_again(self) -> None:
        """Make sure that the brokers still answer, and are those that did so first; errors as `servers`."""
        if not self._servers:
            return
        clients.reachable(self._servers)
        now = _pids()
        for broker, pid in self._pids.items():
            if pid is not None and now.get(broker) != pid:
                happened = "was restarted" if now.get(broker) else "ended"
                raise BrokerUnavailable(
                    "brokers that run as long as the check",
                    got=f"broker {broker} {happened} meanwhile",
                    todo="run this check again (`kit status` says which brokers run)",
                )

    def new_topic(self) -> str:
        """A name that no topic has; if the student makes it one, it goes at the end."""
        self._made.append(f"check-{uuid.uuid4().hex[:8]}")
        return self._made[-1]

    def topic(self, *, partitions: int = 1) -> str:
        """A fresh topic."""
        name = self.new_topic()
        topics.create(name, partitions=partitions, replication_factor=1, bootstrap_servers=self.servers)
        return name

    def topics(self) -> set[str]:
        """The names of all topics."""
        with clients.admin(self.servers) as asker:
            return set(clients.ask(asker.list_topics))

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has; 0: it does not exist."""
        with clients.admin(self.servers) as asker:
            names = clients.ask(asker.list_topics)
            return len(clients.ask(asker.describe_topics, [topic])[0]["partitions"]) if topic in names else 0

    def producer(self) -> KafkaProducer:
        """A producer that takes text, closed at the end."""
        text = {"key_serializer": DefaultSerializer(), "value_serializer": DefaultSerializer()}
        made = KafkaProducer(bootstrap_servers=self.servers, acks="all", max_block_ms=3000, **text)
        self.defer(lambda: made.close(timeout=1))
        return made

    def records(self, topic: str, count: int = 0, *, seconds: float = 2.0) -> list[Any]:
        """What is in the topic; waits for `count` records, but no longer than `seconds`."""
        with clients.consumer(self.servers) as reader:
            tps = [TopicPartition(topic, number) for number in reader.partitions_for_topic(topic) or ()]

            def ends() -> dict[TopicPartition, int]:
                return dict(reader.end_offsets(tps)) if tps else {}

            wait_until(lambda: sum(ends().values()) >= count, seconds=seconds)
            with suppress(KafkaTimeoutError):
                spans = {tp: (0, end) for tp, end in ends().items()}
                return [record for batch in read(reader, spans, seconds=seconds) for record in batch]
        return []


def _pids() -> dict[int, int | None]:
    """The process of each broker of the lab; those of a cluster of your own are not known."""
    cluster = lab.servers()["kafka"]
    return {broker.id: broker.pid for broker in cluster.brokers} if isinstance(cluster, KafkaCluster) else {}


@contextmanager
def _no_complaints() -> Iterator[None]:
    """Keep kafka-python from printing a traceback of its own where it throws away a producer that was not made."""
    before = sys.unraisablehook

    def hook(unraisable: "sys.UnraisableHookArgs") -> None:
        if getattr(unraisable.object, "__qualname__", "") != "KafkaProducer.__del__":
            before(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before
