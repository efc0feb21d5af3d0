"""The plots where nothing of the kit is installed: plain JupyterLab under a base URL, Notebook 7; and what is saved."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect

from kit.servers.ports import choose_port
from tests.browser.conftest import write_notebook
from tests.browser.lab import LabPage, RunningLab
from tests.wait import wait_until

pytestmark = pytest.mark.browser

_CHARTS = """
import ipywidgets
from IPython.display import display
from kit.plots import *
rows = [{"at": f"2026-01-05T14:30:{n:02}Z", "v": n % 7, "name": "ab"[n % 2]} for n in range(60)]
make = lambda title: LineChart("at", "v", by="name", title=title, height=160).append(rows)
live = LineChart("n", "v", title="live", height=160).follow([{"n": n, "v": n} for n in range(50)]).wait(50)
live
"""
_CONTAINERS = """
display(ipywidgets.VBox([make("box"), LiveTable(["name", "v"], last=3).append(rows)]))
output = ipywidgets.Output()
with output:
    display(make("output"))
display(output)
ipywidgets.interact(lambda n: display(make(f"interact {n}")), n=(1, 5))
tab = ipywidgets.Tab([ipywidgets.Label("first"), make("tab")], titles=["one", "two"])
display(tab)
"""
_TITLES = ["box", "interact 3", "live", "output", "tab"]
_POINTS = """() => Object.fromEntries((window.Bokeh?.documents ?? []).map(document => document.roots()[0]).map(figure =>
    [figure.title.text, figure.renderers.filter(one => one.data_source.name.startsWith("source"))
        .reduce((sum, one) => sum + one.data_source.data.y.length, 0)]))"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """`jupyter lab` with no setting of ours, under a base URL: its address, and its folder."""
    folder, port = tmp_path_factory.mktemp("plain"), choose_port()
    argv = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}", "--allow-root"]
    argv += ["--ServerApp.base_url=/user/ada/", "--IdentityProvider.token=t", "--LabApp.expose_app_in_browser=True"]
    argv += [f"--ServerApp.root_dir={folder}", "--JupyterNotebookApp.expose_app_in_browser=True"]
    own = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTERLAB_SETTINGS_DIR", "IPYTHONDIR")
    env = {**os.environ, **{name: str(folder / f".{name}") for name in [*own, "JUPYTERLAB_WORKSPACES_DIR"]}}
    log = folder / "log.txt"
    write_notebook(folder / "plots.ipynb", _CHARTS, _CONTAINERS)
    with log.open("wb") as out:
        process = subprocess.Popen(argv, env=env, stdout=out, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: "?token=" in log.read_text(), timeout=60, what="jupyter lab up")
        yield f"http://127.0.0.1:{port}/user/ada", folder
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize("where", ["lab/tree", "notebooks"])
def test_every_chart_is_drawn_where_nothing_of_ours_is_installed(
    browser: Browser, plain: tuple[str, Path], where: str
) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 2000})
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{plain[0]}/{where}/plots.ipynb?token=t")
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.wait_for_function("() => window.jupyterapp?.commands.hasCommand('notebook:run-all-cells')")
    page.wait_for_function("() => jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'")
    complaints.clear()  # Notebook 7 has some of its own when it opens
    page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(f"wanted => Object.keys(({_POINTS})()).sort().join() === wanted", arg=",".join(_TITLES))
    page.get_by_role("tab", name="two").click()  # what was hidden is drawn when it is shown
    page.wait_for_function(f"() => Object.values(({_POINTS})()).every(count => count >= 50)")
    expect(page.locator(".kit-plot tbody tr")).to_have_count(3)
    assert complaints == []
    page.screenshot(path=Path(__file__).parent / "screenshots" / f"front-end-{where[:3]}.png")
    page.close()


_SAVED = """
from kit.plots import *
rows = [{"n": n, "v": n % 7, "name": "ab"[n % 2]} for n in range(60)]
chart = LineChart("n", "v", by="name", title="saved", height=200)
chart.follow([rows]).wait(60)
chart
"""
_OTHERS = """
from IPython.display import display
form = Form(lambda token: "done", token=Form.SECRET)
display(LiveTable(["name", "v"], last=3, title="table").append(rows), Metric("v").append(rows), form)
"""
_IN_BOXES = """
import ipywidgets
make = lambda title: LineChart("n", "v", by="name", title=title, height=160).append(rows)
display(ipywidgets.VBox([make("boxed"), ipywidgets.Label("below")]))
output = ipywidgets.Output()
with output:
    display(make("shown"))
display(output)
"""
_STATE = "application/vnd.jupyter.widget-state+json"
_LATER = "chart.append([{'n': 60 + n, 'v': 9, 'name': 'later'} for n in range(30)]);"


@pytest.fixture(scope="module")
def saved(browser: Browser, plain: tuple[str, Path]) -> Path:
    """A notebook that was run and saved in a plain JupyterLab, reloaded, and saved again: what it shows came later."""
    path = plain[1] / "saved.ipynb"
    write_notebook(path, _SAVED, _OTHERS, _LATER, _IN_BOXES)
    page = _opened(browser, plain, "saved.ipynb")
    page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
    page.locator("input[type=password]").fill("hunter2")
    _save(page)
    page.reload()
    _ready(page)
    _save(page)  # each is live again
    page.evaluate("jupyterapp.serviceManager.sessions.shutdownAll()")
    page.close()
    return path


def _opened(browser: Browser, plain: tuple[str, Path], name: str) -> Page:
    page = browser.new_page(viewport={"width": 1280, "height": 2400})
    page.goto(f"{plain[0]}/lab/tree/{name}?token=t&reset")
    _ready(page)
    return page


def _ready(page: Page) -> None:
    page.wait_for_function("() => window.jupyterapp?.commands.hasCommand('notebook:run-all-cells')")
    page.wait_for_function("() => jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'")


def _save(page: Page) -> None:
    """Save, once all is drawn; the page has nothing unsaved then, and still shows the live plots."""
    expect(page.locator(".kit-note").first).to_contain_text("90 rows", timeout=20_000)
    page.wait_for_function(f"() => ['boxed', 'shown'].every(title => ({_POINTS})()[title] === 60)")
    assert (
        page.evaluate("""async () => {
        const { context } = jupyterapp.shell.currentWidget;
        context.model.dirty = true;
        await context.save();
        return context.model.dirty;
    }""")
        is False
    )
    expect(page.locator(".kit-figure")).to_have_count(3)


def test_a_saved_notebook_shows_its_last_pictures_in_a_jupyterlab_without_settings_and_without_a_kernel(
    browser: Browser, plain: tuple[str, Path], saved: Path
) -> None:
    page = _opened(browser, plain, "saved.ipynb")
    images = page.locator(".jp-RenderedImage img")
    expect(images).to_have_count(3)
    for image in images.all():
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 300
    assert page.locator(".jp-RenderedHTML td").all_inner_texts() == ["b", "3", "a", "2", "b", "1"]
    text = page.locator(".jp-Notebook").inner_text()
    assert "3.00" in text
    assert "Form(token): a form. Run the notebook to use it." in text
    assert "not found" not in text
    page.screenshot(path=Path(__file__).parent / "screenshots" / "saved.png")
    page.close()


def test_a_saved_notebook_has_pictures_for_every_reader_and_no_secret(browser: Browser, saved: Path) -> None:
    notebook = nbformat.read(saved, as_version=4)
    chart, others = notebook.cells[0].outputs[0].data, [output.data for output in notebook.cells[1].outputs]
    assert len(chart["image/png"]) > 5000
    assert "<td>b</td><td>3</td>" in others[0]["text/html"]
    assert "hunter2" not in saved.read_text()
    # As a JupyterLab that saves the state of widgets leaves it: nbconvert would draw these by scripts of a CDN.
    notebook.metadata["widgets"] = {_STATE: {"version_major": 2, "version_minor": 0, "state": {}}}
    for output in [output for cell in notebook.cells for output in cell.get("outputs", [])]:
        notebook.metadata["widgets"][_STATE]["state"][output.metadata["kit"]["view"]["model_id"]] = {}
    with_state = saved.with_name("with_state.ipynb")
    nbformat.write(notebook, with_state)
    argv = [sys.executable, "-m", "nbconvert", "--to", "html", "--stdout", str(with_state)]
    html = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True).stdout
    page = browser.new_context(offline=True).new_page()
    page.set_content(html)
    assert page.locator(".jp-OutputArea img").count() == 3
    assert page.locator(".jp-OutputArea td").all_inner_texts() == ["b", "3", "a", "2", "b", "1"]
    page.context.close()


_PROBE = """
import anywidget
class Probe(anywidget.AnyWidget):
    _esm = '''export default { async render({ model }) {
        const found = (object, name) => {
            while (!Object.hasOwn(object, name)) object = Object.getPrototypeOf(object);
            return String(object[name]);
        };
        const manager = model.widget_manager;
        const [id] = Object.keys(manager._models);
        const other = await manager.get_model(id);
        const names = ["send", "_handle_comm_msg"];
        (window.probed ??= []).push([found(manager, "get_model"), ...names.map(name => found(other, name))]);
    } }'''
Probe()
"""
_BOKEH = """async source => {
    const frame = document.createElement("iframe");
    document.body.append(frame);
    frame.contentWindow.eval(source);
    const texts = Bokeh => [Bokeh.require("protocol/receiver").Receiver, Bokeh.require("document").Document].map(
        one => Object.getOwnPropertyNames(one.prototype).map(name => {
            const {value, get} = Object.getOwnPropertyDescriptor(one.prototype, name);
            return name + String(value ?? get);
        }).join());
    return JSON.stringify(texts(Bokeh)) === JSON.stringify(texts(frame.contentWindow.Bokeh));
}"""


def test_nothing_of_jupyter_or_bokeh_is_patched(page: LabPage) -> None:
    import bokeh

    page.open("scratch.ipynb").run(_PROBE)
    page.page.wait_for_function("() => window.probed?.length === 1")
    page.run("from kit.plots import LineChart\nLineChart('x', 'y', title='p').append({'x': [1, 2], 'y': [1, 2]})")
    page.page.wait_for_function("() => window.Bokeh?.documents.length === 1")
    page.run("Probe()")
    page.page.wait_for_function("() => window.probed?.length === 2")
    before, after = page.page.evaluate("window.probed")
    assert before == after
    source = Path(bokeh.__file__).parent / "server" / "static" / "js" / "bokeh.min.js"
    assert page.page.evaluate(_BOKEH, source.read_text())


_AGAIN = """
from kit.plots import LineChart
import threading
live = LineChart("n", "v", title="again", height=120)
def source():
    n = 0
    while True:
        threading.Event().wait(0.02)
        yield {"n": (n := n + 1), "v": n}
live.follow(source())
live
"""
_COUNT = """
import ipywidgets
from kit.deadline import wait_until
def following():
    return [thread for thread in threading.enumerate() if thread.name == "kit-plots-follower"]
wait_until(lambda: len(following()) == 1, seconds=5)
followers = following()
charts = [one for one in ipywidgets.widgets.widget._instances.values() if isinstance(one, LineChart)]
print(len(followers), len(charts), len([one for one in Out.values() if isinstance(one, LineChart)]))
"""


def test_a_cell_that_is_run_again_has_one_follower_and_one_document(page: LabPage, jupyter: RunningLab) -> None:
    write_notebook(jupyter.notebooks / "again.ipynb", _AGAIN)
    page.open("again.ipynb")
    for _ in range(4):
        page.select(0)
        page.run_selected()
    followers, charts, outs = page.run(_COUNT).locator(".jp-OutputArea-output").inner_text().split()
    assert (followers, charts, outs) == ("1", "1", "4")
    page.select(0)
    page.page.wait_for_function("() => window.Bokeh?.documents.length === 1")
    assert page.complaints == []
