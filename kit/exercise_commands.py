"""The commands `kit exercises …`: build, reset, grade."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

__all__ = ["app"]

app = typer.Typer(help="Exercises: make them, bring one back, grade them.", no_args_is_help=True)
_out = Console()


def _say(text: str) -> None:
    _out.print(text, markup=False, highlight=False, soft_wrap=True)


@app.command()
def build(
    check: Annotated[bool, typer.Option("--check", help="write nothing; exit 1 if one is not up to date")] = False,
) -> None:
    """Make notebooks/NN_exercise_* of solutions/NN_exercise_*."""
    from kit import exercises

    stale = exercises.build(write=not check)
    for path in stale:
        _say(f"{'not up to date' if check else 'written'}: {path.name}")
    if not stale:
        _say("all exercises are up to date")
    raise typer.Exit(1 if check and stale else 0)


@app.command()
def reset(
    exercise: Annotated[str, typer.Argument(help="its number or its name: 19")],
) -> None:
    """Bring an exercise back as it was handed out; the old notebook is kept beside it."""
    from kit import exercises

    path, kept = exercises.restore(exercise)
    _say(f"{path.name} is as it was handed out, and no gap of it counts as passed")
    if kept is not None:
        _say(f"what was in it is now in {kept.name}")
    _say("if it is open in JupyterLab: File → Reload Notebook from Disk")


@app.command()
def grade(
    folders: Annotated[list[Path], typer.Argument(help="folders, searched with what is below them, or notebooks")],
    *,
    csv: Annotated[Path, typer.Option(help="where the table goes")] = Path("grades.csv"),
    junit: Annotated[Path, typer.Option(help="where the JUnit XML goes")] = Path("grades.xml"),
    cell_seconds: Annotated[float, typer.Option(min=1, help="until a cell is interrupted")] = 60.0,
    seconds: Annotated[float, typer.Option(min=1, help="until a notebook's kernel is ended")] = 300.0,
    memory: Annotated[int, typer.Option(min=512, help="limit of a notebook's kernel, in MB")] = 2048,
) -> None:
    """Run students' notebooks, each in a fresh kernel, and write down which gaps pass.

    What counts are the checks: cells that run the whole pipeline are left out.

    The code runs with your rights and on your lab: the limits are against accidents, not against attacks.
    """
    import asyncio

    from rich.live import Live

    from kit import grading

    grading.write([], csv, junit)
    limits = grading.Limits(cell_seconds, seconds, memory * 1_000_000)
    with Live(console=_out, refresh_per_second=4) as live:

        def write(grades: list[grading.Grade], progress: str) -> None:  # after each: a later one may be interrupted
            live.update(grading.table(grades, progress))
            grading.write(grades, csv, junit)

        grades = asyncio.run(grading.grade(folders, limits=limits, each=write))
    if not _out.is_terminal:  # there, Live leaves the cursor behind the table
        _out.line()
    if not any(grade.gap for grade in grades):
        _say("there was no notebook to grade")
        raise typer.Exit(1)
    _say(f"written: {csv}, {junit}")
