"""What notebook 29 does on a lab that others use, too: its topic has an owner, and another notebook's run is seen."""

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import psutil
import pytest

from kit import topics

_NOTEBOOK = Path(__file__).parents[2] / "solutions" / "29_exercise_average_price.ipynb"


def _cell(word: str) -> str:
    cells = json.loads(_NOTEBOOK.read_text("utf-8"))["cells"]
    (source,) = [one for cell in cells if word in (one := "".join(cell["source"])) and cell["cell_type"] == "code"]
    return str(source)


def test_the_topic_of_a_kernel_that_was_killed_goes_at_the_next_run(
    broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIT_KAFKA_BOOTSTRAP_SERVERS", broker)
    own = f"average-{os.uname().nodename}-"
    dead, alive, others = f"{own}{2**22 + 1}", f"{own}{os.getppid()}", "average-of-another-machine-4194305"
    for name in (dead, alive, others, f"{own}{os.getpid()}"):
        topics.create(name)
    names: dict[str, Any] = {"os": os, "psutil": psutil, "topics": topics, "pd": pd}
    exec(_cell("psutil.pid_exists"), names)  # the notebook's own
    assert names["topic"] == f"{own}{os.getpid()}"
    left = set(topics.describe()["topic"])
    assert left >= {alive, others, names["topic"]}
    assert dead not in left


_ALONE = {"origin": "2026-01-05T14:30:00Z", "tick": 240, "paused": True}


@pytest.mark.parametrize(
    ("ended", "now", "seen"),
    [
        (_ALONE, _ALONE, False),
        (_ALONE, _ALONE | {"tick": 250}, True),  # another notebook has run since
        (_ALONE | {"origin": "2026-01-05T14:35:00Z"}, _ALONE | {"origin": "2026-01-05T14:35:00Z"}, True),  # meanwhile
        (_ALONE | {"tick": 100}, _ALONE | {"tick": 100}, True),  # it has stopped the clock
    ],
)
def test_another_notebook_that_came_between_is_named_beside_the_comparison(
    capsys: pytest.CaptureFixture[str], ended: dict[str, Any], now: dict[str, Any], seen: bool
) -> None:
    began = pd.Timestamp("2026-01-05T14:30:00Z")
    quote = pd.DataFrame({"symbol": ["JPM"], "price": [37.5], "ts": [int(began.timestamp() * 1000)]})
    row = pd.DataFrame({"symbol": ["JPM"], "price": [37.5], "ts": [began + pd.Timedelta("20s")]})
    names = {
        "clock": {"origin": _ALONE["origin"]} | {"tick": 0},
        "ended": ended,
        "seconds": 12,
        "speed": 20,
        "lab": SimpleNamespace(feeds=SimpleNamespace(state=lambda: {"clock": now})),
        "topics": SimpleNamespace(offsets=lambda _: pd.DataFrame({"records": [1]})),
        "streams": SimpleNamespace(batches=lambda *_, **__: [quote]),
        "create_table": lambda _: None,
        "view": lambda _: row,
        "session": None,
        "topic": "t",
        "began": began,
        "pd": pd,
    }
    exec(_cell("wrong by a cent or more"), names)  # the notebook's own
    shown = capsys.readouterr().out
    assert ("another notebook" in shown) == seen
    assert "missing: 0\nwrong by a cent or more: 0\n" in shown
