"""What every benchmark prints: a table, the targets it was held to, one JSON line of its figures."""

import json
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Target:
    """A figure and the bound it must keep. `at_most` False: the bound is a minimum."""

    name: str
    value: float
    bound: float
    unit: str = ""
    at_most: bool = True

    @property
    def held(self) -> bool:
        return self.value <= self.bound if self.at_most else self.value >= self.bound


def median(measure: Callable[[], float], runs: int) -> float:
    """The median of several runs of one measurement."""
    return statistics.median(measure() for _ in range(runs))


def report(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], targets: Sequence[Target]) -> None:
    """Print the table, the targets and the JSON line; with ``--check`` on the command line, exit 1 if one is missed."""
    console = Console(width=110)
    table = Table(*columns, title=title)
    for row in rows:
        table.add_row(*(f"{cell:.3g}" if isinstance(cell, float) and abs(cell) < 100 else _plain(cell) for cell in row))
    console.print(table)
    for target in targets:
        sign = "<=" if target.at_most else ">="
        mark = "[green]held[/]  " if target.held else "[red]missed[/]"
        console.print(f"{mark} {target.name}: {target.value:.3g} {target.unit} ({sign} {target.bound:g})")
    figures = {
        "benchmark": title,
        "rows": [dict(zip(columns, row, strict=True)) for row in rows],
        "targets": {t.name: {"value": round(t.value, 4), "bound": t.bound, "held": t.held} for t in targets},
    }
    print(json.dumps(figures))
    if "--check" in sys.argv and not all(target.held for target in targets):
        sys.exit(1)


def _plain(cell: object) -> str:
    return f"{cell:,.0f}" if isinstance(cell, float) else str(cell)
