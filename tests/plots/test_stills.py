"""Still pictures: what a notebook shows where no kernel is."""

import pandas as pd
import pytest
from ipywidgets.widgets.widget import _instances
from matplotlib.figure import Figure

from kit.plots import LineChart
from tests.plots.tools import ALL, is_png, make, record


@pytest.mark.parametrize("kind", ALL)
def test_a_plot_that_no_front_end_has_opened_is_displayed_with_a_still_and_a_note(kind: str) -> None:
    with make(kind, title="a <title>") as plot:
        shown = plot.append([record(n) for n in range(30)])._repr_mimebundle_()
        assert shown["application/vnd.jupyter.widget-view+json"]["model_id"] == plot.model_id
        assert "rows" in shown["text/plain"] or "of 30" in shown["text/plain"]
        if "image/png" in shown:
            assert is_png(shown["image/png"])
        else:
            assert "a &lt;title&gt;" in shown["text/html"]
            assert plot.note in shown["text/html"]


@pytest.mark.parametrize("kind", ALL)
def test_a_still_has_the_last_state_and_a_closed_plot_is_no_more_among_those_that_make_notebooks_asks(
    kind: str,
) -> None:
    plot = make(kind).append(record(1))
    first = plot._repr_mimebundle_()
    plot.append([record(n, name="GE") for n in range(20)])
    model_id = plot.model_id
    last = _instances[model_id].still()
    assert {key: value for key, value in first.items() if key in last} != last
    plot.close()
    assert model_id not in _instances


@pytest.mark.parametrize("kind", ALL)
def test_a_plot_without_data_has_a_still_too(kind: str) -> None:
    with make(kind) as plot:
        assert plot._repr_mimebundle_()
        assert plot.still()


@pytest.mark.parametrize("kind", ALL)
def test_in_a_notebook_that_is_open_the_page_draws_and_a_line_stands_for_the_plot(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "a.ipynb")
    with make(kind).append(record(1)) as plot:
        shown = plot._repr_mimebundle_()
        assert "image/png" not in shown
        assert "1 rows" in shown["text/html"]


def test_a_still_of_times_and_of_values_that_are_not_finite_can_be_drawn() -> None:
    with LineChart("at", "value", by="name") as chart:
        chart.append({"at": ["2026-01-05", None], "value": [float("inf"), 2], "name": ["a", "b"]})
        assert is_png(chart.still()["image/png"])


@pytest.mark.parametrize(
    ("step", "some"),
    [
        ("1D", "2026-01-07"),
        ("1h", "00:00\n2026-01-06"),
        ("1min", "23:05\n2026-01-05"),
        ("1s", "23:00:05\n2026-01-05"),
        ("10ms", "23:00:00.050000\n2026-01-05"),
    ],
)
def test_a_still_has_the_times_of_the_live_chart_wherever_the_kernel_is(
    step: str, some: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *args, **options: (drawn.append(self), save(self, *args, **options))
    )
    at = pd.date_range("2026-01-05T23:00Z", periods=12, freq=step).tz_convert("Pacific/Auckland")
    with LineChart("at", "v").append({"at": at, "v": range(12)}) as chart:
        chart.still()
    texts = [label.get_text() for label in drawn[0].axes[0].get_xticklabels()]
    assert some in texts
    assert len(set(texts)) == len(texts)
