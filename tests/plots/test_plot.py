"""What all plots have in common: threads, followers, their ends, and what is said of them."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kit import streams, topics
from kit.errors import PlotError
from kit.plots import LineChart, LiveList, LiveTable, Metric
from kit.plots import _background as background
from tests.plots.tools import ALL, Gate, Page, drawn, make, record, text_of
from tests.topics.tools import write
from tests.wait import wait_until


@pytest.mark.parametrize("kind", ALL)
def test_eight_threads_lose_nothing(kind: str) -> None:
    with make(kind, last=8000) if kind != "keyed" else make(kind) as plot:
        names = [f"thread {n}" for n in range(8)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: [plot.append(record(n, name)) for n in range(250)], names))
        assert plot.total == 2000
        assert len(plot) == (8 if kind == "keyed" else 2000)


def test_what_eight_threads_have_appended_is_what_is_drawn() -> None:
    with LineChart("at", "value", by="name", last=8000) as chart:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: [chart.append(record(n, name)) for n in range(1000)], "abcdefgh"))
        found = {name: series["x"] for name, series in drawn(chart).items()}
        assert found == {name: list(range(1000)) for name in "abcdefgh"}


def test_it_can_be_read_while_others_write() -> None:
    with LiveList("name", last=500) as texts, ThreadPoolExecutor(1) as pool:
        done = pool.submit(lambda: [texts.append(record(n)) for n in range(3000)])
        while not done.done():
            assert len(texts.items()) <= 500
            assert texts.note
        done.result()


def test_the_records_of_a_stream_are_followed_until_it_ends_and_the_note_says_so() -> None:
    with LineChart("at", "value").follow([record(n)] for n in range(50)) as chart:
        assert chart.wait(50).total == 50
        wait_until(lambda: chart.note == "50 rows; the stream has ended")


def test_each_batch_can_be_made_into_something_else_or_left_out() -> None:
    with LiveList().follow(range(6), each=lambda n: f"number {n}" if n % 2 else None) as texts:
        wait_until(lambda: texts.note == "3 rows; the stream has ended")
        assert texts.items() == ["number 5", "number 3", "number 1"]


def test_with_replace_the_newest_batch_is_all_that_is_shown() -> None:
    with LiveTable().follow([[record(1), record(2)], [record(3)]], replace=True) as table:
        wait_until(lambda: table.note == "1 rows; the stream has ended")
        assert table.rows() == [("3", "4.5", "JPM")]


def test_a_stream_that_fails_is_told_by_the_note() -> None:
    def fails() -> Iterator[Any]:
        yield record(1)
        raise ValueError("the line <dropped>")

    with Metric().follow(fails(), each=lambda batch: batch["value"]) as metric:
        wait_until(lambda: "stopped: ValueError: the line <dropped>" in metric.note)
        assert "the line &lt;dropped&gt;" in text_of(metric)
        with pytest.raises(PlotError, match="the line <dropped>"):
            metric.wait(2)
        metric.follow([{"value": 3}])
        assert metric.wait(2).text() == "3.00"
        wait_until(lambda: metric.note == "2 rows; the stream has ended")


def test_a_batch_without_the_column_is_told_by_the_note_with_what_was_expected() -> None:
    with LineChart("at", "price").follow([record(1)]) as chart:
        wait_until(lambda: "stopped: expected a column 'price', got the columns at, value, name" in chart.note)


@pytest.mark.parametrize("source", [5, None, "quotes", record(1)])
def test_what_gives_no_batches_cannot_be_followed(source: Any) -> None:
    with LineChart("at", "value") as chart, pytest.raises(PlotError, match="a stream"):
        chart.follow(source)


def test_stop_ends_the_stream_and_keeps_what_is_shown(no_thread_left: None) -> None:
    source = Gate(record(1))
    with LineChart("at", "value").follow(source) as chart:
        chart.wait(1).stop().stop()
        assert (source.stopped.is_set(), source.closed.is_set()) == (True, True)
        assert chart.note == "1 rows; stopped"
        assert chart.append(record(2)).total == 2


def test_another_stream_takes_the_place_of_the_first(no_thread_left: None) -> None:
    first, second = Gate(record(1)), Gate(record(2))
    with LineChart("at", "value").follow(first) as chart:
        chart.wait(1).follow(second).wait(2)
        assert (first.closed.is_set(), second.stopped.is_set()) == (True, False)
        assert chart.note == "2 rows"


def test_a_stream_that_does_not_let_go_is_an_error_and_the_plot_closes_all_the_same() -> None:
    release = threading.Event()

    def stuck() -> Iterator[Any]:
        yield record(1)
        release.wait(30)

    chart = LineChart("at", "value").follow(stuck()).wait(1)
    try:
        with pytest.raises(PlotError, match=r"the stream to end in 0\.05 s"):
            chart.stop(timeout=0.05)
        chart.close()
        with pytest.raises(PlotError, match="an open plot"):
            chart.append(record(2))
    finally:
        release.set()


@pytest.mark.parametrize("kind", ALL)
def test_a_closed_plot_takes_nothing_more_and_says_so(kind: str, no_thread_left: None) -> None:
    source = Gate(record(1))
    plot = make(kind).follow(source).wait(1)
    plot.close()
    plot.close()
    assert source.closed.is_set()
    for verb in (plot.append, plot.replace):
        with pytest.raises(PlotError, match="an open plot"):
            verb(record(2))
    with pytest.raises(PlotError, match="an open plot"):
        plot.follow([])
    assert "closed" in repr(plot)
    assert plot._repr_mimebundle_() == {"text/plain": repr(plot)}


def test_the_publisher_ends_when_there_is_nothing_to_publish_and_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_IDLE_SECONDS", 0.05)
    with Metric().append(1) as metric:
        page = Page(metric)
        wait_until(lambda: background._thread is None, what="the publisher ended")
        metric.append(2)
        wait_until(lambda: "2.00" in page.messages[-1]["html"], what="the second drawn")


def test_a_plot_that_cannot_be_drawn_says_so_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(everything: bool) -> Any:
        raise RuntimeError("no <picture>")

    with LineChart("at", "value") as chart, Metric() as metric:
        page, other = Page(chart), Page(metric)
        monkeypatch.setattr(chart, "_news", fails)
        chart.append(record(1))
        wait_until(lambda: "cannot be drawn: RuntimeError: no <picture>" in page.note["text"] and page.note["failed"])
        metric.append(2)
        wait_until(lambda: "2.00" in other.messages[-1]["html"])
        monkeypatch.undo()
        chart.publish()
        assert page.series()["value"]["x"] == [1]
        assert chart.note == "1 rows"


def test_waiting_for_rows_that_do_not_come_is_an_error() -> None:
    with Metric().append(1) as metric, pytest.raises(PlotError, match=r"2 rows in 0\.05 s"):
        metric.wait(2, timeout=0.05)


def test_a_topic_is_followed_and_its_deletion_is_told_by_the_note(broker: str, topic: str) -> None:
    topics.create(topic, bootstrap_servers=broker)
    write(broker, topic, b'{"at": 1, "value": 2}', b'{"at": 2, "value": 3}')
    stream = streams.batches(topic, start="earliest", every=0, bootstrap_servers=broker)
    with LineChart("at", "value").follow(stream) as chart:
        assert chart.wait(2).total == 2
        topics.delete(topic, bootstrap_servers=broker)
        wait_until(lambda: "stopped: expected" in chart.note, timeout=30, what="the end said")
        assert topic in chart.note
