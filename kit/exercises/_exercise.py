"""An exercise in a notebook: its gaps, their checks, hints and solutions, and how far the student is."""

import html
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit.config import settings
from kit.errors import ConfigError, ExerciseError
from kit.exercises import _verdict
from kit.exercises._context import CheckContext
from kit.exercises._kernel import Runs
from kit.exercises._outcomes import CannotCheck, Card, Ended, Outcome, Passed
from kit.exercises._running import StudentError, TookTooLong

__all__ = ["Exercise", "Gap", "Progress"]

_LEFT = "text-align:left"


@dataclass(frozen=True)
class Gap:
    """How one gap is checked and explained.

    `names` are the functions, classes or methods (``Class.method``) that it fills. `check` is called with a
    `CheckContext`; it returns when all is well, else it says what is wrong with `CheckContext.wrong`. Of the three
    `hints` each says more than the one before; `why` says why the solution is as it is. `needs` names servers of the
    lab, ``("kafka",)``, or "spark". `title`, `todo` and `solution` come from the solution notebook, if there is one.
    """

    names: tuple[str, ...]
    check: Callable[[CheckContext], None]
    hints: tuple[str, str, str]
    why: str
    needs: tuple[str, ...] = ()
    title: str = ""
    todo: str = ""
    solution: str = ""


@dataclass(frozen=True)
class Progress:
    """The gaps whose last check has passed, kept in the lab's state folder: a file each, so notebooks write at once."""

    exercise: str

    @property
    def path(self) -> Path:
        return settings().home / "exercises" / self.exercise

    def passed(self) -> set[int]:
        """Their numbers."""
        return {int(file.name) for file in self.path.glob("*") if file.name.isdecimal()}

    def note(self, gap: int, *, passed: bool) -> None:
        """Note the outcome of the last check of a gap. `OSError`: the folder cannot be written."""
        if passed:
            self.path.mkdir(parents=True, exist_ok=True)
            (self.path / str(gap)).touch()
        else:
            (self.path / str(gap)).unlink(missing_ok=True)

    def reset(self) -> None:
        """Forget it all."""
        shutil.rmtree(self.path, ignore_errors=True)  # what cannot be read is not there, either


class Exercise:
    """The gaps of a notebook: check them, get hints, see solutions. `kit.exercises.load` makes one.

    >>> exercise = load("19_exercise_tweets", globals())     # doctest: +SKIP
    >>> exercise.check(1)                                    # doctest: +SKIP
    ○ Gap 1, create the topic: not attempted · 0 of 7 gaps
    """

    def __init__(self, name: str, gaps: Sequence[Gap], namespace: Mapping[str, Any]) -> None:
        self.name, self.gaps, self._namespace = name, tuple(gaps), namespace
        self._progress, self._runs = Progress(name), Runs(namespace)
        self._passed: dict[int, str] = {}  # in this kernel: the cell that passed
        self._hints = Counter[int]()

    def check(self, gap: int) -> Outcome:
        """Try the code of a gap: the outcome says what it does. `ConfigError`: there is no such gap."""
        chosen, _ = self._chosen(gap)
        outcome, after = self.outcome(gap), ""
        if not isinstance(outcome, CannotCheck):
            self._passed.pop(gap, None)
            if outcome.ok:
                self._passed[gap] = self._runs.newest(chosen.names[0])
            try:
                self._progress.note(gap, passed=outcome.ok)
            except OSError as error:  # the outcome counts all the same
                after = f"progress cannot be kept ({error}): set KIT_HOME to another folder"
        return outcome.of(gap, chosen.title, after or self.progress)

    def hint(self, gap: int) -> Card:
        """The next of three hints; the third says nearly all."""
        chosen, name = self._chosen(gap)
        step = self._hints[gap] = min(self._hints[gap] + 1, len(chosen.hints))
        last = f"there is no further hint; exercise.solution({gap}) shows one way" if step == len(chosen.hints) else ""
        return Card(f"{name}: hint {step} of {len(chosen.hints)}", (("hint", chosen.hints[step - 1]), ("next", last)))

    def solution(self, gap: int) -> Card:
        """One right way, and why it is as it is; after the hints."""
        chosen, name = self._chosen(gap)
        if left := len(chosen.hints) - self._hints[gap]:
            todo = f"run exercise.hint({gap}): {left} to come; then the solution is shown"
            return Card(f"{name}: one solution comes after the hints", (("next", todo),))
        return Card(f"{name}: one solution", (("code", chosen.solution), ("why", chosen.why)))

    def finish(self) -> Card:
        """Check all gaps on the code as it is now. `ExerciseError`: one has not passed."""
        if missed := [outcome for outcome in map(self.check, self._numbers) if not outcome.ok]:
            got = "; ".join(f"gap {outcome.gap}: {outcome.kind}" for outcome in missed)
            todo = f"fill gap {missed[0].gap}, then run exercise.check({missed[0].gap}) for what it says"
            raise ExerciseError(f"all {len(self.gaps)} gaps to pass, on the code as it is now", got=got, todo=todo)
        text = "each was checked in this kernel, on the code as it is now"
        return Passed(f"All done: {self._count(len(self.gaps))} passed", (("so", text),))

    def reset(self) -> None:
        """Forget which gaps have passed. The notebook stays as it is."""
        self._passed.clear()
        self._hints.clear()
        self._progress.reset()

    @property
    def progress(self) -> str:
        """``"4 of 7 gaps"``: those whose last check, in whatever kernel, has passed."""
        return self._count(len(self._progress.passed() & set(self._numbers)))

    @property
    def _numbers(self) -> range:
        return range(1, len(self.gaps) + 1)

    def _count(self, passed: int) -> str:
        return f"{passed} of {len(self.gaps)} gap{'s' * (len(self.gaps) > 1)}"

    def _rows(self) -> list[tuple[str, str, str]]:
        rows, before = [], self._progress.passed()
        for gap, chosen in enumerate(self.gaps, 1):
            mark, state = ("◐", "passed, before this kernel started") if gap in before else ("○", "open")
            if gap in self._passed:
                same = self._passed[gap] == self._runs.newest(chosen.names[0])
                mark, state = ("✔", "passed") if same else ("◐", "passed, and changed since: check it again")
            rows.append((mark, f"Gap {gap}, {chosen.title}", state))
        return rows

    def __repr__(self) -> str:
        rows = [f"{mark} {name}: {state}" for mark, name, state in self._rows()]
        return "\n".join([f"{self.name}: {self.progress}", *rows])

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr style='background:none'><td style='{_LEFT}'>{mark}</td>"
            f"<td style='{_LEFT}'>{html.escape(name)}</td><td style='{_LEFT}'>{state}</td></tr>"
            for mark, name, state in self._rows()
        )
        return f"<div class='kit-exercise'><b>{html.escape(self.name)}: {self.progress}</b><table>{cells}</table></div>"

    def _chosen(self, gap: int) -> tuple[Gap, str]:
        if type(gap) is not int or gap not in self._numbers:
            raise ConfigError(f"a gap from 1 to {len(self.gaps)}", got=repr(gap), todo="write for instance check(1)")
        return self.gaps[gap - 1], f"Gap {gap}, {self.gaps[gap - 1].title}"

    def outcome(self, gap: int) -> Outcome:
        """As `check`, without a note of it. What goes wrong in the check itself is not the student's fault."""
        chosen, _ = self._chosen(gap)
        try:
            with CheckContext(self._namespace, needs=chosen.needs) as context:
                try:
                    self._runs.check(chosen.names[0], context)
                    for name in chosen.names:
                        context.named(name)
                    chosen.check(context)
                except StudentError as raised:
                    return _verdict.crashed(raised, gap, chosen.todo, context)
                except (TookTooLong, Ended) as ended:
                    context.look_again()
                    return ended.outcome if isinstance(ended, Ended) else _verdict.late(ended, context)
            return Passed("")
        except (Exception, SystemExit) as error:
            return _verdict.unchecked(error)
