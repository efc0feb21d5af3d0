"""JupyterLab as `kit lab` starts it, and a Chromium that looks at it.

Nothing here sleeps: the page is asked until it shows what is wanted, with a deadline.
"""

import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, sync_playwright

from kit.servers.ports import choose_port
from tests.browser.chromium import executable
from tests.processes import processes_of, signals_as_in_a_terminal
from tests.wait import wait_until

__all__ = ["LabPage", "RunningLab", "chromium", "running_lab"]

SCREENSHOTS = Path(__file__).parent / "screenshots"
_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_HERE = ("127.0.0.1", "localhost")
_START_SECONDS = 60.0
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\S+(?=\n)")  # a line that is whole

# What the page is asked, by JupyterLab's own names. `name` is the notebook's path.
_PANEL = "[...jupyterapp.shell.widgets('main')].find(widget => widget.context?.path === name)"
_OPENED = f"name => window.jupyterapp?.shell && {_PANEL} !== undefined"
_READY = f"async name => {{ await jupyterapp.restored; await {_PANEL}.context.ready; }}"
_IDLE = f"name => {_PANEL}?.sessionContext.session?.kernel?.status === 'idle'"
# One for each cell that went wrong, or did not run: a cell tagged `raises-exception` must, and another must not.
_ERRORS = f"""name => {_PANEL}.content.model.sharedModel.toJSON().cells
    .filter(cell => cell.cell_type === 'code' && [cell.source].flat().join('').trim())
    .flatMap(cell => {{
        const failed = cell.outputs.filter(output => output.output_type === 'error' || output.name === 'stderr');
        const meant = (cell.metadata.tags ?? []).includes('raises-exception');
        if (cell.execution_count === null || (meant && !failed.length))
            return [`${{cell.execution_count === null ? 'not run' : 'no error'}}: ${{cell.source}}`];
        return meant ? [] : failed.map(output => output.traceback?.join('\\n') ?? [output.text].flat().join(''));
    }})"""
_SOURCE = f"([name, index]) => {_PANEL}.content.model.cells.get(index).sharedModel.getSource()"
_RESTART = f"async name => {{ await {_PANEL}.sessionContext.session.kernel.restart(); }}"
_SAVE = f"async name => {{ await {_PANEL}.context.save(); }}"
_LAYOUT_KEPT = """async () => {
    const id = location.pathname.match(/workspaces.([^/]+)/)?.[1] ?? 'default';
    const kept = await (await fetch(`/lab/api/workspaces/${id}`)).json();
    const tabs = JSON.stringify(kept.data['layout-restorer:data']?.main?.dock ?? '').match(/"[a-z-]+:[^"]+"/g) ?? [];
    return tabs.length === [...jupyterapp.shell.widgets('main')].length;
}"""
_LENGTH = f"name => {_PANEL}.content.widgets.length"
_SELECT = f"""([name, index]) => {{
    const panel = {_PANEL};
    jupyterapp.shell.activateById(panel.id);
    panel.content.activeCellIndex = index;
    return panel.content.scrollToItem(index);
}}"""
_APPEND = f"""([name, code]) => jupyterapp.commands.execute('notebook:insert-cell-below').then(() => {{
    {_PANEL}.content.activeCell.model.sharedModel.setSource(code);
}})"""
# JupyterLab's own promise is kept at the first error, even where more cells run: so one more request, with nothing in
# it, waits in line behind them all.
_RUN = f"""([name, command]) => {{
    const last = {{code: '', silent: true, store_history: false, stop_on_error: false}};
    window.kitRan = false;
    jupyterapp.commands.execute(command)
        .then(() => {_PANEL}.sessionContext.session.kernel.requestExecute(last).done)
        .finally(() => {{ window.kitRan = true; }});
}}"""


@dataclass(frozen=True, slots=True)
class RunningLab:
    """A `kit lab` that runs: its process, where JupyterLab answers, and where its state and notebooks are."""

    process: "subprocess.Popen[bytes]"
    url: str
    home: Path
    notebooks: Path
    log: Path

    def processes(self) -> list[psutil.Process]:
        """Every process that belongs to it: JupyterLab, kernels, servers (found by the KIT_HOME they inherited)."""
        return processes_of(self.home)


@contextmanager
def running_lab(folder: Path, notebooks: Path, *options: str) -> Iterator[RunningLab]:
    """`kit lab` on a free port, with state of its own under `folder` and `notebooks` as its start folder."""
    home, runtime, log, port = folder / "home", folder / "runtime", folder / "lab.log", choose_port()
    env = {
        **os.environ,
        "KIT_HOME": str(home),
        "KIT_KAFKA_PORT": "0",
        "KIT_FEEDS_PORT": "0",
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    # The page's own `jupyterapp` is what the tests ask and command; everything else is as a student has it.
    argv = [sys.executable, "-m", "kit.cli", "lab", "--no-browser", f"--port={port}"]
    argv += ["--LabApp.expose_app_in_browser=True", *options]
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv,
            cwd=notebooks.parent,
            env=env,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=signals_as_in_a_terminal,  # noqa: PLW1509
        )
    try:
        wait_until(lambda: _serves(process, log), timeout=_START_SECONDS, what="kit lab up")
        yield RunningLab(process, _url(log), home, notebooks, log)
    finally:
        process.send_signal(signal.SIGINT)
        _ended(process, home)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    path = executable()
    assert path, "Chromium is missing: run `make browser`"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGS)
        yield browser
        browser.close()


class LabPage:
    """JupyterLab in a browser tab, as a person uses it. `complaints` and `strangers` should stay empty.

    Attributes
    ----------
    page
        Playwright's page, for what is not here.
    complaints
        What the browser's console called an error, and what the page's scripts raised.
    strangers
        The addresses that were asked for outside this machine.
    """

    def __init__(self, browser: Browser, lab: RunningLab) -> None:
        self.lab, self.name = lab, ""
        self.page: Page = browser.new_page(viewport={"width": 1280, "height": 900})
        self.page.set_default_timeout(30_000)
        self.complaints: list[str] = []
        self.strangers: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"raised: {error}"))
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("websocket", lambda socket: self._asked(socket.url))

    def close(self) -> None:
        """End the kernels and close the tab."""
        self.page.evaluate("window.jupyterapp?.serviceManager.sessions.shutdownAll()")
        self.page.close()

    # ---- opening ----------------------------------------------------------------------------------------------

    def open(self, notebook: str | None = None) -> "LabPage":
        """Open a notebook of the start folder by its name; returns when its kernel is ready.

        None opens the address that `kit lab` printed. A name opens that notebook in a workspace of its own, so that no
        other test's tabs are there.
        """
        parts = urlsplit(self.lab.url)
        self.name = notebook or parts.path.rpartition("/")[2]
        path = f"/lab/workspaces/{uuid.uuid4().hex[:8]}/tree/{notebook}" if notebook else parts.path
        self.page.goto(parts._replace(path=path).geturl())
        self._ready()
        return self

    def open_lab(self) -> None:
        """Open JupyterLab anew, without a notebook."""
        parts = urlsplit(self.lab.url)
        self.page.goto(parts._replace(path=f"/lab/workspaces/{uuid.uuid4().hex[:8]}").geturl())
        self.page.wait_for_function("window.jupyterapp?.restored.then(() => true)")

    def show(self, notebook: str) -> None:
        """Open a notebook in the page that is there; returns when its kernel is ready."""
        self.name = notebook
        self.page.evaluate("path => jupyterapp.commands.execute('docmanager:open', {path})", notebook)
        self._ready()

    def reload(self) -> None:
        """Reload the page, as F5 does; the kernel goes on."""
        # JupyterLab notes which tabs are open about a second after a change.
        wait_until(lambda: self.page.evaluate(_LAYOUT_KEPT), what="the layout of the tabs kept")
        self.page.reload()
        self._ready()

    def save(self) -> None:
        """Save the notebook with its outputs, as Ctrl-S does."""
        self.page.evaluate(_SAVE, self.name)

    def new_view(self, cell: int) -> Locator:
        """JupyterLab's "Create New View for Cell Output" of a cell. Returns the new view."""
        self.select(cell)
        self.page.evaluate("jupyterapp.commands.execute('notebook:create-output-view')")
        view = self.page.locator(".jp-LinkedOutputView").last
        view.wait_for()
        return view

    def theme(self, name: str) -> None:
        """Switch to the theme ``JupyterLab Dark`` or ``JupyterLab Light``, and wait until the page wears it."""
        self.page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", name)
        self.page.locator(f"body[data-jp-theme-name='{name}']").wait_for(state="attached")
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    @contextmanager
    def slower(self, times: float) -> Iterator[None]:
        """A browser that computes so many times slower, as Chromium's developer tools have it."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("Emulation.setCPUThrottlingRate", {"rate": times})
        try:
            yield
        finally:
            session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
            session.detach()

    # ---- running ----------------------------------------------------------------------------------------------

    def run_all(self, *, timeout: float = 90.0) -> None:
        """Run all cells, and wait until they are done and the kernel is idle (an error ends the run, too)."""
        self.start_all()
        self.wait_ran(timeout=timeout)

    def start_all(self) -> None:
        """Run all cells, and do not wait: look at a plot meanwhile, then `wait_ran`."""
        self.select(0)
        self.page.evaluate(_RUN, [self.name, "notebook:run-all-cells"])

    def wait_ran(self, *, timeout: float = 90.0) -> None:
        """Wait until what was started is done and the kernel is idle."""
        self.page.wait_for_function("window.kitRan", timeout=timeout * 1000)
        self.wait_idle(timeout=timeout)

    def run(self, code: str, *, timeout: float = 30.0) -> Locator:
        """Add a cell at the end, run this code in it, and wait. Returns the cell."""
        self.select(-1)
        self.page.evaluate(_APPEND, [self.name, code])
        self._command("notebook:run-cell", timeout)
        return self.cell(-1)

    def run_selected(self, *, timeout: float = 30.0) -> None:
        """Run the cell that is active, and wait."""
        self._command("notebook:run-cell", timeout)

    def restart(self, *, timeout: float = 60.0) -> None:
        """Restart the kernel; outputs and code stay."""
        self.page.evaluate(_RESTART, self.name)
        self.wait_idle(timeout=timeout)

    def wait_idle(self, *, timeout: float = 30.0) -> None:
        """Wait until the kernel has nothing to do."""
        self.page.wait_for_function(_IDLE, arg=self.name, timeout=timeout * 1000)

    # ---- looking ----------------------------------------------------------------------------------------------

    @property
    def notebook(self) -> Locator:
        """The notebook (not the other tabs)."""
        return self.page.locator(".jp-NotebookPanel")

    def select(self, cell: int) -> int:
        """Make a cell the active one and scroll to it. Counted from 0; a negative number counts from the end."""
        number = cell if cell >= 0 else self.page.evaluate(_LENGTH, self.name) + cell
        self.page.evaluate(_SELECT, [self.name, number])
        return number

    def cell(self, number: int) -> Locator:
        """A cell by its place, scrolled into view (JupyterLab keeps only those in view in the page)."""
        return self.notebook.locator(f".jp-Cell[data-windowed-list-index='{self.select(number)}']")

    def source(self, number: int) -> str:
        """The code or the text of a cell."""
        return str(self.page.evaluate(_SOURCE, [self.name, number]))

    def output(self, number: int) -> Locator:
        """What a cell shows below its code."""
        return self.cell(number).locator(".jp-OutputArea-output")

    def errors(self) -> list[str]:
        """What went wrong: tracebacks, what went to stderr, cells that did not run or did not fail as they should."""
        return [str(error) for error in self.page.evaluate(_ERRORS, self.name)]

    def screenshot(self, name: str) -> Path:
        """A picture of the page in tests/browser/screenshots (git does not keep it)."""
        SCREENSHOTS.mkdir(exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        self.page.screenshot(path=path)
        return path

    # ---- inside -----------------------------------------------------------------------------------------------

    def _ready(self) -> None:
        self.page.wait_for_function(_OPENED, arg=self.name)
        self.page.evaluate(_READY, self.name)
        self.wait_idle(timeout=60.0)

    def _command(self, name: str, timeout: float) -> None:
        self.page.evaluate(_RUN, [self.name, name])
        self.wait_ran(timeout=timeout)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def _asked(self, url: str) -> None:
        self.asked.append(url)
        parts = urlsplit(url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in _HERE:
            self.strangers.append(url)


def _ended(process: "subprocess.Popen[bytes]", home: Path) -> None:
    """Wait until `kit lab` has ended after its Ctrl-C, and nothing that belongs to it runs: kernels, servers."""
    try:
        process.wait(30)
        _, left = psutil.wait_procs(processes_of(home), timeout=5)
    finally:
        for one in processes_of(home):
            one.kill()
    assert left == []


def _serves(process: "subprocess.Popen[bytes]", log: Path) -> bool:
    """Whether JupyterLab and the servers are up; an end on the way is told with the log."""
    assert process.poll() is None, f"kit lab ended with {process.returncode}:\n{log.read_text()}"
    return "running" in log.read_text() and bool(_ADDRESS.search(log.read_text()))


def _url(log: Path) -> str:
    """The address that JupyterLab printed, for people to open."""
    found = _ADDRESS.search(log.read_text())
    assert found, log.read_text()
    return found[0]
