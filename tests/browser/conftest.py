"""One `kit lab` and one Chromium for all tests of this room; a fresh page for each."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser

from tests.browser.lab import LabPage, RunningLab, chromium, running_lab

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
START = "00_start_here.ipynb"


@pytest.fixture(scope="package")  # not the session's: while it is open, no other test of this process has asyncio
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    """`kit lab` on a copy of the notebooks, with an empty one, `scratch.ipynb`, beside them."""
    folder = tmp_path_factory.mktemp("lab")
    with running_lab(folder, copy_of_notebooks(folder)) as lab:
        yield lab


@pytest.fixture
def page(browser: Browser, jupyter: RunningLab) -> Iterator[LabPage]:
    """A tab of its own; open a notebook with `page.open("name.ipynb")`."""
    page = LabPage(browser, jupyter)
    yield page
    page.close()


def copy_of_notebooks(folder: Path) -> Path:
    """A copy of notebooks/ under `folder`, with an empty notebook beside them."""
    notebooks = folder / "notebooks"
    if NOTEBOOKS.exists():
        shutil.copytree(NOTEBOOKS, notebooks, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    notebooks.mkdir(exist_ok=True)
    if not (notebooks / START).exists():
        write_notebook(notebooks / START, "'the page that greets a class'")
    write_notebook(notebooks / "scratch.ipynb", "")
    return notebooks


def write_notebook(path: Path, *sources: str) -> None:
    """A notebook of code cells."""
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
