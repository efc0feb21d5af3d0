"""What a topic may be called, and which name a mistyped one may have meant."""

import difflib
import re
from collections.abc import Iterable

from kit.errors import TopicError

__all__ = ["alike", "check", "unknown"]

_LONGEST = 249
_RULE = f"a topic name of 1 to {_LONGEST} characters: a-z, A-Z, 0-9, dot, underscore and dash"
_NOT_ALLOWED = re.compile(r"[^a-zA-Z0-9._-]")


def check(name: str) -> None:
    """Refuse a name that Kafka would refuse; the rule is that of Kafka's own class `Topic`.

    `TopicError` has the rule, the characters that break it, and a name that would do.
    """
    if not isinstance(name, str):
        raise TopicError(_RULE, got=f"{name!r}, a {type(name).__name__}", todo="give the name as text")
    strange = sorted(set(_NOT_ALLOWED.findall(name)))
    if strange:
        got = f"{_short(name)} holds {', '.join(map(repr, strange))}"
    elif not name or len(name) > _LONGEST:
        got = f"{_short(name)} has {len(name)} characters"
    elif name in (".", ".."):
        got = f"{name!r}, which names a folder, and Kafka keeps a topic in a folder of its name"
    else:
        return
    fitting = _NOT_ALLOWED.sub("-", name)[:_LONGEST].strip(".-")
    raise TopicError(_RULE, got=got, todo=f"call it {fitting!r}" if 0 < len(fitting) <= 60 else "choose another name")


def unknown(names: Iterable[str], known: Iterable[str], *, what: str = "topic") -> TopicError:
    """The error for names that do not exist, with what exists."""
    missing = sorted(names)
    there = sorted(known)
    verb = "does" if len(missing) == 1 else "do"
    return TopicError(
        f"{what} {', '.join(map(repr, missing))} to exist",
        got=f"{'it' if len(missing) == 1 else 'they'} {verb} not; {_those_that_exist(there, what)}",
        todo=_meant(missing, there)
        or ("create it with topics.create(…)" if what == "topic" else f"check the name of the {what}"),
    )


def alike(name: str, known: Iterable[str]) -> list[str]:
    """Up to three of the known names that look like `name`, the likest first."""
    by_lower = {other.lower(): other for other in known}
    return [by_lower[close] for close in difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.6)]


def _meant(missing: list[str], there: list[str]) -> str:
    guesses = list(dict.fromkeys(close for name in missing for close in alike(name, there)))
    return f"did you mean {' or '.join(map(repr, guesses))}?" if guesses else ""


def _those_that_exist(there: list[str], what: str) -> str:
    if not there:
        return f"there is no {what} yet"
    return f"there are {', '.join(there[:8])}" + (f" and {len(there) - 8} more" if len(there) > 8 else "")


def _short(name: str) -> str:
    return repr(name if len(name) <= 40 else f"{name[:37]}…")
