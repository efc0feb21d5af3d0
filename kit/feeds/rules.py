"""The rule language of X's filtered stream, as far as the replayed tweets have something to match.

Words, "exact phrases", #hashtags, @mentions, $cashtags, from:, lang:, has:hashtags|mentions|links; a space means AND,
OR means OR and binds less tightly, - negates, parentheses group. Source: X API documentation, "Build a rule".
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

__all__ = ["RuleError", "Subject", "compile_rule"]

_TOKEN = re.compile(r'\s*(?:(?P<paren>[()])|(?P<minus>-(?=[^\s-]))|"(?P<phrase>[^"]*)"|(?P<word>[^\s()"]+))')
_WORDS = re.compile(r"[#@$]\w+|\w+(?:'\w+)?")
_DEEPEST = 50
_OR, _OPEN, _CLOSE = ("word", "OR"), ("paren", "("), ("paren", ")")
_HAS = {"hashtags": "#", "mentions": "@"}


class RuleError(ValueError):
    """The rule cannot be read; the message says why."""


@dataclass(frozen=True)
class Subject:
    """A tweet as rules see it."""

    text: str
    words: frozenset[str]
    user: str

    @classmethod
    def of(cls, text: str, user: str) -> "Subject":
        lower = text.lower()
        words = _WORDS.findall(lower)
        return cls(lower, frozenset([*words, *(word.lstrip("#@$") for word in words)]), user)


Match = Callable[[Subject], bool]


def compile_rule(rule: str) -> Match:
    """A function that says whether a tweet matches.

    Raises
    ------
    RuleError
        The rule is empty, too long, not balanced, only negative, or uses an operator that is not there.
    """
    if not rule.strip():
        raise RuleError("a rule must not be empty")
    if len(rule) > 1024:
        raise RuleError(f"a rule has at most 1024 characters, not {len(rule)}")
    parser = _Parser(rule)
    if parser.deepest() > _DEEPEST:
        raise RuleError(f"parentheses may be nested {_DEEPEST} deep, not {parser.deepest()}")
    match, positive = parser.either()
    if parser.peek() is not None:
        raise RuleError(f"no viable alternative at {parser.peek()!r} (at position {parser.place + 1})")
    if not positive:
        raise RuleError("a rule must have at least one part that is not negated")
    return match


class _Parser:
    def __init__(self, rule: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(rule.rstrip()):
            found = _TOKEN.match(rule, at)
            if found is None or found.end() == at:
                raise RuleError(f"cannot read {rule[at:]!r} (at position {at + 1})")
            kind = str(found.lastgroup)
            self.tokens.append((kind, found[kind]))
            at = found.end()
        self.place = 0

    def deepest(self) -> int:
        """How deep the parentheses go."""
        steps = ((token == _OPEN) - (token == _CLOSE) for token in self.tokens)
        return max(accumulate(steps), default=0)

    def peek(self) -> str | None:
        return self.tokens[self.place][1] if self.place < len(self.tokens) else None

    def at(self, *tokens: tuple[str, str]) -> bool:
        """Whether one of these is next. A phrase that reads the same, such as ``"OR"``, is another token."""
        return self.place < len(self.tokens) and self.tokens[self.place] in tokens

    def either(self) -> tuple[Match, bool]:
        parts = [self.all()]
        while self.at(_OR):
            self.place += 1
            parts.append(self.all())
        if len(parts) == 1:
            return parts[0]
        return (lambda s: any(match(s) for match, _ in parts)), all(positive for _, positive in parts)

    def all(self) -> tuple[Match, bool]:
        parts = []
        while self.place < len(self.tokens) and not self.at(_CLOSE, _OR):
            parts.append(self.one())
        if not parts:
            raise RuleError("something is missing: OR and parentheses need a word on both sides")
        if len(parts) == 1:
            return parts[0]
        return (lambda s: all(match(s) for match, _ in parts)), any(positive for _, positive in parts)

    def one(self) -> tuple[Match, bool]:
        kind, word = self.tokens[self.place]
        self.place += 1
        if kind == "minus":
            if self.place == len(self.tokens) or self.at(_CLOSE, _OR):
                raise RuleError("something is missing: - needs a word after it")
            match, _ = self.one()
            return (lambda s: not match(s)), False
        if (kind, word) == _OPEN:
            inside = self.either()
            if not self.at(_CLOSE):
                raise RuleError("a parenthesis is not closed")
            self.place += 1
            return inside
        if kind == "phrase":
            return _phrase(word), True
        return _operand(word), True


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
    if name == "has" and value in _HAS:
        return lambda s: any(one.startswith(_HAS[value]) for one in s.words)
    if name == "has" and value == "links":
        return lambda s: "http" in s.text
    raise RuleError(f"unknown operator {word!r}; there are from:, lang:, has:hashtags, has:mentions, has:links")
