"""The two kinds of source: one that is asked again and again, one that is listened to."""

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

import pykka

from kit.collectors._actor import Halted, Supervised
from kit.collectors._mailbox import MailboxFull

__all__ = ["Listener", "Poller", "Source", "Target"]


class Target(Protocol):
    """Whom a source tells what it got: an actor's ref, or a router."""

    def tell(self, message: bytes, /) -> None: ...


class Source(Supervised):
    """What a poller and a listener have in common: they pass payloads on, and slow down when nobody takes them."""

    target: Target

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.ended = threading.Event()  # there is nothing more to come
        self.unsent = 0
        self.resume = False  # the topic has records: an earlier collector may have been cut short

    def pass_on(self, payload: bytes) -> None:
        """Tell the target. Waits as long as its mailbox is full: meanwhile nothing is taken from the source."""
        self._progressed = True
        self.tally.received += 1
        while True:
            try:
                self.target.tell(payload)
            except MailboxFull:
                continue
            except pykka.ActorDeadError:
                self.unsent += 1
                self.ended.set()
                raise Halted from None
            self.tally.sent += 1
            return


class Poller(Source):
    """Asks a source every so often: request and response.

    Parameters
    ----------
    fetch
        Gets one payload. What it raises goes to the supervisor, who has it tried again.
    every
        Seconds from one request to the next. When the sender cannot keep up, polls are left out, not made up for.
    close
        Called after the last `fetch`.

    Examples
    --------
    >>> poller = Poller(lambda: requests.get(url, timeout=5).content, every=1.0)        # doctest: +SKIP
    >>> collector = Collector(poller, "quotes", to_records)                             # doctest: +SKIP
    """

    def __init__(
        self, fetch: Callable[[], bytes], *, every: float = 1.0, close: Callable[[], None] | None = None
    ) -> None:
        super().__init__("poller")
        self._fetch, self.every, self._close = fetch, every, close
        self._due = 0.0

    def work(self, message: Any) -> None:
        """Poll once, then tell itself to poll again: in between it reads its mail."""
        if self.halted.wait(max(self._due - time.monotonic(), 0.0)):
            return
        self._due = max(self._due + self.every, time.monotonic())
        self.pass_on(self.supervised(self._fetch))
        self.actor_ref.tell(message)

    def on_stop(self) -> None:
        super().on_stop()
        self._let_go()

    def on_failure(self, *error: Any) -> None:
        super().on_failure(*error)
        self._let_go()

    def _let_go(self) -> None:
        if self._close is not None:
            self._close()


class Listener(Source):
    """Listens to a source that sends when it has something: a stream.

    Parameters
    ----------
    listen
        Connects, and calls the function it is given with each payload until the stream ends. It raises when the line
        drops, and is then called again as the supervisor says; it returns when there is nothing more to come.
    hang_up
        Makes a `listen` that waits for data return; called by another thread.

    Examples
    --------
    >>> def listen(receive):
    ...     with open("tweets.jsonl", "rb") as lines:
    ...         for line in lines:
    ...             receive(line)
    >>> collector = Collector(Listener(listen), "tweets", to_records)                   # doctest: +SKIP
    """

    def __init__(
        self, listen: Callable[[Callable[[bytes], None]], None], *, hang_up: Callable[[], None] | None = None
    ) -> None:
        super().__init__("listener")
        self._listen, self._hang_up = listen, hang_up

    def work(self, message: Any) -> None:
        self.supervised(lambda: self._listen(self._receive))
        self.ended.set()

    def _receive(self, payload: bytes) -> None:
        self.pass_on(payload)
        if self.halted.is_set():
            raise Halted

    def halt(self) -> None:
        super().halt()
        if self._hang_up is not None:
            self._hang_up()
