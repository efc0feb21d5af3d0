"""Every notebook: it runs alone and gives what it has stored, it is whole, and it is short enough to be enjoyed."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from kit.servers.feeds import FeedServer
from kit.servers.kafka import KafkaCluster
from tests.notebooks.execute import ROOT, found

NOTEBOOKS = found()
_IDS = [path.stem for path in NOTEBOOKS]
_LINK = re.compile(r"\]\(([^)#:]+\.ipynb)\)")
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=_IDS)


def _cells(path: Path, kind: str) -> list[Any]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def test_there_are_notebooks() -> None:
    assert "00_start_here" in _IDS


@pytest.mark.timeout(300)
@each_notebook
def test_it_runs_alone_and_gives_what_it_has_stored(path: Path, tmp_path: Path) -> None:
    """nbval, strictly: every output is compared, but those of cells tagged `nbval-ignore-output`."""
    env = {**os.environ, "KIT_HOME": str(tmp_path), "KIT_KAFKA_PORT": "0", "KIT_FEEDS_PORT": "0"}
    argv = [sys.executable, "-m", "pytest", "--nbval", "--nbval-cell-timeout=120", "-q", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(
            [*argv, str(path)], cwd=ROOT, env=env, capture_output=True, text=True, timeout=280, check=False
        )
    finally:
        FeedServer(tmp_path).stop()
        KafkaCluster(tmp_path).stop()
    assert done.returncode == 0, done.stdout[-6000:]
    assert re.search(r"\d+ passed", done.stdout)


@each_notebook
def test_outputs_are_stored_and_none_is_an_accident(path: Path) -> None:
    code = [cell for cell in _cells(path, "code") if "### BEGIN SOLUTION" not in cell.source]
    silent = [cell for cell in code if not cell.outputs]
    assert len(silent) <= len(code) // 3, [cell.source[:60] for cell in silent]
    for cell in code:
        expected = "raises-exception" in cell.metadata.get("tags", [])
        errors = [output for output in cell.outputs if output.output_type == "error"]
        assert bool(errors) == expected, cell.source[:80]
        assert not [output for output in cell.outputs if output.get("name") == "stderr"], cell.source[:80]


@each_notebook
def test_it_is_built_as_all_are(path: Path) -> None:
    prose = [cell.source for cell in _cells(path, "markdown")]
    assert prose[0].startswith("# ")
    assert re.search(r"\*\d+ minutes\.\* You will", prose[0])
    assert prose[0].count("\n- ") == 3
    assert any("What you now know" in text for text in prose)
    assert any("Change this and look" in text for text in prose)
    assert all(len(text.split()) <= 150 for text in prose)
    lines = [cell.source.splitlines() for cell in _cells(path, "code")]
    assert all(len(cell) <= 30 for cell in lines)
    assert max(len(line) for cell in lines for line in cell) <= 84  # what a cell shows without scrolling


@each_notebook
def test_its_links_lead_somewhere(path: Path) -> None:
    links = [link for cell in _cells(path, "markdown") for link in _LINK.findall(cell.source)]
    assert links
    assert all((path.parent / link).exists() for link in links), links


@each_notebook
def test_nothing_of_the_machine_it_ran_on_is_in_it(path: Path) -> None:
    text = path.read_text("utf-8")
    assert str(Path.home()) not in text
    assert str(ROOT) not in text
