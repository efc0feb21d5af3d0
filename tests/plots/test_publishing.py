"""How often a plot is published, in how many messages; and that the last state is always drawn."""

import json
import threading
import time
from collections import Counter
from typing import Any

import pytest

from kit.plots import LineChart, _publisher
from kit.plots._view import View
from tests.plots.tools import record
from tests.wait import wait_until

Sent = list[tuple[View, str, float]]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What the views have sent to the browsers: the view, the text, when."""
    found: Sent = []

    def send(view: View, content: dict[str, Any], _buffers: Any = None) -> None:
        found.append((view, content["payload"], time.monotonic()))

    monkeypatch.setattr(View, "send", send)
    return found


def sums(payload: str) -> dict[str, Any]:
    """The values of the patched properties, by their names."""
    return {event["attr"]: event["new"] for event in json.loads(payload)["events"]}


@pytest.mark.parametrize("series", [1, 7])
def test_a_publication_is_three_messages_whatever_the_number_of_series(sent: Sent, series: int) -> None:
    with LineChart("at", "value", by="name") as chart:
        chart.append([record(1, f"name {n}") for n in range(series)])
        chart.publish()
        wait_until(lambda: chart._view.render_bundle and len(chart._sources) == series)
        sent.clear()
        chart._draw()
        header, metadata, content = [text for _, text, _ in sent][:3]
        assert header.startswith('{"msgid"')  # by which a view that has just opened knows where a patch begins
        assert metadata == "{}"
        assert len(json.loads(content)["events"]) == series + 1  # and the note


def test_a_flood_is_published_ten_times_a_second_and_its_last_state_is_drawn(sent: Sent) -> None:
    with LineChart("at", "value", last=500) as chart:
        began, count = time.monotonic(), 0
        while len(sent) < 10 * 3:  # the tenth publication comes while it still goes on
            assert time.monotonic() < began + 60
            chart.append(record(count))
            count += 1
        assert len(sent) / 3 <= (time.monotonic() - began) * 10 + 3
        wait_until(lambda: f"last 500 of {count:,}" in sums(sent[-1][1]).get("text", ""), what="the last state")


def test_twenty_plots_stay_below_what_the_server_lets_pass_and_each_draws_its_last_state(sent: Sent) -> None:
    charts = [LineChart("at", "value") for _ in range(20)]
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(0.001):
            for chart in charts:
                chart.append(record(chart.total))

    writer = threading.Thread(target=write)
    began = time.monotonic()
    writer.start()
    views = {chart._view for chart in charts}
    try:
        wait_until(lambda: {view for view, *_ in list(sent)} == views and time.monotonic() > began + 1.5)
    finally:
        stop.set()
        writer.join(10)
    seconds = Counter(int(at - began) for _, _, at in sent)
    assert max(seconds.values()) < 1.25 * 400  # the server drops what is beyond 1,000

    def last(chart: LineChart) -> str:
        texts = [text for view, text, _ in list(sent) if view is chart._view and "events" in text]
        return str(sums(texts[-1])["text"])

    for chart in charts:
        wait_until(lambda chart=chart: f">{chart.total:,} rows<" in last(chart), what="the last state")
        chart.close()


def test_a_page_that_opens_is_told_the_last_state_once_its_views_are_there(sent: Sent) -> None:
    with LineChart("at", "value") as chart:
        chart.append([record(1)]).publish()  # draws the line; a change of what is drawn is a message
        chart.append([record(2)])
        wait_until(lambda: any("2 rows" in text for _, text, _ in list(sent)), what="the publication of the change")
        chart._view.seen = True  # by a page before
        with _publisher.lock:
            sent.clear()
            chart._view.get_state()
            assert not sent
        wait_until(lambda: len(sent) >= 3, what="a publication without a change")
        with _publisher.lock:
            assert len(sent) == 3


def test_a_plot_that_is_closed_tells_a_page_that_opened_nothing_more(sent: Sent, no_thread_left: None) -> None:
    with LineChart("at", "value") as chart:
        chart._view.seen = True
        chart._view.get_state()
        again = chart._view._again
        assert again is not None
    again.join(1.0)  # it does not wait until its time has come
    assert not again.is_alive()
