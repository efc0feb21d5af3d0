"""A collector: a source, its senders and their supervisor, started and stopped as one."""

import atexit
import html
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, astuple
from typing import Any, Self

import pandas as pd

from kit.collectors import _kafka
from kit.collectors._actor import Counts
from kit.collectors._records import Seen, ToRecords, in_words
from kit.collectors._sender import REMEMBER, Sender
from kit.collectors._sources import Router, Source
from kit.collectors._supervisor import Supervisor
from kit.deadline import Deadline, wait_until
from kit.errors import CollectorError, KitError
from kit.servers import addresses

__all__ = ["Collector"]

_COLOURS = {"running": "green", "ended": "green", "stopped": "gray", "failed": "red"}


class Collector:
    """Passes the records of a source on to a topic: nothing lost, nothing twice.

    ::

        Poller or Listener ──tell──▶ mailbox ─▶ Sender ─▶ topic
                            (Router: several)        └──▶ topic.dead-letter
                  └───────── ask: what now? ────┴───▶ Supervisor

    It runs as soon as it is made. What the topic holds already is not sent again (`Record` says how records are known),
    so a collector that was killed and started again goes on where it was. Only a replay of an old origin may have a
    batch twice, if its only broker is killed: Kafka then forgets who sent records older than 24 days.

    Parameters
    ----------
    source, topic
        A `Poller` or a `Listener`; where its records go. A missing topic is created, and ``<topic>.dead-letter``.
    to_records
        Makes `Record`s of one payload, as a list or a generator. It returns or raises `BadPayload` for what it cannot
        use. Whatever else it raises, or gives in place of a record, makes a dead letter, too.
    workers
        Senders that share the work. With several, records of one key may change their order.
    supervisor
        Decides on restarts; a `Supervisor()` of its own by default.
    mailbox
        Most payloads that wait for a sender; beyond that the source is slowed down.
    bootstrap_servers
        ``host:port,…`` of the cluster; the lab's by default.

    Raises
    ------
    BrokerUnavailable, TopicError
        There is nowhere to send to.

    Examples
    --------
    >>> with Collector(Poller(fetch), "quotes", to_records) as collector:       # doctest: +SKIP
    ...     collector.wait(sent=24)
    Counts(received=24, sent=24, duplicate=0, dead_lettered=0, restarts=0)
    """

    def __init__(
        self, source: Source, topic: str, to_records: ToRecords, *, workers: int = 1, mailbox: int = 10_000,
        supervisor: Supervisor | None = None, bootstrap_servers: str | None = None,
    ) -> None:  # fmt: skip
        servers = bootstrap_servers or addresses.bootstrap_servers()
        start = _kafka.prepare(servers, topic, REMEMBER)
        self.topic, self._source, supervisor = topic, source, supervisor or Supervisor()
        names = [f"sender-{number + 1}" for number in range(workers)] if workers > 1 else ["sender"]
        shared: Any = {"source": source.name, "capacity": mailbox}
        shared["seen"] = Seen(most=2 * REMEMBER * workers, known=start.known)
        self._senders = [Sender(name, topic, to_records, start, servers, **shared) for name in names]
        refs = [sender.actor_ref for sender in self._senders]
        source.resume, source.target = bool(start.known), Router(refs) if workers > 1 else refs[0]
        self._actors = (source, *self._senders)
        self._stopping, self._stopped = threading.Lock(), False
        try:
            for actor in reversed(self._actors):  # the source last: the senders that it tells must be there
                actor.supervisor = supervisor
                actor.begin()
                actor.actor_ref.tell([])  # nothing yet: it wakes a sender to connect, and a source to begin
        except BaseException:
            self._shut_down(5.0)
            raise
        atexit.register(self.stop)

    @property
    def failed(self) -> BaseException | None:
        """What made it give up, or None."""
        return next((actor.error for actor in self._actors if actor.error is not None), None)

    @property
    def trouble(self) -> BaseException | None:
        """Its last failure, or what keeps Kafka from acknowledging, over by now or not; None: nothing so far."""
        return next((actor.trouble for actor in self._actors if actor.trouble is not None), None)

    @property
    def state(self) -> str:
        """``running``, ``ended`` (the source has no more, and all is sent), ``failed`` or ``stopped``."""
        if self.failed is not None:
            return "failed"
        if self._stopped:
            return "stopped"
        return "ended" if all(actor.join() for actor in self._actors) else "running"

    @property
    def counts(self) -> Counts:
        """The counts as they are now."""
        counts = [Counts(restarts=self._source.counts.restarts), *(sender.counts for sender in self._senders)]
        return Counts(*map(sum, zip(*map(astuple, counts), strict=True)))

    def counters(self) -> pd.DataFrame:
        """A DataFrame with a row an actor, indexed by `actor`.

        Its columns: the `Counts`; `mailbox`, how many payloads wait; `lag_s`, for how many seconds the sender has held
        the oldest record that Kafka has not acknowledged. A source counts payloads, a sender records: a payload of
        quotes holds many.
        """
        rows, now = [], time.monotonic()
        for actor in self._actors:
            lag = round(max(now - (actor.oldest or now), 0.0), 3)
            rows.append({**asdict(actor.counts), "mailbox": len(actor.mailbox), "lag_s": lag})
        return pd.DataFrame(rows, pd.Index([actor.name for actor in self._actors], name="actor"))

    def wait(self, *, sent: int | None = None, timeout: float = 30.0) -> Counts:
        """Wait until `sent` records are acknowledged; without `sent`, until the source has ended and all is sent.

        `CollectorError`: it did not come about in `timeout` seconds, or the collector has given up.
        """
        what = "the end of the source" if sent is None else f"{sent} records sent"
        self._wait_for(lambda: self.state == "ended" if sent is None else self.counts.sent >= sent, what, timeout)
        return self.counts

    def _wait_for(self, done: Callable[[], bool], what: str, timeout: float) -> None:
        wait_until(lambda: done() or self.failed is not None or self._stopped, seconds=timeout, every=0.01)
        if not done():
            self._raise_failure()
            todo = "look at collector.counters(): which actor has stopped counting?"
            raise CollectorError(f"{what} within {timeout:g} s", got=repr(self), todo=todo) from self.trouble

    def stop(self, *, timeout: float = 30.0) -> Counts:
        """Stop the source, send what has come in within `timeout` seconds, close. Idempotent.

        `CollectorError`: it had given up before, or there are records that Kafka did not acknowledge in time.
        """
        with self._stopping:
            if not self._stopped:
                self._shut_down(timeout)
                self._stopped = True
                atexit.unregister(self.stop)
        self._raise_failure()
        if not self._source.join():
            wanted = f"the {self._source.name} of topic {self.topic!r} to let go of its source in {timeout:g} s"
            todo = "give the Listener a `hang_up` that ends the waiting, or the fetch a time-out"
            raise CollectorError(wanted, got="it still waits for data", todo=todo)
        if unsent := self._unsent():
            wanted = f"all records in topic {self.topic!r} when the collector stops"
            got = f"{unsent} of them not acknowledged in {timeout:g} s; {self.counts}"
            todo = "see with `kit status` that the brokers run, then start the collector again: it resumes"
            raise CollectorError(wanted, got=got, todo=todo)
        return self.counts

    def _shut_down(self, timeout: float) -> None:
        deadline = Deadline(timeout)
        try:
            self._source.ask_to_stop()
            self._source.halt()
            while not (self._source.join(0.2) or deadline.passed):
                self._source.halt()
        finally:
            for sender in self._senders:
                sender.ask_to_stop()  # the source does so, too, if it has ended
            for sender in self._senders:
                if not sender.join(deadline.left):
                    sender.halt()
            for sender in self._senders:
                sender.join(15.0)

    def _unsent(self) -> int:
        return self._source.unsent + sum(sender.unsent for sender in self._senders)

    def _raise_failure(self) -> None:
        if (error := self.failed) is not None:
            got = (
                f"it gave up after {self.counts.restarts} restarts, {self._unsent()} records unsent: {in_words(error)}"
            )
            todo = error.todo if isinstance(error, KitError) else "mend the cause, then start a new collector"
            wanted = f"the collector of topic {self.topic!r} to keep running"
            raise CollectorError(wanted, got=got, todo=todo) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_error: Any) -> None:
        # Where the reader's own code has failed, its error says more than the collector's.
        with suppress(*() if kind is None else (CollectorError,)):
            self.stop()

    def __repr__(self) -> str:
        counts = ", ".join(f"{count:,} {name.replace('_', '-')}" for name, count in asdict(self.counts).items())
        error = self.failed or self.trouble
        why = f"; last trouble: {in_words(error)}" if error else ""
        return f"<Collector of topic {self.topic!r}: {self.state}, {counts}{why}>"

    def _repr_html_(self) -> str:
        error, state = self.failed or self.trouble, self.state
        why = f"<pre>{html.escape(str(error) if isinstance(error, KitError) else in_words(error))}</pre>" * bool(error)
        caption = f"Collector of topic {html.escape(self.topic)}: <span style='color:{_COLOURS[state]}'>{state}</span>"
        return f"<div><b>{caption}</b>{why}{self.counters().to_html(border=0)}</div>"
