"""Gaps 1, 2 and 3: the topic, the producer, and a tweet as a record with a line of CSV in it."""

import csv
import io
from typing import Any

import kafka

from kit import topics
from kit.exercises import CheckContext, StudentError, TookTooLong, plain, shown

from ..judging import difference, first, judge, same
from ._common import LIBRARY, SERVERS, TWEETS, UNCALLED, Tweet, advise, tweet_class

_SETTINGS = "leave the producer's other settings as they are"
_UTF8 = "the text above says what makes UTF-8 of text"
_SENT = {"zoë": ' à la hausse, "to the moon" 🚀 ', "Hal": "RT @bo: AT&amp;T\tup"}
_COLUMNS = "the fields are fetched_ms, user, text, with commas between them"


def create_topic(context: CheckContext) -> None:
    function, producer = context.named("create_topic"), context.producer()
    mine, theirs, another = (context.new_topic() for _ in range(3))
    _create(context, function, mine, "a name that is new")
    # A topic that another program has made: whatever the student's code remembers, it does not know this one.
    topics.create(theirs, partitions=3, bootstrap_servers=context.servers)
    for name in (mine, theirs):
        producer.send(name, key="k", value="v").get(timeout=2)
        _create(context, function, name, "when the topic is there and has one record")
        count = len(context.records(name, 1, seconds=0.5))
        judge(context, "that one record, and no other", f"{count} records",
            (not count, "leave a topic that is there as it is: look for what deletes it, or asks for a fresh one"),
            (count > 1, "only make the topic, and send nothing to it: others find that among their records"))  # fmt: skip
    _create(context, function, another, "another name that is new")


def _create(context: CheckContext, function: Any, name: str, when: str) -> None:
    before = context.topics()
    there = "the topic is there already, and that is fine: leave it, without an error" if name in before else ""
    context.advise = lambda error: there or advise(error)
    try:
        context.call(function, name, on=f"create_topic({name!r}), {when}", seconds=5.0)
    except TookTooLong as late:
        advice = "look for a loop, or for a wait for a topic that does not exist: sending to one does not make it"
        context.wrong(f"an end within {late.seconds:g} s", got=f"it was still busy, at {late.line}", advice=advice)
    count, others = context.partitions(name), sorted(context.topics() - before)
    judge(context, f"a topic {name!r}, with 3 partitions", f"{count} partitions" if count else f"{others or 'no topic'}",
        (not count and others, "use the name that the function gets, as it is: name, without quotes"),
        (not count, "have the broker make the topic, in each call: an object that describes a topic is none yet"),
        (count != 3 and there, "leave a topic that is there as it is, with its partitions"),
        (count != 3, "say how many partitions it has when you create it"))  # fmt: skip


def make_producer(context: CheckContext) -> None:
    function, topic = context.named("make_producer"), context.topic()
    local = context.servers.replace("127.0.0.1", "localhost")
    servers = local if local != context.servers else f"{local},{local}"  # an address that is only written here
    producer, again = _made(context, function, servers), _made(context, function, servers)
    judge(context, "a producer for each call", "the same one again",
        (again is producer, "make a new one in each call: the caller closes it, and then it is closed for others"))  # fmt: skip
    _send(context, producer, topic)
    found = context.records(topic, len(_SENT))
    judge(context, f"{len(_SENT)} records in the topic", f"{len(found)}", (len(found) != len(_SENT), _SETTINGS))
    for (key, value), record in zip(_SENT.items(), found, strict=True):
        for what, text, raw in (("value", value, record.value), ("key", key, record.key)):
            got = (raw or b"").decode("utf-8", "replace")
            judge(context, f"the {what} {text.encode()!r}", shown(raw),
                (raw is None, f"the {what} is missing: its serializer must give the bytes of each text"),
                ("\ufffd" in got, "that is not UTF-8; UTF-8 of the text is wanted, with nothing before or behind it"),
                (got != text, difference(text, got) or "UTF-8 of the text as it is is wanted, and nothing else"))  # fmt: skip


def _made(context: CheckContext, function: Any, servers: str) -> Any:
    context.advise = advise
    try:
        producer = context.call(function, servers, on=f"make_producer({servers!r})", seconds=5.0)
    except TookTooLong as late:
        advice = f"look for a loop; or no broker is where it looks: {SERVERS}"
        context.wrong("a producer within 5 s", got=f"it was still busy, at {late.line}", advice=advice)
    judge(context, "a KafkaProducer", producer,
        (not isinstance(producer, kafka.KafkaProducer), "make a producer, with all its options, and return it"))  # fmt: skip
    context.defer(lambda: producer.close(timeout=1))
    given, acks = plain(producer.config["bootstrap_servers"]), producer.config["acks"]
    given = ",".join(given) if isinstance(given, list) else given
    got = "one that was closed" if producer._closed else f"one for {given!r}, acks={shown(acks)}"
    judge(context, f"an open producer for {servers!r}, as it was given, that wants acks of all replicas", got,
        (producer._closed, "return it open, so without `with` and close(): the caller closes it"),
        (given != servers, SERVERS),
        (acks is all, "that is Python's function all; acks takes a text, in quotes"),
        (not same(acks, -1) and not same(acks, "all"), "acks does not wait for every replica in sync: if a broker dies, the record may be lost"))  # fmt: skip
    return producer


def _send(context: CheckContext, producer: Any, topic: str) -> None:
    def sent() -> None:
        for key, value in _SENT.items():
            context.on = f"send(topic, key={key!r}, value={value!r})"
            future = producer.send(topic, key=key, value=value)
            producer.flush(timeout=3)  # one that likes to wait for more is right, too
            future.get(timeout=3)

    try:
        context.call(sent, seconds=5)
    except (StudentError, TookTooLong) as raised:
        error = getattr(raised, "error", raised)
        text = f"{type(error).__name__}: {error}".splitlines()[0]
        which = "key_serializer" if "serialized key" in text else "value_serializer"
        given = {name: producer.config[name] for name in ("key_serializer", "value_serializer")}
        missing = " and no ".join(name for name, serializer in given.items() if serializer is None)
        judge(context, "a producer that takes text, and sends it as UTF-8", text,
            (isinstance(error, kafka.errors.KafkaError | TookTooLong), _SETTINGS),
            (isinstance(error, UnicodeError), "that encoding has no sign for it, UTF-8 has them all"),
            ("serialized" in text and missing, f"Kafka stores bytes, and it has no {missing}: {_UTF8}"),
            (any(not callable(getattr(one, "fn", str)) for one in given.values()), UNCALLED),
            ("<class 'str'>" in text, f"its {which} gives text again, where bytes are wanted: {_UTF8}"),
            ("Serializer" in text, f"that is only the class of a serializer: {which} wants an object of it"),
            (True, f"key_serializer and value_serializer get text, and must give bytes: {_UTF8}"))  # fmt: skip


def to_record(context: CheckContext) -> None:
    function, kind = context.named("to_record"), tweet_class(context.namespace)
    context.advise, earlier = advise, list[list[str]]()
    for what, tweet in TWEETS.items():
        record = context.call(function, kind(*tweet), on=f"{what}: {shown(kind(*tweet))}")
        parts = plain(record)
        pair, wanted = isinstance(parts, list) and len(parts) == 2, [str(tweet.fetched_ms), tweet.user, tweet.text]
        judge(context, "a pair: key, value", record,
            (not pair and wanted in earlier, "each call gives a record, also for a tweet that came before"),
            (not pair, "return both: first the key, then the line"))  # fmt: skip
        key, line = parts
        judge(context, f"the key {tweet.user!r} and a line, both text (str)", ", ".join(f"{type(part).__name__}: {shown(part)}" for part in parts),
            (bytes in (type(key), type(line)), "leave bytes to the producer: it encodes"),
            (not same(key, tweet.user), "the key is the user, and it comes first"),
            (isinstance(line, io.StringIO), "that is the file in memory; the text in it is what its getvalue() gives"),
            (isinstance(line, int), "writerow gives the number of characters; the line itself is in what it writes to"),
            (not isinstance(line, str), "the value is the line of CSV, and nothing else"))  # fmt: skip
        try:
            rows = list(csv.reader(io.StringIO(line, newline=""), strict=True))
        except csv.Error:
            rows = []
        if rows != [wanted]:
            advice = _line_advice(line, rows, wanted, earlier)
            context.wrong(f"one line of CSV, for the row {wanted}", got=shown(line), advice=advice)
        earlier.append(wanted)


def _line_advice(line: str, rows: list[list[str]], wanted: list[str], earlier: list[list[str]]) -> str:
    """What to say of a value that is no CSV, of other fields or another text, and of a line that cannot be read."""
    (at, user, text), row = wanted, rows[0] if len(rows) == 1 else []
    given = row[2] if row[:2] == [at, user] and len(row) == 3 else ""  # all is right but for the text
    encoded = line.startswith(("b'", 'b"')) or "b'" in line.replace(text, "")
    return first(
        (not line, "a StringIO has two ways to give its text: read() goes on where the writer has stopped, at the end"),
        (encoded, "str() of bytes writes b'…' around them: leave out encode(), for the value is to be text"),
        (line.startswith(("[", "{", "(", "Tweet(")), f"that is JSON, or how Python shows a value; in CSV {_COLUMNS}"),
        ("Tweet(" in line, "give writerow the tweet itself: it is a tuple, so a row of three fields already"),
        (rows[1:] and rows[0] in earlier, "the lines of earlier calls are still there: make a new StringIO() in each call"),
        (rows[1:] and (wanted in rows or set(Tweet._fields) <= set(rows[0])), "one line only, of the tweet itself: without a header, or a second line break"),
        (row and row in (list(text), list(user)), "writerow takes a text for a list of letters; give it the row of all three fields"),
        (len(row) in (1, 2) or row[:-1] == wanted, _COLUMNS),
        (f", {user}" in line, "no space after a comma: it would belong to the field"),
        (row[1:] == [user, text] and row[0].startswith(at[:-3]), "the time stays in milliseconds, a whole number"),
        (row[1:] == [user, text], "the first field is the tweet's fetched_ms, as it is: not another time"),
        (sorted(row) == sorted(wanted), "the order is fetched_ms, user, text"),
        (row[:1] == [at] and row[2:] == [text], f"the user is not as it came: {user!r}"),
        (given.strip("'") == text, f"the quotes of repr() are Python's, and not CSV's: {LIBRARY}"),
        (given.strip('"') == text, "quotes are added where they are needed: give the text as it is"),
        ("\\" in line, f"a backslash is nothing special in CSV, where a quote is written twice: {LIBRARY}, if its settings stay as they are"),
        (given.strip() == text.strip() and not line.endswith("\n"), "strip() of a line takes white space of the text, too, where only the end of the line may go"),
        (given, f"{difference(text, given) or 'keep every character of the text'}; in a field with quotes CSV holds it"),
        (f"'{text}'" in line, "the quote of CSV is the double one, and so it is in Python's csv module by itself"),
        ("\r" in text.replace("\r\n", ""), r"a carriage return (\r) needs quotes, too: csv quotes what is in its lineterminator"),
        ('"' in text and f'"{text}"' in line, f"a quote within quotes is written twice: {LIBRARY}"),
        ("\n" in text and line.strip().endswith(text.splitlines()[0]), "the text goes on after its line break, and so does its line of CSV"),
        ("\n" in text and "," not in text, "line breaks need quotes, too: csv quotes what is in its lineterminator"),
        (True, f"a text with commas, quotes or line breaks needs quotes: {LIBRARY}"))  # fmt: skip
