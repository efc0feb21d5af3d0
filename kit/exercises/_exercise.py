"""An exercise in a notebook: its gaps, their checks, hints and solutions, and how far the student is."""

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kit.errors import ConfigError, ExerciseError
from kit.exercises import _history, _verdict
from kit.exercises._code import fingerprint
from kit.exercises._outcomes import CannotCheck, Card, Outcome, Passed
from kit.exercises._progress import Progress
from kit.exercises._running import StudentError, TookTooLong
from kit.exercises._source import Region, Source
from kit.exercises._trial import Missing, NotRight, Trial

__all__ = ["Exercise", "Gap"]

_LEFT = "text-align:left"
_STATES = {
    "now": ("✔", "passed"),
    "changed": ("◐", "passed, and changed since: check it again"),
    "before": ("◐", "passed, before this kernel started"),
    "open": ("○", "open"),
}


@dataclass(frozen=True)
class Gap:
    """How one gap is checked and explained. What it is called and what to do stands in the notebook.

    Attributes
    ----------
    names
        The functions, classes or methods (``Class.method``) that it fills.
    check
        Called with a `Trial`; returns when all is well, else says what is wrong with `Trial.wrong`.
    hints
        Three, each saying more than the one before.
    why
        Why the solution is as it is.
    broker
        Whether the check needs one.
    """

    names: tuple[str, ...]
    check: Callable[[Trial], None]
    hints: tuple[str, str, str]
    why: str
    broker: bool = True


class Exercise:
    """The gaps of a notebook: check them, get hints, see solutions. `kit.exercises.load` makes one.

    Examples
    --------
    >>> exercise = load("19_exercise_tweets", globals())     # doctest: +SKIP
    >>> exercise.check(1)                                    # doctest: +SKIP
    ○ Gap 1, create the topic: not attempted · 0 of 7 gaps
    """

    def __init__(
        self,
        name: str,
        gaps: Sequence[Gap],
        namespace: Mapping[str, Any],
        *,
        source: Source | None = None,
        regions: Sequence[Region] = (),
    ) -> None:
        self.name = name
        self._gaps, self._namespace, self._source = tuple(gaps), namespace, source
        self._regions = source.regions if source else list(regions)
        self._progress = Progress(name)
        self._passed: dict[int, str] = {}  # in this kernel: the code that passed
        self._hints: dict[int, int] = {}
        numbers = sorted({region.number for region in self._regions})
        if numbers != list(range(1, len(gaps) + 1)):
            raise ExerciseError(
                f"a check for each gap of {name}", got=f"{len(gaps)} for {numbers}", todo="write the missing ones"
            )

    # ---- what students call -----------------------------------------------------------------------------------

    def check(self, gap: int) -> Outcome:
        """Try the code of a gap, and say what it does: passed, not attempted, not yet right, crashed, can't be checked.

        Raises
        ------
        ConfigError
            There is no such gap.
        """
        chosen = self._chosen(gap)
        code = self._code(gap)
        outcome = self._outcome(gap, chosen)
        if outcome.ok:
            self._passed[gap] = code
        elif not isinstance(outcome, CannotCheck):
            self._passed.pop(gap, None)
        if not isinstance(outcome, CannotCheck):
            try:
                self._progress.note(gap, passed=outcome.ok)
            except ConfigError as error:  # what was found is told all the same
                outcome = outcome.saying("note", f"progress cannot be kept: {error.got}; {error.todo}")
        return outcome.of(gap, self.title(gap), self.progress)

    def hint(self, gap: int) -> Card:
        """The next of three hints; the third says nearly all."""
        chosen = self._chosen(gap)
        step = self._hints[gap] = min(self._hints.get(gap, 0) + 1, len(chosen.hints))
        lines = [("hint", chosen.hints[step - 1])]
        if step == len(chosen.hints):
            lines.append(("next", f"there is no further hint; exercise.solution({gap}) shows one way"))
        return Card(f"Gap {gap}, {self.title(gap)}: hint {step} of {len(chosen.hints)}", tuple(lines))

    def solution(self, gap: int) -> Card:
        """One right way, and why it is as it is."""
        chosen = self._chosen(gap)
        code = "\n\n".join(region.solution for region in self._regions if region.number == gap)
        return Card(f"Gap {gap}, {self.title(gap)}: one solution", (("code", code), ("why", chosen.why)))

    def finish(self) -> Card:
        """Check what has not passed in this kernel on the code as it is now.

        Raises
        ------
        ExerciseError
            A gap has not passed.
        """
        outcomes = [self.check(gap) for gap in range(1, len(self._gaps) + 1) if self._state(gap) != "now"]
        missed = [outcome for outcome in outcomes if not outcome.ok]
        if missed:
            first = missed[0].gap
            told = "; ".join(f"gap {outcome.gap}: {outcome.kind}" for outcome in missed)
            todo = f"fill gap {first}, then run exercise.check({first}) for what it says"
            raise ExerciseError(f"all {len(self._gaps)} gaps to pass, on the code as it is now", got=told, todo=todo)
        said = "each was checked in this kernel, on the code as it is now"
        count = len(self._gaps)
        return Passed(f"All done: {count} of {count} gap{'s' * (count > 1)} passed", (("so", said),))

    def reset(self) -> None:
        """Forget which gaps have passed. The notebook stays as it is."""
        self._passed.clear()
        self._hints.clear()
        self._progress.reset()

    # ---- how far ----------------------------------------------------------------------------------------------

    @property
    def progress(self) -> str:
        """``"4 of 7 gaps"``: those whose last check, in whatever kernel, has passed."""
        count = len(self._gaps)
        return f"{len(self._progress.passed() & set(self._numbers))} of {count} gap{'s' * (count > 1)}"

    def title(self, gap: int) -> str:
        """What the gap is called."""
        return next(region.title for region in self._regions if region.number == gap)

    @property
    def _numbers(self) -> range:
        return range(1, len(self._gaps) + 1)

    def _state(self, gap: int) -> str:
        if gap in self._passed:
            return "now" if self._passed[gap] == self._code(gap) else "changed"
        return "before" if gap in self._progress.passed() else "open"

    def __repr__(self) -> str:
        rows = [f"{mark} Gap {gap}, {self.title(gap)}: {said}" for gap, mark, said in self._rows()]
        return "\n".join([f"{self.name}: {self.progress}", *rows])

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr style='background:none'><td style='{_LEFT}'>{mark}</td>"
            f"<td style='{_LEFT}'>Gap {gap}, {html.escape(self.title(gap))}</td><td style='{_LEFT}'>{said}</td></tr>"
            for gap, mark, said in self._rows()
        )
        return f"<div class='kit-exercise'><b>{html.escape(self.name)}: {self.progress}</b><table>{cells}</table></div>"

    def _rows(self) -> list[tuple[int, str, str]]:
        return [(gap, *_STATES[self._state(gap)]) for gap in self._numbers]

    # ---- inside -----------------------------------------------------------------------------------------------

    def _chosen(self, gap: int) -> Gap:
        if type(gap) is not int or gap not in self._numbers:
            raise ConfigError(f"a gap from 1 to {len(self._gaps)}", got=repr(gap), todo="write for instance check(1)")
        return self._gaps[gap - 1]

    @cached_property
    def _known(self) -> set[str]:
        return {name.partition(".")[0] for gap in self._gaps for name in gap.names}

    def _code(self, gap: int) -> str:
        others = {name for gap_ in self._gaps for name in gap_.names}
        return fingerprint(self._namespace, self._gaps[gap - 1].names, without=others)

    def _todo(self, gap: int) -> str:
        return next(region.todo for region in self._regions if region.number == gap)

    def _outcome(self, gap: int, chosen: Gap) -> Outcome:
        ran = _history.executed(self._namespace)
        if ran is not None and self._source is not None:
            scaffold, cell = self._source.scaffold(gap), self._source.gap_cell(gap)
            return _verdict.with_cell(lambda: self._tried(gap, chosen), chosen.names, scaffold, cell, ran)
        return self._tried(gap, chosen)

    def _tried(self, gap: int, chosen: Gap) -> Outcome:
        """The check itself. What goes wrong in it is no business of the student's, and is told as that."""
        try:
            with Trial(self._namespace, self._known) as trial:
                if chosen.broker:
                    _ = trial.servers
                try:
                    for name in chosen.names:
                        trial.named(name)
                    chosen.check(trial)
                except (StudentError, TookTooLong, Missing, NotRight) as told:
                    return _verdict.of(told, gap, self._todo(gap), trial)
            return Passed("")
        except Exception as error:
            return _verdict.unchecked(error)
