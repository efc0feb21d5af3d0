"""Answers of students who know Python, but not Kafka: `RIGHT_HABITS` pass, `WRONG_HABITS` do not."""

from tests.exercises.answers.right import Correct
from tests.exercises.answers.wrong import Mistake

__all__ = ["RIGHT_HABITS", "WRONG_HABITS"]

_SEND = "self.producer.send(self.topic, key=key, value=value)"
_FLUSH = "self.producer.flush()"
_PASS_ON = "self.received += 1\nself.send(*to_record(tweet))\n"
_SHOW = "if self.received % self.every == 0:\n    self.live.append(tweet.text)"
_START = "TweetActor.start(producer, topic, live, every)"
_AUTHOR = 'author = response.includes["users"][0].username\n'
_NOW = "now = int(time.time() * 1000)\n"
_TELL = "self.ref.tell(Tweet(now, author, response.data.text))"
_ADMIN = "from kafka.admin import KafkaAdminClient, NewTopic\nadmin = KafkaAdminClient(bootstrap_servers=servers)\n"


def _producer(key: str = "DefaultSerializer()", value: str = "DefaultSerializer()", rest: str = 'acks="all"') -> str:
    return f"return KafkaProducer(bootstrap_servers=servers, key_serializer={key}, value_serializer={value}, {rest})"


def _written(row: str, options: str = "", end: str = "") -> str:
    """Gap 3, by the library: another row, another dialect, another end."""
    return f"out = io.StringIO()\ncsv.writer(out{options}).writerow({row})\nreturn tweet.user, out.getvalue(){end}"


def _text(text: str) -> str:
    return _written(f"[tweet.fetched_ms, tweet.user, {text}]")


def _tweet(now: str = "now", user: str = "author", text: str = "response.data.text") -> str:
    return f"{_AUTHOR}{_NOW}self.ref.tell(Tweet({now}, {user}, {text}))"


RIGHT_HABITS = [
    Correct(
        1,
        "asks for forgiveness",
        f"from kafka.errors import TopicAlreadyExistsError\n{_ADMIN}"
        "try:\n    admin.create_topics([NewTopic(name, num_partitions=3, replication_factor=1)])\n"
        "except TopicAlreadyExistsError:\n    print(name, 'is there')\nfinally:\n    admin.close()",
    ),
    Correct(
        1,
        "looks before it leaps, by a consumer",
        "from kafka import KafkaConsumer\nreader = KafkaConsumer(bootstrap_servers=servers)\ntry:\n"
        "    there = name in reader.topics()\nfinally:\n    reader.close()\n"
        "if not there:\n    topics.create(name, partitions=3)",
    ),
    Correct(1, "gives the table back", "made = topics.create(name, partitions=3)\ndisplay = made.head\nreturn made"),
    Correct(2, "encodes by lambda", _producer("lambda k: k.encode()", 'lambda v: v.encode("utf-8")', "acks=-1")),
    Correct(2, "an unbound method", _producer("str.encode", "str.encode")),
    Correct(
        2,
        "bytes of a text or of nothing",
        "def to_bytes(text):\n    return None if text is None else bytes(text, 'utf8')\n"
        + _producer("to_bytes", "to_bytes", "acks='all', linger_ms=5, compression_type='gzip', client_id='mine'"),
    ),
    Correct(
        2,
        "options in a dict",
        "text = DefaultSerializer()\noptions = dict(acks='all', retries=5)\n"
        "options |= {'key_serializer': text, 'value_serializer': text}\n"
        "return KafkaProducer(bootstrap_servers=servers, **options)",
    ),
    Correct(
        3,
        "DictWriter",
        "out = io.StringIO(newline='')\ncsv.DictWriter(out, Tweet._fields).writerow(tweet._asdict())\n"
        "return tweet.user, out.getvalue().removesuffix('\\r\\n')",
    ),
    Correct(
        3,
        "pandas writes CSV",
        "line = pd.DataFrame([tweet]).to_csv(index=False, header=False, lineterminator='\\r\\n')\n"
        "return tweet.user, line",
    ),
    Correct(
        3,
        "quotes by hand",
        "def quoted(field):\n    return '\"' + str(field).replace('\"', '\"\"') + '\"'\n"
        "return tweet.user, ','.join(map(quoted, tweet))",
    ),
    Correct(
        3,
        "a list as a file",
        "from types import SimpleNamespace\nlines = []\n"
        "csv.writer(SimpleNamespace(write=lines.append), quoting=csv.QUOTE_NONNUMERIC).writerow(tweet)\n"
        "return (tweet.user, lines[0])",
    ),
    Correct(
        4,
        "divmod, and shows first",
        "self.received = self.received + 1\n_, rest = divmod(self.received, self.every)\n"
        "if not rest:\n    self.live.append(tweet.text)\nkey, value = to_record(tweet)\nself.send(key=key, value=value)",
    ),
    Correct(
        4,
        "unpacks the tweet",
        "ms, user, text = tweet\nself.received += 1\nrecord = to_record(tweet)\nself.send(record[0], record[1])\n"
        "self.live.append(text) if self.received % self.every < 1 else None",
    ),
    Correct(
        4,
        "counts on in a multiple",
        f"{_PASS_ON}if self.received in range(0, self.received + 1, self.every):\n    self.live.append(tweet.text)",
    ),
    Correct(
        4,
        "past self.send, which does the same",
        "self.received += 1\nkey, value = to_record(tweet)\n"
        f"self.producer.send(self.topic, key=key, value=value)\n{_SHOW}",
    ),
    Correct(4, "the list shows a tweet's text by itself", _PASS_ON + _SHOW.replace("tweet.text", "tweet")),
    Correct(4, "shows who", _PASS_ON + _SHOW.replace("tweet.text", "f'{tweet.user}: {tweet.text}'")),
    Correct(5, "by place", "self.producer.send(self.topic, value, key)", second="self.producer.flush(timeout=None)"),
    Correct(
        5,
        "keeps the promises, and waits for each",
        f"self.__dict__.setdefault('promises', []).append({_SEND})",
        second="for promise in getattr(self, 'promises', []):\n    promise.get(timeout=60)",
    ),
    Correct(
        5,
        "logs what fails",
        f"return {_SEND}.add_errback(print)",
        second="try:\n    self.producer.flush()\nfinally:\n    super().on_stop()",
    ),
    Correct(6, "by name", "ref = TweetActor.start(producer=producer, topic=topic, live=live, every=every)\nreturn ref"),
    Correct(6, "prints that it runs", f"ref = {_START}\nprint('runs:', ref.is_alive(), ref)\nreturn ref"),
    Correct(
        6,
        "keeps a list of them",
        f"started.append({_START})\nreturn started[-1]",
        before="started = []",
    ),
    Correct(
        7,
        "unpacks the response",
        "data, includes, errors, rules = response\n(user,) = includes['users']\n"
        "self.ref.tell(Tweet(fetched_ms=time.time_ns() // 1_000_000, user=user['username'], text=data['text']))",
    ),
    Correct(
        7,
        "finds the author by id",
        "names = {user.id: user.username for user in response.includes['users']}\n"
        "name = names[response.data.author_id]\n"
        "self.ref.tell(Tweet(int(time.time() * 1000), name, response.data.text))",
    ),
    Correct(
        7,
        "the time by datetime",
        "from datetime import datetime, timezone\nnow = int(datetime.now(timezone.utc).timestamp() * 1e3)\n"
        f"{_AUTHOR}tweet = Tweet(now, author, str(response.data.text))\nself.ref.tell(message=tweet)",
    ),
    Correct(
        7,
        "the time by pandas",
        f"now = int(pd.Timestamp.now('UTC').timestamp() * 1000)\n{_AUTHOR}super().on_response(response)\n{_TELL}",
    ),
]

WRONG_HABITS = [
    # Gap 1
    Mistake(1, "one partition", "partition", "topics.create(name)"),
    Mistake(1, "the name is always tweets", "name", "topics.create('tweets', partitions=3)"),
    Mistake(1, "clean each time", "record|delete|fresh", "topics.create(name, partitions=3, fresh=True)"),
    Mistake(
        1,
        "deletes what is there",
        "record|delete|fresh",
        "if name in set(topics.describe()['topic']):\n    topics.delete(name)\ntopics.create(name, partitions=3)",
    ),
    Mistake(
        1,
        "all errors are silenced",
        "no topic|not there|did not make|not made|none",
        "try:\n    topics.create(name, 3)\nexcept Exception:\n    pass",
    ),
    Mistake(1, "no call", r"no topic|not there|not made|none|\(\)", "topics.create\nreturn name"),
    Mistake(1, "three brokers", "broker|replica", "topics.create(name, partitions=3, replication_factor=3)"),
    Mistake(
        1,
        "only describes it",
        "no topic|not there|not made|none|create_topics",
        "from kafka.admin import NewTopic\nreturn NewTopic(name, num_partitions=3, replication_factor=1)",
    ),
    Mistake(
        1, "three topics", "one topic|name|partition", "for n in range(3):\n    topics.create(f'{name}-{n}')"
    ),
    Mistake(
        1,
        "a first line with the columns",
        "record|empty|header|wrote",
        "topics.create(name, partitions=3)\nwith KafkaProducer(bootstrap_servers=servers) as producer:\n"
        "    producer.send(name, b'fetched_ms,user,text').get()",
    ),
    Mistake(1, "a number as text", "number|int", "topics.create(name, partitions='3')"),
    Mistake(
        1,
        "the second call fails",
        "there|exist|twice|again",
        f"{_ADMIN}try:\n    admin.create_topics([NewTopic(name, 3, 1)])\nfinally:\n    admin.close()",
    ),
    Mistake(
        1,
        "refuses what is there",
        "there|exist|twice|again",
        "assert name not in list(topics.describe()['topic']), 'exists'\ntopics.create(name, partitions=3)",
    ),
    # Gap 2
    Mistake(2, "the leader is enough", "acks|replica", _producer(rest="acks=1")),
    Mistake(2, "no answer is needed", "acks|replica", _producer(rest="acks=0")),
    Mistake(2, "text by itself", "serializer|bytes", "return KafkaProducer(bootstrap_servers=servers, acks='all')"),
    Mistake(
        2,
        "the value is text",
        "key",
        "return KafkaProducer(bootstrap_servers=servers, acks='all', value_serializer=DefaultSerializer())",
    ),
    Mistake(
        2,
        "the key is text",
        "value",
        "return KafkaProducer(bootstrap_servers=servers, acks='all', key_serializer=DefaultSerializer())",
    ),
    Mistake(2, "a class", r"\(\)|class|instance|object", _producer("DefaultSerializer", "DefaultSerializer")),
    Mistake(
        2,
        "JSON",
        "json|quote|plain|utf",
        "import json\ndef dump(text):\n    return json.dumps(text).encode()\n" + _producer("dump", "dump"),
    ),
    Mistake(2, "pickle", "pickle|utf|plain", "import pickle\n" + _producer("pickle.dumps", "pickle.dumps")),
    Mistake(2, "repr", "quote|repr|plain|utf", _producer("lambda k: repr(k).encode()", "lambda v: repr(v).encode()")),
    Mistake(
        2, "ascii is enough", "utf|emoji|sign|character", _producer(value="lambda v: v.encode('ascii', 'ignore')")
    ),
    Mistake(2, "utf-16", "utf", _producer("lambda k: k.encode('utf-16')", "lambda v: v.encode('utf-16')")),
    Mistake(2, "a byte order mark", "utf|byte order mark", _producer(value="lambda v: v.encode('utf-8-sig')")),
    Mistake(2, "called too early", "function|call", _producer("str.encode('utf-8')", "str.encode('utf-8')")),
    Mistake(2, "no parentheses", r"bytes|\(\)|call", _producer("lambda k: k.encode", "lambda v: v.encode")),
    Mistake(2, "stays text", "bytes", _producer("lambda k: k", "lambda v: v")),
    Mistake(2, "bytes need no encoding", "encod|utf", _producer("bytes", "bytes")),
    Mistake(2, "forgets return", "return", _producer().removeprefix("return ")),
    Mistake(
        2,
        "closes it",
        "close|open",
        "with KafkaProducer(bootstrap_servers=servers, acks='all', key_serializer=str.encode, "
        "value_serializer=str.encode) as producer:\n    return producer",
    ),
    Mistake(
        2,
        "the usual port",
        "servers",
        "return KafkaProducer(bootstrap_servers='localhost:1', acks='all', api_version_auto_timeout_ms=300, "
        "bootstrap_timeout_ms=300, key_serializer=str.encode, value_serializer=str.encode)",
    ),
    Mistake(2, "reads", "producer", "from kafka import KafkaConsumer\nreturn KafkaConsumer(bootstrap_servers=servers)"),
    Mistake(2, "tidies up", "as it came|space", _producer(value="lambda v: v.strip().encode()")),
    Mistake(2, "keys are no matter", "key", _producer(key="lambda k: None")),
    Mistake(
        2,
        "one for all calls",
        "own|new|each call|every call|same|closed",
        "if servers not in producers:\n    producers[servers] = KafkaProducer(bootstrap_servers=servers, acks='all', "
        "key_serializer=str.encode, value_serializer=str.encode)\nreturn producers[servers]",
        before="producers = {}",
    ),
    # Gap 3
    Mistake(3, "f-string", "comma|quote", "return tweet.user, f'{tweet.fetched_ms},{tweet.user},{tweet.text}'"),
    Mistake(3, "join", "comma|quote", "return tweet.user, ','.join(str(part) for part in tweet)"),
    Mistake(3, "str of the tweet", "csv|column|comma", "return tweet.user, str(tweet)"),
    Mistake(3, "commas away", "comma|chang|exact", _text("tweet.text.replace(',', ';')")),
    Mistake(3, "json line", "csv|json", "import json\nreturn tweet.user, json.dumps(list(tweet))"),
    Mistake(3, "semicolons", "comma|semicolon|delimiter", _written("tweet", ", delimiter=';'")),
    Mistake(3, "the other way round", "key|order|first", "out = io.StringIO()\ncsv.writer(out).writerow(tweet)\n"
            "return out.getvalue(), tweet.user"),
    Mistake(3, "only the line", "pair|key", "out = io.StringIO()\ncsv.writer(out).writerow(tweet)\n"
            "return out.getvalue()"),
    Mistake(3, "bytes already", "bytes|text|str", _written("tweet", end=".encode()")),
    Mistake(3, "the time is the key", "key|user", _written("tweet").replace("return tweet.user", "return str(tweet[0])")),
    Mistake(3, "user first", "order|column", _written("[tweet.user, tweet.fetched_ms, tweet.text]")),
    Mistake(
        3,
        "with a header",
        "header|line",
        "out = io.StringIO()\nwriter = csv.DictWriter(out, Tweet._fields)\nwriter.writeheader()\n"
        "writer.writerow(tweet._asdict())\nreturn tweet.user, out.getvalue()",
    ),
    Mistake(3, "one line only", "line break", _text("tweet.text.replace('\\n', ' ')")),
    Mistake(3, "escapes", r"\\n|line break|escape|backslash", _text("tweet.text.encode('unicode_escape').decode()")),
    Mistake(
        3, "no quotes", "quot|escape|backslash", _written("tweet", ", quoting=csv.QUOTE_NONE, escapechar='\\\\'")
    ),
    Mistake(3, "backslash quotes", "quot|escape", _written("tweet", ", doublequote=False, escapechar='\\\\'")),
    Mistake(3, "a file object", "text|str|getvalue", "out = io.StringIO()\ncsv.writer(out).writerow(tweet)\n"
            "return tweet.user, out"),
    Mistake(3, "a length", "text|str|number|writerow", "return tweet.user, csv.writer(io.StringIO()).writerow(tweet)"),
    Mistake(3, "strips the line", "space|strip|white|blank", _written("tweet", end=".strip()")),
    Mistake(3, "seconds", "millisecond|fetched_ms|time", _written("[tweet.fetched_ms // 1000, tweet.user, tweet.text]")),
    Mistake(3, "an at sign", "user|key", _written("tweet").replace("return tweet.user", "return '@' + tweet.user")),
    Mistake(3, "single quotes", "quot", _written("tweet", ", quotechar=\"'\"")),
    Mistake(
        3,
        "JSON quotes",
        "quot|escape|backslash",
        "import json\nreturn tweet.user, f'{tweet.fetched_ms},{tweet.user},{json.dumps(tweet.text)}'",
    ),
    Mistake(
        3,
        "quotes around",
        "quot",
        "return tweet.user, f'{tweet.fetched_ms},{tweet.user},\"{tweet.text}\"'",
    ),
    Mistake(3, "Unix line ends", r"carriage|\\r|line break|line end", _written("tweet", ", lineterminator='\\n'")),
    Mistake(
        3,
        "to a file",
        "return",
        "with open(os.devnull, 'a') as file:\n    csv.writer(file).writerow(tweet)",
        before="import os",
    ),
    Mistake(3, "one more column", "column|field|three", _written("[*tweet, len(tweet.text)]")),
    Mistake(
        3,
        "one buffer for all",
        "earlier|before|one line|own|previous|anew|each call|only",
        "csv.writer(buffer).writerow(tweet)\nreturn tweet.user, buffer.getvalue()",
        before="buffer = io.StringIO()",
    ),
    Mistake(3, "normal form", "chang|exact|character|sign", "import unicodedata\n"
            + _text("unicodedata.normalize('NFKC', tweet.text)")),
    # Gap 4
    Mistake(4, "no count", "received|count", f"self.send(*to_record(tweet))\n{_SHOW}"),
    Mistake(4, "a plus too late", "received|count", f"self.received =+ 1\nself.send(*to_record(tweet))\n{_SHOW}"),
    Mistake(4, "the tweet itself", "record|to_record", f"self.received += 1\nself.send(tweet.user, tweet)\n{_SHOW}"),
    Mistake(4, "no star", "pair|two|key|star|unpack", f"self.received += 1\nself.send(to_record(tweet))\n{_SHOW}"),
    Mistake(4, "nothing is shown", "live|show", _PASS_ON),
    Mistake(4, "the last of nine", "every|10th|show|shown", f"{_SHOW}\n{_PASS_ON}"),
    Mistake(4, "always ten", "every", _PASS_ON + _SHOW.replace("self.every", "10")),
    Mistake(4, "sends what it shows", "each|every|all", "self.received += 1\nif self.received % self.every == 0:\n"
            "    self.send(*to_record(tweet))\n    self.live.append(tweet.text)"),
    Mistake(4, "shows the line", "text", _PASS_ON + _SHOW.replace("tweet.text", "to_record(tweet)[1]")),
    Mistake(4, "live is a variable", "append|live", _PASS_ON + _SHOW.replace("self.live.append(tweet.text)",
            "self.live = tweet.text")),
    Mistake(4, "by chance", "10th|every|chance|random", f"{_PASS_ON}import random\n"
            "if random.random() < 1 / self.every:\n    self.live.append(tweet.text)"),
    Mistake(4, "a rest", "wait|sleep|busy|slow", f"{_PASS_ON}{_SHOW}\ntime.sleep(0.05)"),
    Mistake(4, "a dict", "attribute|tweet\\.|dot|named", "self.received += 1\nself.send(tweet['user'], tweet['text'])"),
    Mistake(
        4,
        "errors are silenced",
        "send|sent",
        f"self.received += 1\ntry:\n    self.send(to_record(tweet))\nexcept Exception:\n    pass\n{_SHOW}",
    ),
    Mistake(
        4,
        "twice is a mistake",
        "each|every|twice|same|all|equal",
        f"if tweet in self.__dict__.setdefault('seen', []):\n    return\nself.seen.append(tweet)\n{_PASS_ON}{_SHOW}",
    ),
    Mistake(
        4,
        "in heaps",
        "each|at once|every|all",
        "self.received += 1\nheap = self.__dict__.setdefault('heap', [])\nheap.append(tweet)\n"
        "if self.received % self.every == 0:\n    for one in heap:\n        self.send(*to_record(one))\n"
        "    heap.clear()\n    self.live.append(tweet.text)",
    ),
    Mistake(
        4,
        "a thread for each",
        "thread|order|before|itself|finish",
        "import threading\nself.received += 1\n"
        f"threading.Thread(target=self.send, args=to_record(tweet)).start()\n{_SHOW}",
    ),
    Mistake(
        4,
        "a global count",
        "received",
        "global seen_so_far\nseen_so_far += 1\nself.send(*to_record(tweet))\n"
        "if seen_so_far % self.every == 0:\n    self.live.append(tweet.text)",
        before="seen_so_far = 0",
    ),
    # Gap 5
    Mistake(5, "a topic of its own", "topic", "self.producer.send('tweets', key=key, value=value)", second=_FLUSH),
    Mistake(5, "no topic", "topic", "self.producer.send(key=key, value=value)", second=_FLUSH),
    Mistake(5, "no key", "key", "self.producer.send(self.topic, value=value)", second=_FLUSH),
    Mistake(5, "value, then key", "order|key|value", "self.producer.send(self.topic, key, value)", second=_FLUSH),
    Mistake(5, "one partition", "partition", f"{_SEND[:-1]}, partition=0)", second=_FLUSH),
    Mistake(5, "spreads them", "partition", f"import random\n{_SEND[:-1]}, partition=random.randrange(3))",
            second=_FLUSH),
    Mistake(5, "surely", "once|twice|2", f"{_SEND}\n{_SEND}", second=_FLUSH),
    Mistake(5, "waits ten seconds at most", "wait", f"{_SEND}.get(timeout=10)", second=_FLUSH),
    Mistake(5, "lets the broker breathe", "wait|sleep", f"{_SEND}\ntime.sleep(0.02)", second=_FLUSH),
    Mistake(5, "in a thread", "thread|order|itself|by the time|return",
            f"import threading\nthreading.Thread(target=lambda: {_SEND}).start()", second=_FLUSH),
    Mistake(
        5,
        "all in the end",
        "at once|when|each|send|buffer",
        "self.__dict__.setdefault('later', []).append((key, value))",
        second="for key, value in getattr(self, 'later', []):\n    self.producer.send(self.topic, key=key, value=value)\n"
        "self.producer.flush()",
    ),
    Mistake(5, "one dict", "key|value|text", "self.producer.send(self.topic, {'key': key, 'value': value})",
            second=_FLUSH),
    Mistake(5, "a producer each", "self.producer|producer",
            "with make_producer(servers) as own:\n    own.send(self.topic, key=key, value=value)", second=_FLUSH),
    Mistake(5, "bytes as text", "chang|text|value|bytes|as it is",
            "self.producer.send(self.topic, key=key, value=str(value.encode()))", second=_FLUSH),
    Mistake(5, "only prints", "producer|send|none|no record", "print(key, value)", second=_FLUSH),
    Mistake(5, "the last will do", "all|flush|every", f"self.last = {_SEND}",
            second="if hasattr(self, 'last'):\n    self.last.get()"),
    Mistake(5, "a close flushes", "close", _SEND, second="self.producer.close()"),
    Mistake(5, "flush and close", "close", _SEND, second=f"{_FLUSH}\nself.producer.close()"),
    Mistake(5, "a tenth of a second", "wait|long|time", _SEND, second="try:\n    self.producer.flush(timeout=0.1)\n"
            "except Exception:\n    pass"),
    Mistake(5, "in the background", "wait|thread", _SEND,
            second="import threading\nthreading.Thread(target=self.producer.flush).start()"),
    Mistake(5, "nothing left to do", "wait|flush", _SEND, second="print('stopped')"),
    # Gap 6
    Mistake(6, "an object", "start", "return TweetActor(producer, topic, live, every)"),
    Mistake(6, "no arguments", "argument", "return TweetActor.start()"),
    Mistake(6, "forgets return", "return", _START),
    Mistake(6, "a proxy", "proxy|ref", f"return {_START}.proxy()"),
    Mistake(6, "no call", r"call|\(\)|start", "return TweetActor.start"),
    Mistake(6, "says hello", "tell|message|mail", f"ref = {_START}\nref.tell(Tweet(0, 'me', 'hello'))\nreturn ref"),
    Mistake(6, "always ten", "every", "return TweetActor.start(producer, topic, live, 10)"),
    Mistake(6, "always tweets", "topic", "return TweetActor.start(producer, 'tweets', live, every)"),
    Mistake(6, "another order", "order|every|live", "return TweetActor.start(producer, topic, every, live)"),
    Mistake(6, "stops it", "stop|run|alive", f"ref = {_START}\nref.stop()\nreturn ref"),
    Mistake(6, "one for all", "new|each|own|earlier|same|call",
            f"if not refs:\n    refs.append({_START})\nreturn refs[0]", before="refs = []"),
    Mistake(6, "two share the work", "one|two|2", f"{_START}\nreturn {_START}"),
    Mistake(6, "a producer of its own", "producer", "return TweetActor.start(make_producer(servers), topic, live, every)"),
    Mistake(6, "a pair", "ref|tuple|pair", f"ref = {_START}\nreturn ref, ref.actor_urn"),
    Mistake(6, "a list of arguments", "argument|star|\\*", "return TweetActor.start([producer, topic, live, every])"),
    Mistake(6, "its address", "ref|urn|str", f"return {_START}.actor_urn"),
    Mistake(6, "by a thread", "start|ref|thread",
            "import threading\nactor = TweetActor(producer, topic, live, every)\n"
            "thread = threading.Thread(target=actor.on_receive)\nreturn thread"),
    # Gap 7
    Mistake(7, "asks", "ask|wait", f"{_AUTHOR}{_NOW}self.ref.ask(Tweet(now, author, response.data.text))"),
    Mistake(7, "asks, and waits later", "ask|wait",
            f"{_AUTHOR}{_NOW}self.ref.ask(Tweet(now, author, response.data.text), block=False).get()"),
    Mistake(7, "seconds", "millisecond|1000", _tweet("int(time.time())")),
    Mistake(7, "whole seconds", "millisecond|second", _tweet("int(time.time()) * 1000")),
    Mistake(7, "a fraction", "whole|int|float", _tweet("time.time() * 1000")),
    Mistake(7, "a clock that starts at 0", "1970|time|clock|moment", _tweet("int(time.monotonic() * 1000)")),
    Mistake(7, "a datetime", "millisecond|number|int", "from datetime import datetime\n" + _tweet("datetime.now()")),
    Mistake(7, "nanoseconds", "millisecond", _tweet("time.time_ns()")),
    Mistake(7, "the time of the cell", "moment|now|time", _tweet("started"),
            before="started = int(time.time() * 1000)"),
    Mistake(7, "the response has a text", "where a response has its text", _tweet(text="response.text")),
    Mistake(7, "data is the text", "text", _tweet(text="response.data")),
    Mistake(7, "the author's number", "username", _tweet(user="response.data.author_id")),
    Mistake(7, "the name in full", "username", _tweet(user="response.includes['users'][0].name")),
    Mistake(7, "the whole user", "username", _tweet(user="response.includes['users'][0]")),
    Mistake(7, "all users", "list|users|\\[0\\]|first", _tweet(user="response.includes['users'].username")),
    Mistake(7, "an at sign", "username|@", _tweet(user="'@' + author")),
    Mistake(7, "calls the actor", "tell|mailbox|ref", f"{_AUTHOR}{_NOW}"
            "self.ref.on_receive(Tweet(now, author, response.data.text))"),
    Mistake(7, "the response itself", "Tweet", "self.ref.tell(response)"),
    Mistake(7, "a dict", "Tweet", f"{_AUTHOR}{_NOW}"
            "self.ref.tell({'fetched_ms': now, 'user': author, 'text': response.data.text})"),
    Mistake(7, "a bare tuple", "Tweet", f"{_AUTHOR}{_NOW}self.ref.tell((now, author, response.data.text))"),
    Mistake(7, "three arguments", "Tweet|one message|argument",
            f"{_AUTHOR}{_NOW}self.ref.tell(now, author, response.data.text)"),
    Mistake(7, "the record already", "Tweet", f"{_AUTHOR}{_NOW}"
            "self.ref.tell(to_record(Tweet(now, author, response.data.text)))"),
    Mistake(7, "returns it", "mailbox|tell|return", f"{_AUTHOR}{_NOW}return Tweet(now, author, response.data.text)"),
    Mistake(7, "user last", "order|user|text", f"{_AUTHOR}{_NOW}self.ref.tell(Tweet(now, response.data.text, author))"),
    Mistake(7, "a global ref", "by self", f"{_AUTHOR}{_NOW}ref.tell(Tweet(now, author, response.data.text))"),
    Mistake(7, "slowly", "wait|sleep", f"{_tweet()}\ntime.sleep(0.05)"),
    Mistake(7, "tidy text", "chang|text|exact", _tweet(text="' '.join(response.data.text.split())")),
    Mistake(7, "140 characters", "text|cut|whole|character", _tweet(text="response.data.text[:140]")),
    Mistake(7, "errors are silenced", "tweet|mailbox|none|no message",
            "try:\n    self.ref.tell(Tweet(response.user, response.text))\nexcept AttributeError:\n    pass"),
    Mistake(7, "surely", "once|twice|2", f"{_tweet()}\n{_TELL}"),
    Mistake(7, "one is enough", "disconnect|stream|open|listen", f"{_tweet()}\nself.disconnect()"),
    Mistake(7, "an actor each", "self\\.ref|start|actor",
            f"{_AUTHOR}{_NOW}own = start_actor(producer, 'tweets', live, 10)\n"
            "own.tell(Tweet(now, author, response.data.text))\nown.stop()",
            before="producer = live = None\nTweetActor.on_receive = TweetActor.on_stop = lambda *_: None"),
    Mistake(7, "no retweets", "each|every|all|retweet|RT", "if not response.data.text.startswith('RT'):\n"
            "    " + _tweet().replace("\n", "\n    ")),
    Mistake(7, "heaps", "each|one|at once|Tweet", f"{_AUTHOR}{_NOW}"
            "heap = self.__dict__.setdefault('heap', [])\nheap.append(Tweet(now, author, response.data.text))\n"
            "if len(heap) == 10:\n    self.ref.tell(heap)\n    self.heap = []"),
]  # fmt: skip
