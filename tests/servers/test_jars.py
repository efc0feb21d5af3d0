"""Fetching exactly the locked jars: verified, refused when wrong, offline once cached, only this platform's."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.errors import JarError
from kit.servers import jars
from kit.servers.jars import Jar


class Repository(http.server.ThreadingHTTPServer):
    """A Maven-like repository: serves bytes by name, and notes what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.break_after: int | None = None
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Repository

    def do_GET(self) -> None:
        name = self.path.rsplit("/", 1)[-1]
        self.server.asked.append(name)
        body = self.server.files.get(name)
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut, self.server.break_after = self.server.break_after, None
        self.wfile.write(body[:cut] if cut else body)

    def log_message(self, *_: object) -> None:
        """Keep the test output clean."""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    server = Repository()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("KIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(jars, "_TRIES", 0)
    monkeypatch.setattr(jars, "_url", lambda jar: f"http://127.0.0.1:{server.server_port}/{jar.name}")
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


def _lock(monkeypatch: pytest.MonkeyPatch, repository: Repository, count: int = 3) -> list[Jar]:
    locked = []
    for number in range(count):
        body = bytes([number]) * (100_000 + number)
        jar = Jar("org.example", f"part{number}", "1.0", hashlib.sha256(body).hexdigest())
        repository.files[jar.name] = body
        locked.append(jar)
    monkeypatch.setattr(jars, "locked", lambda *_, **__: tuple(locked))
    return locked


def test_every_locked_jar_arrives_in_order_and_only_once(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = _lock(monkeypatch, repository)
    paths = jars.classpath("any")
    assert [path.name for path in paths] == [jar.name for jar in locked]
    assert [path.read_bytes() for path in paths] == [repository.files[jar.name] for jar in locked]
    assert jars.classpath("any") == paths
    assert len(repository.asked) == len(locked)


def test_a_jar_with_another_hash_is_refused_by_name_and_not_kept(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    locked = _lock(monkeypatch, repository)
    repository.files[locked[1].name] = b"something else"
    with pytest.raises(JarError, match=locked[1].name):
        jars.classpath("any")
    assert not locked[1].path(tmp_path / "cache" / "jars").exists()
    assert not [path for path in (tmp_path / "cache").rglob("part1*") if path.is_file()]


def test_a_download_that_breaks_off_is_tried_again(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "_TRIES", 1)
    (jar,) = _lock(monkeypatch, repository, count=1)
    repository.break_after = 70_000
    assert jars.classpath("any")[0].read_bytes() == repository.files[jar.name]
    assert repository.asked == [jar.name, jar.name]


def test_a_download_that_keeps_breaking_off_leaves_nothing_half_done(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (jar,) = _lock(monkeypatch, repository, count=1)
    repository.break_after = 70_000
    with pytest.raises(JarError, match="run `make install` again"):
        jars.classpath("any")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.name != ".lock"]
    assert jars.classpath("any")[0].read_bytes() == repository.files[jar.name]


def test_a_cached_jar_that_was_tampered_with_is_fetched_again(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    (jar,) = _lock(monkeypatch, repository, count=1)
    (path,) = jars.classpath("any")
    path.write_bytes(b"tampered with")
    assert jars.classpath("any")[0].read_bytes() == repository.files[jar.name]


def test_cached_jars_need_no_network(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    _lock(monkeypatch, repository)
    paths = jars.classpath("any")
    repository.files.clear()
    assert jars.classpath("any") == paths


def test_cached_jars_are_used_where_the_cache_is_read_only(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(file: Path, _content: str) -> None:
        raise PermissionError(13, "Permission denied", str(file))

    _lock(monkeypatch, repository)
    paths = jars.classpath("any")
    for stamp in tmp_path.rglob("*.verified"):
        stamp.unlink()
    repository.files.clear()
    monkeypatch.setattr(jars, "write_atomically", refuse)
    assert jars.classpath("any") == paths


def test_no_network_is_an_error_that_names_no_jar_as_broken(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    _lock(monkeypatch, repository)
    monkeypatch.setattr(jars, "_url", lambda jar: f"http://127.0.0.1:1/{jar.name}")
    with pytest.raises(JarError, match="network connection"):
        jars.classpath("any")


def test_a_cache_that_cannot_be_written_is_an_error_that_names_the_setting(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _lock(monkeypatch, repository)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(JarError, match="KIT_CACHE"):
        jars.classpath("any")


def test_the_real_lock_holds_a_hash_for_every_jar() -> None:
    locked = jars.locked("kafka")
    assert {"kafka_2.13", "kafka-clients", "kafka-tools"} <= {jar.artifact for jar in locked}
    assert all(len(jar.sha256) == 64 for jar in locked)
    assert len({jar.name for jar in locked}) == len(locked)


@pytest.mark.parametrize(
    ("classifier", "system", "machine", "wanted"),
    [
        ("", "Linux", "x86_64", True),
        ("shaded", "Darwin", "arm64", True),
        ("native", "Linux", "aarch64", True),
        ("linux-x86_64", "Linux", "x86_64", True),
        ("linux-x86_64", "Linux", "aarch64", False),
        ("linux-x86_64", "Darwin", "x86_64", False),
        ("linux-aarch_64", "Linux", "aarch64", True),
        ("osx-aarch_64", "Darwin", "arm64", True),
        ("osx-x86_64", "Darwin", "arm64", False),
        ("linux-riscv64", "Linux", "riscv64", True),
        ("windows-x86_64", "Linux", "x86_64", False),
    ],
)
def test_only_this_platforms_native_code_is_on_the_class_path(
    monkeypatch: pytest.MonkeyPatch, classifier: str, system: str, machine: str, wanted: bool
) -> None:
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    jar = Jar("io.netty", "netty-epoll", "4.1", "0" * 64, classifier)
    assert jar.is_for_this_platform == wanted
    assert jar.name == f"netty-epoll-4.1{'-' * bool(classifier)}{classifier}.jar"
