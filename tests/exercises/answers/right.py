"""Right answers that look different from the solution."""

from typing import NamedTuple

__all__ = ["RIGHT", "Correct"]

_SEND = "self.producer.send(self.topic, key=key, value=value)"


class Correct(NamedTuple):
    """A right answer. `second` fills the second piece of gap 5; `whole`: the code is the whole cell."""

    gap: int
    name: str
    code: str
    second: str | None = None
    before: str = ""
    whole: bool = False


_ACTOR = """
class TweetActor(pykka.ThreadingActor):
    use_daemon_thread = True

    def __init__(self, producer, topic, live, every):
        super().__init__()
        self.producer, self.topic = producer, topic
        self.live, self.every = live, every
        self.received = 0

    def on_start(self):
        {on_start}

    def on_receive(self, tweet):
        {on_receive}

    def send(self, key, value):
        {send}

    def on_stop(self):
        {on_stop}
"""


def _actor(
    gap: int,
    name: str,
    on_start: str = "pass",
    on_receive: str = (
        "self.received += 1; self.send(*to_record(tweet))\n"
        "if self.received % self.every == 0: self.live.append(tweet.text)"
    ),
    send: str = _SEND,
    on_stop: str = "self.producer.flush()",
    before: str = "",
) -> Correct:
    parts = {"on_start": on_start, "on_receive": on_receive, "send": send, "on_stop": on_stop}
    filled = {key: text.replace("\n", "\n        ") for key, text in parts.items()}
    return Correct(gap, name, _ACTOR.format(**filled), before=before, whole=True)


RIGHT = [
    Correct(
        1,
        "a renamed parameter and type hints",
        "def create_topic(topic: str) -> None:\n    topics.create(topic, partitions=3)",
        whole=True,
    ),
    Correct(
        1, "partial", "from functools import partial\ncreate_topic = partial(topics.create, partitions=3)", whole=True
    ),
    Correct(1, "a lambda", "create_topic = lambda name: topics.create(name, partitions=3)", whole=True),
    Correct(
        2,
        "lambdas, -1 and more options",
        "return KafkaProducer(bootstrap_servers=servers, acks=-1, linger_ms=20, client_id='mine',\n"
        "    key_serializer=lambda text: text.encode('utf-8'), value_serializer=lambda text: bytes(text, 'utf8'))",
    ),
    Correct(
        2,
        "a partial",
        "from functools import partial\n_make = partial(KafkaProducer, acks='all', key_serializer=str.encode, value_serializer=str.encode)\n\ndef make_producer(bootstrap: str) -> KafkaProducer:\n    return _make(bootstrap_servers=bootstrap)",
        whole=True,
    ),
    Correct(
        2,
        "options in a dict",
        "options = dict.fromkeys(('key_serializer', 'value_serializer'), DefaultSerializer())\nproducer = KafkaProducer(**options, bootstrap_servers=servers, acks='all', enable_idempotence=True)\nreturn producer",
    ),
    Correct(
        3,
        "quotes only what needs it",
        "def field(value):\n    text = str(value)\n"
        "    if any(sign in text for sign in ',\"\\r\\n'):\n        return '\"' + text.replace('\"', '\"\"') + '\"'\n    return text\n"
        "return tweet.user, ','.join(map(field, tweet))",
    ),
    Correct(
        3,
        "quotes all, one line feed",
        "line = io.StringIO(newline='')\ncsv.writer(line, quoting=csv.QUOTE_ALL, lineterminator='\\n').writerow(tweet)\nreturn tweet.user, line.getvalue()",
    ),
    Correct(
        3,
        "quotes the text only",
        "quoted = tweet.text.replace('\"', '\"\"')\nreturn tweet.user, f'{tweet.fetched_ms},{tweet.user},\"{quoted}\"'",
    ),
    Correct(
        3,
        "a renamed parameter",
        "def to_record(message: 'Tweet') -> tuple[str, str]:\n    ms, user, text = message\n    out = io.StringIO()\n    csv.writer(out, quoting=csv.QUOTE_NONNUMERIC).writerow([ms, user, text])\n    return user, out.getvalue()",
        whole=True,
    ),
    _actor(
        4,
        "counts in on_start's iterator",
        "import itertools\nself.counter = itertools.count(1)",
        "self.received = next(self.counter)\nself.send(*to_record(tweet))\nif not self.received % self.every:\n    self.live.append(tweet.text)",
    ),
    _actor(
        4,
        "a countdown from on_start",
        "self.left = self.every",
        "self.received += 1\nself.left -= 1\nif self.left == 0:\n    self.live.append(tweet.text)\n    self.left = self.every\nkey, value = to_record(tweet)\nself.send(key=key, value=value)",
    ),
    _actor(
        4,
        "a renamed message",
        on_receive="match message:\n    case Tweet(text=text):\n        self.received = self.received + 1\n        self.send(*to_record(message))\n        if divmod(self.received, self.every)[1] == 0:\n            self.live.append(text)",
    ).__class__(
        4,
        "a renamed message, a match",
        _actor(4, "")
        .code.replace("on_receive(self, tweet)", "on_receive(self, message: Tweet) -> None")
        .replace("to_record(tweet)", "to_record(message)")
        .replace("tweet.text", "message.text"),
        whole=True,
    ),
    Correct(
        4,
        "helpers of its own",
        "count = self.received + 1\nself.received = count\nrecord = to_record(tweet)\nself.send(*record)\nshown = count % self.every == 0\nif shown:\n    text = tweet.text\n    self.live.append(text)",
    ),
    _actor(
        5,
        "futures from on_start, each got",
        "self.futures = []",
        send="self.futures.append(self.producer.send(self.topic, key=key, value=value))",
        on_stop="for future in self.futures:\n    future.get(timeout=60)",
    ),
    _actor(
        5,
        "polls is_done",
        "self.futures = []",
        send="self.futures.append(self.producer.send(self.topic, key=key, value=value))",
        on_stop="while not all(future.is_done for future in self.futures):\n    time.sleep(0.01)",
    ),
    _actor(
        5,
        "a condition, fed by callbacks",
        "import threading\nself.changed = threading.Condition()\nself.open = 0",
        send=(
            "with self.changed:\n    self.open += 1\n"
            "future = self.producer.send(self.topic, key=key, value=value)\n"
            "def ended(_):\n    with self.changed:\n        self.open -= 1\n        self.changed.notify_all()\n"
            "future.add_callback(ended)\nfuture.add_errback(ended)"
        ),
        on_stop="with self.changed:\n    self.changed.wait_for(lambda: self.open == 0)",
    ),
    Correct(
        5,
        "by place, and only what is open",
        "self.waiting = [f for f in getattr(self, 'waiting', []) if not f.is_done]\nself.waiting.append(self.producer.send(self.topic, value, key))",
        "for future in self.waiting:\n    future.get()",
    ),
    Correct(
        5,
        "bytes",
        "self.producer.send(topic=self.topic, value=value.encode(), key=key.encode())",
        "self.producer.flush(timeout=60)\nsuper().on_stop()",
    ),
    Correct(
        5,
        "an errback of its own",
        "self.producer.send(self.topic, key=key, value=value).add_errback(print)",
        "producer = self.producer\nproducer.flush()",
    ),
    Correct(6, "the class's method", "start_actor = TweetActor.start", whole=True),
    Correct(
        6,
        "any arguments",
        "def start_actor(*arguments, **named):\n    return TweetActor.start(*arguments, **named)",
        whole=True,
    ),
    Correct(
        6,
        "other names and hints",
        "def start_actor(p: KafkaProducer, to: str, shown, n: int = 10) -> pykka.ActorRef:\n    ref = TweetActor.start(producer=p, topic=to, live=shown, every=n)\n    assert ref.is_alive()\n    return ref",
        whole=True,
    ),
    Correct(6, "a partial", "from functools import partial\nstart_actor = partial(TweetActor.start)", whole=True),
    Correct(
        7,
        "as a dict has it",
        "[user] = response.includes['users']\nself.ref.tell(Tweet(text=response.data['text'], user=user['username'], fetched_ms=int(time.time() * 1000)))",
    ),
    Correct(
        7,
        "pandas' clock",
        "tweet, includes, *_ = response\nself.ref.tell(Tweet(pd.Timestamp.now('UTC').value // 10**6, includes['users'][0].username, tweet.text))",
    ),
    Correct(
        7,
        "a class derived from Tweet",
        "class Late(Tweet):\n    pass\nself.ref.tell(Late(round(time.time() * 1000), response.data and response.includes['users'][0].username, response.data.text))",
    ),
    Correct(
        7,
        "datetime",
        "import datetime\nnow = datetime.datetime.now(datetime.timezone.utc)\nself.ref.tell(message=Tweet(int(now.timestamp() * 1e3), response.includes['users'][-1].username, str(response.data)))",
    ),
]
