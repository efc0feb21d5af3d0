"""A notebook turned into a page by nbconvert has pictures in it: of plots that are alive, and of stored ones."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.conftest import write_notebook
from tests.notebooks.execute import ROOT

CODE = """
from kit import plots
chart = plots.LineChart("x", "y", title="A line")
chart.append([{"x": x, "y": x * x} for x in range(20)])
"""
TABLE = """
table = plots.LiveTable(by="symbol", title="Prices")
table.append([{"symbol": "JPM", "price": 25.25}])
"""


def _page(notebook: Path, folder: Path, *options: str) -> str:
    argv = [sys.executable, "-m", "nbconvert", "--to", "html", *options, f"--output-dir={folder}", str(notebook)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return (folder / f"{notebook.stem}.html").read_text("utf-8")


def test_run_by_nbconvert_a_plot_is_a_picture_and_a_table_a_table(tmp_path: Path) -> None:
    write_notebook(tmp_path / "plots.ipynb", CODE, TABLE)
    page = _page(tmp_path / "plots.ipynb", tmp_path, "--execute")
    assert page.count("data:image/png;base64") == 1
    assert "25.25" in page
    assert "Traceback" not in page


@pytest.mark.parametrize("name", ["12_explore", "14_actors"])
def test_a_notebook_as_it_is_stored_shows_its_last_pictures(name: str, tmp_path: Path) -> None:
    assert "data:image/png;base64" in _page(ROOT / "notebooks" / f"{name}.ipynb", tmp_path)
