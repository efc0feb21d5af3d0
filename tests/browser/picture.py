"""``python -m tests.browser.picture``: the picture in the README, a notebook of day 1 while quotes run through it."""

import tempfile
from io import BytesIO
from pathlib import Path

import nbformat
from PIL import Image

from kit.files import write_atomically
from tests.browser.conftest import NOTEBOOKS, copy_of_notebooks
from tests.browser.lab import LabPage, chromium, running_lab

_PICTURE = Path(__file__).parents[2] / "docs/live_notebook.png"
_NOTEBOOK = "14_actors.ipynb"
_CELLS = "lab = kit.up()", "live.follow(", "live.wait(300)"  # those that run: imports, the plot, its collector
_COLOURS, _LARGEST = 128, 200_000


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        notebooks = copy_of_notebooks(folder)
        (notebooks / "scratch.ipynb").unlink()
        with running_lab(folder, notebooks) as lab, chromium() as browser:
            page = LabPage(browser, lab)
            picture = _small(_take(page))
            assert not page.complaints, page.complaints
            page.close()
    assert len(picture) < _LARGEST, len(picture)
    write_atomically(_PICTURE, picture)
    print(f"{_PICTURE.name}: {len(picture) / 1000:.0f} kB")


def _take(page: LabPage) -> bytes:
    """Run the cells, and look at the plot while the collector goes on."""
    page.page.set_viewport_size({"width": 1280, "height": 800})
    page.open(_NOTEBOOK)
    sources = [cell.source for cell in nbformat.read(NOTEBOOKS / _NOTEBOOK, 4).cells]
    numbers = [next(n for n, source in enumerate(sources) if word in source) for word in _CELLS]
    for number in numbers:
        page.select(number)
        page.run_selected()
    page.cell(numbers[1]).evaluate("cell => cell.scrollIntoView({block: 'start'})")
    return page.page.screenshot()


def _small(picture: bytes) -> bytes:
    """The same picture, as a PNG of few colours."""
    file = BytesIO()
    few = Image.open(BytesIO(picture)).convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    few.save(file, "PNG", optimize=True)
    return file.getvalue()


if __name__ == "__main__":
    main()
