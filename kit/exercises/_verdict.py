"""From what happened in a check to one of its outcomes."""

import re

from kafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

from kit.errors import BrokerUnavailable, CassandraUnavailable, KitError
from kit.exercises._context import CheckContext
from kit.exercises._outcomes import CannotCheck, Crashed, NotAttempted, NotYetRight, Outcome
from kit.exercises._running import StudentError, TookTooLong, describe_line
from kit.exercises._values import text_of

__all__ = ["GENERAL", "crashed", "late", "unchecked"]

_GAP = re.compile(r"Gap (\d+)\b(?:[^:]*: (.+))?", re.DOTALL)
_NO_SERVER = (BrokerUnavailable, CassandraUnavailable, KafkaConnectionError, KafkaTimeoutError)
_FILL = "replace the line with raise, run the cell, then run this check again"
_SIGNATURE = re.compile(r"\(\) (takes|missing|got an unexpected)")
_DEF = "put the first line (def …) back as it was handed out: it says with what it is called"
GENERAL = (
    (SystemExit, "leave out sys.exit() and exit(): a function ends with return"),
    (EOFError, "leave out input(): the function has all that it needs as arguments"),
    (UnboundLocalError, "give the name a value before it is used here; a method uses self for its object's"),
    (NameError, "is the name spelled right, was it imported, has its cell run? A method uses self for its object's"),
    (AttributeError, "look at both names around the point: is the one before it still what its cell made it?"),
    (RecursionError, "the function calls itself again and again: look where it uses its own name"),
    (MemoryError, "look for a loop that does not end, or a text or a list that grows and grows"),
)


def crashed(raised: StudentError, gap: int, todo: str, context: CheckContext) -> Outcome:
    """The student's code raised. `KitError`: a server has gone, and the code is not the cause."""
    error = raised.error
    if isinstance(error, NotImplementedError):
        named = _GAP.match(text_of(error))
        if named and int(named[1]) != gap:
            got, fix = f"gap {named[1]} is still open, and this one uses it", f"fill gap {named[1]} first"
            return CannotCheck("", (("got", got), ("next", fix)))
        return NotAttempted("", (("to do", (named[2] if named else "") or todo), ("next", _FILL)))
    if isinstance(error, _NO_SERVER) or type(error).__name__ == "NoHostAvailable":  # of Cassandra's driver
        context.look_again()
    line = describe_line(error)
    refused = not line and isinstance(error, TypeError) and _SIGNATURE.search(text_of(error))
    general = next((text for kind, text in GENERAL if isinstance(error, kind)), "")
    general = error.todo if isinstance(error, KitError) else general
    advice = _DEF if refused else context.advise(error) or general
    return Crashed("", (("error", _message(error)), ("line", line), ("on", context.on), ("next", advice)))


def late(ended: TookTooLong, context: CheckContext) -> Outcome:
    """The student's code did not come back."""
    got = f"it was still busy{f', at {ended.line}' if ended.line else ''}"
    fix = "look for a loop that does not end, or a wait for something that does not come"
    if not ended.stopped:
        fix += "; it goes on in the background: Kernel → Restart Kernel ends it"
    lines = (("expected", f"an end within {ended.seconds:g} s"), ("got", got), ("on", context.on), ("next", fix))
    return NotYetRight("", lines)


def unchecked(error: BaseException) -> Outcome:
    """The check could not be made, or failed itself."""
    if isinstance(error, KitError):
        lines = (error.expected, error.got, error.todo)
    elif isinstance(error, KafkaError):
        lines = ("a broker that does its work", _message(error), "look at it with kit.doctor(); then check again")
    else:
        lines = ("a check that works", f"in the check, {_message(error)}", "go on: this is not your fault")
    return CannotCheck("", tuple(zip(("expected", "got", "next"), lines, strict=True)), error=error)


def _message(error: BaseException) -> str:
    name = type(error).__name__
    if isinstance(error, KitError):
        return f"{name}: expected {error.expected}; got: {error.got}"
    java = getattr(error, "java_exception", None)  # of Spark's driver; what py4j says is only which call it was
    text = text_of(java or error).partition(": Request '")[0].strip()  # kafka-python adds the whole request
    return f"{name}: {text.splitlines()[0][:200]}" if text else name
