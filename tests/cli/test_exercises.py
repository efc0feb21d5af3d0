"""`kit exercises`: make them, bring one back; what is wrong is shown in a few lines."""

import shutil
from pathlib import Path

import pytest

from tests.notebooks.execute import ROOT
from tests.processes import Kit

NAME = "19_exercise_tweets.ipynb"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What of the repository a student has to do with."""
    for folder in ("notebooks", "solutions"):
        (tmp_path / folder).mkdir()
        shutil.copy(ROOT / folder / NAME, tmp_path / folder)
    return tmp_path


@pytest.fixture
def kit(clone: Path, tmp_path: Path) -> Kit:
    return Kit(tmp_path / "home", clone)


def test_an_exercise_that_is_up_to_date_is_left_alone(kit: Kit) -> None:
    done = kit.call("exercises", "build", "--check")
    assert (done.returncode, done.stdout) == (0, "all exercises are up to date\n")


def test_an_exercise_that_is_not_up_to_date_is_listed_and_then_written(kit: Kit, clone: Path) -> None:
    made = clone / "notebooks" / NAME
    fresh = made.read_bytes()
    made.write_text("scribble")
    done = kit.call("exercises", "build", "--check")
    assert (done.returncode, done.stdout) == (1, f"not up to date: {NAME}\n")
    assert made.read_text() == "scribble"
    done = kit.call("exercises", "build")
    assert (done.returncode, done.stdout) == (0, f"written: {NAME}\n")
    assert made.read_bytes() == fresh


def test_a_student_gets_an_exercise_back_and_keeps_the_old_one(kit: Kit, clone: Path) -> None:
    made = clone / "notebooks" / NAME
    fresh = made.read_bytes()
    made.write_text("a week of work")
    done = kit.call("exercises", "reset", "19")
    assert done.returncode == 0
    (kept,) = made.parent.glob("19_exercise_tweets.old-*.ipynb")
    assert kept.name in done.stdout
    assert "Reload Notebook from Disk" in done.stdout
    assert kept.read_text() == "a week of work"
    assert made.read_bytes() == fresh


@pytest.mark.parametrize("name", ["18", "exercise", "../19", ""])
def test_an_exercise_that_is_not_there_is_refused_with_those_that_are(kit: Kit, name: str) -> None:
    done = kit.call("exercises", "reset", name)
    assert done.returncode == 1
    assert "19_exercise_tweets" in done.stderr
    assert "to do:" in done.stderr


def test_a_solution_that_is_not_a_notebook_is_named(kit: Kit, clone: Path) -> None:
    (clone / "solutions" / "29_exercise_x.ipynb").write_text("{}")
    done = kit.call("exercises", "build")
    assert done.returncode == 1
    assert "29_exercise_x.ipynb" in done.stderr
    assert "Traceback" not in done.stderr
