"""Plots of a kernel that has much to do: twenty live plots in one notebook; Run All, which leaves it no pause."""

from pathlib import Path

import pytest

from tests.browser.conftest import write_notebook
from tests.browser.lab import LabPage, RunningLab

pytestmark = pytest.mark.browser

_MAKE = """
import threading
from IPython.display import display
from kit.plots import LineChart
charts = [LineChart("n", ["a", "b"], last=500, height=120, title=f"chart {k}") for k in range(20)]
for chart in charts:
    display(chart)
"""
_FEED = """
over, fed = threading.Event(), 0
def feed():
    global fed
    while not over.wait(0.02):
        for chart in charts:
            chart.append({"n": fed, "a": fed % 7, "b": fed % 5})
        fed += 1
feeding = threading.Thread(target=feed, daemon=True)
feeding.start()
"""
# Of each chart, how many points BokehJS holds for its two lines.
_POINTS = """() => Object.fromEntries((window.Bokeh?.documents ?? []).flatMap(document => {
    const models = [...document._all_models.values()];
    const figure = models.find(model => model.type === "Figure");
    if (!figure?.title?.text?.startsWith("chart ")) return [];
    const sources = new Set(figure.renderers.map(one => one.data_source).filter(one => one.name.startsWith("source")));
    return [[figure.title.text, [...sources].reduce((sum, source) => sum + source.data.y.length, 0)]];
}))"""


def test_twenty_live_plots_all_keep_up_and_the_kernel_still_answers(page: LabPage, jupyter: RunningLab) -> None:
    name = "many.ipynb"
    write_notebook(Path(jupyter.notebooks) / name, _MAKE, _FEED)
    page.open(name).run_all()
    answer = page.run("sum(range(10))", timeout=10.0)  # while all of them are fed
    assert "45" in answer.locator(".jp-OutputArea-output").inner_text()
    fed = int(page.run("over.set(); feeding.join(); print(fed)").locator(".jp-OutputArea-output").inner_text())
    page.page.wait_for_function(
        f"wanted => {{ const points = ({_POINTS})(); return Object.keys(points).length === 20 "
        "&& Object.values(points).every(count => count === wanted); }",
        arg=2 * min(fed, 500),
    )
    assert page.errors() == []
    assert page.complaints == []


_LONG_CELL = """
import threading
from pathlib import Path
n, pause = 0, threading.Event()
while not Path("enough").exists():
    n += 1
    chart.append({"n": n, "v": n % 7})
    pause.wait(0.05)
"""


def test_a_plot_is_drawn_while_run_all_goes_on(page: LabPage, jupyter: RunningLab) -> None:
    make = "from kit.plots import LineChart\nchart = LineChart('n', 'v', title='chart of run all')\nchart"
    write_notebook(jupyter.notebooks / "run_all.ipynb", make, _LONG_CELL)
    page.open("run_all.ipynb").start_all()
    page.page.wait_for_function(f"() => ({_POINTS})()['chart of run all'] > 3")
    assert not page.page.evaluate("window.kitRan")
    (jupyter.notebooks / "enough").touch()
    page.wait_ran()
    assert page.errors() == []
    assert page.complaints == []
