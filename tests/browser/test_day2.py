"""The plot of notebook 22 while its servers are killed: it is drawn while the cell runs, and it shows each kill."""

from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NOTEBOOKS
from tests.browser.lab import LabPage, RunningLab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

_LINES = ["sent to Kafka", "in Cassandra", "kill Cassandra", "kill Kafka"]
_CHART = 1  # its cell
# Of each line of the plot that has points: how many, and the highest.
_DRAWN = """() => {
    const roots = (window.Bokeh?.documents ?? []).flatMap(document => document.roots());
    const figure = roots.find(root => root.title?.text.startsWith("Cassandra may"));
    return (figure?.renderers ?? []).map(one => one.data_source)
        .filter(({ name, data }) => name.startsWith("source") && data.y.length)
        .map(({ data }) => [data.y.length, Math.max(...data.y)]);
}"""


def _write(path: Path) -> None:
    """The path of notebook 22, by its own code, in so few cells that all are on the screen.

    Spark's driver is not killed here: `tests/notebooks` runs the whole notebook, and the plot is the same.
    """
    cells = nbformat.read(NOTEBOOKS / "22_prepared_views.ipynb", as_version=4).cells
    path_begins = next(n for n, cell in enumerate(cells) if cell.source.startswith("## Kafka → Spark"))
    code = [cell.source for cell in cells[:path_begins] if cell.cell_type == "code"][:4]  # up to the table
    code += [cell.source for cell in cells[path_begins:] if cell.cell_type == "code"]
    places = [next(n for n, one in enumerate(code) if text in one) for text in ("chart = plots.Line", "kills = {")]
    parts = code[: places[0]], code[places[0] : places[0] + 1], code[places[0] + 1 : places[1] + 1]
    sources = ["\n\n".join(part) for part in (*parts, code[places[1] + 1 :])]
    killing = '    "Spark": kit.spark.kill,\n'
    assert killing in sources[2]
    sources[2] = sources[2].replace(killing, "")
    book = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "", "language": ""}})
    hidden = {"jupyter": {"source_hidden": True}}
    book.cells = [nbformat.v4.new_code_cell(source, metadata=hidden) for source in sources]
    nbformat.write(book, path)


def _wait_for_lines(page: LabPage, count: int) -> None:
    page.page.wait_for_function(f"count => ({_DRAWN})().length >= count", arg=count, polling=250, timeout=120_000)


def test_the_plot_of_the_path_is_live_shows_each_kill_and_that_nothing_is_lost(
    page: LabPage, jupyter: RunningLab
) -> None:
    _write(jupyter.notebooks / "kills.ipynb")
    page.open("kills.ipynb").start_all()

    _wait_for_lines(page, 2)
    before = page.page.evaluate(_DRAWN)[0][0]
    _wait_for_lines(page, 3)
    assert not page.page.evaluate("window.kitRan")
    assert page.page.evaluate(_DRAWN)[0][0] > before
    page.screenshot("22_live")

    page.wait_ran(timeout=180)
    assert page.errors() == []
    assert page.complaints == []
    assert page.strangers == []
    _wait_for_lines(page, len(_LINES))
    sent, there, *kills = page.page.evaluate(_DRAWN)
    assert sent[1] == there[1] == 2016
    assert [count for count, _ in kills] == [2, 2]
    expect(page.cell(_CHART).locator(".kit-legend button")).to_have_text(_LINES)
    text = page.cell(3).inner_text()
    assert "2,016 rows in the view\nlost: 0 · other price: 0" in text
    page.screenshot("22_path")
