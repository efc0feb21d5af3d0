"""The one place that makes Kafka clients: they open quickly, fail in bounded time with an error worth reading, and
close themselves.

kafka-python waits a second or two before it looks again for a broker that did not answer, and 30 s before it gives up:
so the brokers are first asked with a plain socket, and only those that answer are handed on.
"""

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, ParamSpec, TypeVar

from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError, NotControllerError, RetriableError, UnknownBrokerIdError
from kafka.net.compat import KafkaNetClient

from kit.config import settings
from kit.deadline import Deadline, pause, wait_until
from kit.errors import BrokerUnavailable, ConfigError, KitError, TopicError
from kit.servers.interrupts import uninterrupted
from kit.servers.ports import host_and_port, refusal

__all__ = ["address", "admin", "ask", "ask_each_broker", "consumer", "producer", "reachable", "unavailable"]

P = ParamSpec("P")
T = TypeVar("T")

_BOOTSTRAP_MS = 5000
_CLOSE_MS = 2000
# Longer than a cluster needs to choose new leaders for those of a broker that died.
_PATIENCE = 15.0
# Errors of a cluster that is changing, or of one that is gone: which of the two, only time tells.
_PASSING = (RetriableError, UnknownBrokerIdError)
_OPTIONS = {"request_timeout_ms": 10_000, "reconnect_backoff_ms": 20, "retry_backoff_ms": 20}
_LABS_CLUSTER = "run `kit status` to see which brokers run, and `kit up` to start them"
_OWN_CLUSTER = "start that cluster, or correct or unset KIT_KAFKA_BOOTSTRAP_SERVERS (host:port,…)"
_ADDRESSES = "bootstrap servers as host:port,host:port"

# A client that waits for the processor says so, and nothing is wrong.
logging.getLogger("kafka.net.selector").setLevel(logging.ERROR)
# When an answer comes in the moment in which it closes a connection, kafka-python logs a traceback of its own.
logging.getLogger("kafka.net.transport").addFilter(
    lambda record: not (record.exc_info and record.exc_info[0] is AttributeError)
)


def reachable(bootstrap_servers: str) -> list[str]:
    """The brokers of ``host:port,…`` that accept connections now, asked one after the other.

    `BrokerUnavailable`: none of them does. `ConfigError`: one of them is not written as ``host:port``.
    """
    if not isinstance(bootstrap_servers, str):
        raise ConfigError(_ADDRESSES, got=repr(bootstrap_servers), todo="join them to one text, with commas")
    asked = [server.strip() for server in bootstrap_servers.split(",")]
    for server in asked:
        if host_and_port(server) is None:
            raise ConfigError(_ADDRESSES, got=repr(server), todo='write "127.0.0.1:9092", or "[::1]:9092" for IPv6')
    refusals = {server: refusal(server) for server in asked}
    live = [server for server, why in refusals.items() if why is None]
    if not live:
        raise unavailable(",".join(asked), next(iter(refusals.values())) or "no answer")
    return live


def address(host: str, port: int) -> str:
    """``host:port``; an IPv6 host goes into brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def unavailable(servers: str, why: str) -> BrokerUnavailable:
    """The error for brokers that do not answer."""
    todo = _OWN_CLUSTER if settings().kafka_bootstrap_servers else _LABS_CLUSTER
    return BrokerUnavailable(f"a Kafka broker to answer at {servers}", got=why, todo=todo)


@contextmanager
def admin(bootstrap_servers: str) -> Iterator[KafkaAdminClient]:
    """An admin client for one errand: open for a few milliseconds, closed on the way out.

    `BrokerUnavailable`: no broker answered, or those that did went away before the errand was done. `TopicError`: Kafka
    refused something, for a reason that the errand did not see to itself.
    """
    with _open(_Admin, bootstrap_servers) as client:
        yield client


class _Admin(KafkaAdminClient):  # type: ignore[misc]  # kafka-python has no type hints
    """An admin client that asks anew where the controller and the coordinators are.

    kafka-python keeps what it was told first, so an errand that begins just after a broker died would ask that broker
    to its end.
    """

    async def _send_request_to_controller(self, *args: Any, **options: Any) -> Any:
        self._controller_id = None
        try:
            return await super()._send_request_to_controller(*args, **options)
        except RuntimeError as error:  # its way to say that the controller is just changing
            raise NotControllerError(str(error)) from error

    async def _find_coordinator_ids(self, *args: Any, **options: Any) -> Any:
        self._manager.cluster._coordinators.clear()
        return await super()._find_coordinator_ids(*args, **options)


@contextmanager
def consumer(bootstrap_servers: str, **options: Any) -> Iterator[KafkaConsumer]:
    """A consumer that makes no topic, loses no place silently and is closed on the way out; errors as in `admin`.

    It reads committed records only: those of a transaction come when it has been committed, or never.
    """
    own = {"isolation_level": "read_committed", "auto_offset_reset": "none", "enable_auto_commit": False}
    quiet = {"metrics_enabled": False, "allow_auto_create_topics": False}
    with _open(KafkaConsumer, bootstrap_servers, **own, **quiet, **options) as client:
        yield client


def producer(bootstrap_servers: str, **options: Any) -> KafkaProducer:
    """An open producer, with kafka-python's own `options`. The caller closes it; errors as in `admin`."""
    servers = reachable(bootstrap_servers)
    with admin(bootstrap_servers):
        pass  # it names an advertised host that is unknown: a producer only waits for it
    try:
        return _connected(KafkaProducer, servers, **{"metrics_enabled": False, **options})
    except KafkaError as error:
        raise _kit_error(error, ",".join(servers)) from error


@contextmanager
def _open(kind: Callable[..., T], bootstrap_servers: str, **options: Any) -> Iterator[T]:
    servers = reachable(bootstrap_servers)
    client: Any = None
    try:
        client = _connected(kind, servers, **options)
        unknown = _unknown_hosts(client)
        if unknown and len(unknown) == len(client._manager.cluster.brokers()):  # none of them can be reached
            raise _unresolved(unknown, ",".join(servers))
        yield client
    except KafkaError as error:
        raise _kit_error(error, ",".join(servers), client) from error
    finally:
        with uninterrupted():  # one that is half closed keeps its thread
            if isinstance(client, KafkaConsumer):
                client.close(autocommit=False, timeout_ms=_CLOSE_MS)
            elif client is not None:
                client.close()


def _connected(kind: Callable[..., T], servers: list[str], **options: Any) -> T:
    """A client that knows the cluster; one that cannot be made leaves no thread behind."""
    net: KafkaNetClient | None = None

    def connect(**config: Any) -> KafkaNetClient:
        nonlocal net
        net = KafkaNetClient(**config)
        # It does not hand this on to where a second look at the metadata waits for it.
        net.cluster.config["retry_backoff_ms"] = _OPTIONS["retry_backoff_ms"]
        return net

    try:
        settings = {"bootstrap_timeout_ms": _BOOTSTRAP_MS, **_OPTIONS, **options}
        return kind(bootstrap_servers=servers, kafka_client=connect, **settings)
    except BaseException:
        if net is not None:
            if (thread := net._net._io_thread) is not None:  # an interrupt may come while it starts
                wait_until(thread.is_alive, seconds=1.0)
            with suppress(RuntimeError):  # it was never started
                net.close()
        raise


def _unknown_hosts(client: Any) -> list[str]:
    """The addresses of those brokers that a client knows whose host this machine cannot resolve."""
    unknown = []
    for broker in client._manager.cluster.brokers():
        try:
            socket.getaddrinfo(broker.host, broker.port)
        except (OSError, UnicodeError):
            unknown.append(address(broker.host, broker.port))
    return unknown


def _unresolved(advertised: list[str], servers: str) -> BrokerUnavailable:
    wanted = "brokers that advertise addresses which this machine can resolve"
    got = f"{servers} answers, but advertises {', '.join(advertised)}, an unknown host"
    todo = "set the broker's advertised.listeners to a host that this machine knows, or add the host to /etc/hosts"
    return BrokerUnavailable(wanted, got=got, todo=todo)


def _kit_error(error: KafkaError, servers: str, client: Any = None) -> KitError:
    if not isinstance(error, _PASSING):
        return TopicError("Kafka to do as it was asked", got=str(error), todo="change what the message names")
    unknown = _unknown_hosts(client) if client is not None else []
    return _unresolved(unknown, servers) if unknown else unavailable(servers, str(error))


def ask(call: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Call `call`; if the cluster is just choosing a leader, ask again, the last time after 15 seconds.

    The last answer is raised as it came.
    """
    deadline = Deadline(_PATIENCE)
    while True:
        try:
            return call(*args, **options)
        except _PASSING:
            if deadline.passed:
                raise
        pause(0.05)


def ask_each_broker(client: KafkaAdminClient, call: Callable[P, T], *args: P.args, **options: P.kwargs) -> list[T]:
    """What `call` gives of each broker that answers: what one of them knows, another may hear a little later.

    kafka-python asks any one broker for what they all should know. Here it is made to ask each of them.
    """
    answers: list[T] = []
    manager, silence = client._manager, None
    for broker in client.describe_cluster()["brokers"]:
        manager.least_loaded_node = lambda node=broker["broker_id"]: node
        try:
            answers.append(call(*args, **options))
        except _PASSING as error:  # it is down
            silence = error
        finally:
            del manager.least_loaded_node
    if silence and not answers:
        raise silence
    return answers
