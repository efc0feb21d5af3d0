"""The plots in a front end that has the widget protocol and nothing else, as VS Code has it: no JupyterLab."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from kit.plots import Form, LineChart, LiveTable
from tests.browser.hosts import POINTS, Hosts

pytestmark = pytest.mark.browser


@pytest.fixture
def hosts(browser: Browser) -> Iterator[Hosts]:
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield Hosts(page)
    page.close()
    assert errors == []


def _rows(first: int, count: int) -> list[dict[str, Any]]:
    return [{"n": n, "v": n % 7, "name": "ab"[n % 2]} for n in range(first, first + count)]


def test_a_chart_is_drawn_kept_up_to_date_and_opened_late_by_the_widget_protocol_alone(hosts: Hosts) -> None:
    page = hosts.page
    with LineChart("n", "v", by="name", title="bare", height=200).append(_rows(0, 60)) as chart:
        hosts.open(chart)
        hosts.wait_for(POINTS, [60])
        chart.append(_rows(60, 30))
        hosts.wait_for(POINTS, [90])
        page.evaluate("show(hosts[0])")  # a second view
        hosts.open(chart)  # and a window that is opened late
        hosts.wait_for(POINTS, [90, 90, 90])
        for n in range(5):
            chart.append(_rows(90 + n, 1))
        hosts.wait_for(POINTS, [95, 95, 95])
        assert page.locator(".kit-note").all_inner_texts() == ["95 rows"] * 3
        assert page.locator(".kit-legend button").all_inner_texts() == ["a", "b"] * 3
        chart._seq += 3  # a message is lost
        chart.append(_rows(95, 1))
        hosts.wait_for(POINTS, [96, 96, 96])
        page.evaluate("hosts.flatMap(host => host.ends).forEach(end => end?.())")
        assert page.evaluate(POINTS) == []
    assert set(page.evaluate("[...touched]")) <= {"get", "on", "send", "widget_manager"}


def test_a_chart_is_drawn_when_the_one_that_asked_for_bokehjs_is_closed_without_an_answer(hosts: Hosts) -> None:
    charts = [LineChart("x", "y", title=title).append({"x": [1, 2], "y": [1, 2]}) for title in "ab"]
    asked = []

    def silent(content: dict[str, Any], buffers: Any = ()) -> None:
        asked.append(content["kind"]) if content["kind"] == "bokehjs" else send(content, buffers)

    hosts.open(charts[0])
    send, charts[0].send = charts[0].send, silent
    hosts.wait_for("() => document.querySelector('.kit-note').textContent", "2 rows")
    hosts.wait_for("() => sent.length", 0)
    assert asked == ["bokehjs"]
    hosts.open(charts[1])
    charts[0].close()
    hosts.page.evaluate("hosts[0].ends.forEach(end => end?.())")  # what a front end does then
    hosts.wait_for(POINTS, [2])
    charts[1].close()


def test_a_table_and_a_secret_of_a_form_need_the_widget_protocol_alone(hosts: Hosts) -> None:
    table = LiveTable(last=3).append(_rows(0, 5))
    hosts.open(table)
    hosts.wait_for("() => [...document.querySelectorAll('td')].map(one => one.textContent).join()", "4,4,a,3,3,b,2,2,a")
    form = Form(lambda token: f"{len(token)} signs", token=Form.SECRET)
    hosts.open(form.fields["token"])
    field = hosts.page.locator("input[type=password]")
    field.fill("hunter2")
    hosts.wait_for("() => sent.length", 0)
    form.apply()
    assert form.answer == "7 signs"
    hosts.wait_for("() => document.querySelector('input').value", "")
    expect(field).to_have_count(1)
    table.close()


def test_the_kernel_imports_nothing_of_a_front_end_and_the_page_scripts_name_none() -> None:
    code = "import sys, kit.plots; print([name for name in sys.modules if name.startswith(('jupyter', 'notebook'))])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert [name for name in ("jupyterlab", "jupyter_server", "notebook") if name in shown] == []
    for source in (str(LineChart._esm), str(Form(lambda a: a, a=Form.SECRET).fields["a"]._esm)):
        assert [word for word in ("import", "require", "jupyterapp", "@jupyter") if word in source] == []
