"""Gap 3: a tweet as a record, with a line of CSV in it."""

import csv
import io
import time
from typing import Any

from kit.exercises import CheckContext, plain, shown

from ._common import TWEETS, Tweet, about, difference, first, same, tweet_class

__all__ = ["to_record"]

_DAY_MS = 86_400_000


def to_record(context: CheckContext) -> None:
    function = context.named("to_record")
    kind = tweet_class(context.namespace)
    context.advise = _advice
    for number, (what, tweet) in enumerate(TWEETS):
        record = context.call(function, kind(*tweet), on=f"{what}: {shown(kind(*tweet))}")
        parts = plain(record)
        if not isinstance(parts, list) or len(parts) != 2:
            again = "each call gives a record, also for a tweet that came before" if what.endswith("once more") else ""
            context.wrong("a pair: key, value", got=record, advice=again or "return both: first the key, then the line")
        key, value = parts
        if isinstance(key, bytes):
            _check_text(context, "key", key)
        if not same(key, tweet.user):
            context.wrong(f"the key {tweet.user!r}", got=shown(key), advice="the key is the user, and it comes first")
        _check_text(context, "value", value)
        _check_line(context, tweet, value, [earlier for _, earlier in TWEETS[:number]])


def _check_text(context: CheckContext, name: str, part: Any) -> None:
    if isinstance(part, str):
        return
    advice = "the value is the line of CSV, and nothing else"
    if isinstance(part, bytes):
        advice = "leave bytes to the producer: it encodes"
    elif isinstance(part, io.StringIO):
        advice = "that is the file in memory; its getvalue() is the text in it"
    elif isinstance(part, int):
        advice = "writerow gives the number of characters; the line itself is what getvalue() of its StringIO gives"
    got = shown(part) if isinstance(part, io.IOBase) else f"{type(part).__name__}: {shown(part)}"
    context.wrong(f"a {name} of text (str)", got=got, advice=advice)


def _row(tweet: Tweet) -> list[str]:
    return [str(tweet.fetched_ms), tweet.user, tweet.text]


def _check_line(context: CheckContext, tweet: Tweet, line: str, earlier: list[Tweet]) -> None:
    """One line of CSV gives back what was put in, to a reader of CSV."""
    wanted = _row(tweet)
    try:
        rows = list(csv.reader(io.StringIO(line, newline=""), strict=True))
    except csv.Error:
        rows = []
    if rows == [wanted]:
        return
    out = io.StringIO()
    csv.writer(out).writerow(wanted)
    advice = _no_csv(line, tweet)
    if not advice and len(rows) > 1:
        advice = _too_many(rows, wanted, [_row(one) for one in earlier])
    if not advice and len(rows) == 1:
        advice = _other_fields(rows[0], wanted)
    if not advice and len(rows) == 1 and len(rows[0]) == 3:
        advice = _other_text(rows[0], wanted, line)
    expected = out.getvalue().removesuffix("\r\n")
    context.wrong(repr(expected), got=shown(line), advice=advice or _quoting(line, tweet.text, expected))


def _no_csv(line: str, tweet: Tweet) -> str:
    """What to say of a value that is something else than CSV."""
    if not line:
        return "getvalue() gives all that was written; read() goes on where the writer has stopped, at the end"
    if line.startswith(("b'", 'b"')) or "b'" in line.replace(tweet.text, ""):
        return "str() of bytes writes b'…' around them: leave out encode(), for the value is to be text"
    if line.startswith(("[", "{", "(", "Tweet(")):
        return "that is JSON, or how Python shows a value; CSV is the fields, with commas between, as csv.writer has it"
    if "Tweet(" in line:
        return "give writerow the tweet itself: it is a tuple, so a row of three fields already"
    return ""


def _too_many(rows: list[list[str]], wanted: list[str], earlier: list[list[str]]) -> str:
    return first(
        (any(row in earlier for row in rows), "make a new StringIO() in each call: this one still holds those before"),
        (any(set(Tweet._fields) <= set(row) for row in rows), "one line only, of the tweet itself, without a header"),
        (wanted in rows, "one line only: call writerow once, and add no line break of your own"),
    )


def _other_fields(row: list[str], wanted: list[str]) -> str:
    """What to say of fields that are not the three, or not in their order; all in one row."""
    at, user, text = wanted
    time_only = row[1:] == [user, text]
    given = row[0] if row else ""
    now = given.isdecimal() and abs(int(given) - time.time() * 1000) < _DAY_MS
    return first(
        (
            row in (list(text), list(user)),
            "writerow takes a text for a list of letters; give it the row of all three fields",
        ),
        (len(row) < 3, "the fields are fetched_ms, user, text, with commas between them"),
        (len(row) > 3 and row[:3] == wanted, "three fields, and no more: fetched_ms, user, text"),
        (time_only and given.partition(".")[0] == at[:-3], "the time stays in milliseconds, a whole number"),
        (time_only and now, "the time is when the tweet came, its fetched_ms: not now"),
        (time_only, "the first field is fetched_ms, as it is"),
        (sorted(row) == sorted(wanted), "the order is fetched_ms, user, text"),
    )


def _other_text(row: list[str], wanted: list[str], line: str) -> str:
    """What to say of three fields that are the three, but not quite."""
    _, user, text = wanted
    given = row[2]
    kept = "keep every character: nothing is to be left out, replaced or added"
    breaks = "keep every character, line breaks, too: in a field with quotes CSV holds them"
    spaces = "change nothing in the text, not even white space: strip() takes it, too"
    if not line.endswith("\n"):
        spaces += '; rstrip("\\r\\n") takes the end of the line only'
    return first(
        (f", {user}" in line or f", {text}" in line, "no space after a comma: it would belong to the field"),
        (given.strip("'") == text, "the quotes of repr() are Python's, and not CSV's: let csv.writer do it"),
        (given.strip('"') == text, "csv.writer puts quotes where they are needed: give it the text as it is"),
        (given.strip() == text.strip(), spaces),
        (given.split() == text.split() and "\n" in text, breaks),
        (True, difference(text, given) or kept),
    )


def _quoting(line: str, text: str, expected: str) -> str:
    """What to say of a line that cannot be read as it was meant."""
    cut = "\n" in text and expected.startswith(line.strip())
    break_only = "\n" in text and "," not in text  # a comma and quotes were right, in the tweets before
    lone = "\r" in text.replace("\r\n", "")
    single = "the quote of CSV is the double one: csv.writer has it so, if its quotechar stays as it is"
    return first(
        ("\\" in line, "a backslash is nothing special in CSV: let csv.writer quote, with its settings as they are"),
        (f"'{text}'" in line, single),
        (lone, r"a carriage return (\r) must be quoted, too: csv.writer does it, if its lineterminator stays as it is"),
        ('"' in text and f'"{text}"' in line, "a quote within quotes is written twice: let csv.writer do it"),
        (cut, "the text goes on after its line break, and so does its line of CSV: getvalue() gives it whole"),
        (break_only, "line breaks must be quoted, too: csv.writer does it, if its lineterminator stays as it is"),
        (True, "a text with commas, quotes or line breaks must be quoted: let csv.writer do it"),
    )


def _advice(error: BaseException) -> str:
    return about(
        error,
        (TypeError, "sequence item", "join takes text only, and quotes nothing: let csv.writer make the line"),
        (TypeError, "concatenate|unsupported operand", "the time is a number, which csv.writer makes text by itself"),
        (TypeError, 'must have a "write"', "csv.writer writes to a file; in memory that is an io.StringIO()"),
        (TypeError, "bytes-like", "csv.writer writes text, so to an io.StringIO()"),
        (csv.Error, "iterable expected", "a tweet is one row: writerow; writerows takes a list of rows"),
        (ValueError, "closed file", "close() empties a StringIO: ask for its getvalue() before, or do not close it"),
        (AttributeError, "csv", "the text is in the StringIO that the writer writes to: its getvalue()"),
        (AttributeError, "'Tweet'", "a Tweet has fetched_ms, user and text"),
        (TypeError, "indices must be integers", "a Tweet has its fields by name: tweet.user, tweet.text"),
    )
