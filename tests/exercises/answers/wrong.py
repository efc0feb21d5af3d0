"""Wrong answers: the gap, its kind, the code; and a pattern that a refusal which points at the mistake matches."""

from typing import NamedTuple

__all__ = ["WRONG", "Mistake"]

_SEND = "self.producer.send(self.topic, key=key, value=value)"
_LINE = "line = io.StringIO()\ncsv.writer(line).writerow({row})\nreturn tweet.user, line.getvalue()"
_COUNT = "self.received += 1\n"
_PASS_ON = "self.send(*to_record(tweet))\n"
_SHOW = "if self.received % self.every == 0:\n    self.live.append(tweet.text)\n"
_AUTHOR = 'author = response.includes["users"][0].username\n'
_NOW = "now = round(time.time() * 1000)\n"
_TELL = "self.ref.tell(Tweet(now, author, response.data.text))\n"


class Mistake(NamedTuple):
    """A wrong answer. `second` fills the second piece of gap 5. `points`: a pattern, case ignored."""

    gap: int
    name: str
    points: str
    code: str
    second: str | None = None
    before: str = ""
    whole: bool = False


def _row(name: str, points: str, text: str) -> Mistake:
    """Gap 3 with another text in the row."""
    return Mistake(3, name, points, _LINE.format(row=f"[tweet.fetched_ms, tweet.user, {text}]"))


def _told(name: str, points: str, text: str) -> Mistake:
    """Gap 7 with another text in the Tweet."""
    return Mistake(7, name, points, f"{_AUTHOR}{_NOW}self.ref.tell(Tweet(now, author, {text}))")


_ADMIN = """
from kafka.admin import KafkaAdminClient, NewTopic
admin = KafkaAdminClient(bootstrap_servers=servers)
try:
    {body}
finally:
    admin.close()
"""

WRONG = [
    # Gap 1
    Mistake(
        1,
        "remembers its own calls in a set",
        "already|exist|there",
        "if name in made:\n    return\nmade.add(name)\n"
        + _ADMIN.format(body="admin.create_topics([NewTopic(name, 3, 1)])"),
        before="made = set()",
    ),
    Mistake(
        1, "three replicas for three partitions", "partition|replica", "topics.create(name, partitions=1)\nreturn 3"
    ),
    Mistake(
        1,
        "the second call of the process only",
        "already|exist|there|made|no topic|each call",
        "global calls\ncalls += 1\nif calls > 1:\n    topics.create(name, partitions=3)",
        before="calls = 0",
    ),
    Mistake(
        1, "one topic for each partition", "partition|name", 'for n in range(3):\n    topics.create(f"{name}-{n}")'
    ),
    Mistake(
        1,
        "stops at a topic that is there",
        "already|exist|there",
        'if name in set(topics.describe().topic):\n    raise ValueError("it is there")\ntopics.create(name, partitions=3)',
    ),
    # Gap 2
    Mistake(
        2,
        "one ack for each of three",
        "acks",
        "return KafkaProducer(bootstrap_servers=servers, acks=3,"
        " key_serializer=DefaultSerializer(), value_serializer=DefaultSerializer())",
    ),
    Mistake(
        2,
        "strips and lowers on the way",
        "same|exact|utf-8|change|as it",
        "return KafkaProducer(bootstrap_servers=servers, acks='all', key_serializer=str.encode,"
        " value_serializer=lambda text: text.strip().lower().encode())",
    ),
    # Gap 3
    _row("a tweet is at most 140 long", "cut|long|whole|end|character", "tweet.text[:140]"),
    _row("a tweet is at most 280 long", "cut|long|whole|end|character", "tweet.text[:280]"),
    _row("entities are unescaped", "&|entit|html|escap", "__import__('html').unescape(tweet.text)"),
    _row("white space is collapsed", "space|break|blank", "' '.join(tweet.text.split())"),
    _row("case does not count", "case|letter|capital|lower", "tweet.text.lower()"),
    _row(
        "NFKC makes it clean",
        "character|unicode|normal|letter|sign",
        "__import__('unicodedata').normalize('NFKC', tweet.text)",
    ),
    _row("mentions are noise", "@|mention", "__import__('re').sub(r'@\\w+ ?', '', tweet.text)"),
    _row("links are noise", "link|http|url", "__import__('re').sub(r'https?://\\S+', '', tweet.text)"),
    _row("RT is noise", "RT|retweet", "tweet.text.removeprefix('RT ')"),
    _row("hashes are noise", "#|hash", "tweet.text.replace('#', '')"),
    _row("Windows' line ends become one", r"break|\\r|carriage|line", "tweet.text.replace('\\r\\n', '\\n')"),
    _row("quotes become single", "quot", "tweet.text.replace('\"', \"'\")"),
    _row("tabs become spaces", "tab|space", "tweet.text.expandtabs()"),
    Mistake(
        3,
        "a lone carriage return stays unquoted",
        r"\\r|carriage",
        "line = io.StringIO()\ncsv.writer(line, lineterminator='\\n').writerow(tweet)\nreturn tweet.user, line.getvalue()",
    ),
    Mistake(
        3,
        "quotes by hand, but not a carriage return",
        r"\\r|carriage",
        "text = tweet.text\nif any(sign in text for sign in ',\"\\n'):\n"
        "    text = '\"' + text.replace('\"', '\"\"') + '\"'\nreturn tweet.user, f'{tweet.fetched_ms},{tweet.user},{text}'",
    ),
    Mistake(
        3,
        "each tweet once",
        "again|twice|same|second|each|none",
        "if tweet in known:\n    return None\nknown.add(tweet)\n" + _LINE.format(row="tweet"),
        before="known = set()",
    ),
    Mistake(
        3,
        "a time for people",
        "fetched_ms|time|millisecond|first",
        _LINE.format(row="[pd.Timestamp(tweet.fetched_ms, unit='ms'), *tweet[1:]]"),
    ),
    # Gap 4
    Mistake(
        4, "shows the one after", "every|10|count|th", _COUNT + _PASS_ON + _SHOW.replace("== 0", "== 1 % self.every")
    ),
    Mistake(
        4,
        "starts the count again",
        "received|count|reset",
        _COUNT + _PASS_ON + "if self.received == self.every:\n    self.live.append(tweet.text)\n    self.received = 0",
    ),
    Mistake(
        4,
        "shows the first tenth only",
        "every|20|again|each|multiple",
        _COUNT + _PASS_ON + _SHOW.replace("% self.every == 0", "== self.every"),
    ),
    Mistake(
        4,
        "shows one in every by chance",
        "every|10|count|th",
        _COUNT + _PASS_ON + "import random\nif random.random() < 1 / self.every:\n    self.live.append(tweet.text)",
    ),
    Mistake(4, "waits a little for each", "wait|sleep", _COUNT + _PASS_ON + _SHOW + "time.sleep(0.2)"),
    Mistake(
        4, "waits by an event", "wait", _COUNT + _PASS_ON + _SHOW + "import threading\nthreading.Event().wait(0.1)"
    ),
    Mistake(
        4,
        "drops mail while there is more",
        "mailbox|drop|each|all|every",
        "if not self.actor_inbox.empty():\n    return\n" + _COUNT + _PASS_ON + _SHOW,
    ),
    Mistake(
        4,
        "shows a cut text",
        "text|cut|whole|long",
        _COUNT + _PASS_ON + _SHOW.replace("tweet.text)", "tweet.text[:60])"),
    ),
    Mistake(
        4,
        "sends a text once only",
        "each|every tweet|twice|same|all|again",
        "self.texts = getattr(self, 'texts', set())\n"
        + _COUNT
        + "if tweet.text not in self.texts:\n    self.texts.add(tweet.text)\n    self.send(*to_record(tweet))\n"
        + _SHOW,
    ),
    Mistake(
        4,
        "leaves out retweets",
        "each|every tweet|all|RT|retweet",
        "if tweet.text.startswith('RT '):\n    return\n" + _COUNT + _PASS_ON + _SHOW,
    ),
    Mistake(
        4,
        "stops after a thousand",
        "each|all|every|stop",
        _COUNT + "if self.received > 30:\n    self.stop()\n    return\n" + _PASS_ON + _SHOW,
    ),
    # Gap 5
    Mistake(5, "flushes, then closes", "clos|open", _SEND, "self.producer.flush()\nself.producer.close()"),
    Mistake(5, "waits a tenth of a second", "flush|until|wait|time", _SEND, "time.sleep(0.1)"),
    Mistake(
        5,
        "flush has a tenth of a second",
        "flush|until|wait|time",
        _SEND,
        "try:\n    self.producer.flush(timeout=0.1)\nexcept Exception:\n    pass",
    ),
    Mistake(5, "waits for the last only", "all|every|each|flush", "self.last = " + _SEND, "self.last.get(timeout=30)"),
    Mistake(
        5,
        "waits for the first only",
        "all|every|each|flush",
        "if not hasattr(self, 'first'):\n    self.first = self.producer.send(self.topic, key=key, value=value)\nelse:\n    "
        + _SEND,
        "self.first.get(timeout=30)",
    ),
    Mistake(
        5,
        "flushes in a thread",
        "wait|flush|until",
        _SEND,
        "import threading\nthreading.Thread(target=self.producer.flush, daemon=True).start()",
    ),
    Mistake(
        5,
        "flushes every tenth",
        "flush|wait",
        "self.n = getattr(self, 'n', 0) + 1\n" + _SEND + "\nif self.n % 10 == 0:\n    self.producer.flush()",
        "self.producer.flush()",
    ),
    Mistake(5, "waits 0.2 s for each", "wait|sleep", _SEND + "\ntime.sleep(0.2)", "self.producer.flush()"),
    Mistake(
        5,
        "waits for each with a short time-out",
        "wait|get",
        "try:\n    self.producer.send(self.topic, key=key, value=value).get(timeout=0.2)\nexcept Exception:\n    pass",
        "self.producer.flush()",
    ),
    Mistake(
        5,
        "sends when twenty are there",
        "send|each|buffer|once|at once|wait|collect",
        "self.kept = getattr(self, 'kept', []) + [(key, value)]\nif len(self.kept) == 20:\n    for k, v in self.kept:\n        self.producer.send(self.topic, key=k, value=v)\n    self.kept = []",
        "self.producer.flush()",
    ),
    Mistake(
        5,
        "a polling wait for each",
        "wait|loop",
        "future = " + _SEND + "\nfor _ in range(20):\n    if future.is_done:\n        break\n    time.sleep(0.01)",
        "self.producer.flush()",
    ),
    Mistake(
        5,
        "the value without its line end, and cut",
        "value|changed|as it|cut|whole",
        "self.producer.send(self.topic, key=key, value=value[:100])",
        "self.producer.flush()",
    ),
    Mistake(
        5,
        "the key in lower case",
        "key",
        "self.producer.send(self.topic, key=key.lower(), value=value)",
        "self.producer.flush()",
    ),
    # Gap 6
    Mistake(
        6,
        "keeps the first actor",
        "each|new|same|another|own",
        "global kept_ref\nif kept_ref is None:\n    kept_ref = TweetActor.start(producer, topic, live, every)\nreturn kept_ref",
        before="kept_ref = None",
    ),
    Mistake(
        6,
        "gives back one that runs already",
        "each|new|same|another|own|already",
        "running = pykka.ActorRegistry.get_by_class(TweetActor)\nreturn running[0] if running else TweetActor.start(producer, topic, live, every)",
    ),
    Mistake(
        6,
        "one for each topic",
        "each|new|same|another|own",
        "if topic not in refs:\n    refs[topic] = TweetActor.start(producer, topic, live, every)\nreturn refs[topic]",
        before="refs = {}",
    ),
    # Gap 7
    _told("cut to 140", "cut|long|whole|text", "response.data.text[:140]"),
    _told("unescaped", "&|entit|html|escap|text", "__import__('html').unescape(response.data.text)"),
    _told("collapsed white space", "space|break|text", "' '.join(response.data.text.split())"),
    _told("lower case", "case|text", "response.data.text.lower()"),
    _told("mentions dropped", "@|mention|text", "__import__('re').sub(r'@\\w+', '', response.data.text)"),
    Mistake(
        7,
        "retweets dropped",
        "each|every|all|RT|retweet",
        "if response.data.text.startswith('RT @'):\n    return\n" + _AUTHOR + _NOW + _TELL,
    ),
    Mistake(
        7,
        "ask with a short time-out",
        "tell|wait|ask",
        _AUTHOR
        + _NOW
        + "try:\n    self.ref.ask(Tweet(now, author, response.data.text), timeout=0.2)\nexcept pykka.Timeout:\n    pass",
    ),
    Mistake(
        7,
        "waits while there is mail",
        "wait|mailbox",
        _AUTHOR
        + _NOW
        + _TELL
        + "for _ in range(30):\n    if self.ref.actor_inbox.empty():\n        break\n    time.sleep(0.01)",
    ),
    Mistake(7, "a pause for politeness", "wait|sleep", _AUTHOR + _NOW + _TELL + "time.sleep(0.1)"),
    Mistake(
        7,
        "drops when there is mail",
        "each|every|all|drop|mailbox",
        _AUTHOR + _NOW + "if self.ref.actor_inbox.empty():\n    self.ref.tell(Tweet(now, author, response.data.text))",
    ),
    Mistake(
        7,
        "the first text it saw",
        "each|this|text|own",
        "global first\nfirst = first or response.data.text\n"
        + _AUTHOR
        + _NOW
        + "self.ref.tell(Tweet(now, author, first))",
        before="first = None",
    ),
    Mistake(
        7,
        "each text once",
        "each|every|again|twice|same|all",
        "if response.data.text in heard:\n    return\nheard.add(response.data.text)\n" + _AUTHOR + _NOW + _TELL,
        before="heard = set()",
    ),
    Mistake(
        7,
        "a record, not a Tweet",
        "Tweet|to_record",
        _AUTHOR + _NOW + "self.ref.tell(to_record(Tweet(now, author, response.data.text)))",
    ),
]
