"""Gap 4, receive."""

from kit.exercises import CannotCheck, Crashed
from tests.exercises.misconceptions._answer import Right, Wrong

__all__ = ["RIGHT", "WRONG"]

_COUNT = "self.received += 1\n"
_SEND = "self.send(*to_record(tweet))\n"
_APPEND = "self.live.append(tweet.text)\n"
_TURN = "self.received % self.every == 0"


def _answer(count: str = _COUNT, send: str = _SEND, turn: str = _TURN, append: str = _APPEND) -> str:
    return f"{count}{send}if {turn}:\n    {append}"


_CLASS = '''
class TweetActor(pykka.ThreadingActor):
    """Sends each tweet it is told to Kafka, and shows one in `every` of them."""
    use_daemon_thread = True
    received = 0

    def __init__(self, producer, topic, live, every):
        super().__init__()
        self.producer, self.topic = producer, topic
        self.live, self.every = live, every

    def on_receive(self, tweet):
        {count} += 1
        self.send(*to_record(tweet))
        if {count} % self.every == 0:
            self.live.append(tweet.text)

    def send(self, key, value):
        self.producer.send(self.topic, key=key, value=value)

    def on_stop(self):
        self.producer.flush()
'''

WRONG = [
    Wrong("the remainder says when not to", _answer(turn="self.received % self.every"), hears="all but one in 4"),
    Wrong("show all of them", _COUNT + _SEND + _APPEND, hears="show only one in self.every"),
    Wrong("show none", _COUNT + _SEND, hears="nothing is shown on the actor's own list", got="an empty list"),
    Wrong(
        "what is not shown is not sent",
        _answer(send="", append=_SEND.rstrip() + "; " + _APPEND),
        hears="also one that is not shown",
    ),
    Wrong("somebody else sends", _answer(send=""), hears="self.send", got="none"),
    Wrong("the counter counts by itself", _answer(count=""), hears="it is 0 after"),
    Wrong("=+ adds", _answer(count="self.received =+ 1\n"), hears="it is 1 after"),
    Wrong(
        "the counter is a local name",
        _answer(count="received += 1\n"),
        kind=Crashed,
        hears="what its object has by self",
    ),
    Wrong(
        "a local counter that begins anew",
        _answer(count="received = 0\nreceived += 1\n", turn="received % self.every == 0"),
        hears="it is 0 after",
    ),
    Wrong(
        "a counter of the class",
        _CLASS.format(count="TweetActor.received"),
        whole=True,
        hears="each actor counts its own",
    ),
    Wrong(
        "a counter of the notebook",
        _answer(count="global received\nreceived += 1\n", turn="received % self.every == 0"),
        before="received = 0",
        hears="each actor counts its own",
    ),
    Wrong(
        "a list that is kept in a default",
        """
        def on_receive(self, tweet, seen=[]):
            seen.append(tweet)
            self.send(*to_record(tweet))
            if len(seen) % self.every == 0:
                self.live.append(tweet.text)

        TweetActor.on_receive = on_receive
        """,
        whole=True,
        hears="each actor counts its own",
    ),
    Wrong(
        "only what is sent elsewhere is counted",
        _answer(count="if tweet.user > 'user0':\n    self.received += 1\n"),
        hears="every one of them",
    ),
    Wrong("every is ten", _answer(turn="self.received % 10 == 0"), hears="self.every", got="number 10, 20"),
    Wrong("once it is reached, it stays", _answer(turn="self.received >= self.every"), hears="when its number divides"),
    Wrong("shown, then replaced", _answer(append="self.live.replace(tweet.text)"), hears="keeps the others"),
    Wrong("shown twice", _answer(append="self.live.append([tweet.text, tweet.text])"), hears="show each of them once"),
    Wrong("a list is added to", _answer(append="self.live += [tweet.text]"), kind=Crashed, hears="by its append"),
    Wrong(
        "to_record is a method", _answer(send="self.send(*self.to_record(tweet))\n"), kind=Crashed, hears="is no method"
    ),
    Wrong("done after the first", _answer() + "self.stop()", hears="from within", got="mail from itself"),
    Wrong(
        "mail is passed on", _answer(send="self.actor_ref.tell(tweet)\n"), hears="from within", got="mail from itself"
    ),
    Wrong("the user is what is shown", _answer(append="self.live.append(tweet.user)"), hears="takes the tweet's text"),
    Wrong(
        "live is a name", _answer(append="live.append(tweet.text)"), kind=Crashed, hears="what its object has by self"
    ),
    Wrong(
        "live is the notebook's",
        _answer(append="live.append(tweet.text)"),
        before="live = []",
        hears="the actor's own list",
        got="an empty list",
    ),
    Wrong(
        "a pair is one thing",
        _answer(send="self.send(to_record(tweet))\n"),
        kind=Crashed,
        hears="send takes its two parts",
    ),
    Wrong("a tweet is a record", _answer(send="self.send(tweet.user, tweet)\n"), kind=Crashed, hears="a pair of text"),
    Wrong("a text is a record", _answer(send="self.send(tweet.user, tweet.text)\n"), hears="as to_record makes it"),
    Wrong(
        "the value comes first",
        _answer(send="key, value = to_record(tweet)\nself.send(value, key)\n"),
        hears="swapped",
    ),
    Wrong("sent once more to be sure", _answer(send=_SEND * 2), hears="send each record once", got="86"),
    Wrong("what is sent is out", _answer(send=_SEND + "self.producer.flush()\n"), hears="keeps all mail waiting"),
    Wrong(
        "the topic is tweets",
        _answer(send='key, value = to_record(tweet)\nself.producer.send("tweets", key=key, value=value)\n'),
        hears="its method send knows it",
        got="'tweets'",
    ),
    Wrong(
        "a message is a dict",
        _answer(append="self.live.append(tweet['text'])"),
        kind=Crashed,
        hears="its fields by name",
    ),
    Wrong(
        "the method has a better name",
        "def receive(self, tweet):\n    pass\n\nTweetActor.receive = receive\ndel TweetActor.on_receive",
        whole=True,
        hears="put `def on_receive` back",
        got="none",
    ),
    Wrong(
        "the class becomes its actor",
        _answer(),
        after="TweetActor = pykka.ThreadingActor.start()\nTweetActor.stop()",
        hears="give that another name",
        got="TweetActor is",
    ),
    Wrong(
        "to_record can wait",
        _answer(),
        after='def to_record(tweet):\n    raise NotImplementedError("Gap 3, to_record: return the user")',
        kind=CannotCheck,
        hears="fill gap 3 first",
    ),
    Wrong(
        "to_record is nearly right",
        _answer(),
        after="def to_record(tweet):\n    pass",
        kind=CannotCheck,
        hears="exercise.check(3)",
        got="None",
    ),
    Wrong(
        "the first of each four",
        _answer(count="", append=_APPEND) + "self.received += 1",
        hears="the first tweet is number 1",
    ),
]

RIGHT = [
    Right("count, send, show", _answer()),
    Right("a tweet has a text, which the list shows", _answer(append="self.live.append(tweet)")),
    Right(
        "by truth, and named",
        _answer(
            send="key, value = to_record(tweet)\nself.send(key=key, value=value)\n",
            turn="not self.received % self.every",
        ),
    ),
    Right(
        "counting down to the next, in a list of one",
        """
        self.left = getattr(self, "left", self.every) - 1
        if not self.left:
            self.live.append([tweet.text])
            self.left = self.every
        self.send(*to_record(tweet))
        """,
    ),
    Right(
        "divmod, and who said it",
        """
        self.received += 1
        _, rest = divmod(self.received, self.every)
        if rest == 0:
            self.live.append(f"{tweet.user}: {tweet.text}")
        self.send(*to_record(tweet))
        """,
    ),
    Right(
        "straight to the producer",
        _answer(send="key, value = to_record(tweet)\nself.producer.send(self.topic, value, key)\n"),
    ),
    Right(
        "a helper of one's own",
        "match tweet:\n    case Tweet(_, _, text):\n        "
        + "\n        ".join(_answer(append="self.live.append({'text': text})").split("\n")),
    ),
    Right("the message returned, as an answer to who asks", _answer() + "return self.received"),
]
