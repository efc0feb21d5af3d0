"""A newcomer's way, timed: from a clone to the first live plot, with a network and without one; and the way by conda.

Nothing is there but the system: an empty home, and so no cache of packages or jars.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import yaml

from kit.servers.ports import choose_port
from tests.browser.lab import LabPage, RunningLab, chromium
from tests.processes import signals_as_in_a_terminal
from tests.wait import wait_until

__all__ = ["walk"]

_ROOT = Path(__file__).parents[2]
_NOTEBOOK = "11_collect_quotes.ipynb"
_CELLS = "lab = kit.up()", "live = plots.LineChart(", "collector = kit.collect_quotes("  # that lead to its live plot
_DRAWN = """() => (window.Bokeh?.documents ?? []).flatMap(document => document.roots()[0].renderers)
    .some(one => one.data_source?.data.y?.length > 0)"""
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\S+(?=\n)")
_INHERITED = re.compile(r"KIT_|XDG_|JUPYTER|IPYTHON|PYTHON|VIRTUAL_ENV|MAKE|MFLAGS|UV_CACHE|PIP_CACHE")


def walk() -> None:
    """Go all three ways, and print how long they took."""
    with tempfile.TemporaryDirectory(prefix="kit-newcomer-") as name:
        folder = Path(name)
        began = time.monotonic()
        subprocess.run(["git", "clone", "--quiet", _ROOT, folder / "pipeline-kit"], check=True)
        _to_the_first_plot("online", folder / "pipeline-kit", folder / "home", began)
        _pack(folder)
        (folder / "classroom").mkdir()
        argv = ["unshare", "-n", sys.executable, "-m", "tests.containers.newcomer", str(folder)]
        subprocess.run(argv, cwd=_ROOT, check=True)
        _conda(folder)


def _in_the_classroom(folder: Path) -> None:
    """From a bundle, in a process that has no network but 127.0.0.1."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    began, classroom = time.monotonic(), folder / "classroom"
    subprocess.run(["tar", "-xf", folder / "kit.tar", "pipeline-kit"], cwd=classroom, check=True)
    options = [f"BUNDLE={os.path.relpath(folder / 'kit.tar', classroom / 'pipeline-kit')}"]
    _to_the_first_plot("offline", classroom / "pipeline-kit", classroom / "home", began, *options)


def _to_the_first_plot(name: str, clone: Path, home: Path, began: float, *options: str) -> None:
    """`make lab`, then the page that opens, then the first live plot of day 1: print the seconds until each of them."""

    def report(what: str) -> None:
        print(f"newcomer, {name}: {what} after {time.monotonic() - began:.0f} s", flush=True)

    installed = clone / ".venv/.installed"
    with _make_lab(clone, home, *options) as lab, chromium() as browser:
        wait_until(lambda: installed.exists() or lab.process.poll() is not None, timeout=600, what="make install")
        report("installed")
        wait_until(lambda: _ADDRESS.search(lab.log.read_text()) or lab.process.poll() is not None, timeout=60)
        found = _ADDRESS.search(lab.log.read_text())
        assert found, lab.log.read_text()
        page = LabPage(browser, RunningLab(lab.process, found[0], home, clone / "notebooks", lab.log)).open()
        report("the first page")
        _run_to_the_plot(page, clone / "notebooks" / _NOTEBOOK)
        report("the first live plot")
        assert not page.complaints, page.complaints
        page.close()


def _run_to_the_plot(page: LabPage, notebook: Path) -> None:
    page.open(notebook.name)
    sources = [cell.source for cell in nbformat.read(notebook, 4).cells]
    *before, last = (next(n for n, source in enumerate(sources) if word in source) for word in _CELLS)
    for number in before:
        page.select(number)
        page.run_selected()
    page.select(last)
    page.page.evaluate("() => void jupyterapp.commands.execute('notebook:run-cell')")  # it goes on for some seconds
    page.select(before[-1])
    page.page.wait_for_function(_DRAWN)
    page.wait_idle()


@contextmanager
def _make_lab(clone: Path, home: Path, *options: str) -> Iterator[RunningLab]:
    """`make lab`; afterwards it has ended, as after Ctrl-C."""
    words = f"--no-browser --port={choose_port()} --LabApp.expose_app_in_browser=True"
    log = clone / "make.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["make", "lab", f"LAB={words}", *options],
            cwd=clone,
            env=_environment(home),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=signals_as_in_a_terminal,  # noqa: PLW1509
        )
    try:
        yield RunningLab(process, "", home, clone / "notebooks", log)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)


def _pack(folder: Path) -> None:
    """`kit bundle`, in the clone that was installed."""
    began = time.monotonic()
    clone, file = folder / "pipeline-kit", folder / "kit.tar"
    argv = [clone / ".venv/bin/kit", "bundle", file]
    subprocess.run(argv, cwd=clone, env=_environment(folder / "home"), stdout=subprocess.DEVNULL, check=True)
    print(f"newcomer: bundle of {file.stat().st_size / 1e6:,.0f} MB packed in {time.monotonic() - began:.0f} s")


def _conda(folder: Path) -> None:
    """The steps of the README for conda, in a fresh environment that the standard library makes."""
    began, clone, python = time.monotonic(), folder / "pipeline-kit", folder / "conda/bin/python"
    subprocess.run(["python3.11", "-m", "venv", folder / "conda"], check=True)
    part = yaml.safe_load((clone / "environment.yml").read_text("utf-8"))["dependencies"][2]["pip"]
    steps = [["pip", "install", "--quiet", *step.split()] for step in [*part, "--no-deps --editable ."]]
    for step in [*steps, ["kit.prepare"], ["kit.cli", "doctor"]]:
        argv = [python, "-m", *step]
        subprocess.run(argv, cwd=clone, env=_environment(folder / "home"), stdout=subprocess.DEVNULL, check=True)
    print(f"newcomer: the packages of environment.yml installed by pip in {time.monotonic() - began:.0f} s")


def _environment(home: Path) -> dict[str, str]:
    home.mkdir(exist_ok=True)
    return {name: value for name, value in os.environ.items() if not _INHERITED.match(name)} | {"HOME": str(home)}


if __name__ == "__main__":
    _in_the_classroom(Path(sys.argv[1]))
