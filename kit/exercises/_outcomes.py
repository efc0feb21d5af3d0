"""What a check answers: passed, or one of four reasons why not; a box in a notebook, plain text elsewhere."""

import html
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

__all__ = ["CannotCheck", "Card", "Crashed", "NotAttempted", "NotYetRight", "Outcome", "Passed"]

_BOX = "border-left:4px solid {colour};padding:6px 12px;margin:4px 0;max-width:56em;line-height:1.5"
_LABEL = "text-align:left;vertical-align:top;padding:0 12px 0 0;color:var(--jp-ui-font-color2,#777);white-space:nowrap"
_TEXT = "text-align:left;vertical-align:top;padding:0;white-space:pre-wrap;overflow-wrap:anywhere"
_CODE = ";font-family:var(--jp-code-font-family,monospace);font-size:var(--jp-code-font-size,13px)"
_IN_CODE = ("expected", "got", "on", "line", "code")


@dataclass(frozen=True)
class Card:
    """A headline, and lines that each have a label: ``("expected", "3 partitions")``."""

    headline: str
    lines: tuple[tuple[str, str], ...] = ()

    mark: ClassVar[str] = "·"
    colour: ClassVar[str] = "#0072B2"

    def __repr__(self) -> str:
        width = max((len(label) for label, _ in self.lines), default=0) + 2
        lines = [f"{f'{label}:':<{width}}{_indented(text, width)}" for label, text in self.lines]
        return "\n".join([f"{self.mark} {self.headline}", *lines])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr style='background:none'><td style='{_LABEL}'>{html.escape(label)}</td>"
            f"<td style='{_TEXT}{_CODE if label in _IN_CODE else ''}'>{html.escape(text)}</td></tr>"
            for label, text in self.lines
        )
        table = f"<table style='margin:2px 0;border:0'>{rows}</table>" if rows else ""
        heading = f"<b style='color:{self.colour}'>{self.mark}</b> <b>{html.escape(self.headline)}</b>"
        return f"<div class='kit-exercise' style='{_BOX.format(colour=self.colour)}'>{heading}{table}</div>"


@dataclass(frozen=True, repr=False)
class Outcome(Card):
    """What came of checking one gap.

    Attributes
    ----------
    gap
        Its number.
    error
        The exception behind it, where there is one; for authors of checks.
    """

    gap: int = 0
    error: BaseException | None = field(default=None, compare=False)

    kind: ClassVar[str] = ""

    @property
    def ok(self) -> bool:
        """Whether the gap passed."""
        return isinstance(self, Passed)

    def of(self, gap: int, title: str, progress: str = "") -> Self:
        """The same outcome, with the gap it is about in the headline."""
        after = f" · {progress}" if progress else ""
        return replace(self, gap=gap, headline=f"Gap {gap}, {title}: {self.kind}{after}")

    def saying(self, label: str, text: str) -> Self:
        """The same outcome, with one more line."""
        return replace(self, lines=(*self.lines, (label, text)))

    @property
    def parts(self) -> dict[str, str]:
        """The lines by their labels."""
        return dict(self.lines)


class Passed(Outcome):
    """The gap does what it should."""

    kind, mark, colour = "passed", "✔", "#009E73"


class NotAttempted(Outcome):
    """Nothing was filled in yet."""

    kind, mark, colour = "not attempted", "○", "#777777"


class NotYetRight(Outcome):
    """It runs, but does something else: what was expected, what came, on which input."""

    kind, mark, colour = "not yet right", "✘", "#D55E00"


class Crashed(Outcome):
    """The student's own code raised; with its line."""

    kind, mark, colour = "crashed", "⚡", "#CC79A7"


class CannotCheck(Outcome):
    """It cannot be checked now: a broker is down, an earlier cell has not run. The gap is not the cause."""

    kind, mark, colour = "can't be checked now", "⏸", "#E69F00"


def _indented(text: str, width: int) -> str:
    return text.replace("\n", "\n" + " " * width)
