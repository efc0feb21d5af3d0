"""Notebook 22 as a student sees it: Spark, Cassandra and Kafka are killed, and its plot shows it while it runs."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import nbformat
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import NOTEBOOKS
from tests.browser.lab import _SELECT, LabPage, RunningLab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

_NAME = "22_prepared_views.ipynb"
_TITLE = "Cassandra may"
_LINES = ["sent to Kafka", "in Cassandra", "kill Spark", "kill Cassandra", "kill Kafka"]
# What is drawn: of each line of the plot, how many points, and the highest.
_DRAWN = """title => {
    const figure = (window.Bokeh?.documents ?? []).map(document => document.roots()[0])
        .findLast(figure => figure.title.text.startsWith(title));
    const sources = figure?.renderers.map(one => one.data_source).filter(one => one.name.startsWith("source")) ?? [];
    return sources.map(({ data }) => [data.y.length, Math.max(0, ...data.y)]).filter(([count]) => count);
}"""


@pytest.fixture(scope="module")
def places() -> dict[str, int]:
    """Where the cells with the plots are."""
    sources = [cell.source for cell in nbformat.read(NOTEBOOKS / _NAME, as_version=4).cells]
    titles = {"ring": 'title = "The ring', "path": f'title = "{_TITLE}', "proof": "pd.DataFrame(results)"}
    return {name: next(n for n, text in enumerate(sources) if title in text) for name, title in titles.items()}


@pytest.fixture(scope="module")
def student(browser: Browser, jupyter: RunningLab, places: dict[str, int]) -> Iterator[LabPage]:
    """The notebook in the dark theme, while all its cells run."""
    page = LabPage(browser, jupyter).open(_NAME)
    page.theme("JupyterLab Dark")
    page.start_all()
    yield page
    page.theme("JupyterLab Light")
    page.close()


def _wait_drawn(page: LabPage, cell: int, title: str, enough: str) -> Any:
    """Wait until what is drawn of a plot is enough. Outputs that come above it move it out of view: scroll to it."""
    seen = f"""([place, title]) => {{
        ({_SELECT})(place);
        const drawn = ({_DRAWN})(title);
        return {enough} ? drawn : null;
    }}"""
    found = page.page.wait_for_function(seen, arg=[[page.name, cell], title], polling=300, timeout=90_000)
    return found.json_value()


def test_the_path_is_drawn_while_it_runs(student: LabPage, places: dict[str, int]) -> None:
    _wait_drawn(student, places["ring"], "The ring", "drawn.length === 7")
    first = _wait_drawn(student, places["path"], _TITLE, "drawn.length > 1")
    _wait_drawn(student, places["path"], _TITLE, f"drawn[0]?.[0] > {first[0][0] + 20}")
    assert not student.page.evaluate("window.kitRan")
    student.screenshot("day2_live")


def test_each_kill_is_a_line_and_the_view_has_caught_up(student: LabPage, places: dict[str, int]) -> None:
    student.wait_ran(timeout=180)
    assert student.errors() == []
    assert student.complaints == []
    assert student.strangers == []
    proof = student.output(places["proof"]).first.inner_text().split()
    assert proof[-9:] == ["Spark", "0", "0", "Cassandra", "0", "0", "Kafka", "0", "0"]
    legend = student.cell(places["path"]).locator(".kit-legend button")
    expect(legend).to_have_text(_LINES)
    sent, there, *kills = _wait_drawn(student, places["path"], _TITLE, f"drawn.length === {len(_LINES)}")
    assert sent[1] == there[1] == 2016
    assert [count for count, _ in kills] == [2, 2, 2]
    student.screenshot("day2_path_dark")


# Scroll down, and round again, until the plot is in the page: Notebook 7 makes the cells that are in view.
_SCROLLED_TO = f"""title => {{
    const outer = document.querySelector('.jp-WindowedPanel-outer') ?? document.querySelector('.jp-Notebook');
    if (outer) outer.scrollTop = (outer.scrollTop + 500) % outer.scrollHeight;
    return ({_DRAWN})(title).length === {len(_LINES)};
}}"""


def test_notebook_7_draws_the_same_kernels_plot(student: LabPage, browser: Browser, jupyter: RunningLab) -> None:
    student.save()
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    parts = urlsplit(jupyter.url)
    page.goto(parts._replace(path=f"/notebooks/{_NAME}").geturl())
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    page.wait_for_function(_SCROLLED_TO, arg=_TITLE, polling=500, timeout=60_000)
    page.close()
