"""What a collector has done so far, and how that is shown."""

import html
from dataclasses import dataclass

import pandas as pd

from kit.errors import KitError

__all__ = ["Counts", "as_html", "said"]

_COLOURS = {"running": "green", "ended": "green", "stopped": "gray", "failed": "red"}


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the records a collector received: received = sent + duplicate + dead_lettered, once it is idle."""

    received: int = 0
    sent: int = 0
    duplicate: int = 0
    dead_lettered: int = 0
    restarts: int = 0


def said(error: BaseException | None) -> str:
    """What an error has to say, in one line."""
    return f"{type(error).__name__}: {error.got if isinstance(error, KitError) else error}"


def as_html(topic: str, state: str, failed: BaseException | None, counters: pd.DataFrame) -> str:
    """A collector as a notebook shows it."""
    why = f"<pre>{html.escape(str(failed))}</pre>" if failed else ""
    caption = (
        f"<b>Collector</b> of topic <code>{html.escape(topic)}</code>: <b style='color:{_COLOURS[state]}'>{state}</b>"
    )
    return f"<div>{caption}{why}{counters.to_html(border=0)}</div>"
