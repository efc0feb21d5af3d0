"""`kit lab` in a browser: no error in the page, nothing asked of the outside world."""

import pytest

from tests.browser.conftest import START, write_notebook
from tests.browser.lab import LabPage, RunningLab

pytestmark = pytest.mark.browser


def test_the_printed_address_opens_the_start_notebook_and_what_a_cell_shows_stays(page: LabPage) -> None:
    page.open()
    assert page.name == START
    shown = page.run("import kit\nfor row in kit.status(): print(row.name, row.state)").inner_text()
    assert "kafka-1 running" in shown
    assert "feeds running" in shown
    page.run("40 + 2")
    assert page.new_view(-1).inner_text() == "42"
    page.save()
    page.reload()
    page.theme("JupyterLab Dark")
    assert page.output(-1).inner_text() == "42"
    page.theme("JupyterLab Light")
    assert page.complaints == []
    # JupyterLab asks no other machine, and shows no news and no question.
    assert page.asked
    assert page.strangers == []
    assert [url for url in page.asked if "/news" in url or "/update" in url] == []
    assert page.page.locator(".Toastify__toast, .jp-Dialog").count() == 0


def test_an_error_in_a_cell_is_seen_by_these_tests(page: LabPage, jupyter: RunningLab) -> None:
    write_notebook(jupyter.notebooks / "broken.ipynb", "1+1", "1/0", "'not reached'")
    page.open("broken.ipynb").run_all()
    error, not_run = page.errors()
    assert "ZeroDivisionError" in error
    assert not_run == "not run: 'not reached'"


# The notebook with most live plots. nbval runs all notebooks; an exercise has tests of its own in the browser.
def test_a_notebook_with_live_plots_runs_in_the_browser(page: LabPage) -> None:
    page.open("14_actors.ipynb").run_all()
    page.screenshot("14_actors")
    assert page.errors() == []
    assert page.complaints == []
    assert page.strangers == []
