"""From what happened in a check to one of its outcomes."""

import re
import traceback

from kafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

from kit.errors import BrokerUnavailable, KitError
from kit.exercises._context import CheckContext, Missing, NotRight
from kit.exercises._outcomes import CannotCheck, Crashed, NotAttempted, NotYetRight, Outcome
from kit.exercises._running import StudentError, TookTooLong, describe_line
from kit.exercises._values import text_of

__all__ = ["missing", "of", "unchecked"]

_GAP = re.compile(r"Gap (\d+)\b(?:[^:]*: (.+))?", re.DOTALL)
_NO_BROKER = (BrokerUnavailable, KafkaConnectionError, KafkaTimeoutError)
_FILL = "replace the line with raise, run the cell, then run this check again"
_TAKE_OUT = f"take the line with raise out; code above it is not enough. {_FILL[0].upper()}{_FILL[1:]}"
_SIGNATURE = re.compile(r"\(\) (takes|missing|got an unexpected)")
_GENERAL = (
    (SystemExit, "leave out sys.exit() and exit(): a function ends with return"),
    (EOFError, "leave out input(): the function has all that it needs as arguments"),
    (
        UnboundLocalError,
        "give the name a value before it is used in this function; a method uses self for its object's",
    ),
    (NameError, "is the name spelled right, was it imported, has its cell run? A method uses self for its object's"),
    (RecursionError, "the function calls itself again and again: look where it uses its own name"),
)


def of(ended: StudentError | TookTooLong | Missing | NotRight, gap: int, todo: str, context: CheckContext) -> Outcome:
    """The outcome of a check that ended early.

    Raises
    ------
    BrokerUnavailable
        Its broker has gone meanwhile: the student's code is not the cause.
    """
    if isinstance(ended, Missing):
        return missing(ended)
    if isinstance(ended, StudentError):
        outcome = _crashed(gap, todo, ended.error, context)
        _let_go(ended.error)
        return outcome
    context.look_again()
    if isinstance(ended, TookTooLong):
        return _late(ended, context)
    return NotYetRight("", ended.lines, error=ended)


def _let_go(error: BaseException) -> None:
    """Keep where an error came from, but nothing of what was in use there: notebooks keep outcomes for long."""
    seen: list[BaseException] = []  # causes may form a circle
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is not None and not any(one is known for known in seen):
            seen.append(one)
            traceback.clear_frames(one.__traceback__)
            left += [one.__cause__, one.__context__]


def unchecked(error: BaseException) -> Outcome:
    """The outcome of a check that could not be made, or that failed itself."""
    if isinstance(error, KitError):
        lines = (error.expected, error.got, error.todo)
    elif isinstance(error, KafkaError):
        lines = ("a broker that does its work", _message(error), "look at it with kit.doctor(); then check again")
    else:
        lines = ("a check that works", f"in the check, {_message(error)}", "go on: this is not your fault")
    return CannotCheck("", tuple(zip(("expected", "got", "next"), lines, strict=True)), error=error)


def _crashed(gap: int, todo: str, error: BaseException, context: CheckContext) -> Outcome:
    """The student's code raised."""
    if isinstance(error, NotImplementedError):
        named = _GAP.match(text_of(error))
        if named is None or int(named[1]) == gap:
            piece = named[2] if named else ""  # of a gap that has several
            fix = _TAKE_OUT if _has_code_above(error) else _FILL
            return NotAttempted("", (("to do", piece or todo), ("next", fix)), error=error)
        why = f"gap {named[1]} is still open, and this one uses it"
        return CannotCheck("", (("got", why), ("next", f"fill gap {named[1]} first")), error=error)
    if isinstance(error, _NO_BROKER):
        context.look_again()
    line = describe_line(error)
    advice = (_signature_advice(error) if not line else "") or context.advise(error) or _advice(error)
    lines = {"error": _message(error), "line": line, "on": context.on, "next": advice}
    return Crashed("", tuple((label, text) for label, text in lines.items() if text), error=error)


def _has_code_above(error: BaseException) -> bool:
    """Whether the function had done something before it raised."""
    tb = error.__traceback__
    while tb is not None and tb.tb_next is not None:
        tb = tb.tb_next
    if tb is None:
        return False
    code, last = tb.tb_frame.f_code, tb.tb_lineno
    return any(code.co_firstlineno < line < last for *_, line in code.co_lines() if line is not None)


def _signature_advice(error: BaseException) -> str:
    """What helps if the student's function could not even be called."""
    if isinstance(error, TypeError) and _SIGNATURE.search(text_of(error)):
        return "put the first line (def …) back as it was handed out: it says with what it is called"
    return ""


def _message(error: BaseException) -> str:
    name = type(error).__name__
    if isinstance(error, SystemExit):
        return "SystemExit: your code asked to end the program"
    if isinstance(error, KitError):
        return f"{name}: expected {error.expected}; got: {error.got}"
    lines = text_of(error).partition(": Request '")[0].strip().splitlines()[:1]  # kafka-python adds the whole request
    return f"{name}: {lines[0][:200]}" if lines else name


def _advice(error: BaseException) -> str:
    """What helps with errors that everybody meets."""
    if isinstance(error, KitError):
        return error.todo
    return next((advice for kind, advice in _GENERAL if isinstance(error, kind)), "")


def _late(error: TookTooLong, context: CheckContext) -> Outcome:
    """The student's code did not come back."""
    got = f"it was still busy{f', at {error.line}' if error.line else ''}"
    fix = "look for a loop that does not end, or a wait for something that does not come"
    if not error.stopped:
        fix += "; it goes on in the background: Kernel → Restart Kernel ends it"
    lines = (("expected", f"an end within {error.seconds:g} s"), ("got", got), ("on", context.on), ("next", fix))
    return NotYetRight("", tuple((label, text) for label, text in lines if text), error=error)


def missing(error: Missing) -> Outcome:
    """The name is not there."""
    name, _, method = error.name.partition(".")
    if error.like:
        lines = (f"the name {error.name}", error.like, f"name it {name}, and run its cell again")
    elif method:
        fix = f"put `def {method}` back; `kit exercises reset` brings back the whole notebook"
        lines = (f"the method {method} of {name}", "none", fix)
    else:
        fix = "run the cell with the gap, above, then check again; `kit exercises reset` brings back one that is gone"
        return NotAttempted("", (("to do", f"there is no {name} yet"), ("next", fix)), error=error)
    return NotYetRight("", tuple(zip(("expected", "got", "next"), lines, strict=True)), error=error)
