"""The rule language: what matches, what does not, what cannot be read."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.feeds.rules import RuleError, Subject, compile_rule

TWEET = Subject.of(
    "The #Grammys were @anonymous's best: \"rock & roll\" never dies! I don't party $JPM http://t.co/x", "reader_0007"
)


@pytest.mark.parametrize(
    "rule",
    [
        "grammys",
        "GRAMMYS",
        "#grammys",
        "@anonymous",
        "$jpm",
        "don't",
        '"rock & roll"',
        '"never dies"',
        '"dies! i"',
        "rock roll",
        "rock OR jazz",
        "jazz OR rock",
        "rock -jazz",
        "-jazz rock",
        "(rock OR jazz) party",
        "rock (jazz OR (party best))",
        "rock -(jazz OR blues)",
        'rock -"hip hop"',
        "from:reader_0007",
        "from:@reader_0007",
        "lang:en",
        "has:hashtags has:mentions has:links",
        "rock lang:en -from:reader_0001",
    ],
)
def test_a_rule_that_matches(rule: str) -> None:
    assert compile_rule(rule)(TWEET)


@pytest.mark.parametrize(
    "rule",
    [
        "jazz",
        "#rock",
        "@grammys",
        "art",
        '"roll rock"',
        '"art"',
        '"never die"',
        "rock jazz",
        "jazz OR blues",
        "rock -party",
        "rock -(jazz OR party)",
        "from:reader_0008",
        "lang:de",
        'rock "OR" jazz',
    ],
)
def test_a_rule_that_does_not_match(rule: str) -> None:
    assert not compile_rule(rule)(TWEET)


def test_a_space_binds_more_tightly_than_or() -> None:
    rule = compile_rule("a b OR c d")
    matching = [text for text in ("a b", "c d", "a c", "a d", "b c") if rule(Subject.of(text, ""))]
    assert matching == ["a b", "c d"]


@pytest.mark.parametrize(
    ("text", "rule"), [("no tags here", "has:hashtags"), ("nobody", "has:mentions"), ("plain", "has:links")]
)
def test_a_tweet_without_it_does_not_have_it(text: str, rule: str) -> None:
    assert not compile_rule(rule)(Subject.of(text, "x"))


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("a" * 1025, "at most 1024 characters, not 1025"),
        ("-rock", "not negated"),
        ("-rock -jazz", "not negated"),
        ("rock OR -jazz", "not negated"),
        ("-(rock jazz)", "not negated"),
        ("rock OR", "missing"),
        ("OR rock", "missing"),
        ("rock OR OR jazz", "missing"),
        ("()", "missing"),
        ("rock -()", "missing"),
        ("(-OR) rock", "missing"),
        ("(rock", "missing"),
        ('(rock ")"', "missing"),
        ("rock)", "missing"),
        ('"rock', "cannot read"),
        ('""', "phrase must not be empty"),
        ('rock "  "', "phrase must not be empty"),
        ("rock to:somebody", "unknown operator 'to:somebody'"),
        ("rock http://t.co", "unknown operator"),
        ("has:media", "unknown operator"),
        ("from: reader_0007", "'from:' needs a value"),
        ("(" * 51 + "a" + ")" * 51, "nested 50 deep"),
        ("(" * 500 + "a" + ")" * 500, "nested 50 deep"),
    ],
)
def test_a_rule_that_cannot_be_read_says_why(rule: str, why: str) -> None:
    with pytest.raises(RuleError, match=why):
        compile_rule(rule)


def test_the_deepest_nesting_there_may_be_still_works() -> None:
    assert compile_rule("(" * 50 + "rock" + ")" * 50)(TWEET)
    assert compile_rule("rock -(" * 25 + "jazz" + ")" * 25)(TWEET) in (True, False)


# ---- by Hypothesis --------------------------------------------------------------------------------------------

WORDS = list("abcdef")


def _join(parts: Any) -> Any:
    return st.tuples(st.sampled_from(["and", "or"]), st.lists(parts, min_size=2, max_size=3)) | st.tuples(
        st.just("not"), parts
    )


TREES = st.recursive(st.sampled_from(WORDS), _join, max_leaves=8)


def written(tree: Any) -> str:
    if isinstance(tree, str):
        return tree
    kind, parts = tree
    if kind == "not":
        return f"-({written(parts)})"
    between = " " if kind == "and" else " OR "
    return f"({between.join(written(part) for part in parts)})"


def holds(tree: Any, words: set[str]) -> bool:
    if isinstance(tree, str):
        return tree in words
    kind, parts = tree
    if kind == "not":
        return not holds(parts, words)
    return (all if kind == "and" else any)(holds(part, words) for part in parts)


@given(TREES, st.sets(st.sampled_from(WORDS)))
def test_a_rule_matches_exactly_where_its_logic_holds(tree: Any, words: set[str]) -> None:
    rule = f"z {written(tree)}"  # z: a rule must have a part that is not negated
    assert compile_rule(rule)(Subject.of(" ".join(["z", *words]), "")) == holds(tree, words)


PIECES = st.sampled_from([*'()-":a #@$\t\u00a0\x1c\u2028', "OR", " OR ", "from:", "has:", "lang:en", "has:links"])


@given(st.lists(PIECES, max_size=40))
def test_whatever_is_typed_is_either_a_rule_or_a_rule_error(typed: list[str]) -> None:
    try:
        match = compile_rule("".join(typed))
    except RuleError:
        return
    assert match(TWEET) in (True, False)


@given(st.text(max_size=60), st.text(max_size=200))
def test_no_text_of_rule_or_tweet_breaks_the_matching(rule: str, tweet: str) -> None:
    try:
        match = compile_rule(rule)
    except RuleError:
        return
    assert match(Subject.of(tweet, "reader_0001")) in (True, False)


@given(st.lists(st.text(alphabet="abcxyz", min_size=1, max_size=8), min_size=1, max_size=8))
def test_each_word_and_each_run_of_words_of_a_tweet_finds_it(words: list[str]) -> None:
    tweet = Subject.of(" ".join(words), "")
    for start in range(len(words)):
        assert compile_rule(words[start])(tweet)
        assert compile_rule(f'"{" ".join(words[start:])}"')(tweet)
