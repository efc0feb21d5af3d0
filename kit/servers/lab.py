"""The lab: all the servers of this machine, started together, found again, stopped together.

>>> from kit.servers import lab
>>> with lab.up() as here:                                   # doctest: +SKIP
...     here.kafka.bootstrap_servers
'127.0.0.1:9092'

A server belongs to the lab, not to the notebook that asked for it first. A lock on the state folder makes two notebooks
that ask at once share one set of servers.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Self

from filelock import FileLock, Timeout

from kit.config import Settings, settings
from kit.errors import ServerError
from kit.servers import training
from kit.servers.external import ExternalKafka
from kit.servers.feeds import Address, FeedServer, LiveFeeds
from kit.servers.kafka import KafkaCluster
from kit.servers.process import Process, undone_on_error

__all__ = [
    "Lab",
    "ServerStatus",
    "bootstrap_servers",
    "down",
    "feeds",
    "feeds_address",
    "kafka",
    "prepare",
    "reset",
    "status",
    "up",
]

_LOCK_SECONDS = 90


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """One server as it is now: `memory` in bytes."""

    name: str
    state: str
    address: str
    pid: int | None
    memory: int


class Lab:
    """The running lab, as `up` returns it: `lab.kafka` and `lab.feeds` are the handles a demo needs."""

    def __init__(self, kafka: KafkaCluster | ExternalKafka, feeds: FeedServer | LiveFeeds) -> None:
        self.kafka = kafka
        self.feeds = feeds

    def status(self) -> list[ServerStatus]:
        return status()

    def down(self) -> None:
        down()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def __repr__(self) -> str:
        return f"Lab({self.kafka!r}, {self.feeds!r})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{'🟢' if row.state == 'running' else '⚪'} {row.name}</td><td>{row.state}</td>"
            f"<td>{row.address}</td><td>{row.memory / 1e6:.0f} MB</td></tr>"
            for row in self.status()
        )
        head = "<tr><th>server</th><th>state</th><th>address</th><th>memory</th></tr>"
        return f"<table>{head}{rows}</table>"


def kafka() -> KafkaCluster | ExternalKafka:
    """The lab's Kafka, running or not."""
    now = settings()
    if now.kafka_bootstrap_servers:
        return ExternalKafka(now.kafka_bootstrap_servers)
    return KafkaCluster(now.home, brokers=now.brokers, port=now.kafka_port, must=_explicit(now, "kafka_port"))


def feeds() -> FeedServer | LiveFeeds:
    """The lab's feeds, running or not."""
    now = settings()
    if now.feeds == "live":
        return LiveFeeds()
    must = _explicit(now, "feeds_port")
    return FeedServer(now.home, port=now.feeds_port, must=must, start=str(now.feeds_start), speed=now.feeds_speed)


def up(*, kafka: bool = True, feeds: bool = True) -> Lab:
    """Start what does not run, and wait until it serves. Idempotent; safe when several processes call it at once.

    Raises
    ------
    PortTaken, NotEnoughMemory, JarError, ServerError
        Something did not come up. What this call had started is stopped again; what ran before goes on.
    """
    here = Lab(globals()["kafka"](), globals()["feeds"]())
    with _locked(), undone_on_error() as launched:
        # Both are launched before either is waited for: they come up side by side.
        wanted = [*([here.feeds] if feeds else []), *([here.kafka] if kafka else [])]
        ours = [server for server in wanted if isinstance(server, KafkaCluster | FeedServer)]
        for server in ours:
            server.launch(launched)
        for server in ours:
            server.wait_ready(launched)
    return here


def bootstrap_servers() -> str:
    """``host:port,…`` of the lab's Kafka; starts it if it does not run."""
    cluster = kafka()
    if not any(broker.pid for broker in getattr(cluster, "brokers", ())) and isinstance(cluster, KafkaCluster):
        up(feeds=False)
    return cluster.bootstrap_servers


def feeds_address() -> Address:
    """Where the lab's feeds are; starts them if they do not run."""
    server = feeds()
    if not server.running:
        up(kafka=False)
    return server.address


def down() -> None:
    """Stop every server that the lab started; data stays. Idempotent; never ends a process the lab did not start."""
    with _locked():
        _stop_all()


def reset() -> None:
    """Stop the servers and delete their data: topics, records, logs. The next `up` starts from nothing."""
    with _locked():
        _stop_all()
        for folder in (settings().home / name for name in ("kafka", "log", "run")):
            try:
                shutil.rmtree(folder)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise ServerError(f"to delete {folder}", got=str(error), todo="delete it yourself") from error


def status() -> list[ServerStatus]:
    """Each server of the lab as it is now. One whose process has ended, whoever ended it, is stopped."""
    here = kafka()
    if isinstance(here, ExternalKafka):
        rows = [ServerStatus("kafka", "external", here.bootstrap_servers, None, 0)]
    else:
        rows = [
            ServerStatus(f"kafka-{b.id}", b.state, f"127.0.0.1:{b.port}", b.pid, b.memory) for b in here.brokers
        ] or [ServerStatus("kafka", "stopped", "", None, 0)]
    source = feeds()
    if isinstance(source, LiveFeeds):
        return [*rows, ServerStatus("feeds", "live", "Yahoo, X", None, 0)]
    process = source.process
    if process is None:
        return [*rows, ServerStatus("feeds", "stopped", "", None, 0)]
    address = f"127.0.0.1:{process.ports[0]}"
    return [*rows, ServerStatus("feeds", "running", address, process.pid, process.memory())]


def _stop_all() -> None:
    home = settings().home
    FeedServer(home).stop()
    with suppress(ServerError):  # a plan that cannot be read; its brokers have records, too
        KafkaCluster(home).stop()
    for record in (home / "run").glob("*.json"):
        process = Process.load(home, record.stem)
        if process is None:
            record.unlink(missing_ok=True)
        else:
            process.stop()  # forgets it, too; one that has ended is only forgotten


@contextmanager
def _locked() -> Iterator[None]:
    home = settings().home
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = FileLock(home / "lab.lock", timeout=_LOCK_SECONDS)
        lock.acquire()
    except Timeout as error:
        raise ServerError(
            "the lab to be free",
            got=f"another process has been starting or stopping it for {_LOCK_SECONDS} s",
            todo="wait for it, or end it",
        ) from error
    except OSError as error:
        raise ServerError(
            f"a state folder that can be written at {home}", got=str(error), todo="set KIT_HOME to another folder"
        ) from error
    with lock:
        lock.release()  # `with` holds it once more
        yield


def _explicit(now: Settings, name: str) -> bool:
    """Whether the user asked for this setting: then no other value will do."""
    return name in now.model_fields_set


def prepare() -> None:
    """Fetch everything the servers need, so that they start quickly and offline from now on."""
    training.prepare()
