"""A stream goes on after an interrupt, an error or a break, and when partitions are added: nothing lost, or twice."""

import _thread
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
import pytest

from kit import topics
from kit.errors import BadPayload, ConfigError
from kit.servers.clients import admin
from kit.streams import Stream, _watch, batches, windows
from tests.streams.tools import NOON, Reading, value, write
from tests.wait import wait_until

pytestmark = [pytest.mark.usefixtures("no_thread_left"), pytest.mark.timeout(120)]


@pytest.fixture
def single(topic: str, broker: str) -> str:
    topics.create(topic, bootstrap_servers=broker)
    return topic


@contextmanager
def interrupts(chance: random.Random) -> Iterator[threading.Event]:
    """Ctrl-C for the main thread, again and again, after a random moment each: once for each time the event is set."""
    armed = threading.Event()

    def strike(*_: Any) -> None:
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.005, 0.15))
        if armed.is_set():
            armed.clear()
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGALRM, strike)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        yield armed
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_waiting_loop_that_is_interrupted_goes_on_when_it_is_run_again(single: str, broker: str) -> None:
    write(broker, single, [value(0)])
    stream = batches(single, start="earliest", every=0, bootstrap_servers=broker)
    found: list[int] = []

    def cell() -> None:
        for batch in stream:
            found.extend(batch["n"])
            if len(found) == 1:
                threading.Timer(0.3, _thread.interrupt_main).start()
            if len(found) == 3:
                break

    with pytest.raises(KeyboardInterrupt):
        cell()
    assert ": open," in repr(stream)
    write(broker, single, [value(1), value(2)])
    cell()
    assert found == [0, 1, 2]
    write(broker, single, [value(3)])
    assert next(stream)["n"].tolist() == [3]  # after a break, too
    stream.close()


def test_whenever_it_is_interrupted_each_record_is_given_once(single: str, broker: str) -> None:
    total = 6000
    write(broker, single, map(value, range(total)))
    stream = batches(single, start="earliest", every=0, count=total, bootstrap_servers=broker)
    cutting = windows(single, seconds=60, start="earliest", every=0, count=total, bootstrap_servers=broker)
    for source in (stream, cutting):
        frames: list[pd.DataFrame] = []
        struck = ended = 0
        with interrupts(random.Random(5)) as armed:  # a seed, so that it can be repeated
            while not ended:
                try:
                    armed.set()
                    for frame in source:
                        frames.append(frame)  # an interrupt must find it here, or not given
                    ended = 1
                    armed.clear()
                except KeyboardInterrupt:
                    struck += 1
        assert struck > 0
        assert pd.concat(frames)["n"].tolist() == [*range(total)]
        source.close()


def test_an_error_in_the_loop_and_a_bad_record_leave_the_stream_where_it_was(single: str, broker: str) -> None:
    write(broker, single, [value(0), b"no json", value(2)])
    with batches(single, start="earliest", every=0.2, bootstrap_servers=broker) as stream:
        with pytest.raises(ZeroDivisionError):
            [1 / int(n) for batch in stream for n in batch["n"]]
        for _ in range(2):  # it does not end without a word
            with pytest.raises(BadPayload, match="offset 1"):
                next(stream)
        assert stream.position == {0: 1}
    with pytest.raises(ConfigError, match=r"start=\{0: 1\}"), stream:
        pass


def test_an_ended_stream_shows_that_it_has_ended(single: str, broker: str) -> None:
    write(broker, single, [value(0)])
    stream = batches(single, start="earliest", count=1, bootstrap_servers=broker)
    assert [len(list(stream)), len(list(stream))] == [1, 0]
    assert ": ended," in repr(stream)


def add_partitions(broker: str, topic: str, count: int) -> None:
    with admin(broker) as client:
        client.create_partitions({topic: count})
    wait_until(lambda: len(topics.describe(topic, bootstrap_servers=broker)) == count)


def test_partitions_that_are_added_are_read_from_their_beginning(
    single: str, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_watch, "_EVERY", 0.2)
    write(broker, single, [value(0)])
    stream = Stream(single, every=0, bootstrap_servers=broker)  # now: only what is new
    reading = Reading(stream)
    write(broker, single, [value(1)])
    wait_until(lambda: reading.records == 1)
    add_partitions(broker, single, 3)
    write(broker, single, [value(20), value(21)], partition=2)
    wait_until(lambda: reading.records == 3)
    write(broker, single, [value(10)], partition=1)
    write(broker, single, [value(2)])
    wait_until(lambda: reading.records == 5)
    assert stream.position == {0: 3, 1: 1, 2: 2}
    assert stream.behind == set()
    stream.stop()
    assert reading.ended()
    assert sorted(pd.concat(reading.frames)["n"]) == [1, 2, 10, 20, 21]


def test_partitions_that_are_added_before_the_first_batch_are_read_too(single: str, broker: str) -> None:
    write(broker, single, [value(0)])
    cutting = windows(single, seconds=10, start="earliest", every=0, count=3, bootstrap_servers=broker)
    add_partitions(broker, single, 2)
    write(broker, single, [value(10), value(11)], partition=1, times=[NOON, NOON + 10_000])
    assert [sorted(window["n"]) for window in cutting] == [[0, 10], [11]]
