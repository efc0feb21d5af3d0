"""What a check works with: the student's names, fresh topics on the real broker, and an end that tidies up."""

import difflib
import inspect
import re
import sys
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FunctionType, TracebackType
from typing import Any, NoReturn, Self

from kafka import KafkaProducer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.serializer import DefaultSerializer

from kit import topics
from kit.deadline import pause
from kit.errors import BrokerUnavailable, KitError
from kit.exercises._code import find
from kit.exercises._running import call
from kit.servers import clients, lab
from kit.servers.kafka import KafkaCluster

__all__ = ["Missing", "NotRight", "Trial"]

_CALL_SECONDS = 3.0
_READ_SECONDS = 2.0
_CLOSE_SECONDS = 2.0
_ALIKE = 0.7  # a name that was misspelled; Tweet is none for TweetActor
_ADDRESS = re.compile(r"<(?:[\w.]+\.)?(\w+) object at 0x[0-9a-fA-F]+>")


class NotRight(Exception):
    """The gap does something else than it should."""

    def __init__(self, expected: str, *, got: str, on: str = "", advice: str = "") -> None:
        super().__init__(expected)
        self.lines = tuple((k, v) for k, v in {"expected": expected, "got": got, "on": on, "next": advice}.items() if v)


class Missing(Exception):
    """The name of the gap is not there. `like`: what may be meant."""

    def __init__(self, name: str, like: str) -> None:
        super().__init__(name)
        self.name, self.like = name, like


class Trial:
    """One check of one gap. A context manager: what it made is gone at the end.

    Parameters
    ----------
    namespace
        Where the student's names are: ``globals()`` of the notebook.
    known
        Names that are the exercise's own, so that none of them is taken for one that was renamed.

    Attributes
    ----------
    on
        The input that the student's code was called with last, in words.
    advise
        Says what to do about an error of the student's code; set it before `call`.
    """

    def __init__(self, namespace: Mapping[str, Any], known: Collection[str] = ()) -> None:
        self.namespace, self.known = namespace, known
        self.on = ""
        self.advise: Callable[[BaseException], str] = lambda error: ""
        self._servers = ""
        self._pids: dict[int, int | None] = {}  # of the brokers, by their ids
        self._made: list[str] = []
        self._ends: list[Callable[[], object]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for end in reversed(self._ends):
            with suppress(Exception):  # a broker that died meanwhile is told by the outcome
                end()
        if self._made:
            with suppress(KitError):
                topics.delete(*self.topics().intersection(self._made), bootstrap_servers=self._servers)

    # ---- the student's side -----------------------------------------------------------------------------------

    def named(self, name: str) -> Any:
        """The student's function or class.

        Raises
        ------
        Missing
            There is none of this name.
        NotRight
            It is something else.
        """
        owner, _, method = name.partition(".")
        if method and not isinstance(self.namespace.get(owner, type), type):
            self._taken("class", owner)
        try:
            found = find(self.namespace, name)
        except KeyError:
            found = self._inherited(owner, method)
            if found is None:
                there = owner in self.namespace
                raise Missing(name if there else owner, "" if there else self._like(owner)) from None
        if not callable(found):
            self._taken("function", name)
        return found

    def _inherited(self, owner: str, method: str) -> Any:
        """The method of a class that the notebook made in several steps: ``class TweetActor(TweetActor): …``."""
        kinds = getattr(self.namespace.get(owner), "__mro__", ())
        own = [kind for kind in kinds if kind.__module__ == self.namespace.get("__name__")]
        return next((vars(kind)[method] for kind in own if method in vars(kind)), None)

    def _taken(self, kind: str, name: str) -> NoReturn:
        """Something else has the name of the gap's function or class."""
        got = f"{name} is {shown(find(self.namespace, name))}"
        self.wrong(f"a {kind} {name}", got=got, advice="give that another name, and run the gap's cell again")

    def _like(self, name: str) -> str:
        own = [
            key
            for key, value in self.namespace.items()
            if isinstance(value, FunctionType | type) and value.__module__ == self.namespace.get("__name__")
        ]
        other = [key for key in own if key not in self.known]
        close = difflib.get_close_matches(name, other, n=1, cutoff=_ALIKE)
        return close[0] if close else ""

    def call(
        self, function: Callable[..., Any], *args: Any, on: str = "", seconds: float = _CALL_SECONDS, **options: Any
    ) -> Any:
        """Call the student's function for a bounded time; errors as `_running.call`."""
        self.on = on
        with _no_complaints():
            result = call(function, *args, seconds=seconds, **options)
        if inspect.iscoroutine(result) or inspect.isgenerator(result):
            result.close()
            advice = "write def, not async def, and return, not yield: nothing in it has run"
            self.wrong("a plain function", got=f"a {type(result).__name__}", advice=advice)
        return result

    def wrong(self, expected: str, *, got: object, on: str | None = None, advice: str = "") -> NoReturn:
        """End the check: it is not yet right."""
        if not isinstance(got, str):
            got = "None: does it return anything?" if got is None else shown(got)
        raise NotRight(expected, got=got, on=self.on if on is None else on, advice=advice)

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
        name = f"check-{uuid.uuid4().hex[:8]}"
        self._made.append(name)
        return name

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
        """How many partitions a topic has; 0: there is no such topic."""
        return len(topics.describe(topic, bootstrap_servers=self.servers)) if self._exists(topic) else 0

    def producer(self, **settings: Any) -> KafkaProducer:
        """A producer that takes text, closed at the end."""
        text = {"key_serializer": DefaultSerializer(), "value_serializer": DefaultSerializer()}
        made = KafkaProducer(
            bootstrap_servers=self.servers, **{**text, "acks": "all", "max_block_ms": 3000, **settings}
        )
        self.defer(lambda: made.close(timeout=_CLOSE_SECONDS))
        return made

    def records(self, topic: str, count: int = 0, *, seconds: float = _READ_SECONDS) -> list[ConsumerRecord]:
        """What is in the topic; waits for `count` records, but no longer than `seconds`."""
        found: list[ConsumerRecord] = []
        until = time.monotonic() + seconds
        with clients.consumer(self.servers) as reader:
            tps = [TopicPartition(topic, number) for number in reader.partitions_for_topic(topic) or ()]
            if not tps:
                return found
            reader.assign(tps)
            reader.seek_to_beginning(*tps)
            while True:
                end = sum(reader.end_offsets(tps).values())
                late = time.monotonic() > until
                while len(found) < end:
                    batches = reader.poll(timeout_ms=500)
                    if not batches:
                        break
                    found += [record for batch in batches.values() for record in batch]
                if len(found) >= count or late:
                    return found
                pause(0.02)

    def _exists(self, topic: str) -> bool:
        try:
            return topic in self.topics()
        except KitError:
            return False

    def defer(self, end: Callable[[], object]) -> None:
        """Have something done at the end, the last first."""
        self._ends.append(end)


def _pids() -> dict[int, int | None]:
    """The process of each broker of the lab; of a cluster that is yours, nothing is known."""
    cluster = lab.servers()["kafka"]
    return {broker.id: broker.pid for broker in cluster.brokers} if isinstance(cluster, KafkaCluster) else {}


@contextmanager
def _no_complaints() -> Iterator[None]:
    """Keep kafka-python from printing a traceback of its own where it throws away a producer that was not made."""
    before = sys.unraisablehook

    def hook(told: "sys.UnraisableHookArgs") -> None:
        if getattr(told.object, "__qualname__", "") != "KafkaProducer.__del__":
            before(told)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def shown(value: object) -> str:
    """A value as a student would write it, not too long."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if inspect.isroutine(value):
        return f"the function {value.__name__} itself, which was not called"
    try:
        text = _ADDRESS.sub(r"<\1 object>", repr(value))
    except Exception as error:  # the student's own __repr__
        text = f"a {type(value).__name__}, whose __repr__ raises {type(error).__name__}"
    return text if len(text) <= 200 else f"{text[:200]}…"
