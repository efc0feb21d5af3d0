"""How often a plot is published; and that the last state always reaches the page."""

import threading
import time
from collections import Counter
from typing import Any

import pytest

from kit.plots import LineChart
from tests.plots.tools import Page, record
from tests.wait import wait_until


class Clocked(Page):
    """A page that notes when each message came."""

    def __init__(self, plot: Any) -> None:
        self.times: list[float] = []
        super().__init__(plot)

    def _receive(self, message: dict[str, Any], buffers: Any = None) -> None:
        super()._receive(message, buffers)
        self.times.append(time.monotonic())


def test_nothing_is_sent_before_a_page_asks(no_thread_left: None) -> None:
    sent: list[Any] = []
    with LineChart("at", "value") as chart:
        chart.send = lambda *message: sent.append(message)  # type: ignore[method-assign]
        chart.append(record(1))
        assert (chart.publish(), sent) == (0, [])


def test_a_flood_is_published_at_most_fifty_times_a_second_and_its_last_state_arrives() -> None:
    with LineChart("at", "value", last=500) as chart:
        page, began, count = Clocked(chart), time.monotonic(), 0
        while len(page.times) < 20:  # the twentieth publication comes while it still goes on
            assert time.monotonic() < began + 60
            chart.append(record(count))
            count += 1
        assert len(page.times) <= (time.monotonic() - began) * 50 + 3
        wait_until(lambda: page.note["text"] == f"last 500 of {count:,}", what="the last state")
        assert page.series()["value"]["x"] == list(range(count - 500, count))


def test_twenty_plots_stay_below_what_the_server_lets_pass_and_each_gets_its_last_state() -> None:
    charts = [LineChart("at", "value") for _ in range(20)]
    pages = [Clocked(chart) for chart in charts]
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(0.001):
            for chart in charts:
                chart.append(record(chart.total))

    writer = threading.Thread(target=write)
    began = time.monotonic()
    writer.start()
    try:
        wait_until(lambda: all(len(page.times) > 3 for page in pages) and time.monotonic() > began + 1.5)
    finally:
        stop.set()
        writer.join(10)
    seconds = Counter(int(at - began) for page in pages for at in page.times)
    assert max(seconds.values()) < 1.25 * 400  # the server drops what is beyond 1,000
    for chart, page in zip(charts, pages, strict=True):
        wait_until(lambda chart=chart, page=page: page.note["text"] == chart.note, what="the last state")
        chart.close()


@pytest.mark.parametrize("lost", [1, 2])
def test_a_page_that_missed_a_message_gets_everything_when_it_asks(lost: int) -> None:
    with LineChart("at", "value") as chart:
        page = Page(chart)
        receive = chart.send
        chart.send = lambda *message: None  # type: ignore[method-assign]
        for number in range(lost):
            chart.append(record(number)).publish()
        chart.send = receive
        chart.append(record(9)).publish()
        assert page.seq == -1  # it has noticed
        page.ask()
        assert page.series()["value"]["x"] == [*range(lost), 9]


def test_what_a_page_asks_is_answered() -> None:
    with LineChart("at", "value").append(record(1)) as chart:
        page = Page(chart)
        chart._handle_custom_msg({"kind": "csv", "number": 0.5}, [])
        chart._handle_custom_msg({"kind": "bokehjs"}, [])
        chart._handle_custom_msg({"kind": "no such thing"}, [])
        assert [message["kind"] for message in page.messages[-2:]] == ["csv", "bokehjs"]
