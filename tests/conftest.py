"""Fixtures that all rooms share: real servers on free ports, each test session with its own state folder."""

import os
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from xdist.scheduler import LoadScopeScheduling

from kit import spark
from kit.servers import lab
from kit.servers.cassandra import CassandraCluster
from kit.servers.feeds import FeedServer
from kit.servers.kafka import KafkaCluster
from tests.wait import wait_until

# The longest files, longest first: the report at the end of a run shows which they are. The processes that share the
# work begin with them, so that all end at about the same time.
_LONGEST = (
    "tests/browser",
    "tests/notebooks/test_notebooks.py",
    "tests/faults/test_external_clusters.py",
    "tests/faults/test_spark_to_cassandra.py",
    "tests/grading/test_grading.py",
    "tests/exercises/test_average_price.py",
    "tests/cli/test_demo.py",
    "tests/faults/test_nothing_is_lost.py",
    "tests/cli/test_interrupts.py",
    "tests/servers/test_cassandra.py",
    "tests/cli/test_cli.py",
    "tests/exercises/test_misconceptions.py",
)


def _unit(nodeid: str) -> str:
    """What one process runs alone: a file, since its tests share servers; all of the browser's, which is one."""
    file = nodeid.partition("::")[0]
    return "tests/browser" if file.startswith("tests/browser/") else file


class _ByFile(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return _unit(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return _ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {unit: number for number, unit in enumerate(_LONGEST)}
    items.sort(key=lambda item: place.get(_unit(item.nodeid), len(place)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """At the end of each run: seconds by folder and the longest files, set-up and teardown included."""
    reports = [one for kind in terminalreporter.stats.values() for one in kind if isinstance(one, pytest.TestReport)]
    folders, files = Counter[str](), Counter[str]()
    for report in reports:
        file = report.nodeid.partition("::")[0]
        files[file] += report.duration
        folders[file.rpartition("/")[0]] += report.duration
    terminalreporter.section("seconds by folder, and of the longest files")
    for name, seconds in [*folders.most_common(), ("all", folders.total()), *files.most_common(8)]:
        terminalreporter.line(f"{seconds:8.1f}  {name}")


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Every test session has a KIT_HOME of its own and free ports; the cache of jars is shared."""
    home = tmp_path_factory.mktemp("home")
    own = {"KIT_HOME": str(home), "KIT_KAFKA_PORT": "0", "KIT_FEEDS_PORT": "0", "KIT_CASSANDRA_PORT": "0"}
    for name in [name for name in os.environ if name.startswith("KIT_") and name != "KIT_CACHE"]:
        del os.environ[name]
    os.environ.update(own)
    yield home
    lab.down()


@pytest.fixture(scope="session", autouse=True)
def _nothing_left_running(_own_home: Path) -> Iterator[None]:
    """No test leaves a child process behind. Spark's driver is one for the whole session, as in a notebook."""
    yield
    if "pyspark" in sys.modules:
        spark.stop()
    lab.down()
    left = [child for child in psutil.Process().children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]
    assert not left, f"left running: {[(p.pid, p.name()) for p in left]}"


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """One real broker for the whole session."""
    with KafkaCluster(tmp_path_factory.mktemp("kafka")) as cluster:
        yield cluster


@pytest.fixture
def broker(cluster: KafkaCluster) -> str:
    """The session broker's bootstrap servers."""
    return cluster.bootstrap_servers


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CassandraCluster]:
    """One real Cassandra node for the whole session. A keyspace that a test makes has a name of its own."""
    with CassandraCluster(tmp_path_factory.mktemp("cassandra")) as node:
        yield node


@pytest.fixture
def topic() -> str:
    """A topic name that no test has used."""
    return f"t-{uuid.uuid4().hex[:10]}"


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[FeedServer]:
    """Feeds of the test's own: the clock stands at Monday 15 September 2008, and moves when the test steps it."""
    with FeedServer(tmp_path / "feeds", start="2008-09-15", origin="2026-01-05T14:30:00Z", paused=True) as server:
        yield server


@pytest.fixture
def no_thread_left() -> Iterator[None]:
    """The test leaves no thread of its own running."""
    before = set(sys._current_frames())  # asked of the interpreter: a `Thread` whose join was interrupted does not know

    def left() -> set[int]:
        return set(sys._current_frames()) - before

    yield
    wait_until(lambda: not left(), what=f"an end of the test's threads ({threading.enumerate()})")
