"""`kit lab` in a browser: no error in the page, nothing asked of the outside world, nothing left behind."""

import signal
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import NOTEBOOKS, copy_of_notebooks, write_notebook
from tests.browser.lab import LabPage, RunningLab, running_lab
from tests.processes import processes_of

pytestmark = pytest.mark.browser


def test_a_cell_runs_and_finds_the_servers_up(page: LabPage) -> None:
    page.open("scratch.ipynb")
    assert page.run("1+1").locator(".jp-OutputArea-output").inner_text() == "2"
    shown = page.run("import kit\nfor row in kit.status(): print(row.name, row.state)").inner_text()
    assert "kafka-1 running" in shown
    assert "feeds running" in shown
    assert page.errors() == []
    assert page.complaints == []


def test_nothing_is_asked_of_another_machine_and_nobody_is_asked_for_news(page: LabPage) -> None:
    page.open("scratch.ipynb").run("1+1")
    page.reload()
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


def test_a_second_view_a_reload_and_another_theme_keep_the_outputs(page: LabPage, jupyter: RunningLab) -> None:
    write_notebook(jupyter.notebooks / "views.ipynb", "40 + 2")
    page.open("views.ipynb").run_all()
    assert page.new_view(0).inner_text() == "42"
    page.save()
    page.reload()
    page.theme("JupyterLab Dark")
    assert page.output(0).inner_text() == "42"
    assert page.complaints == []
    page.theme("JupyterLab Light")


def test_ctrl_c_ends_jupyterlab_its_kernels_and_the_servers(browser: Browser, tmp_path: Path) -> None:
    notebooks = copy_of_notebooks(tmp_path)
    with running_lab(tmp_path, notebooks) as lab:
        page = LabPage(browser, lab).open()  # the address that was printed opens the start notebook
        assert page.run("import kit; kit.up(); 'up'").locator(".jp-OutputArea-output").inner_text() == "'up'"
        mine = lab.processes()
        assert {"java"} <= {process.name() for process in mine}
        assert len(mine) >= 5  # kit, JupyterLab, a kernel, Kafka, the feeds
        lab.process.send_signal(signal.SIGINT)
        assert lab.process.wait(30) == 130
        page.page.close()
        _, left = psutil.wait_procs(mine, timeout=5)
        assert left == []
        assert processes_of(lab.home) == []
        assert not list((lab.home / "run").glob("*.json"))


# The exercises have a room of their own, where a student works through them.
@pytest.mark.parametrize("name", sorted(path.name for path in NOTEBOOKS.glob("*.ipynb") if "exercise" not in path.name))
def test_each_notebook_runs_in_the_browser(page: LabPage, name: str) -> None:
    page.open(name).run_all()
    page.screenshot(Path(name).stem)
    assert page.errors() == []
    assert page.complaints == []
    assert page.strangers == []
