"""The lab, as notebooks use it: started when needed, shared, shown, undone when something fails."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

import kit
from kit.errors import ConfigError, NotEnoughMemory, ServerError
from kit.servers import addresses, lab, memory
from kit.servers.feeds import FeedServer
from kit.servers.kafka import ExternalKafka, KafkaCluster
from kit.servers.ports import answers
from kit.servers.process import Process
from kit.servers.server import External


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state folder for this test; its servers are stopped afterwards."""
    monkeypatch.setenv("KIT_HOME", str(tmp_path))
    yield tmp_path
    lab.down()


def _states() -> dict[str, str]:
    return {row.name: row.state for row in kit.status() if row.name.startswith(("kafka", "feeds"))}


def test_a_lab_is_a_context_that_shows_itself_and_leaves_its_data_alone_until_a_reset(home: Path) -> None:
    with kit.up() as here:
        assert _states() == {"kafka-1": "running", "feeds": "running"}
        assert "KafkaCluster(1 of 1 brokers up" in repr(here)
        page = here._repr_html_()
        assert all(row.name in page and row.address in page for row in here.status())
        assert all(row.memory > 10_000_000 for row in here.status() if row.state == "running")
        assert kit.up().kafka.bootstrap_servers == here.kafka.bootstrap_servers
    assert _states() == {"kafka-1": "stopped", "feeds": "stopped"}
    assert not list((home / "run").glob("*.json"))
    plan = (home / "kafka" / "cluster.json").read_text()
    here.down()  # twice is once
    assert (home / "kafka" / "cluster.json").read_text() == plan
    for _ in range(2):
        kit.reset()
        assert not (home / "kafka").exists()


def test_a_server_starts_when_it_is_first_needed_and_only_that_one(home: Path) -> None:
    assert _states() == {"kafka": "stopped", "feeds": "stopped"}
    assert addresses.feeds().url.startswith("http://127.0.0.1:")
    assert _states() == {"kafka": "stopped", "feeds": "running"}
    assert answers(int(addresses.bootstrap_servers().rpartition(":")[2]))
    assert _states() == {"kafka-1": "running", "feeds": "running"}


def test_two_threads_that_start_the_lab_at_once_share_its_servers(home: Path) -> None:
    urls: list[str] = []
    threads = [threading.Thread(target=lambda: urls.append(addresses.feeds().url)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(urls) == 3
    assert len(set(urls)) == 1


def test_what_one_server_had_started_is_stopped_when_the_other_fails(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch = KafkaCluster.launch

    def fail(cluster: KafkaCluster, launched: list[Process]) -> None:
        launch(cluster, launched)
        raise ServerError("the sky to stay up", got="it fell", todo="hold it")

    monkeypatch.setattr(KafkaCluster, "launch", fail)
    with pytest.raises(ServerError, match="the sky"):
        kit.up()
    assert _states() == {"kafka-1": "stopped", "feeds": "stopped"}
    addresses.feeds()  # what ran before goes on
    with pytest.raises(ServerError, match="the sky"):
        kit.up()
    assert _states() == {"kafka-1": "stopped", "feeds": "running"}


def test_no_memory_is_an_error_before_anything_starts(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 10 << 20)
    with pytest.raises(NotEnoughMemory, match="10 MB"):
        kit.up()
    assert not list((home / "run").glob("*.json"))


def test_a_lab_that_another_process_locks_for_too_long_is_an_error(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "_LOCK_SECONDS", 0.1)
    with FileLock(home / "lab.lock"), pytest.raises(ServerError, match="another process"):
        kit.up()


def test_a_cluster_of_yours_and_live_feeds_need_nothing_started(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIT_KAFKA_BOOTSTRAP_SERVERS", "kafka.example:9092")
    monkeypatch.setenv("KIT_FEEDS", "live")
    here = kit.up()
    assert isinstance(here.kafka, ExternalKafka)
    assert isinstance(here.feeds, External)
    assert _states() == {"kafka": "external", "feeds": "external"}
    assert addresses.bootstrap_servers() == "kafka.example:9092"
    with pytest.raises(ConfigError, match="KIT_FEEDS: Yahoo, X"):
        here.feeds.clock(paused=True)
    assert repr(here).startswith("Lab(External(feeds, Yahoo, X), External(kafka, kafka.example:9092)")


def test_the_settings_reach_the_feeds(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIT_FEEDS_START", "2009-03-09")
    monkeypatch.setenv("KIT_FEEDS_SPEED", "0.001")
    with kit.up("feeds") as here:
        assert isinstance(here.feeds, FeedServer)
        clock = here.feeds.state()["clock"]
        assert (clock["day"], clock["speed"]) == ("2009-03-09", 0.001)
