"""An exercise in a notebook: its gaps, their checks, hints and solutions, and how far the student is."""

import ast
import html
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kit.errors import ConfigError, ExerciseError
from kit.exercises import _verdict
from kit.exercises._code import fingerprint, names_in
from kit.exercises._context import CheckContext, Missing, NotRight
from kit.exercises._kernel import Runs
from kit.exercises._outcomes import CannotCheck, Card, Crashed, NotAttempted, Outcome, Passed
from kit.exercises._progress import Progress
from kit.exercises._running import StudentError, TookTooLong
from kit.exercises._source import Region, Source
from kit.exercises._values import shown

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
    """How one gap is checked and explained. What it is called and what to do stands in the solution notebook.

    Attributes
    ----------
    names
        The functions, classes or methods (``Class.method``) that it fills.
    check
        Called with a `CheckContext`; returns when all is well, else says what is wrong with `CheckContext.wrong`.
    hints
        Three, each says more than the one before.
    why
        Why the solution is as it is.
    needs
        The servers that the check needs, for example ``("kafka",)``.
    title, todo, solution
        Only of an exercise without a solution notebook.
    """

    names: tuple[str, ...]
    check: Callable[[CheckContext], None]
    hints: tuple[str, str, str]
    why: str
    needs: tuple[str, ...] = ()
    title: str = ""
    todo: str = ""
    solution: str = ""


class Exercise:
    """The gaps of a notebook: check them, get hints, see solutions. `kit.exercises.load` makes one.

    Examples
    --------
    >>> exercise = load("19_exercise_tweets", globals())     # doctest: +SKIP
    >>> exercise.check(1)                                    # doctest: +SKIP
    ○ Gap 1, create the topic: not attempted · 0 of 7 gaps
    """

    def __init__(
        self, name: str, gaps: Sequence[Gap], namespace: Mapping[str, Any], *, source: Source | None = None
    ) -> None:
        self.name = name
        self._gaps, self._namespace, self._source = tuple(gaps), namespace, source
        self._regions = (
            source.regions
            if source
            else [Region(number, gap.title, gap.todo, gap.solution, "") for number, gap in enumerate(gaps, 1)]
        )
        self._progress = Progress(name)
        self._runs = Runs(namespace)
        self._passed: dict[int, object] = {}  # in this kernel: the code that passed
        self._hints: dict[int, int] = {}
        numbers = sorted({region.number for region in self._regions})
        if numbers != list(self._numbers):
            got = f"{len(gaps)} for {numbers}"
            raise ExerciseError(f"a check for each gap of {name}", got=got, todo="write the missing ones")

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
            except ConfigError as error:  # the outcome counts all the same
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
        """One right way, and why it is as it is; after the hints."""
        chosen = self._chosen(gap)
        if left := len(chosen.hints) - self._hints.get(gap, 0):
            lines = (("next", f"run exercise.hint({gap}): {left} to come; then the solution is shown"),)
            return Card(f"Gap {gap}, {self.title(gap)}: one solution comes after the hints", lines)
        code = "\n\n".join(region.solution for region in self._regions if region.number == gap)
        return Card(f"Gap {gap}, {self.title(gap)}: one solution", (("code", code), ("why", chosen.why)))

    def finish(self) -> Card:
        """Check all gaps on the code as it is now.

        Raises
        ------
        ExerciseError
            A gap has not passed.
        """
        outcomes = [self.check(gap) for gap in self._numbers]
        if missed := [outcome for outcome in outcomes if not outcome.ok]:
            first = missed[0].gap
            got = "; ".join(f"gap {outcome.gap}: {outcome.kind}" for outcome in missed)
            todo = f"fill gap {first}, then run exercise.check({first}) for what it says"
            raise ExerciseError(f"all {len(self._gaps)} gaps to pass, on the code as it is now", got=got, todo=todo)
        text, count = "each was checked in this kernel, on the code as it is now", len(self._gaps)
        return Passed(f"All done: {count} of {count} gap{'s' * (count > 1)} passed", (("so", text),))

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
        rows = [f"{mark} Gap {gap}, {self.title(gap)}: {state}" for gap, mark, state in self._rows()]
        return "\n".join([f"{self.name}: {self.progress}", *rows])

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr style='background:none'><td style='{_LEFT}'>{mark}</td>"
            f"<td style='{_LEFT}'>Gap {gap}, {html.escape(self.title(gap))}</td><td style='{_LEFT}'>{state}</td></tr>"
            for gap, mark, state in self._rows()
        )
        return f"<div class='kit-exercise'><b>{html.escape(self.name)}: {self.progress}</b><table>{cells}</table></div>"

    def _rows(self) -> list[tuple[int, str, str]]:
        return [(gap, *_STATES[self._state(gap)]) for gap in self._numbers]

    # ---- inside -----------------------------------------------------------------------------------------------

    def _chosen(self, gap: int) -> Gap:
        if type(gap) is not int or gap not in self._numbers:
            raise ConfigError(f"a gap from 1 to {len(self._gaps)}", got=repr(gap), todo="write for instance check(1)")
        return self._gaps[gap - 1]

    def _code(self, gap: int) -> object:
        return fingerprint(self._namespace, self._gaps[gap - 1].names)

    def _outcome(self, gap: int, chosen: Gap) -> Outcome:
        name = chosen.names[0].partition(".")[0]
        if broken := self._runs.broken(name):
            error, line = broken
            return Crashed("", (("error", f"{type(error).__name__}: {error.msg}"), ("line", line)), error=error)
        if other := self._runs.renamed(name):
            return _verdict.missing(Missing(name, other))
        outcome = self._checked(gap, chosen)
        return outcome if isinstance(outcome, Passed | NotAttempted) else self._overwritten(chosen) or outcome

    def _checked(self, gap: int, chosen: Gap) -> Outcome:
        """The check itself. What goes wrong in it is not the student's fault, and the outcome says so."""
        known = {name.partition(".")[0] for one in self._gaps for name in one.names}
        try:
            with CheckContext(self._namespace, known, chosen.needs) as context:
                try:
                    for name in chosen.names:
                        context.named(name)
                    chosen.check(context)
                except (StudentError, TookTooLong, Missing, NotRight) as ended:
                    todo = next(region.todo for region in self._regions if region.number == gap)
                    return _verdict.of(ended, gap, todo, context)
            return Passed("")
        except (Exception, SystemExit) as error:
            return _verdict.unchecked(error)

    def _overwritten(self, chosen: Gap) -> Outcome | None:
        """Why no gap can work: a name of the notebook's own that it uses is missing, or stands for something else."""
        used = names_in(self._namespace, chosen.names)
        for name, (statement, cell) in self._source.scaffold.items() if self._source else ():
            if name not in used:
                continue
            fix = f"run the cell that begins with `{cell}`; give what is yours another name"
            if name not in self._namespace:
                lines = (("expected", f"the cell that begins with\n{cell}"), ("got", "it has not run in this kernel"))
                return CannotCheck("", (*lines, ("next", fix)))
            value = self._namespace[name]
            if (inspect.ismodule if isinstance(statement, ast.Import) else callable)(value):
                continue
            if isinstance(statement, ast.ImportFrom) and inspect.ismodule(value):
                continue
            return CannotCheck(
                "", (("expected", f"{name} as the notebook has it"), ("got", shown(value)), ("next", fix))
            )
        return None
