"""`kit demo`: it compares what was served with what is in Kafka, shows the result, and leaves nothing behind."""

import signal
from typing import Any

import psutil
import pytest

from kit import demo, topics
from tests.processes import Kit
from tests.topics.tools import write_pairs
from tests.wait import wait_until


def test_the_demo_finds_every_record_served_and_stops_what_it_started(kit: Kit) -> None:
    done = kit.call("demo", "--seconds", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("all, once") == 3
    assert "no match" not in done.stdout
    assert kit.processes() == []


def test_the_demo_fails_with_a_foreign_record_or_a_second_copy_and_leaves_a_lab_that_ran_before(
    up: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = up.running()
    drain = demo._drain

    def drain_and_write(*collecting: Any) -> None:
        drain(*collecting)
        kafka = up.server("kafka-1")
        assert kafka is not None
        servers = f"127.0.0.1:{kafka.ports[0]}"
        copy = topics.tail("demo-quotes", 1, bootstrap_servers=servers)["value"].item()
        write_pairs(servers, "demo-quotes", [(None, copy.encode())])
        write_pairs(servers, "demo-tweets", [(b"1", b'{"id":"1","text":"not served","ts":1}')])

    monkeypatch.setattr(demo, "_drain", drain_and_write)
    done = up.call("demo", "--seconds", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    verdicts = [line.rstrip()[-9:] for line in done.stdout.splitlines() if line.endswith(("match", "once"))]
    assert [line.split()[0] for line in done.stdout.splitlines() if "no match" in line] == ["quotes", "tweets"], (
        verdicts
    )
    assert up.running() == before == ["feeds", "kafka-1"]


def test_a_second_demo_at_the_same_time_is_refused_and_the_first_can_be_interrupted(up: Kit) -> None:
    before = up.running()
    first = up.start("demo", "--seconds", "60")
    wait_until(lambda: _collecting(up), timeout=40, what="a demo that collects")
    second = up.call("demo")
    assert second.returncode == 1
    assert "only demo" in second.stderr
    first.send_signal(signal.SIGINT)
    assert first.wait(40) == 130, up.log.read_text()
    wait_until(lambda: len(up.processes()) == len(before), timeout=5, what="no process of the demo")
    assert up.running() == before


def test_a_demo_that_is_interrupted_while_it_starts_kafka_leaves_nothing_running(kit: Kit) -> None:
    first = kit.start("demo")
    wait_until((kit.home / "run" / "kafka-1.json").exists, timeout=40, what="Kafka recorded")
    first.send_signal(signal.SIGINT)
    assert first.wait(40) == 130, kit.log.read_text()
    wait_until(lambda: kit.processes() == [], timeout=5, what="no process of the demo")


def _collecting(kit: Kit) -> bool:
    """Whether a stream and polls go to the demo's feeds: their process has connections that are open."""
    feeds = Kit(kit.home / "demo", kit.cwd).server("feeds")
    if feeds is None or not feeds.alive:
        return False
    open_ones = [c for c in psutil.Process(feeds.pid).net_connections("tcp") if c.status == psutil.CONN_ESTABLISHED]
    return len(open_ones) >= 2
