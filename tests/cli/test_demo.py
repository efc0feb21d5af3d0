"""`kit demo`: it counts what was served and what is in Kafka, says so, and leaves nothing behind."""

import signal
from pathlib import Path

import psutil
import pytest
from kafka import KafkaProducer

from tests.processes import Kit
from tests.wait import wait_until

_MOMENTS = ("Kafka is recorded", "the demo's feeds are recorded", "the topics are filled")


def test_the_demo_finds_every_record_served_and_stops_what_it_started(kit: Kit) -> None:
    done = kit.run("demo", "--seconds", "6")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("all, once") == 3
    assert "no match" not in done.stdout
    assert kit.processes() == []


def test_the_demo_leaves_a_lab_that_ran_before(kit: Kit) -> None:
    kit.run("up")
    before = kit.running()
    assert kit.run("demo", "--seconds", "2").returncode == 0
    assert kit.running() == before == ["feeds", "kafka-1"]


def test_a_record_that_was_never_served_fails_the_demo(kit: Kit) -> None:
    kit.run("up")
    demo = kit.start("demo", "--seconds", "8")
    kafka = kit.server("kafka-1")
    assert kafka is not None
    producer = KafkaProducer(bootstrap_servers=f"127.0.0.1:{kafka.ports[0]}")
    try:
        wait_until(lambda: _collecting(kit), timeout=40, what="the demo collects")
        producer.send("demo-tweets", b'{"id":"1","text":"nobody wrote this","ts":1}', b"1").get(timeout=20)
    finally:
        producer.close()
    assert demo.wait(60) == 1
    assert "no match" in kit.log.read_text()


def test_a_second_demo_at_once_is_refused(kit: Kit) -> None:
    first = kit.start("demo", "--seconds", "30")
    wait_until(lambda: _feeds(kit).exists(), timeout=40, what="the first demo's feeds")
    second = kit.run("demo")
    assert second.returncode == 1
    assert "only demo" in second.stderr
    first.send_signal(signal.SIGINT)
    assert first.wait(40) == 130


@pytest.mark.parametrize("moment", _MOMENTS)
def test_a_demo_that_is_interrupted_leaves_nothing_running(kit: Kit, moment: str) -> None:
    demo = kit.start("demo")
    reached = {
        "Kafka is recorded": (kit.home / "run" / "kafka-1.json").exists,
        "the demo's feeds are recorded": _feeds(kit).exists,
        "the topics are filled": lambda: _collecting(kit),
    }[moment]
    wait_until(reached, timeout=40, what=moment)
    demo.send_signal(signal.SIGINT)
    assert demo.wait(40) == 130, kit.log.read_text()
    wait_until(lambda: kit.processes() == [], timeout=5, what="no process of the demo")


def _feeds(kit: Kit) -> Path:
    return kit.home / "demo" / "run" / "feeds.json"


def _collecting(kit: Kit) -> bool:
    """Whether a stream and polls go to the demo's feeds: their process has connections that are open."""
    if not _feeds(kit).exists():
        return False
    feeds = Kit(kit.home / "demo", kit.cwd).server("feeds")
    if feeds is None or not feeds.alive:
        return False
    open_ones = [c for c in psutil.Process(feeds.pid).net_connections("tcp") if c.status == psutil.CONN_ESTABLISHED]
    return len(open_ones) >= 2
