"""Clients that fail in bounded time with an error worth reading, and leave nothing behind, whatever the brokers do."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from kafka.errors import InvalidTopicError, NodeNotReadyError, UnknownBrokerIdError

from kit import streams, topics
from kit.errors import BrokerUnavailable, ConfigError, KitError, TopicError
from kit.servers import clients
from kit.servers.clients import admin, ask, consumer, producer, reachable
from kit.servers.kafka import KafkaCluster
from kit.topics import look, reading
from tests.servers.conftest import UNKNOWN_HOST
from tests.topics.tools import write

pytestmark = [pytest.mark.usefixtures("no_thread_left"), pytest.mark.timeout(60)]

NOWHERE = "127.0.0.1:1"  # a port that only root could open
CALLS: dict[str, Callable[[str], object]] = {
    "create": lambda servers: topics.create("quotes", bootstrap_servers=servers),
    "delete": lambda servers: topics.delete("quotes", bootstrap_servers=servers),
    "describe": lambda servers: topics.describe(bootstrap_servers=servers),
    "offsets": lambda servers: topics.offsets("quotes", bootstrap_servers=servers),
    "tail": lambda servers: topics.tail("quotes", bootstrap_servers=servers),
    "lag": lambda servers: topics.lag("dashboard", bootstrap_servers=servers),
    "reassign": lambda servers: topics.reassign("quotes", replication_factor=1, bootstrap_servers=servers),
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A moment where it would be fifteen seconds."""
    monkeypatch.setattr(clients, "_PATIENCE", 0.3)
    monkeypatch.setattr(clients, "_BOOTSTRAP_MS", 300)
    monkeypatch.setattr(reading, "_SILENCE_SECONDS", 0.3)


# ---- no broker -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_without_a_broker_every_error_names_the_address_and_the_command_to_run(call: Callable[[str], object]) -> None:
    with pytest.raises(BrokerUnavailable) as caught:
        call(NOWHERE)
    assert caught.value.expected == f"a Kafka broker to answer at {NOWHERE}"
    assert "refused" in caught.value.got
    assert "kit up" in caught.value.todo


def open_producer(servers: str) -> Any:
    return closing(producer(servers))


@pytest.mark.parametrize("open_client", [admin, consumer, open_producer])
@pytest.mark.parametrize("manner", ["silent", "hangs up", "speaks HTTP"])
def test_a_port_that_is_no_broker_is_given_up_on(manner: str, open_client: Any, impatient: None) -> None:
    with stranger(manner) as address, pytest.raises(BrokerUnavailable, match=address), open_client(address):
        pytest.fail("it was taken for a broker")


class stranger:  # noqa: N801 - reads as the context manager it is
    """Something that accepts connections, and is no broker."""

    def __init__(self, manner: str) -> None:
        self.manner, self.open = manner, list[socket.socket]()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        with suppress(OSError):  # the end
            while True:
                connection, _ = self.server.accept()
                if self.manner == "speaks HTTP":
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                if self.manner == "silent":
                    self.open.append(connection)
                else:
                    connection.close()

    def __enter__(self) -> str:
        self.thread.start()
        return f"127.0.0.1:{self.server.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self.server.shutdown(socket.SHUT_RDWR)
        self.thread.join(5.0)
        for connection in (self.server, *self.open):
            connection.close()


def test_only_brokers_that_answer_are_asked(broker: str) -> None:
    assert reachable(f"{NOWHERE}, {broker}") == [broker]
    assert topics.describe(bootstrap_servers=f"{NOWHERE},{broker}") is not None


@pytest.mark.parametrize(
    "address",
    ["localhost", ":9092", "127.0.0.1:", "127.0.0.1:kafka", "127.0.0.1:9092,", " ", "::1:9092", "PLAINTEXT://h:1"],
)
def test_a_malformed_address_gives_an_error_that_shows_how_to_write_one(address: str) -> None:
    with pytest.raises(ConfigError, match="host:port") as caught:
        topics.describe(bootstrap_servers=address)
    assert "127.0.0.1:9092" in caught.value.todo


def test_a_list_of_addresses_gives_an_error_that_shows_how_to_write_them() -> None:
    with pytest.raises(ConfigError, match="join them to one text"):
        topics.describe(bootstrap_servers=["127.0.0.1:9092"])  # type: ignore[arg-type]


@pytest.mark.parametrize("address", ["no-such-host.invalid:9092", "..:9092", "127.0.0.1:99999"])
def test_an_address_that_no_machine_has_is_a_broker_that_does_not_answer(address: str) -> None:
    with pytest.raises(BrokerUnavailable, match=address):
        topics.describe(bootstrap_servers=address)


def test_without_an_address_the_labs_broker_is_asked(broker: str, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIT_KAFKA_BOOTSTRAP_SERVERS", broker)
    topics.create(topic)
    assert topics.offsets(topic)["records"].tolist() == [0]


def test_kafka_pythons_own_log_stays_out_of_the_notebook() -> None:
    code = (
        "from kit import errors\n"
        "from kit.servers import clients\n"
        "clients._BOOTSTRAP_MS = 500\n"
        "try: clients.admin({!r}).__enter__()\n"
        "except errors.BrokerUnavailable as error: print(error.expected)"
    )
    with stranger("hangs up") as address:
        python = [sys.executable, "-W", "ignore", "-c", code.format(address)]
        ran = subprocess.run(python, capture_output=True, text=True, timeout=60, check=True, env=dict(os.environ))
    assert (ran.stdout, ran.stderr) == (f"a Kafka broker to answer at {address}\n", "")


def test_an_ipv6_address_works_as_any_other(listening: tuple[str, str], topic: str) -> None:
    servers, _ = listening
    topics.create(topic, bootstrap_servers=servers)
    with closing(producer(servers)) as sender:
        sender.send(topic, b'{"n": 1}').get(10)
    assert topics.tail(topic, bootstrap_servers=servers)["value"].tolist() == ['{"n": 1}']
    with streams.batches(topic, start="earliest", count=1, every=0, bootstrap_servers=servers) as stream:
        assert next(stream)["n"].tolist() == [1]


def test_an_advertised_host_that_is_unknown_is_named(listening: tuple[str, str]) -> None:
    _, servers = listening
    for call in (*CALLS.values(), producer):
        with pytest.raises(BrokerUnavailable, match=rf"advertises {UNKNOWN_HOST}:\d+") as caught:
            call(servers)
        assert "advertised.listeners" in caught.value.todo


# ---- a broker that dies in the middle ------------------------------------------------------------------------------


@pytest.fixture
def doomed(spare: KafkaCluster, topic: str) -> KafkaCluster:
    """One broker with one topic of one record, and it is going to be killed."""
    topics.create(topic, bootstrap_servers=spare.bootstrap_servers)
    write(spare.bootstrap_servers, topic, b"1")
    return spare


def test_a_broker_killed_under_an_admin_client_is_an_error_after_a_while(doomed: KafkaCluster, impatient: None) -> None:
    def list_twice() -> None:
        with admin(doomed.bootstrap_servers) as open_admin:
            assert ask(open_admin.list_topics)
            doomed.kill(1)
            ask(open_admin.list_topics)

    with pytest.raises(BrokerUnavailable, match=doomed.bootstrap_servers) as caught:
        list_twice()
    assert caught.value.__cause__ is not None


def test_a_broker_killed_while_tail_reads_is_an_error_after_a_while(
    doomed: KafkaCluster, topic: str, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill_first(*args: Any) -> Any:
        doomed.kill(1)
        return reading.read(*args)

    monkeypatch.setattr(look, "read", kill_first)
    with pytest.raises(BrokerUnavailable, match=f"no records of {topic}-0 came"):
        topics.tail(topic, bootstrap_servers=doomed.bootstrap_servers)


# ---- a producer ----------------------------------------------------------------------------------------------------


def test_a_producer_is_open_with_the_options_it_was_given(broker: str, topic: str) -> None:
    topics.create(topic, bootstrap_servers=broker)
    with closing(producer(broker, compression_type="gzip", linger_ms=0)) as sender:
        assert sender.config["linger_ms"] == 0
        assert sender.send(topic, b"x").get(10).offset == 0
    with pytest.raises(BrokerUnavailable, match="kit up"):
        producer(NOWHERE)


# ---- what else may happen inside -----------------------------------------------------------------------------------


def test_what_kafka_refuses_for_good_is_reported_in_its_words(broker: str) -> None:
    with pytest.raises(TopicError, match="InvalidTopicError") as caught, admin(broker) as open_admin:
        open_admin.create_topics({"no good": {}})
    assert isinstance(caught.value.__cause__, InvalidTopicError)


@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt(), KitError("a", got="b", todo="c")])
def test_errors_of_your_own_pass_through_as_they_are(broker: str, error: BaseException) -> None:
    for open_client in (admin, consumer):
        with pytest.raises(type(error)) as caught, open_client(broker):
            raise error
        assert caught.value is error


def test_a_client_does_nothing_more_once_it_is_closed(broker: str) -> None:
    with consumer(broker) as reader:
        assert isinstance(reader.topics(), set)
    with pytest.raises(RuntimeError, match="closed"):
        reader.topics()


def test_a_passing_error_is_asked_about_again(impatient: None) -> None:
    answers: Iterator[BaseException | None] = iter([NodeNotReadyError(1), UnknownBrokerIdError(1), None])

    def call(*args: int, **options: int) -> tuple[tuple[int, ...], dict[str, int]]:
        answer = next(answers)
        if answer is not None:
            raise answer
        return args, options

    assert ask(call, 1, b=2) == ((1,), {"b": 2})


def test_a_lasting_error_is_raised_as_it_came(impatient: None) -> None:
    asked = []

    def call(error: Exception) -> None:
        asked.append(error)
        raise error

    with pytest.raises(NodeNotReadyError):
        ask(call, NodeNotReadyError(1))
    assert len(asked) > 1
    with pytest.raises(InvalidTopicError):
        ask(call, InvalidTopicError("x"))
    assert [type(error) for error in asked].count(InvalidTopicError) == 1


def test_no_file_stays_open_after_many_calls(broker: str) -> None:
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("this system does not list open files")
    topics.describe(bootstrap_servers=broker)
    before = len(list(descriptors.iterdir()))
    for _ in range(5):
        topics.describe(bootstrap_servers=broker)
        with suppress(BrokerUnavailable):
            topics.describe(bootstrap_servers=NOWHERE)
    assert len(list(descriptors.iterdir())) <= before
