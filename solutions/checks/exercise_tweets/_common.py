"""What the checks share: tweets as people write them, and the choice of the sentence that helps."""

import html
import re
import unicodedata
from typing import Any, NamedTuple

from kit.exercises import plain
from kit.exercises._values import text_of

__all__ = ["AT", "SLOW", "TWEETS", "Tweet", "about", "difference", "first", "same", "tweet_class", "waited"]

AT = 1_767_623_400_123
SLOW = 0.03  # seconds; the median of many calls: a busy machine slows some of them, not half


class Tweet(NamedTuple):
    """As in the notebook."""

    fetched_ms: int
    user: str
    text: str


_LONG = "a long tweet is a tweet as well, and its end counts: " * 6 + "see http://example.org/?a=1"
TWEETS = (
    ("plain text", Tweet(AT, "ana", "Lehman files for bankruptcy")),
    ("a comma", Tweet(AT, "bo", "calm, they said")),
    ("quotes", Tweet(AT, "cleo", 'he said "sell" and left')),
    ("a quote at its start", Tweet(AT, "Flo_B", '"contained" they called it')),
    ("a quote at its end, and a comma", Tweet(AT, "dan", 'well, they called it "contained"')),
    ("a line break", Tweet(AT, "eve", "first line\nsecond line")),
    ("emoji and accents", Tweet(AT, "zoë", "à la hausse 🚀📈")),
    ("a space at both ends", Tweet(AT, "gus", " wait for it ")),
    ("commas and quotes around a line break", Tweet(AT, "hal_jr", 'a, b\r\n"c"')),
    ("a mention", Tweet(AT, "ina", "@bo are you in?")),
    ("a retweet", Tweet(AT, "Jo", "RT @bo: sold out")),
    ("an entity", Tweet(AT, "kim", "AT&amp;T &lt; 30")),
    ("a hashtag", Tweet(AT, "lea", "so #over now")),
    ("a tab and two spaces", Tweet(AT, "max", "SPX\t1,192  down")),
    ("a long text with a link", Tweet(AT, "nia", _LONG)),
    ("letters that look like others", Tweet(AT, "ove", "ﬁne, ½ of it … ①")),
    ("a lone carriage return", Tweet(AT, "pia", "old\rMac")),
    ("the first tweet, once more", Tweet(AT, "ana", "Lehman files for bankruptcy")),
)
_LEFT_OUT = (
    (r"\bRT\b", "keep the RT of a retweet: it belongs to the text"),
    (r"@\w+", "keep mentions (@name): they belong to the text"),
    (r"https?://\S+", "keep links (http…): they belong to the text"),
    ("#", "keep the # of a hashtag: it belongs to the text"),
)


def tweet_class(namespace: Any) -> Any:
    """The notebook's Tweet; ours where another thing has this name."""
    found = namespace.get("Tweet")
    return found if isinstance(found, type) and getattr(found, "_fields", ()) == Tweet._fields else Tweet


def about(error: BaseException, *cases: tuple[Any, str, str]) -> str:
    """The sentence of the first case that has the error's kind, and a pattern found in its message; or nothing."""
    message = text_of(error)
    return first(
        *((isinstance(error, kinds) and bool(re.search(has, message)), advice) for kinds, has, advice in cases)
    )


def first(*cases: tuple[bool, str]) -> str:
    """The sentence of the first case that is true; or nothing."""
    return next((advice for true, advice in cases if true), "")


def same(got: Any, wanted: Any) -> bool:
    """Whether a value is the one that is wanted, whatever a student's or a library's `==` gives."""
    got = plain(got)
    return type(got) is type(wanted) and bool(got == wanted)


def waited(seconds: list[float]) -> bool:
    """Whether most calls took longer than code that does not wait."""
    return len(seconds) > 3 and sorted(seconds)[len(seconds) // 2] > SLOW


def difference(text: str, got: str) -> str:
    """What was done to a text; or nothing."""
    for pattern, advice in _LEFT_OUT:
        fewer = len(re.findall(pattern, got)) < len(re.findall(pattern, text))
        if fewer and _letters(re.sub(pattern, "", text)) == _letters(re.sub(pattern, "", got)):
            return advice
    breaks = text.replace("\r\n", "\n").replace("\r", "\n") == got.replace("\r\n", "\n").replace("\r", "\n")
    no_others = "keep every character, emoji and accents, too: nothing is to be left out"
    return first(
        (breaks, r"keep line breaks as they are, \r too: each is a character of the text"),
        (got == html.unescape(text), "keep entities such as &amp; as they came: unescaped, it is another text"),
        (got.split() == text.split(), "change nothing in the text, not even white space: tabs, spaces, line breaks"),
        (got.casefold() == text.casefold(), "keep capital letters as they are: case counts"),
        (len(got) > 20 and text.startswith(got), f"the text is cut after {len(got)} characters: its end is missing"),
        (got.strip("'\"") == text or got == text.replace('"', "'"), "keep quotes as they are, and add none"),
        (got == unicodedata.normalize("NFKC", text), "keep letters as they are: normalized Unicode is another text"),
        (got == "".join(sign for sign in text if sign < "\x7f"), no_others),
    )


def _letters(text: str) -> str:
    return "".join(text.split())
