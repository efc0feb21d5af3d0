"""One address for many actors."""

from collections.abc import Callable, Hashable, Sequence

from kit.collectors._sources import Target

__all__ = ["Router"]


class Router:
    """Stands for several actors that do the same work, and looks like the ref of one: tell it, and it tells one.

    The same key always goes to the same actor, so that actor alone can tell whether a record comes twice. This is
    vertical scale: more workers in one process. (Python threads take turns, so it helps where workers wait for
    something, not where they reckon; more collectors, each a process, are horizontal scale.)

    Parameters
    ----------
    workers
        Refs of the actors.
    key
        What a message is routed by; by default the message itself.

    Examples
    --------
    >>> router = Router([ada_ref, bob_ref])                                             # doctest: +SKIP
    >>> router.tell(b"a tweet")                                                         # doctest: +SKIP
    """

    def __init__(self, workers: Sequence[Target], *, key: Callable[[bytes], Hashable] | None = None) -> None:
        self.workers = tuple(workers)
        self._key = key

    def tell(self, message: bytes) -> None:
        """Put the message into the mailbox of the worker that its key belongs to."""
        key = message if self._key is None else self._key(message)
        self.workers[hash(key) % len(self.workers)].tell(message)
