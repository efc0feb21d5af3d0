"""`kit lab` in a browser: no error in the page, nothing asked of the outside world."""

import ipaddress

import psutil
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


def test_a_running_lab_listens_on_this_machine_only_and_its_tokens_are_in_no_list_of_processes(
    page: LabPage, jupyter: RunningLab
) -> None:
    page.open(START)  # with a kernel
    kernel = page.run("import kit; kit.up(); kit.collect_quotes(['JPM']).wait(sent=1).stop()")
    processes = jupyter.processes()
    listening = {
        connection.laddr
        for process in processes
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    commands = [" ".join(process.cmdline()) for process in processes]
    assert [word for word in ("kernel", "kafka.Kafka", "kit.feeds") if not any(word in one for one in commands)] == []
    assert len(listening) >= 8  # JupyterLab, five ports of a kernel, the broker, the feeds
    assert [one for one in listening if not _is_loopback(one.ip)] == []

    tokens = [jupyter.url.partition("token=")[2], (jupyter.home / "feeds.token").read_text("ascii")]
    assert all(len(token) >= 24 for token in tokens)
    everywhere = [one for process in psutil.process_iter(["cmdline"]) for one in process.info["cmdline"] or ()]
    logs = [file.read_text(errors="replace") for file in (jupyter.home / "log").iterdir()]
    assert not [token for token in tokens for text in [*everywhere, *logs, kernel.inner_text()] if token in text]


def _is_loopback(address: str) -> bool:
    one = ipaddress.ip_address(address)
    return (getattr(one, "ipv4_mapped", None) or one).is_loopback
