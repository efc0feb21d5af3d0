"""From a Kafka record to a drawn frame: the kit's plots beside the two usual ways, in a real JupyterLab.

python tests/benchmarks/live_plots.py [--check] [--seconds 15] [--soak 600]

Records with the time of their making go to a topic; a notebook reads it and draws; the page notes, in each frame that
the browser draws, which records are in the plot for the first time. The two usual ways: `push_notebook`, and a
`BokehModel` whose source is streamed to, record by record. ``--soak``: so many seconds of 200 records a second, with
the browser's heap before and after.
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
from kit.servers.kafka import KafkaCluster
from tests.browser.conftest import write_notebook
from tests.browser.lab import LabPage, RunningLab, chromium, running_lab
from tests.wait import wait_until

RATES = (20, 200, 5000)

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
from jupyter_bokeh import BokehModel
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

# In each frame: the newest record in the page's plots, and the number of those that were not there in the frame before.
_WATCH = """() => {
    const seen = window.kitSeen = {frames: [], last: 0, drawn: 0};
    const times = () => {
        let best = [];
        for (const document of window.Bokeh?.documents ?? [])
            for (const model of document._all_models.values())
                if (model.type === "ColumnDataSource" && model.data.x?.length > best.length) best = model.data.x;
        return best;
    };
    const frame = () => {
        const now = performance.timeOrigin + performance.now();
        const fresh = [];
        const all = times();
        for (let i = all.length - 1; i >= 0 && all[i] > seen.last; i--) fresh.push(all[i]);
        if (fresh.length) {
            seen.last = fresh[0];
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
        time.sleep(0.002)
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
        cpu, heap = sum(kernel.cpu_times()[:2]), page.page.evaluate(_HEAP)
        began = time.monotonic()
        with emitting(servers, topic, rate, seconds) as process:
            sent = int(process.communicate(timeout=seconds + 60)[0])
        used = (sum(kernel.cpu_times()[:2]) - cpu) / (time.monotonic() - began)
        _settled(page, sent)
        seen = page.page.evaluate("(() => { kitSeen.over = true; return kitSeen; })()")
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
    parser.add_argument("--soak", type=float, default=0.0)
    options = parser.parse_args()
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
                    if way != "kit.plots" and rate > 1000:
                        continue  # neither ends in this class hour
                    rows.append(measure(browser, lab, servers, way=way, rate=rate, seconds=options.seconds))
                    print(rows[-1], file=sys.stderr, flush=True)
            if options.soak:
                soak = measure(browser, lab, servers, way="kit.plots", rate=200, seconds=options.soak)
                rows.append({**soak, "way": f"kit.plots, {options.soak:.0f} s"})
    ours = {row["records/s"]: row for row in rows if row["way"] == "kit.plots"}
    report(
        "live plots",
        list(rows[0]),
        [list(row.values()) for row in rows],
        [
            Target("p95 at 200/s", ours[200]["p95 ms"], 200, "ms"),
            Target("lost at 200/s", ours[200]["lost"], 0),
            Target("p95 at 5,000/s", ours[5000]["p95 ms"], 300, "ms"),
        ],
    )


if __name__ == "__main__":
    main()
