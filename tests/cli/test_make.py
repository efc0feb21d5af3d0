"""`make` on a machine that lacks something: one line that says what, and what to do."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_TOOLS = ("awk", "bash", "cat", "cut", "dirname", "env", "grep", "head", "id", "mkdir", "rm", "sed", "sh", "touch")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what `make install` reads."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "README.md", "LICENSE"):
        shutil.copy(_ROOT / name, tmp_path)
    shutil.copytree(_ROOT / ".ci", tmp_path / ".ci")
    return tmp_path


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder for the PATH that holds the basic tools, and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in _TOOLS:
        found = shutil.which(name)
        assert found, name
        (folder / name).symlink_to(found)
    return folder


def _make(project: Path, tools: Path, *words: str, **env: str) -> "subprocess.CompletedProcess[str]":
    make = shutil.which("make")
    assert make
    plain = {"HOME": str(project), "PATH": str(tools), **env}
    return subprocess.run([make, *words], cwd=project, env=plain, capture_output=True, text=True, check=False)


def _only_line(shown: "subprocess.CompletedProcess[str]") -> str:
    """The message of `make`: one line (its own "***" line, that a step failed, always follows)."""
    assert shown.returncode == 2
    assert shown.stdout == ""
    line, own = shown.stderr.splitlines()
    assert own.startswith("make: ***")
    return line


def test_a_missing_python_is_reported_in_one_line(project: Path, tools: Path) -> None:
    line = _only_line(_make(project, tools, "install"))
    assert line.startswith("make: Python 3.11 or newer is missing: install it")
    assert not (project / ".venv").exists()


def test_a_python_that_is_too_old_counts_as_missing(project: Path, tools: Path) -> None:
    old = tools / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    assert "Python 3.11 or newer is missing: install it" in _only_line(_make(project, tools, "install"))
    line = _only_line(_make(project, tools, "install", "PYTHON=python3"))
    assert line.startswith("make: Python 3.11 or newer is missing (python3 is not one): install it")


def test_a_python_that_is_not_there_is_named(project: Path, tools: Path) -> None:
    line = _only_line(_make(project, tools, "lab", "PYTHON=/nowhere/python"))
    assert "(/nowhere/python is not one)" in line


def test_a_python_without_venv_is_reported_with_the_package_to_install(project: Path, tools: Path) -> None:
    half = tools / "python3"
    half.write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\n')
    half.chmod(0o755)
    line = _only_line(_make(project, tools, "install"))
    assert line == (
        "make: python3 has no venv module: install it (Debian, Ubuntu: apt-get install python3-venv), "
        "then run make again"
    )


def test_a_missing_network_is_reported_in_one_line_and_the_next_try_goes_on(project: Path, tools: Path) -> None:
    nowhere = "http://127.0.0.1:1/simple"
    python = Path(os.path.realpath(sys.executable))
    env = {"PIP_INDEX_URL": nowhere, "PIP_RETRIES": "0", "PIP_NO_CACHE_DIR": "1", "PIP_CONFIG_FILE": os.devnull}
    for _ in range(2):
        line = _only_line(_make(project, tools, "install", f"PYTHON={python}", **env))
        assert line.startswith("make: the packages could not be installed: ")
        assert "check the network connection, and that HOME can be written, and run make again" in line
        assert not (project / ".venv" / ".installed").exists()
    assert (project / ".venv" / "install.log").read_text()


def test_help_lists_every_command_that_people_run(project: Path, tools: Path) -> None:
    shown = _make(project, tools)
    assert (shown.returncode, shown.stderr) == (0, "")
    listed = re.findall(r"^  make ([a-z]+) +\S", shown.stdout, re.MULTILINE)
    targets = re.findall(r"^([a-z]+):", (project / "Makefile").read_text(), re.MULTILINE)
    assert listed == [target for target in targets if target != "browser"]
    assert all(len(line) < 120 for line in shown.stdout.splitlines())


def test_every_command_is_phony(project: Path) -> None:
    text = (project / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)", text, re.MULTILINE)
    assert sorted(phony.split()) == sorted(re.findall(r"^([a-z]+):", text, re.MULTILINE))


def test_the_checks_of_a_submission_report_that_make_is_missing(project: Path, tools: Path) -> None:
    shown = subprocess.run(
        [project / ".ci" / "run"], env={"PATH": str(tools)}, capture_output=True, text=True, check=False
    )
    assert shown.returncode == 1
    assert shown.stderr == "make is missing: install it (Debian, Ubuntu: apt-get install make)\n"
