"""What a check answers: passed, or one of four reasons why not; a box in a notebook, plain text elsewhere."""

import html
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

__all__ = ["CannotCheck", "Card", "Crashed", "Ended", "NotAttempted", "NotYetRight", "Outcome", "Passed"]

_BOX = "border-left:4px solid {colour};padding:6px 12px;margin:4px 0;max-width:56em;line-height:1.5"
_LABEL = "text-align:left;vertical-align:top;padding:0 12px 0 0;color:var(--jp-ui-font-color2,#777);white-space:nowrap"
_TEXT = "text-align:left;vertical-align:top;padding:0;white-space:pre-wrap;overflow-wrap:anywhere"
_CODE = ";font-family:var(--jp-code-font-family,monospace);font-size:var(--jp-code-font-size,13px)"
_IN_CODE = ("expected", "got", "on", "line", "code")


@dataclass(frozen=True)
class Card:
    """A headline, and lines that each have a label: ``("expected", "3 partitions")``; an empty text is left out."""

    headline: str
    lines: tuple[tuple[str, str], ...] = ()

    mark: ClassVar[str] = "·"
    colour: ClassVar[str] = "#0072B2"

    @property
    def parts(self) -> dict[str, str]:
        """The lines by their labels."""
        return {label: text for label, text in self.lines if text}

    def __repr__(self) -> str:
        width = max(map(len, self.parts), default=0) + 2
        lines = [f"{label + ':':<{width}}{text}".replace("\n", f"\n{'':{width}}") for label, text in self.parts.items()]
        return "\n".join([f"{self.mark} {self.headline}", *lines])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr style='background:none'><td style='{_LABEL}'>{html.escape(label)}</td>"
            f"<td style='{_TEXT}{_CODE if label in _IN_CODE else ''}'>{html.escape(text)}</td></tr>"
            for label, text in self.parts.items()
        )
        table = f"<table style='margin:2px 0;border:0'>{rows}</table>" if rows else ""
        heading = f"<b style='color:{self.colour}'>{self.mark}</b> <b>{html.escape(self.headline)}</b>"
        return f"<div class='kit-exercise' style='{_BOX.format(colour=self.colour)}'>{heading}{table}</div>"


@dataclass(frozen=True, repr=False)
class Outcome(Card):
    """What came of checking a gap: its number, and the error of a check that fails itself, for its author."""

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


class Passed(Outcome):  # it does what it should
    kind, mark, colour = "passed", "✔", "#009E73"


class NotAttempted(Outcome):  # nothing was filled in yet
    kind, mark, colour = "not attempted", "○", "#777777"


class NotYetRight(Outcome):  # it does something else: what was expected, what came, on which input
    kind, mark, colour = "not yet right", "✘", "#D55E00"


class Crashed(Outcome):  # the student's own code raised; with its line
    kind, mark, colour = "crashed", "⚡", "#CC79A7"


class CannotCheck(Outcome):  # a broker is down, another gap is open: this gap is not the cause
    kind, mark, colour = "can't be checked now", "⏸", "#E69F00"


class Ended(Exception):
    """The check ends here, with this outcome."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.kind)
        self.outcome = outcome
