"""A class-data archive: made once, and made anew when what it holds for has changed."""

import os
from pathlib import Path

import pytest

from kit.config import settings
from kit.servers.jvm import Jvm, java_version


@pytest.mark.parametrize("changed", ["a jar", "the base archive"])
def test_an_archive_is_made_anew_when_what_it_holds_for_has_changed(
    changed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "jars").symlink_to(settings().cache / "jars")
    monkeypatch.setenv("KIT_CACHE", str(tmp_path))
    files = {"a jar": tmp_path / "own.jar", "the base archive": tmp_path / "archives" / f"java-{java_version()}.jsa"}
    for file in files.values():
        file.parent.mkdir(exist_ok=True)
        file.write_text("as the JVM left it")

    def train(jvm: Jvm) -> None:
        assert jvm.archive is not None
        Path(jvm.archive[-1].partition("=")[2]).write_text("classes")

    jvm = Jvm("kafka", heap=(), more=(files["a jar"],))
    assert [jvm.make_archive(train), jvm.make_archive(train)] == [True, False]
    os.utime(files[changed], (0, 0))
    assert jvm.archive_flags == ()
    assert [jvm.make_archive(train), jvm.make_archive(train)] == [True, False]
