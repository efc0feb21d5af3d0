"""The two kinds of source: one that is asked again and again, one that is listened to."""

import queue
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from pykka import ActorDeadError

from kit.collectors._actor import Actor, Halted
from kit.errors import ConfigError

__all__ = ["Listener", "Poller", "Router", "Source"]


class Router:
    """Stands for several actors that do the same work, and looks like the ref of one: it shares the payloads out."""

    def __init__(self, workers: Sequence[Any]) -> None:
        self.workers = workers

    def tell(self, message: bytes) -> None:
        """Put the message into the mailbox of the worker that it belongs to: equal ones go to the same worker."""
        self.workers[hash(message) % len(self.workers)].tell(message)

    def stop(self, *, block: bool) -> None:
        """Stop each worker."""
        for worker in self.workers:
            worker.stop(block=block)


class Source(Actor):
    """A poller or a listener: it passes payloads on, and waits while the sender's mailbox is full.

    `target` is where they go: the ref of a sender, or a router. `resume`: the topic had records when it started.
    """

    target: Any
    resume = False
    unsent = 0

    def pass_on(self, payload: bytes) -> None:
        """Tell the target; wait while its mailbox is full."""
        if type(payload) is not bytes:
            got = f"a {type(payload).__name__}"
            raise ConfigError("a source that gives bytes", got=got, todo="encode it: json.dumps(data).encode()")
        self._progressed = True
        self.counts.received += 1
        while True:
            try:
                self.target.tell(payload)
                break
            except queue.Full:
                continue
            except ActorDeadError:
                self.unsent += 1
                raise Halted from None
        self.counts.sent += 1
        if self.halted.is_set():
            raise Halted

    def on_stop(self) -> None:
        """Let the target stop, too, behind what is in its mailbox."""
        super().on_stop()
        with suppress(ActorDeadError):
            self.target.stop(block=False)


class Poller(Source):
    """A source that is asked every so often: request and response.

    Parameters
    ----------
    fetch
        Returns one payload, as bytes, or raises: see `Supervisor` for what is tried again.
    every
        Seconds from one request to the next. When the sender cannot keep up, polls are left out, not made up for.
    close
        Called after the last `fetch`.

    Examples
    --------
    >>> poller = Poller(lambda: requests.get(url, timeout=5).content, every=1.0)        # doctest: +SKIP
    """

    def __init__(
        self, fetch: Callable[[], bytes], *, every: float = 1.0, close: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__("poller")
        self._fetch, self._every, self._close, self._due = fetch, every, close, 0.0

    def work(self, message: Any) -> None:
        """Poll once, then send itself the next message: in between it reads its mailbox."""
        if self.halted.wait(max(self._due - time.monotonic(), 0.0)):
            return
        self._due = max(self._due + self._every, time.monotonic())
        self.pass_on(self.supervised(self._fetch))
        self.actor_ref.tell(message)

    def on_stop(self) -> None:
        super().on_stop()
        self._close()


class Listener(Source):
    """A source that sends when it has something: a stream.

    Parameters
    ----------
    listen
        Connects, and calls the function it is given with each payload, as bytes. It returns when nothing more will
        come. It raises when the line drops (errors as for `Poller`), and is then called again. A stream that can should
        begin a little before where it broke: what comes again is dropped (see `Record`). If the listener's `resume` is
        True at the first call, an earlier collector has filled the topic, and may have been cut off.
    hang_up
        Makes a `listen` that waits for data return or raise, for instance by closing its connection. Another thread
        calls it, perhaps again and again, perhaps before there is a connection. Without it, `stop` can only wait.

    Examples
    --------
    >>> def listen(receive):
    ...     with open("tweets.jsonl", "rb") as lines:
    ...         for line in lines:
    ...             receive(line)
    >>> collector = Collector(Listener(listen), "tweets", to_records)                   # doctest: +SKIP
    """

    def __init__(
        self, listen: Callable[[Callable[[bytes], None]], None], *, hang_up: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__("listener")
        self._listen, self._hang_up = listen, hang_up

    def work(self, message: Any) -> None:
        self.supervised(lambda: self._listen(self.pass_on))
        self.ask_to_stop()

    def halt(self) -> None:
        super().halt()
        try:
            self._hang_up()
        except Exception as error:  # it may come while `listen` opens or closes its connection; it comes again
            self.trouble = error
