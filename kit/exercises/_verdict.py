"""From what happened in a check to one of its outcomes."""

import re
import traceback
from collections.abc import Callable, Collection, Sequence

from kafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

from kit.errors import BrokerUnavailable, KitError
from kit.exercises import _history
from kit.exercises._outcomes import CannotCheck, Crashed, NotAttempted, NotYetRight, Outcome
from kit.exercises._running import StudentError, TookTooLong, describe_line
from kit.exercises._trial import Missing, NotRight, Trial

__all__ = ["of", "unchecked", "with_cell"]

_GAP = re.compile(r"Gap (\d+)\b(?:[^:]*: (.+))?", re.DOTALL)
_NO_BROKER = (BrokerUnavailable, KafkaConnectionError, KafkaTimeoutError)
_FILL = "replace the line with raise, run the cell, then run this check again"
_TAKE_OUT = (
    "replace the line with raise, rather than write above it: take it out, run the cell, then run this check again"
)
_SIGNATURE = re.compile(r"\(\) (takes|missing|got an unexpected)")


def of(told: StudentError | TookTooLong | Missing | NotRight, gap: int, todo: str, trial: Trial) -> Outcome:
    """The outcome of a check that ended early; `BrokerUnavailable` if its broker has gone meanwhile."""
    _let_go(told)
    if isinstance(told, StudentError):
        return _crashed(gap, todo, told.error, trial)
    if isinstance(told, TookTooLong):
        return _late(told, trial)
    if isinstance(told, Missing):
        return _missing(told)
    trial.look_again()
    return NotYetRight("", told.lines, error=told)


def _let_go(error: BaseException | None) -> None:
    """Keep where an error came from, but nothing of what was in use there: notebooks keep outcomes for long."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def unchecked(error: Exception) -> Outcome:
    """The outcome of a check that broke down itself."""
    if isinstance(error, KitError):
        return CannotCheck("", (("expected", error.expected), ("got", error.got), ("next", error.todo)), error=error)
    got = f"{type(error).__name__}: {error}".splitlines()[0]
    if isinstance(error, KafkaError):
        fix = "look at it with kit.doctor(); then check again"
        return CannotCheck("", (("expected", "a broker that does its work"), ("got", got), ("next", fix)), error=error)
    fix = "go on with the next gap: this is not your fault"
    return CannotCheck(
        "", (("expected", "a check that works"), ("got", f"in the check, {got}"), ("next", fix)), error=error
    )


def _crashed(gap: int, todo: str, error: BaseException, trial: Trial) -> Outcome:
    """The student's code raised."""
    if isinstance(error, NotImplementedError):
        named = _GAP.match(str(error))
        if named is None or int(named[1]) == gap:
            piece = named[2] if named else ""  # of a gap that has several
            fix = _TAKE_OUT if _has_code_above(error) else _FILL
            return NotAttempted("", (("to do", piece or todo), ("next", fix)), error=error)
        why = f"gap {named[1]} is still open, and this one uses it"
        return CannotCheck("", (("got", why), ("next", f"fill gap {named[1]} first")), error=error)
    if isinstance(error, _NO_BROKER):
        trial.look_again()  # if the broker is gone, nobody is to blame
    line = describe_line(error)
    advice = "" if line else _signature_advice(error)
    advice = advice or trial.advise(error) or _advice(error)
    lines = {"error": _message(error), "line": line, "on": trial.on, "next": advice}
    return Crashed("", tuple((label, text) for label, text in lines.items() if text), error=error)


def _has_code_above(error: BaseException) -> bool:
    """Whether the function had done something before it raised."""
    tb = error.__traceback__
    while tb is not None and tb.tb_next is not None:
        tb = tb.tb_next
    if tb is None:
        return False
    code = tb.tb_frame.f_code
    return any(code.co_firstlineno < line < tb.tb_lineno for *_, line in code.co_lines() if line is not None)


def _signature_advice(error: BaseException) -> str:
    """What helps if the student's function could not even be called."""
    if isinstance(error, TypeError) and _SIGNATURE.search(str(error)):
        return "put the first line (def …) back as it was handed out: it says with what it is called"
    return ""


def _message(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return "SystemExit: your code asked to end the program"
    if isinstance(error, KitError):
        return f"{type(error).__name__}: expected {error.expected}; got: {error.got}"
    first = str(error).partition(": Request '")[0].strip().splitlines()[:1]  # kafka-python tells the whole request
    return f"{type(error).__name__}: {first[0][:200]}" if first else type(error).__name__


def _advice(error: BaseException) -> str:
    """What helps with errors that everybody meets."""
    if isinstance(error, KitError):
        return error.todo
    if isinstance(error, SystemExit):
        return "leave out sys.exit() and exit(): a function ends with return"
    if isinstance(error, UnboundLocalError):
        return "give the name a value before it is used in this function; a method reaches its object's by self."
    if isinstance(error, NameError):
        fix = "is the name spelled right, was it imported, and has the cell that defines it run?"
        return f"{fix} A method reaches its object by self."
    return ""


def _late(error: TookTooLong, trial: Trial) -> Outcome:
    """The student's code did not come back."""
    trial.look_again()  # if the broker is gone, nobody is to blame
    got = f"it was still busy{f', at {error.line}' if error.line else ''}"
    fix = "look for a loop that does not end, or a wait for something that does not come"
    if not error.stopped:
        fix += "; it goes on in the background: Kernel → Restart Kernel ends it"
    lines = (("expected", f"an end within {error.seconds:g} s"), ("got", got), ("on", trial.on), ("next", fix))
    return NotYetRight("", tuple((label, text) for label, text in lines if text), error=error)


def _missing(error: Missing) -> Outcome:
    """The name is not there."""
    name, _, method = error.name.partition(".")
    if error.like:
        fix = f"name it {name}, and run its cell again"
        return NotYetRight(
            "", (("expected", f"the name {error.name}"), ("got", error.like), ("next", fix)), error=error
        )
    if method:
        fix = f"put `def {method}` back; `kit exercises reset` brings back the whole notebook"
        expected = f"the method {method} of {name}"
        return NotYetRight("", (("expected", expected), ("got", "none"), ("next", fix)), error=error)
    fix = "run the cell with the gap, above, then this check again; `kit exercises reset` brings back one that is gone"
    return NotAttempted("", (("to do", f"there is no {name} yet"), ("next", fix)), error=error)


def with_cell(
    check: Callable[[], Outcome],
    names: Sequence[str],
    scaffold: Collection[str],
    cell: str,
    ran: list[str],
) -> Outcome:
    """The outcome of a check, once the cells it stands on are as they should be."""
    trouble = _history.scaffold_trouble(scaffold, ran)
    if trouble is not None:
        fix = "run that cell (Run → Run All Above Selected Cell does); if it was changed or is gone, undo that, "
        fix += "or bring the notebook back with `kit exercises reset`"
        return CannotCheck("", (("expected", trouble[0]), ("got", trouble[1]), ("next", fix)))
    mine = _history.last_definition(names[0], ran)
    if mine is None:
        return check()
    if other := _history.renamed(names[0], ran):
        return _missing(Missing(names[0], other))
    try:
        changed = _history.altered(cell, mine)
    except SyntaxError as error:
        line = f"line {error.lineno} of the cell: {(error.text or '').strip()}"
        return Crashed("", (("error", f"{type(error).__name__}: {error.msg}"), ("line", line)), error=error)
    outcome = check()
    if changed:
        return outcome.saying("note", f"{changed} of this cell was changed, outside of the gap")
    return outcome
