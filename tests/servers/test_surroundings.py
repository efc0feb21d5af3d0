"""What surrounds a server: odd folders, Java options, nested limits of memory; a broker that hangs or has no memory."""

import signal
from pathlib import Path

import psutil
import pytest

import kit
from kit import topics
from kit.config import settings
from kit.errors import ConfigError, NotEnoughMemory, ServerError
from kit.servers import memory, server
from kit.servers.kafka import KafkaCluster
from tests.topics.tools import write
from tests.wait import wait_until


def test_a_cluster_lives_in_a_folder_of_any_name_in_the_poorest_locale_and_without_the_users_java_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, topic: str
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    for name in ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"):
        monkeypatch.setenv(name, "-XX:+UseG1GC -Xmx1g")  # a second collector: a JVM that gets this does not start
    monkeypatch.setenv("CLASSPATH", "/nowhere.jar")
    cluster = KafkaCluster(tmp_path / "süß, a:b = 日本 #1 100% 'x' \\ !")
    for records in (1, 2):  # the second start finds the data of the first
        with cluster:
            topics.create(topic, bootstrap_servers=cluster.bootstrap_servers)
            write(cluster.bootstrap_servers, topic, b"record")
            found = topics.offsets(topic, bootstrap_servers=cluster.bootstrap_servers)
            assert found["records"].tolist() == [records]
            environment = psutil.Process(cluster.brokers[0].pid).environ()
            assert not [name for name in environment if "JAVA" in name or name == "CLASSPATH"]
    assert (cluster.nodes[1].data / f"{topic}-0").is_dir()
    (java,) = [check for check in kit.doctor() if check.name == "Java"]
    assert java.ok
    assert "do without JAVA_TOOL_OPTIONS, JDK_JAVA_OPTIONS, _JAVA_OPTIONS, CLASSPATH" in java.found


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("KIT_CACHE", "/tmp/a:b", "separates the jars"),
        ("KIT_CACHE", "/tmp/end!/x", "ends the name of a jar"),
        ("KIT_CACHE", "/tmp/end!", "ends the name of a jar"),
        ("KIT_HOME", "/tmp/a\tb", "control characters"),
        ("KIT_HOME", "/tmp/a\nb", "control characters"),
        ("KIT_HOME", "/tmp/\udcff", "UTF-8"),
        ("KIT_HOME", "/tmp/" + "x" * 300, "a shorter path"),
        ("KIT_HOME", "/tmp" + "/x" * 2000, "a shorter path"),
        ("KIT_CACHE", "/tmp" + "/x" * 5000, "a shorter path"),
        ("KIT_HOME", "~nobody-of-this-name/x", "home"),
    ],
)
def test_a_folder_that_java_cannot_use_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=reason) as caught:
        settings()
    assert variable in caught.value.todo
    str(caught.value).encode()  # it can be printed


def test_a_tilde_is_the_home_folder_and_a_relative_folder_stays_where_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for value, folder in (("~/x", tmp_path / "x"), ("y/z", tmp_path / "y" / "z"), ("~", tmp_path)):
        monkeypatch.setenv("KIT_HOME", value)
        assert settings().home == folder


def test_a_broker_that_hangs_is_silent_in_status_and_doctor_names_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIT_HOME", str(tmp_path))
    here = kit.up("kafka")
    try:
        monkeypatch.setattr("kit.servers._broker._ANSWER_SECONDS", 0.5)  # a broker at work needs longer now and then
        monkeypatch.setattr(server, "_SILENCE_SECONDS", 0.6)
        process = psutil.Process(here.kafka.brokers[0].pid)
        process.send_signal(signal.SIGSTOP)  # its port still accepts connections
        wait_until(lambda: kit.status()[1].state == "silent", what="a broker that hangs")  # its last thread may go on
        row = kit.status()[1]
        (check,) = [check for check in kit.doctor() if check.name == "kafka-1"]
        assert check.fix == f"it does not answer: run `kit down`, then `kit up`; its log is {row.log}"
        assert (row.log or Path()).is_file()
        with pytest.raises(ServerError, match="did not answer"):
            kit.up("kafka")
        process.send_signal(signal.SIGCONT)
        wait_until(lambda: kit.status()[1].state == "running", what="the broker to go on")
    finally:
        kit.down()
    assert not psutil.pid_exists(process.pid)


def test_a_broker_without_memory_ends_and_the_error_shows_how_to_give_it_more(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughMemory, match="OutOfMemoryError") as caught, KafkaCluster(tmp_path, heap=24):
        pass
    assert "KIT_KAFKA_HEAP=256" in caught.value.todo
    with KafkaCluster(tmp_path) as cluster:
        assert cluster.running


def _group(folder: Path, limit: object, used: int, cache: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {cache}\nactive_file 0\n")


_MB = 1 << 20


@pytest.mark.parametrize(
    ("own", "limits", "free"),
    [
        ("0::/\n", {"": (600 * _MB, 100 * _MB, 0)}, 500 * _MB),
        ("0::/user/session\n", {"": ("max", 0, 0), "user/session": (400 * _MB, 100 * _MB, 50 * _MB)}, 350 * _MB),
        ("0::/user/session\n", {"user": (300 * _MB, 100 * _MB, 0), "user/session": ("max", 1, 0)}, 200 * _MB),
        ("0::/a/b\n", {"a": (500 * _MB, 0, 0), "a/b": (400 * _MB, 0, 0)}, 400 * _MB),
        ("0::/../../elsewhere\n", {"": (256 * _MB, 0, 0)}, 256 * _MB),
        ("0::/user/session\n", {"user/session": (10 * _MB, 20 * _MB, 0)}, 0),
        ("", {"": (128 * _MB, 0, 0)}, 128 * _MB),
    ],
)
def test_the_limits_of_all_nested_groups_are_seen(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    own: str,
    limits: dict[str, tuple[object, int, int]],
    free: int,
) -> None:
    (tmp_path / "own").write_text(own)
    monkeypatch.setattr(memory, "_OWN", tmp_path / "own")
    monkeypatch.setattr(memory, "_GROUPS", tmp_path / "groups")
    for name, (limit, used, cache) in limits.items():
        _group(tmp_path / "groups" / name, limit, used, cache)
    assert memory.available() == free


def test_a_limit_of_the_older_kind_of_group_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own").write_text("5:cpu,cpuacct:/x\n4:memory:/job/1\n")
    monkeypatch.setattr(memory, "_OWN", tmp_path / "own")
    monkeypatch.setattr(memory, "_GROUPS", tmp_path)
    folder = tmp_path / "memory" / "job" / "1"
    folder.mkdir(parents=True)
    (folder / "memory.limit_in_bytes").write_text(str(300 * _MB))
    (folder / "memory.usage_in_bytes").write_text(str(100 * _MB))
    (folder / "memory.stat").write_text(f"inactive_file 1\ntotal_inactive_file {20 * _MB}\ntotal_active_file 0\n")
    assert memory.available() == 220 * _MB
