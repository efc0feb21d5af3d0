"""The rule language of X's filtered stream, as far as the replayed tweets have something to match.

Words, "exact phrases", #hashtags, @mentions, $cashtags, from:, lang:, has:hashtags|mentions|links; a space means AND,
OR means OR and binds less tightly, - negates, parentheses group. Source: X API documentation, "Build a rule".
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["RuleError", "Subject", "compile_rule"]

_TOKEN = re.compile(r'\s*(?:(?P<paren>[()])|(?P<minus>-(?=[^\s-]))|"(?P<phrase>[^"]*)"|(?P<word>[^\s()"]+))')
_WORDS = re.compile(r"[#@$]\w+|\w+(?:'\w+)?")
_DEEPEST = 50
_OR, _OPEN, _CLOSE, _END = ("word", "OR"), ("paren", "("), ("paren", ")"), ("end", "")


class RuleError(ValueError):
    """The rule cannot be read; the message gives the reason."""


@dataclass(frozen=True)
class Subject:
    """A tweet as rules see it: the text in small letters, its words, its author."""

    text: str
    words: frozenset[str]
    user: str

    @classmethod
    def of(cls, text: str, user: str) -> "Subject":
        """The subject for a text and its author."""
        words = _WORDS.findall(text.lower())
        return cls(text.lower(), frozenset([*words, *(word.lstrip("#@$") for word in words)]), user)


Match = Callable[[Subject], bool]


@lru_cache(2048)
def compile_rule(rule: str) -> Match:
    """A function from a tweet to whether it matches.

    Raises
    ------
    RuleError
        The rule is empty, too long, not balanced, only negative, or uses an operator that is not there.

    Examples
    --------
    >>> compile_rule("bank -river")(Subject.of("The bank is closed", "reader_0001"))
    True
    """
    if not rule.strip():
        raise RuleError("a rule must not be empty")
    if len(rule) > 1024:
        raise RuleError(f"a rule has at most 1024 characters, not {len(rule)}")
    parser = _Parser(rule)
    match, positive = parser.alternatives()
    if parser.next != _END:
        raise RuleError(f"no viable alternative at {parser.next[1]!r}")
    if not positive:
        raise RuleError("a rule must have at least one part that is not negated")
    return match


class _Parser:
    """Reads tokens from left to right. Each method gives a match, and whether it has a part that is not negated."""

    def __init__(self, rule: str) -> None:
        tokens = []
        at = 0
        while at < len(rule.rstrip()):
            found = _TOKEN.match(rule, at)
            if found is None or found.end() == at:
                raise RuleError(f"cannot read {rule[at:]!r} (at position {at + 1})")
            kind = str(found.lastgroup)
            tokens.append((kind, found[kind]))
            at = found.end()
        self._tokens = [_END, *reversed(tokens)]  # the next one is the last
        self._depth = 0

    @property
    def next(self) -> tuple[str, str]:
        """The next token. A phrase that reads the same as an operator, such as ``"OR"``, is another token."""
        return self._tokens[-1]

    def alternatives(self) -> tuple[Match, bool]:
        parts = [self._conjunction()]
        while self.next == _OR:
            self._tokens.pop()
            parts.append(self._conjunction())
        if len(parts) == 1:
            return parts[0]
        return (lambda s: any(match(s) for match, _ in parts)), all(positive for _, positive in parts)

    def _conjunction(self) -> tuple[Match, bool]:
        parts = []
        while self.next not in (_CLOSE, _OR, _END):
            parts.append(self._part())
        if not parts:
            raise RuleError("something is missing: OR and parentheses need a word on both sides")
        if len(parts) == 1:
            return parts[0]
        return (lambda s: all(match(s) for match, _ in parts)), any(positive for _, positive in parts)

    def _part(self) -> tuple[Match, bool]:
        kind, text = token = self._tokens.pop()
        if kind == "minus":
            if self.next in (_CLOSE, _OR, _END):
                raise RuleError("something is missing: - needs a word after it")
            match, _ = self._part()
            return (lambda s: not match(s)), False
        if token == _OPEN:
            self._depth += 1
            if self._depth > _DEEPEST:
                raise RuleError(f"parentheses may be nested {_DEEPEST} deep")
            inside = self.alternatives()
            self._depth -= 1
            if self.next != _CLOSE:
                raise RuleError("a parenthesis is not closed")
            self._tokens.pop()
            return inside
        return (_phrase if kind == "phrase" else _operand)(text), True


def _phrase(words: str) -> Match:
    if not words.strip():
        raise RuleError('a phrase must not be empty: ""')
    whole = re.compile(rf"(?<!\w){re.escape(words.strip().lower())}(?!\w)")  # "art" is not in "party"
    return lambda s: whole.search(s.text) is not None


def _operand(word: str) -> Match:
    name, colon, value = word.lower().partition(":")
    if not colon:
        return lambda s: name in s.words
    if not value:
        raise RuleError(f"{word!r} needs a value after the colon, without a space")
    if name == "from":
        return lambda s: s.user == value.lstrip("@")
    if name == "lang":
        return lambda s: value == "en"
    if name == "has" and value in ("hashtags", "mentions"):
        sign = "#" if value == "hashtags" else "@"
        return lambda s: any(one.startswith(sign) for one in s.words)
    if name == "has" and value == "links":
        return lambda s: "http" in s.text
    raise RuleError(f"unknown operator {word!r}; there are from:, lang:, has:hashtags, has:mentions, has:links")
