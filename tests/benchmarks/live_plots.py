"""From a Kafka record to a drawn frame: the kit's plots beside the two usual ways, in a real JupyterLab.

python tests/benchmarks/live_plots.py [--check] [--seconds 15] [--soak 30]

Records with the time of their making go to a topic; a notebook reads it and draws; the page notes, in each frame that
the browser draws, which records are in the plot for the first time. The two usual ways: `push_notebook`, and a
`BokehModel` whose source is streamed to, record by record. Then twenty plots of the kit; and ``--soak``: so many
seconds of 200 records a second, with the browser's heap before and after.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from kafka import KafkaProducer

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT)]
from _report import Target, report

from kit import topics
from kit.deadline import pause
from kit.servers.interrupts import stop_at_the_first
from kit.servers.kafka import KafkaCluster
from tests.browser.conftest import write_notebook
from tests.browser.lab import LabPage, RunningLab, chromium, running_lab
from tests.wait import wait_until

RATES = (20, 200, 5000)
PLOTS = 20

_READ = """
import json, threading
from kit import streams
def each_batch(take, every=0.05):
    stream = streams.batches({topic!r}, every=every, bootstrap_servers={servers!r})
    threading.Thread(target=lambda: [take(batch) for batch in stream], daemon=True).start()
"""
WAYS = {
    "kit.plots": """
from kit import plots, streams
chart = plots.LineChart("t", "v", last=5000)
chart.follow(streams.batches({topic!r}, every=0.05, bootstrap_servers={servers!r}))
chart
""",
    "20 x kit.plots": _READ
    + """
from IPython.display import display
from kit import plots
charts = [plots.LineChart("t", "v", last=5000, height=120) for _ in range(20)]
display(*charts)
each_batch(lambda batch: [chart.append(batch) for chart in charts])
""",
    "push_notebook": _READ
    + """
from bokeh.io import output_notebook, push_notebook, show
from bokeh.plotting import figure
from bokeh.models import ColumnDataSource
from bokeh.resources import INLINE
output_notebook(INLINE, hide_banner=True)
source = ColumnDataSource(dict(x=[], y=[]))
plot = figure(height=280, width=700, x_axis_type="datetime")
plot.line("x", "y", source=source)
handle = show(plot, notebook_handle=True)
def take(batch):
    for t, v in zip(batch.t, batch.v):
        source.stream(dict(x=[t], y=[v]), rollover=5000)
        push_notebook(handle=handle)
each_batch(take)
""",
    "BokehModel + stream": _READ
    + """
from bokeh.plotting import figure
from bokeh.models import ColumnDataSource
from bokeh.io import output_notebook
from bokeh.resources import INLINE
from jupyter_bokeh import BokehModel
output_notebook(INLINE, hide_banner=True)
source = ColumnDataSource(dict(x=[], y=[]))
plot = figure(height=280, width=700, x_axis_type="datetime")
plot.line("x", "y", source=source)
def take(batch):
    for t, v in zip(batch.t, batch.v):
        source.stream(dict(x=[t], y=[v]), rollover=5000)
each_batch(take)
BokehModel(plot)
""",
}

# In each frame, for each plot: the records that were not there in the frame before.
_WATCH = """() => {
    const seen = window.kitSeen = {frames: [], last: new Map(), drawn: 0};
    const sources = () => (window.Bokeh?.documents ?? []).flatMap(document => [...document._all_models.values()])
        .filter(model => model.type === "ColumnDataSource" && model.data.x?.length && !model.name?.startsWith("few"));
    const frame = () => {
        const now = performance.timeOrigin + performance.now();
        const fresh = [];
        for (const model of sources()) { // plots that look the same have the same ids
            const {x} = model.data, last = seen.last.get(model) ?? 0;
            for (let i = x.length - 1; i >= 0 && x[i] > last; i--) fresh.push(x[i]);
            seen.last.set(model, x[x.length - 1]);
        }
        if (fresh.length) {
            seen.drawn += fresh.length;
            // what was found now is on the canvas with the next frame
            requestAnimationFrame(() => {
                const drawn = performance.timeOrigin + performance.now();
                for (const t of fresh) seen.frames.push(drawn - t);
            });
        }
        if (!seen.over) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
}"""
_HEAP = "performance.memory.usedJSHeapSize"


def emit(servers: str, topic: str, rate: int, seconds: float) -> int:
    """Send records at a steady rate; each holds the moment of its making, all different. Returns how many."""
    producer = KafkaProducer(bootstrap_servers=servers)
    began, number, last = time.monotonic(), 0, 0.0
    while (now := time.monotonic() - began) < seconds:
        while number < now * rate:
            last = max(time.time() * 1000, last + 0.001)
            producer.send(topic, json.dumps({"t": last, "v": (number * 37) % 101}).encode())
            number += 1
        pause(0.002)
    producer.flush()
    producer.close()
    return number


@contextmanager
def emitting(servers: str, topic: str, rate: int, seconds: float) -> Any:
    """The same in a process of its own, so that it takes nothing from what is measured."""
    code = f"import sys; sys.path[:0] = {sys.path[:2]!r}\nfrom live_plots import emit\n"
    code += f"print(emit({servers!r}, {topic!r}, {rate}, {seconds}))"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def measure(browser: Any, lab: RunningLab, servers: str, *, way: str, rate: int, seconds: float) -> dict[str, Any]:
    topic = f"live-{abs(hash((way, rate, time.time()))) % 10**8}"
    topics.create(topic, bootstrap_servers=servers)
    name = f"{topic}.ipynb"
    write_notebook(lab.notebooks / name, WAYS[way].format(topic=topic, servers=servers))
    page = LabPage(browser, lab)
    try:
        before = {process.pid for process in lab.processes()}
        page.open(name).run_all()
        kernel = next(p for p in lab.processes() if p.pid not in before and "ipykernel" in " ".join(p.cmdline()))
        page.page.evaluate(_WATCH)
        page.page.request_gc()
        cpu, heap = sum(kernel.cpu_times()[:2]), page.page.evaluate(_HEAP)
        began = time.monotonic()
        with emitting(servers, topic, rate, seconds) as process:
            sent = int(process.communicate(timeout=seconds + 60)[0])
        used = (sum(kernel.cpu_times()[:2]) - cpu) / (time.monotonic() - began)
        sent *= PLOTS if way.startswith("20") else 1
        _settled(page, sent)
        seen = page.page.evaluate("(() => { kitSeen.over = true; return {...kitSeen, last: 0}; })()")
        page.page.request_gc()
        grown = (page.page.evaluate(_HEAP) - heap) / 1e6
        memory = psutil.Process(kernel.pid).memory_info().rss / 1e6
    finally:
        page.page.evaluate("jupyterapp.commands.execute('notebook:shutdown-kernel')")
        page.close()
    waits = sorted(seen["frames"]) or [float("inf")] * 100
    points = statistics.quantiles(waits, n=100)
    return {
        "way": way,
        "records/s": rate,
        "p50 ms": round(points[49]),
        "p95 ms": round(points[94]),
        "p99 ms": round(points[98]),
        "lost": sent - seen["drawn"],
        "of": sent,
        "kernel CPU %": round(100 * used),
        "kernel MB": round(memory),
        "heap grown MB": round(grown, 1),
    }


_TABLE = """
import threading, time
from kit import plots
table = plots.LiveTable(last=5000)
def feed():
    for n in range({count}):
        table.append({{"n": n, "at": time.time() * 1000, "text": "x" * 40}})
        threading.Event().wait(0.001)
threading.Thread(target=feed, daemon=True).start()
table
"""
# How old is the newest row on the page, ten times a second, until the last row is there.
_AGES = """async count => {
    const ages = [];
    const cell = n => document.querySelector(`.kit-plot td:nth-child(${n})`)?.textContent.replaceAll(",", "");
    for (let n = -1; n < count - 1; n = Number(cell(1) ?? -1)) {
        if (n >= 0) ages.push(Date.now() - Number(cell(2)));
        await new Promise(done => setTimeout(done, 100));
    }
    return ages;
}"""


def measure_table(browser: Any, lab: RunningLab, *, seconds: float) -> float:
    """How many milliseconds a table of 5,000 rows is behind at most, while a thousand a second come."""
    count = int(1000 * seconds)
    write_notebook(lab.notebooks / "table.ipynb", _TABLE.format(count=count))
    page = LabPage(browser, lab)
    try:
        page.open("table.ipynb").run_all()
        return float(max(page.page.evaluate(_AGES, count)))
    finally:
        page.page.evaluate("jupyterapp.commands.execute('notebook:shutdown-kernel')")
        page.close()


def _settled(page: LabPage, sent: int) -> None:
    """Wait until all is drawn, or nothing more has come for a while: what is behind may catch up."""
    last, since = -1, time.monotonic()

    def done() -> bool:
        nonlocal last, since
        drawn = page.page.evaluate("kitSeen.drawn")
        if drawn != last:
            last, since = drawn, time.monotonic()
        return drawn >= sent or time.monotonic() - since > 5

    wait_until(done, timeout=120, what="the page settled")
    page.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 if a target is missed")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--soak", type=float, default=30.0)
    options = parser.parse_args()
    stop_at_the_first()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="kit-bench-") as folder:
        home = Path(folder)
        (home / "notebooks").mkdir()
        write_notebook(home / "notebooks" / "00_start_here.ipynb", "1")
        with (
            KafkaCluster(home / "kafka") as cluster,
            running_lab(home, home / "notebooks") as lab,
            chromium() as browser,
        ):
            servers = cluster.bootstrap_servers
            for rate in RATES:
                for way in WAYS:
                    if way.startswith("20") or (way != "kit.plots" and rate > 1000):
                        continue  # neither of the usual ways ends in this class hour
                    rows.append(measure(browser, lab, servers, way=way, rate=rate, seconds=options.seconds))
                    print(rows[-1], file=sys.stderr, flush=True)
            many = measure(browser, lab, servers, way="20 x kit.plots", rate=50, seconds=options.seconds)
            soak = measure(browser, lab, servers, way="kit.plots", rate=200, seconds=options.soak)
            behind = measure_table(browser, lab, seconds=options.seconds)
            rows += [many, {**soak, "way": f"kit.plots, {options.soak:.0f} s"}]
    found = {(row["way"], row["records/s"]): row for row in rows}
    ours, rivals = found["kit.plots", 200], [found[way, 200] for way in ("push_notebook", "BokehModel + stream")]
    fast = found["kit.plots", 5000]
    report(
        "live plots",
        list(rows[0]),
        [list(row.values()) for row in rows],
        [
            Target("p95 at 200/s", ours["p95 ms"], 100, "ms"),
            Target("p95 at 200/s, beside push_notebook", ours["p95 ms"], rivals[0]["p95 ms"], "ms"),
            Target("p95 at 5,000/s", fast["p95 ms"], 130, "ms"),
            Target("p95 of 20 plots at 50/s each", many["p95 ms"], 300, "ms"),
            Target("a table of 5,000 rows at 1,000/s, behind at most", behind, 1000, "ms"),
            Target("lost", sum(row["lost"] for row in (ours, fast, many, soak)), 0),
            Target("kernel at 200/s, beside BokehModel", ours["kernel MB"], rivals[1]["kernel MB"], "MB"),
            Target("heap grown in the soak", soak["heap grown MB"], 20, "MB"),
        ],
    )


if __name__ == "__main__":
    main()
