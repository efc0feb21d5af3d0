"""Progress survives a restart of the kernel, belongs to one exercise, and a broken file loses nothing."""

import threading
from pathlib import Path

import pytest

from kit.errors import ConfigError
from kit.exercises._progress import Progress


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KIT_HOME", str(tmp_path))
    return tmp_path


def test_what_has_passed_is_known_to_the_next_kernel() -> None:
    Progress("a").note(3, passed=True)
    Progress("a").note(1, passed=True)
    Progress("a").note(3, passed=True)
    assert Progress("a").passed() == {1, 3}
    assert Progress("b").passed() == set()


def test_a_gap_that_fails_its_next_check_has_not_passed() -> None:
    progress = Progress("a")
    progress.note(3, passed=True)
    progress.note(3, passed=False)
    progress.note(4, passed=False)
    assert progress.passed() == set()


def test_it_is_forgotten_on_demand() -> None:
    Progress("a").note(3, passed=True)
    Progress("a").reset()
    Progress("a").reset()
    assert Progress("a").passed() == set()


@pytest.mark.parametrize("content", [b"", b"[1", b"[]", b'{"passed": 3}', b'{"passed": ["x"]}', b"\xff", b"{}"])
def test_a_file_that_cannot_be_read_is_put_aside(content: bytes) -> None:
    progress = Progress("a")
    progress.note(1, passed=True)
    progress.path.write_bytes(content)
    assert progress.passed() == set()
    assert progress.path.with_suffix(".unreadable").read_bytes() == content
    progress.note(2, passed=True)
    assert progress.passed() == {2}


def test_a_folder_that_cannot_be_written_is_told(home: Path) -> None:
    (home / "exercises").write_text("in the way")
    with pytest.raises(ConfigError, match="KIT_HOME"):
        Progress("a").note(1, passed=True)


def test_many_that_note_at_once_lose_nothing() -> None:
    progress = Progress("sums")
    threads = [threading.Thread(target=progress.note, args=(gap,), kwargs={"passed": True}) for gap in range(1, 21)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert progress.passed() == set(range(1, 21))
