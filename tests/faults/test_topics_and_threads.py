"""What breaks inside a collector or behind its back: it shows while it runs, and ends in words or goes on."""

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from kit import topics
from kit.collectors import Collector, Listener, Poller, Record, Supervisor, _sender
from kit.errors import CollectorError, ConfigError, TopicError
from tests.collectors.tools import numbers, of_today, payload, records, to_records
from tests.wait import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("no_thread_left")]


class Slow:
    """A stream of numbered payloads, until it is hung up."""

    def __init__(self) -> None:
        self.over, self.given = threading.Event(), 0

    def __call__(self, receive: Callable[[bytes], None]) -> None:
        while not self.over.wait(0.005):
            receive(payload(self.given))
            self.given += 1


@pytest.mark.parametrize("suffix", ["", ".dead-letter"])
def test_a_topic_deleted_under_a_collector_is_shown_and_ends_it_with_the_reason(
    broker: str, topic: str, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sender, "_LATE_SECONDS", 0.3)  # shorter than in use, to the same end
    monkeypatch.setattr(_sender, "_MISSING_LOOKS", 1)
    load = Slow()
    convert = _bad if suffix else of_today
    collector = Collector(Listener(load, hang_up=load.over.set), topic, convert, bootstrap_servers=broker)
    wait_until(lambda: collector.counts.sent + collector.counts.dead_lettered > 50)
    topics.delete(topic + suffix, bootstrap_servers=broker)
    wait_until(lambda: collector.trouble, timeout=20, what="trouble")
    wait_until(lambda: collector.state == "failed", timeout=20, what="failed")
    assert isinstance(collector.failed, TopicError)
    assert "it was deleted" in repr(collector)
    assert "it was deleted" in collector._repr_html_()
    with pytest.raises(CollectorError, match=f"topic '{topic}{suffix}' to exist|it was deleted"):
        collector.stop()


def _bad(raw: bytes) -> list[Record]:
    raise ValueError("no record")


def test_a_topic_deleted_and_made_again_at_once_is_filled_on(broker: str, topic: str) -> None:
    load = Slow()
    with Collector(Listener(load, hang_up=load.over.set), topic, of_today, bootstrap_servers=broker) as collector:
        collector.wait(sent=50)
        topics.delete(topic, bootstrap_servers=broker)
        topics.create(topic, bootstrap_servers=broker)
        collector.wait(sent=collector.counts.sent + 100, timeout=30)
        assert collector.stop().sent == load.given
    found = numbers(broker, topic)
    assert found == list(range(found[0], load.given))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_producer_whose_thread_has_died_is_replaced(broker: str, topic: str) -> None:
    load = Slow()
    with Collector(Listener(load, hang_up=load.over.set), topic, of_today, bootstrap_servers=broker) as collector:
        collector.wait(sent=20)
        network = collector._senders[0]._producer._sender

        def die(*_args: Any) -> None:
            raise SystemExit

        network.run_once = die
        network.wakeup()
        wait_until(lambda: not network.is_alive())
        collector.wait(sent=collector.counts.sent + 50)
        assert "thread has died" in repr(collector)
        assert collector.stop().restarts == 1
    assert numbers(broker, topic) == list(range(load.given))


@pytest.mark.parametrize("error", [SystemExit("done"), KeyboardInterrupt(), GeneratorExit(), StopIteration()])
@pytest.mark.parametrize("kind", ["poller", "listener"])
def test_a_source_that_asks_python_to_end_fails_with_a_reason(
    broker: str, topic: str, kind: str, error: BaseException
) -> None:
    def ends(*_receive: Any) -> Any:
        raise error

    source = Poller(ends) if kind == "poller" else Listener(ends)
    supervisor = Supervisor(restarts=1, first=0.01)
    collector = Collector(source, topic, to_records, supervisor=supervisor, bootstrap_servers=broker)
    wait_until(lambda: collector.state == "failed")
    words = "" if isinstance(error, Exception) else "asked Python to end"
    with pytest.raises(CollectorError, match=f"{type(error).__name__}: .*{words}"):
        collector.stop()


@pytest.mark.parametrize("given", ["text", None, {"id": 1}, [b"a"], bytearray(b"a")])
def test_a_source_that_does_not_give_bytes_fails_with_what_to_do(broker: str, topic: str, given: Any) -> None:
    collector = Collector(Poller(lambda: given), topic, to_records, bootstrap_servers=broker)
    wait_until(lambda: collector.state == "failed")
    assert isinstance(collector.failed, ConfigError)
    with pytest.raises(CollectorError, match="encode it"):
        collector.stop()


# ---- a source of server-sent events, as CONTRIBUTING describes one ------------------------------------------------


class _Events(http.server.BaseHTTPRequestHandler):
    """Gives events 0 to 99, from where ``Last-Event-ID`` says; every connection drops after 40."""

    def do_GET(self) -> None:
        begin = int(self.headers.get("Last-Event-ID", -1)) + 1
        self.send_response(200)
        self.end_headers()
        for number in range(begin, min(begin + 40, 100)):
            self.wfile.write(b'event: message\nid: %d\ndata: {"n": %d}\n\n' % (number, number))

    def log_message(self, *_args: Any) -> None:
        pass


@contextmanager
def event_server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Events) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join(5)


def test_a_source_over_server_sent_events_is_collected_whole(broker: str, topic: str) -> None:
    last = -1

    def listen(receive: Callable[[bytes], None]) -> None:
        nonlocal last
        with requests.get(
            url, stream=True, timeout=5, headers={"Last-Event-ID": str(max(last - 5, -1))} if last >= 0 else {}
        ) as answer:
            answer.raise_for_status()
            for line in answer.iter_lines():
                if line.startswith(b"id: "):
                    last = int(line[4:])
                elif line.startswith(b"data: "):
                    receive(b"%d %s" % (last, line[6:]))
        if last < 99:
            raise ConnectionError("the stream ended")

    def events(raw: bytes) -> list[Record]:
        number, _, data = raw.partition(b" ")
        return [Record(None, data, 1_767_623_400_000, id=number)]

    with event_server() as url:
        source, supervisor = Listener(listen), Supervisor(first=0.01)
        with Collector(source, topic, events, supervisor=supervisor, bootstrap_servers=broker) as collector:
            counts = collector.wait()
    assert (counts.sent, counts.dead_lettered) == (100, 0)
    assert counts.duplicate > 0
    assert sorted(record.value for record in records(broker, topic)) == sorted(b'{"n": %d}' % n for n in range(100))
