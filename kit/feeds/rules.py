"""The rule language of X's filtered stream, as far as the replayed tweets have something to match.

Words, "exact phrases", #hashtags, @mentions, $cashtags, from:, lang:, has:hashtags|mentions|links; a space means AND,
OR means OR and binds less tightly, - negates, parentheses group. Source: X API documentation, "Build a rule".
"""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["RuleError", "Subject", "compile_rule"]

_TOKEN = re.compile(r'\s*(?:(?P<paren>[()])|(?P<minus>-(?=[^\s-]))|"(?P<phrase>[^"]*)"|(?P<word>[^\s()"]+))')
_WORDS = re.compile(r"[#@$]\w+|\w+(?:'\w+)?")
_DEEPEST = 50


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
    """A function from a tweet to whether it matches; RuleError if the rule cannot be read.

    >>> compile_rule("bank -river")(Subject.of("The bank is closed", "reader_0001"))
    True
    """
    if not rule.strip():
        raise RuleError("a rule must not be empty")
    if len(rule) > 1024:
        raise RuleError(f"a rule has at most 1024 characters, not {len(rule)}")
    expression, operands = _translate(rule.rstrip())
    try:
        tree = ast.parse(expression, mode="eval").body
    except SyntaxError:
        message = "something is missing: OR, - and parentheses need a word, and each parenthesis its other half"
        raise RuleError(message) from None
    match, positive = _matcher(tree, operands)
    if not positive:
        raise RuleError("a rule must have at least one part that is not negated")
    return match


def _translate(rule: str) -> tuple[str, dict[str, Match]]:
    """The rule as an expression of Python, whose not, and, or bind as X's do, and what its names stand for."""
    parts: list[str] = []
    operands: dict[str, Match] = {}
    at = depth = 0
    while at < len(rule):
        found = _TOKEN.match(rule, at)
        if found is None:
            raise RuleError(f"cannot read {rule[at:]!r} (at position {at + 1})")
        at, kind = found.end(), str(found.lastgroup)
        token = found[kind]
        depth += {"(": 1, ")": -1}.get(token, 0) if kind == "paren" else 0
        if depth > _DEEPEST:
            raise RuleError(f"parentheses may be nested {_DEEPEST} deep")
        is_or = (kind, token) == ("word", "OR")
        if parts and not is_or and token + kind != ")paren" and parts[-1] not in ("(", "not", "or"):
            parts.append("and")
        if kind == "paren":
            parts.append(token)
        elif kind == "minus" or is_or:
            parts.append("or" if is_or else "not")
        else:
            parts.append(f"_{len(operands)}")
            operands[parts[-1]] = (_phrase if kind == "phrase" else _operand)(token)
    return " ".join(parts), operands


def _matcher(tree: ast.expr, operands: dict[str, Match]) -> tuple[Match, bool]:
    """The function for an expression, and whether it has a part that is not negated."""
    if isinstance(tree, ast.BoolOp):
        combine, other = (any, all) if isinstance(tree.op, ast.Or) else (all, any)
        matches, positive = zip(*(_matcher(part, operands) for part in tree.values), strict=True)
        return (lambda s: combine(match(s) for match in matches)), other(positive)
    if isinstance(tree, ast.UnaryOp):
        match, _ = _matcher(tree.operand, operands)
        return (lambda s: not match(s)), False
    if isinstance(tree, ast.Name):
        return operands[tree.id], True
    raise RuleError("something is missing: parentheses need a word between them")


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
