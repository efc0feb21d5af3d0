"""The checkup: one line a check, and what to do where something is wrong."""

import socket
from pathlib import Path

import pytest

import kit
from kit import prepare
from kit.config import settings
from kit.errors import ServerError
from kit.servers import doctor, memory
from kit.servers.doctor import Check, Checkup
from kit.servers.jvm import Jvm


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KIT_HOME", str(tmp_path))
    return tmp_path


def _line(checkup: Checkup, name: str) -> Check:
    (check,) = [check for check in checkup if check.name == name]
    return check


def test_a_machine_that_is_ready_has_nothing_to_fix() -> None:
    checkup = kit.doctor()
    assert checkup.ok, repr(checkup)
    assert len(repr(checkup).splitlines()) == len(checkup) >= 9


def test_what_is_wrong_is_shown_with_its_fix_as_text_and_as_a_table() -> None:
    checkup = Checkup([Check("memory", "2 GB free"), Check("jars", "1 of <2>", "run `make install`")])
    assert not checkup.ok
    assert repr(checkup) == "✓ memory        2 GB free\n✗ jars          1 of <2> → run `make install`"
    assert "1 of &lt;2&gt;" in checkup._repr_html_()
    assert "run `make install`" in checkup._repr_html_()


def test_missing_jars_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KIT_CACHE", str(tmp_path / "cache"))
    checks = [check for check in kit.doctor() if check.name == "jars"]
    assert [check.found.partition(" of ")[0] for check in checks] == ["kafka: 0", "cassandra: 0", "spark: 0"]
    assert all("make install" in check.fix for check in checks)


def test_a_java_that_is_not_there_is_one_wrong_line_and_the_others_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Path:
        raise ServerError("a Java runtime for this machine", got="no file", todo="run `make install` again")

    monkeypatch.setattr(doctor, "java", missing)
    checkup = kit.doctor()
    assert [check.name for check in checkup if not check.ok] == ["Java"]
    assert _line(checkup, "Java").fix == "run `make install` again"


def test_too_little_memory_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 100 << 20)
    check = _line(kit.doctor(), "memory")
    assert (check.found, check.fix) == ("100 MB free", "close other programs: the lab takes 600 MB")


def test_a_full_disk_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_DISK", 1 << 62)
    assert "free some disk space" in _line(kit.doctor(), "state folder").fix


@pytest.mark.parametrize(("variable", "name"), [("KIT_HOME", "state folder"), ("KIT_CACHE", "cache folder")])
def test_a_folder_that_cannot_be_written_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, name: str
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv(variable, str(tmp_path / "file"))
    assert variable in _line(kit.doctor(), name).fix


def test_a_cache_that_cannot_be_written_is_fine_if_it_has_all_and_is_found_if_it_has_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As a layer of an image, or a folder that a class shares."""
    cache = tmp_path / "cache"
    (cache / ".writable").mkdir(parents=True)  # no file of that name can be written: so it is for root, too
    (cache / "jars").symlink_to(settings().cache / "jars")
    monkeypatch.setenv("KIT_CACHE", str(cache))
    assert "set KIT_CACHE to a folder" in _line(kit.doctor(), "cache folder").fix  # the archives cannot be made
    monkeypatch.setattr(Jvm, "archive_flags", ("-XX:SharedArchiveFile=…",))
    assert _line(kit.doctor(), "cache folder") == Check("cache folder", f"{cache}, complete")
    prepare.prepare()
    assert sorted(path.name for path in cache.iterdir()) == [".writable", "jars"]


def test_a_setting_that_cannot_be_used_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIT_BROKERS", "many")
    checkup = kit.doctor()
    assert any("KIT_BROKERS" in check.fix for check in checkup)


def test_a_usual_port_that_is_taken_is_named_with_its_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("KIT_FEEDS_PORT", str(port))
        found = _line(kit.doctor(), "feeds").found
    assert f"{port} is used by " in found
    assert "pid" in found


def test_a_cluster_of_yours_that_does_not_answer_is_found(monkeypatch: pytest.MonkeyPatch, broker: str) -> None:
    monkeypatch.setenv("KIT_KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:1,{broker}")
    assert _line(kit.doctor(), "kafka").ok
    monkeypatch.setenv("KIT_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1,nonsense")
    assert "KIT_KAFKA_BOOTSTRAP_SERVERS" in _line(kit.doctor(), "kafka").fix


def test_running_servers_are_shown_with_their_memory() -> None:
    with kit.up("feeds"):
        found = _line(kit.doctor(), "feeds").found
        assert found.startswith("running 127.0.0.1:")
        assert found.endswith(" MB)")
