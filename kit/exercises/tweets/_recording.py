"""Gap 3: a tweet as a record, with a line of CSV in it."""

import csv
import io
import time
from typing import Any, NamedTuple

from kit.exercises._trial import Trial, shown
from kit.exercises.tweets._advice import about, first

__all__ = ["AT", "Tweet", "to_record"]


class Tweet(NamedTuple):
    """As in the notebook."""

    fetched_ms: int
    user: str
    text: str


AT = 1_767_623_400_123
TWEETS = (
    ("plain text", Tweet(AT, "ana", "Lehman files for bankruptcy")),
    ("a comma", Tweet(AT, "bo", "calm, they said")),
    ("quotes", Tweet(AT, "cleo", 'he said "sell" and left')),
    ("a quote at its start", Tweet(AT, "flo", '"contained" they called it')),
    ("a quote at its end, and a comma", Tweet(AT, "dan", 'well, they called it "contained"')),
    ("a line break", Tweet(AT, "eve", "first line\nsecond line")),
    ("emoji and accents", Tweet(AT, "zoë", "à la hausse 🚀📈")),
    ("a space at both ends", Tweet(AT, "gus", " wait for it ")),
    ("a comma in the user", Tweet(AT, "hal, jr", 'a, b\r\n"c"')),
)

_DAY_MS = 86_400_000


def to_record(trial: Trial) -> None:
    function = trial.named("to_record")
    kind = trial.namespace.get("Tweet", Tweet)
    trial.advise = _advice
    for number, (what, told) in enumerate(TWEETS):
        tweet = kind(*told)
        record = trial.call(function, tweet, on=f"{what}: {tweet!r}")
        if not isinstance(record, tuple | list) or len(record) != 2:
            trial.wrong(
                "a pair: key, value",
                got=record if record is None else shown(record),
                advice="return both: return tweet.user, line",
            )
        key, value = record
        if isinstance(key, bytes):
            _check_text(trial, "key", key)
        if not isinstance(key, str) or key != tweet.user:
            advice = "the key is the user: return tweet.user first, then the line"
            trial.wrong(f"the key {tweet.user!r}", got=shown(key), advice=advice)
        _check_text(trial, "value", value)
        _check_line(trial, told, value, [earlier for _, earlier in TWEETS[:number]])


def _check_text(trial: Trial, name: str, part: Any) -> None:
    if isinstance(part, str):
        return
    advice = "the value is the line of CSV, and nothing else"
    if isinstance(part, bytes):
        advice = "leave bytes to the producer: it encodes"
    elif hasattr(part, "getvalue"):
        advice = "that is the file in memory; its getvalue() is the text in it"
    elif isinstance(part, int):
        advice = "writerow gives the number of characters; the line itself is what getvalue() of its StringIO gives"
    got = shown(part) if isinstance(part, io.IOBase) else f"{type(part).__name__}: {shown(part)}"
    trial.wrong(f"a {name} of text (str)", got=got, advice=advice)


def _row(tweet: Tweet) -> list[str]:
    return [str(tweet.fetched_ms), tweet.user, tweet.text]


def _check_line(trial: Trial, tweet: Tweet, line: str, earlier: list[Tweet]) -> None:
    """One line of CSV gives back what was put in, to whoever reads CSV."""
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
    trial.wrong(repr(expected), got=shown(line), advice=advice or _quoting(line, tweet.text, expected))


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
        (row in (list(text), list(user)), "writerow takes a text for a list of letters; give it all: writerow(tweet)"),
        (len(row) < 3, "the fields are fetched_ms, user, text, with commas between them"),
        (len(row) > 3 and row[:3] == wanted, "three fields, and no more: fetched_ms, user, text"),
        (time_only and given.partition(".")[0] == at[:-3], "the time stays in milliseconds, a whole number"),
        (time_only and now, "the time is when the tweet came: tweet.fetched_ms"),
        (time_only, "the first field is tweet.fetched_ms, as it is"),
        (sorted(row) == sorted(wanted), "the order is fetched_ms, user, text"),
    )


def _other_text(row: list[str], wanted: list[str], line: str) -> str:
    """What to say of three fields that are the three, but not quite."""
    _, user, text = wanted
    given = row[2]
    spaces = "change nothing in the text, not even spaces: strip() takes them, too"
    if not line.endswith("\n"):
        spaces += '; rstrip("\\r\\n") takes the end of the line only'
    return first(
        (f", {user}" in line or f", {text}" in line, "no space after a comma: it would belong to the field"),
        (given.strip("'") == text, "the quotes of repr() are Python's, and not CSV's: let csv.writer do it"),
        (given.strip('"') == text, "csv.writer puts quotes where they are needed: give it the text as it is"),
        (given.strip() == text.strip(), spaces),
        (
            given.split() == text.split(),
            "keep every character, line breaks, too: in a field with quotes CSV holds them",
        ),
        (True, "keep every character: nothing is to be left out, replaced or added"),
    )


def _quoting(line: str, text: str, expected: str) -> str:
    """What to say of a line that cannot be read as it was meant."""
    cut = "\n" in text and expected.startswith(line.strip())
    break_only = "\n" in text and "," not in text  # a comma and quotes were right, in the tweets before
    return first(
        ("\\" in line, "a backslash is nothing special in CSV: let csv.writer quote, with its settings as they are"),
        (
            f"'{text}'" in line,
            "the quote of CSV is the double one: csv.writer has it so, if its quotechar stays as it is",
        ),
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
