"""Every notebook: it runs and gives what it has stored, it is whole, and it is short enough to be enjoyed."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.notebooks.execute import ROOT, found
from tests.processes import Kit

NOTEBOOKS = found()
SANITIZE = Path(__file__).with_name("sanitize.cfg")
_IDS = [path.stem for path in NOTEBOOKS]
_LINK = re.compile(r"\]\(([^)#:]+\.ipynb)\)")
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=_IDS)


def _cells(path: Path, kind: str) -> list[Any]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def test_there_are_notebooks() -> None:
    assert "00_start_here" in _IDS


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    """One lab for all notebooks, as a student has it; the first that runs starts it."""
    lab = Kit(
        tmp_path_factory.mktemp("lab"), ROOT, {"KIT_KAFKA_PORT": "0", "KIT_FEEDS_PORT": "0", "KIT_CASSANDRA_PORT": "0"}
    )
    yield lab
    lab.stop()


# The last notebook first: so none of them can rely on what an earlier one would leave in the lab.
@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", NOTEBOOKS[::-1], ids=_IDS[::-1])
def test_it_runs_without_the_earlier_ones_and_gives_what_it_has_stored(path: Path, lab: Kit) -> None:
    """nbval, strictly: every output is compared, but numbers after "about" and cells tagged `nbval-ignore-output`."""
    argv = [sys.executable, "-m", "pytest", "--nbval", "--nbval-cell-timeout=120", "-q", "-p", "no:cacheprovider"]
    argv += [f"--nbval-sanitize-with={SANITIZE}"]
    done = subprocess.run(
        [*argv, str(path)],
        cwd=ROOT,
        env={**os.environ, **lab.env, "KIT_HOME": str(lab.home)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
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
    written = [
        [line for line in cell if "### " not in line and "# Gap " not in line] for cell in lines
    ]  # without the marks of a gap
    assert [cell[0] for cell in written if len(cell) > 22] == []
    assert max(len(line) for cell in lines for line in cell) <= 84  # what a cell shows without scrolling


@each_notebook
def test_it_ends_the_spark_driver_that_it_has_started(path: Path) -> None:
    """Its memory is for the next notebook; `spark.stop()` alone leaves the driver."""
    code = [cell.source for cell in _cells(path, "code")]
    starts = [number for number, source in enumerate(code) if "kit.spark()" in source]
    stops = [number for number, source in enumerate(code) if "kit.spark.stop()" in source]
    assert bool(starts) <= bool(stops)
    assert max(starts, default=-1) <= max(stops, default=-1)


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
