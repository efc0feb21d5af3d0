"""Gap 3, to_record."""

import csv
import io

from kit.exercises import Crashed
from tests.exercises.misconceptions._answer import Answer, Right, Wrong

__all__ = ["RIGHT", "WRONG"]


def _written(writer: str = "csv.writer(line)", row: str = "tweet", end: str = "tweet.user, line.getvalue()") -> str:
    return f"line = io.StringIO()\n{writer}.writerow({row})\nreturn {end}"


def _line(line: str) -> str:
    return f"return tweet.user, {line}"


_PLAIN = "{tweet.fetched_ms},{tweet.user},{tweet.text}"

WRONG = [
    Wrong(
        "fields have no commas in them",
        _line(f'f"{_PLAIN}"'),
        hears="a text with commas, quotes or line breaks needs quotes",
        got="calm, they said",
    ),
    Wrong("join takes numbers", _line('",".join(tweet)'), kind=Crashed, hears="join takes text only"),
    Wrong(
        "quotes around it are enough",
        _line('f\'{tweet.fetched_ms},"{tweet.user}","{tweet.text}"\''),
        hears="is written twice",
    ),
    Wrong("repr quotes", _line('f"{tweet.fetched_ms},{tweet.user},{tweet.text!r}"'), hears="the quotes of repr()"),
    Wrong(
        "a backslash protects",
        _written('csv.writer(line, quoting=csv.QUOTE_NONE, escapechar="\\\\")'),
        hears="a backslash is nothing special",
    ),
    Wrong("quotes are single", _written('csv.writer(line, quotechar="\'")'), hears="the double one", got="'calm"),
    Wrong("more is better", _written(row="[*tweet, tweet.text]"), hears="the fields are fetched_ms, user, text"),
    Wrong("one line is the first", _written(end="tweet.user, line.getvalue().splitlines()[0]"), hears="goes on after"),
    Wrong(
        "closed is complete", _written(end="line.close() or tweet.user, line.getvalue()"), kind=Crashed, hears="close()"
    ),
    Wrong("quoted twice is safer", _written(row="[*tweet[:2], f'\"{tweet.text}\"']"), hears="the text as it is"),
    Wrong("commas may become semicolons", _written('csv.writer(line, delimiter=";")'), hears="with commas between"),
    Wrong(
        "commas in the text may go",
        _line('f"{tweet.fetched_ms},{tweet.user}," + tweet.text.replace(",", ";")'),
        hears="(a comma) became",
    ),
    Wrong(
        "a line has no line breaks",
        _written(row='[tweet.fetched_ms, tweet.user, tweet.text.replace("\\n", " ")]'),
        hears="(a line break) became",
    ),
    Wrong("strip is harmless", _written(row="tweet._replace(text=tweet.text.strip())"), hears="(a space) is left out"),
    Wrong(
        "the line's end goes with strip",
        _written(end="tweet.user, line.getvalue().strip()"),
        hears="only the end of the line may go",
    ),
    Wrong(
        "emoji are for the young",
        _written(row='[*tweet[:2], tweet.text.encode("ascii", "ignore").decode()]'),
        hears="keep every character",
    ),
    Wrong("a space after a comma is nicer", _line('f"{tweet[0]}, {tweet[1]}, {tweet[2]}"'), hears="no space after"),
    Wrong("who, what, when", _written(row="[tweet.user, tweet.text, tweet.fetched_ms]"), hears="the order is"),
    Wrong("time is in seconds", _written(row="[tweet.fetched_ms // 1000, *tweet[1:]]"), hears="stays in milliseconds"),
    Wrong("time is now", _written(row="[round(time.time() * 1000), *tweet[1:]]"), hears="not another time"),
    Wrong("only the text matters", _written(row="[tweet.text]"), hears="the fields are fetched_ms, user, text"),
    Wrong("text is a row", _written(row="tweet.text"), hears="a list of letters", got="L,e,h,m,a,n"),
    Wrong("a row is wrapped in a list", _written(row="[tweet]"), hears="it is a tuple, so a row"),
    Wrong(
        "a header says what it is", _written(row="Tweet._fields); csv.writer(line).writerow(tweet"), hears="a header"
    ),
    Wrong("rows of one tweet", _written().replace("writerow", "writerows"), kind=Crashed, hears="writerow"),
    Wrong(
        "a default is made anew in each call",
        "def to_record(tweet, line=io.StringIO()):\n    csv.writer(line).writerow(tweet)\n"
        "    return tweet.user, line.getvalue()",
        whole=True,
        hears="a new StringIO() in each call",
    ),
    Wrong("the file is its text", _written(end="tweet.user, line"), hears="getvalue()", got="<StringIO object>"),
    Wrong(
        "writerow gives the row",
        "line = io.StringIO()\nreturn tweet.user, csv.writer(line).writerow(tweet)",
        hears="the number of characters",
        got="int: 47",
    ),
    Wrong("CSV is bytes", _written().replace("StringIO", "BytesIO"), kind=Crashed, hears="one in memory, for text"),
    Wrong(
        "Kafka wants bytes", _written(end="tweet.user, line.getvalue().encode()"), hears="leave bytes to the producer"
    ),
    Wrong("str undoes encode", _written(end="tweet.user, str(line.getvalue().encode())"), hears="leave out encode()"),
    Wrong("a record is JSON", _line("json.dumps(tweet)"), before="import json", hears="in CSV the fields", got='"ana"'),
    Wrong("str of a tweet is a line", _line("str(tweet)"), hears="how Python shows", got="Tweet(fetched_ms="),
    Wrong("the key is the text", _written(end="tweet.text, line.getvalue()"), hears="the key is the user"),
    Wrong("the value comes first", _written(end="line.getvalue(), tweet.user"), hears="it comes first"),
    Wrong("a record is its value", _written(end="line.getvalue()"), hears="first the key, then the line"),
    Wrong("print shows it", _written().replace("return", "print(").rstrip() + ")", hears="return both"),
    Wrong("a tweet is a dict", _line("tweet['text']"), kind=Crashed, hears="its fields by name"),
    Wrong("the time has another name", _line('f"{tweet.time}"'), kind=Crashed, hears="fetched_ms, user, text"),
    Wrong("Unix's line end", _written('csv.writer(line, lineterminator="\\n")'), hears="a carriage return"),
]

RIGHT: list[Answer] = [
    Right("csv.writer", _written()),
    Right("without the end of the line", _written(end='tweet.user, line.getvalue().rstrip("\\r\\n")')),
    Right(
        "everything quoted, and a list",
        _written("csv.writer(line, quoting=csv.QUOTE_ALL)").replace("return ", "return [") + "]",
    ),
    Right("pandas", _line("pd.DataFrame([tweet]).to_csv(index=False, header=False, quoting=csv.QUOTE_ALL)")),
    Right(
        "the rules by hand",
        """
        fields = ['"' + str(field).replace('"', '""') + '"' for field in tweet]
        return tweet.user, ",".join(fields)
        """,
    ),
    Right("a DictWriter", _written("csv.DictWriter(line, Tweet._fields)", "tweet._asdict()")),
    Right(
        "one line at a time, in a file of one's own",
        "lines = Lines()\ncsv.writer(lines).writerow(tweet)\nreturn tweet.user, lines[0]",
        before="class Lines(list):\n    write = list.append",
    ),
]

# Some Pythons quote a line break whatever the end of the line is; then this is one more right answer.
_probe = io.StringIO()
csv.writer(_probe, lineterminator="").writerow(["a\nb"])
_no_end = _written('csv.writer(line, lineterminator="")')
if '"' in _probe.getvalue():
    RIGHT.append(Right("no end of the line", _no_end))
else:
    WRONG.append(Wrong("no end of the line", _no_end, hears="quotes what is in its lineterminator"))
