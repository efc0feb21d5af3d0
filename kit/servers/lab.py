"""The lab: all the servers of this machine, started together, found again, stopped together.

>>> from kit.servers import lab
>>> with lab.up() as here:                                   # doctest: +SKIP
...     here.kafka.bootstrap_servers
'127.0.0.1:9092'

A server belongs to the lab, not to the notebook that asked for it first. A lock on the state folder makes two notebooks
that ask at once share one set of servers. The lab walks the table below, and knows no server by name.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self

from filelock import FileLock, Timeout

from kit.config import Settings, settings
from kit.errors import ConfigError, JarError, ServerError
from kit.servers import cassandra, feeds, jars, kafka, spark
from kit.servers.process import Process, end, kept_in, undone_on_error
from kit.servers.server import Server, ServerStatus, html_table

__all__ = ["SERVERS", "Lab", "down", "needed", "prepared", "reset", "servers", "status", "up"]

# The table of servers, in the order in which they are launched.
SERVERS: dict[str, Callable[[Settings], Server]] = {
    "feeds": feeds.of_settings,
    "kafka": kafka.of_settings,
    "cassandra": cassandra.of_settings,
    "spark": spark.of_settings,
}

_LOCK_SECONDS = 90


class Lab:
    """The lab, as `up` returns it. Its attributes are the servers: `lab.kafka`, `lab.feeds`."""

    def __init__(self) -> None:
        self._servers = servers()

    def status(self) -> list[ServerStatus]:
        """Each process of the lab's servers as it is now."""
        return status()

    def down(self) -> None:
        """Stop every server that the lab started; data stay."""
        down()

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_servers"][name]
        except KeyError:
            raise AttributeError(f"the lab has no server {name!r}; it has {', '.join(SERVERS)}") from None

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *SERVERS]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def __repr__(self) -> str:
        return f"Lab({', '.join(map(repr, self._servers.values()))})"

    def _repr_html_(self) -> str:
        return html_table(self.status())


def servers() -> dict[str, Server]:
    """The lab's servers by name, running or not, as the settings have them."""
    now = settings()
    return {name: made(now) for name, made in SERVERS.items()}


def up(*names: str) -> Lab:
    """Start what does not run, and wait until it serves. Idempotent; safe when several processes call it at once.

    Parameters
    ----------
    *names
        The servers that are wanted, ``up("kafka")``; none: all but those that start on demand.

    Raises
    ------
    PortTaken, NotEnoughMemory, JarError, ServerError
        Something did not come up. What this call had started is stopped again; what ran before goes on.
    ConfigError
        There is no such server.
    """
    unknown = set(names) - SERVERS.keys()
    if unknown:
        todo = f"call kit.up() for all, or kit.up({next(iter(SERVERS))!r})"
        raise ConfigError(f"names of the lab's servers: {', '.join(SERVERS)}", got=repr(min(unknown)), todo=todo)
    here = Lab()
    wanted = [one for name, one in here._servers.items() if (name in names if names else not one.on_demand)]
    with _locked(), undone_on_error() as launched:
        for server in wanted:  # all are launched before one is waited for: they come up side by side
            server.launch(launched)
        for server in wanted:
            server.wait_ready(launched)
    return here


def needed(name: str) -> Any:
    """The server of that name; starts it if nothing of it runs. (A broker that a class has killed stays down.)"""
    server = servers()[name]
    if not (server.running or server.processes):
        up(name)
    return server


def down() -> None:
    """Stop every server that the lab started; data stay. Idempotent; never ends a process the lab did not start."""
    with _locked():
        _stop_all()


def reset() -> None:
    """Stop the servers and delete their data: topics, records, logs. The next `up` starts from nothing."""
    with _locked():
        _stop_all()
        for folder in (settings().home / name for name in (*SERVERS, "log", "run")):
            try:
                shutil.rmtree(folder)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise ServerError(f"to delete {folder}", got=str(error), todo="delete it yourself") from error


def prepared() -> bool:
    """Whether all jars and class-data archives are there. Then the cache is only read from now on."""
    with suppress(JarError):  # one is damaged, and cannot be fetched again
        runtimes = (server.jvm for server in servers().values() if server.jvm)
        return all(map(jars.complete, jars.LOCKS)) and all(runtime.archive_flags for runtime in runtimes)
    return False


def status() -> list[ServerStatus]:
    """Each process of the lab's servers as it is now: asked, not looked up. One that has ended is stopped."""
    return [row for server in servers().values() for row in server.status()]


def _stop_all() -> None:
    for server in servers().values():
        server.stop()
    home = settings().home
    end(Process.all(home))  # started under other settings; or they have ended, and only their records are left
    for record in (home / "run").glob("*.json"):
        record.unlink(missing_ok=True)  # it cannot be read


@contextmanager
def _locked() -> Iterator[None]:
    home = settings().home
    lock = FileLock(home / "lab.lock", timeout=_LOCK_SECONDS)
    with kept_in(home, "to keep the lab's state"):
        home.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout as error:
            got = f"another process has been starting or stopping it for {_LOCK_SECONDS} s"
            raise ServerError("the lab to be free", got=got, todo="wait for it, or end it") from error
    with lock:
        lock.release()  # `with` holds it once more
        yield
