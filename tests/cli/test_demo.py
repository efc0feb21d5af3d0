"""`kit demo`: it compares what was served with what is in Kafka and Cassandra, and leaves nothing behind."""

import signal
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from kit import demo, topics, views
from tests.processes import Kit
from tests.topics.tools import write_pairs
from tests.wait import wait_until

pytestmark = pytest.mark.timeout(400)


def test_the_demo_finds_every_record_served_says_so_in_ascii_and_stops_what_it_started(kit: Kit) -> None:
    done = kit.call("demo", "--seconds", "3", encoding="ascii")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "starting what is missing: Kafka, Cassandra, Spark, the feeds ..." in done.stdout
    assert [done.stdout.count(words) for words in ("all, once", "as by pandas", "each")] == [5, 1, 1]
    assert "no match" not in done.stdout
    assert "JPM's return on the stream" in done.stdout
    assert kit.processes() == []


def test_the_demo_fails_where_a_record_is_foreign_comes_twice_or_is_lost_and_leaves_a_lab_that_ran_before(
    up: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = up.running()
    drain = demo._drain

    def drain_and_break(feeds: Any, collectors: Any, queries: Any) -> None:
        drain(feeds, collectors, queries)
        for query in queries:
            query.stop()
        kafka = up.server("kafka-1")
        assert kafka is not None
        servers = f"127.0.0.1:{kafka.ports[0]}"
        copy = topics.tail("demo-quotes", 1, bootstrap_servers=servers)["value"].item()
        write_pairs(servers, "demo-quotes", [(None, copy.encode())])
        write_pairs(servers, "demo-tweets", [(b"1", b'{"id":"1","text":"not served","ts":1}')])
        with views.connect("demo") as session:
            first = views.query(session, "SELECT symbol, ts FROM averages LIMIT 1").iloc[0]
            key = [first["symbol"], first["ts"].to_pydatetime()]
            session.execute("DELETE FROM averages WHERE symbol = %s AND ts = %s", key)
            some = views.query(session, "SELECT symbol, ts FROM quotes LIMIT 1").assign(price=1.0)
            views.write(session, "quotes", some)

    monkeypatch.setattr(demo, "_drain", drain_and_break)
    done = up.call("demo", "--seconds", "2")
    assert done.returncode == 1, done.stdout + done.stderr
    wrong = [line.strip().split("  ")[0] for line in done.stdout.splitlines() if "no match" in line]
    where = [f"{what} in {place}" for place in ("Kafka", "Cassandra") for what in ("quotes", "tweets", "averages")]
    assert wrong == [*where[:2], where[3], where[5], "quotes in the averages"]
    assert up.running() == before == ["feeds", "kafka-1"]


def test_a_second_demo_at_the_same_time_is_refused_and_the_first_can_be_interrupted(up: Kit) -> None:
    before = up.running()
    first = up.start("demo", "--seconds", "100")
    wait_until(lambda: _collecting(up), timeout=120, what="a demo that collects")
    second = up.call("demo")
    assert second.returncode == 1
    assert "only demo" in second.stderr
    first.send_signal(signal.SIGINT)
    assert first.wait(60) == 130, up.log.read_text()
    wait_until(lambda: len(up.processes()) == len(before), timeout=5, what="no process of the demo")
    assert up.running() == before


_MOMENTS: dict[str, Callable[[Kit], bool]] = {
    "Kafka is recorded": lambda kit: (kit.home / "run" / "kafka-1.json").exists(),
    "Cassandra is recorded": lambda kit: (kit.home / "run" / "cassandra-1.json").exists(),
    "Spark's driver runs": lambda kit: any((kit.home / "log").glob("spark-*.log")),
}


@pytest.mark.parametrize("moment", _MOMENTS)
def test_a_demo_that_is_interrupted_while_it_starts_leaves_nothing_running(kit: Kit, moment: str) -> None:
    first = kit.start("demo")
    wait_until(lambda: _MOMENTS[moment](kit), timeout=60, what=moment)
    first.send_signal(signal.SIGINT)
    assert first.wait(90) == 130, kit.log.read_text()
    wait_until(lambda: kit.processes() == [], timeout=5, what="no process of the demo")


def test_a_demo_without_the_memory_for_all_of_it_starts_nothing(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kit.servers.memory.available", lambda: 900 << 20)
    done = kit.call("demo")
    assert done.returncode == 1
    assert "MB of free memory for the demo: Kafka, Cassandra, Spark" in done.stderr
    assert "to do: close other programs" in done.stderr
    assert kit.processes() == []
    assert not (kit.home / "run").exists()


def _collecting(kit: Kit) -> bool:
    """Whether a stream and polls go to the demo's feeds: their process has connections that are open."""
    feeds = Kit(kit.home / "demo", kit.cwd).server("feeds")
    if feeds is None or not feeds.alive:
        return False
    open_ones = [c for c in psutil.Process(feeds.pid).net_connections("tcp") if c.status == psutil.CONN_ESTABLISHED]
    return len(open_ones) >= 2
