"""An answer of a student, and the cell that it makes."""

import ast
import textwrap
from dataclasses import dataclass

from kit.exercises import NotYetRight, Outcome, Source

__all__ = ["Answer", "Right", "Wrong", "cell_of"]


@dataclass(frozen=True)
class Answer:
    """What somebody wrote into a gap.

    Attributes
    ----------
    name
        What they thought, in words.
    code
        What stands in the gap; or the whole cell, if it is `whole`.
    second
        What stands in the second piece of a gap that has two; by default the solution.
    before
        A cell of their own that ran before.
    after
        A cell of their own that ran afterwards.
    leaves
        It leaves a thread behind: code that waits in the system, or a client of its own that it never closes.
    """

    name: str
    code: str
    second: str | None = None
    before: str = ""
    after: str = ""
    whole: bool = False
    leaves: bool = False


@dataclass(frozen=True, kw_only=True)
class Wrong(Answer):
    """It does not pass.

    Attributes
    ----------
    kind
        The outcome.
    hears
        A piece of the sentence that teaches.
    where
        The line that it stands in.
    got
        A piece of what the student is told that came, or of the error.
    """

    hears: str
    where: str = "next"
    kind: type[Outcome] = NotYetRight
    got: str = ""


@dataclass(frozen=True)
class Right(Answer):
    """It passes."""


def cell_of(source: Source, gap: int, answer: Answer | None = None) -> str:
    """The cell of a gap with an answer in it; without one, and for other gaps of the same cell, the solution."""
    if answer is not None and answer.whole:
        return textwrap.dedent(answer.code).strip("\n")
    regions = [region for region in source.regions if region.cell == source.gap(gap)[0].cell]
    mine = iter([answer.code, answer.second] if answer else [])
    given = [next(mine, None) if region.number == gap else None for region in regions]
    bodies = [region.solution if text is None else text for region, text in zip(regions, given, strict=True)]
    return _filled(source.gap_cell(gap), bodies)


def _filled(cell: str, bodies: list[str]) -> str:
    """The cell, with its lines that raise replaced."""
    raises = [node for node in ast.walk(ast.parse(cell)) if isinstance(node, ast.Raise)]
    lines = cell.split("\n")
    for node, body in reversed(list(zip(sorted(raises, key=lambda node: node.lineno), bodies, strict=True))):
        text = textwrap.indent(textwrap.dedent(body).strip("\n"), " " * node.col_offset)
        lines[node.lineno - 1 : node.end_lineno] = text.split("\n")
    return "\n".join(lines)
