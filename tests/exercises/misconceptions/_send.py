"""Gap 5, send."""

from kit.exercises import Crashed, NotAttempted
from tests.exercises.misconceptions._answer import Right, Wrong

__all__ = ["RIGHT", "WRONG"]

_SENT = "self.producer.send(self.topic, key=key, value=value)"
_FLUSH = "self.producer.flush()"

WRONG = [
    Wrong(
        "latin-1 has all signs",
        'self.producer.send(self.topic, key=key.encode("latin-1"), value=value.encode("latin-1"))',
        kind=Crashed,
        hears="UTF-8 of text by itself",
    ),
    Wrong(
        "every partition gets it",
        f"for n in range(3):\n    {_SENT[:-1]}, partition=n)",
        hears="once",
        got="33",
    ),
    Wrong("sent is when the broker says so", f"{_SENT}.get()", hears="look for ask, get", got="it waited"),
    Wrong("a future has a result", f"{_SENT}.result()", kind=Crashed, hears="a future has no such method"),
    Wrong("flush each record", f"{_SENT}\n{_FLUSH}", hears="flush, a sleep", got="it waited"),
    Wrong("wait until it is done", f"future = {_SENT}\nwhile not future.is_done:\n    pass", hears="a loop"),
    Wrong("nothing is left in the end", _SENT, second="pass", hears="wait in on_stop", got="none"),
    Wrong("a method's name calls it", _SENT, second="self.producer.flush", hears="wait in on_stop", got="none"),
    Wrong("a second is enough for all", _SENT, second="time.sleep(1)", hears="wait in on_stop", got="none"),
    Wrong("the actor is flushed", _SENT, second="self.flush()", kind=Crashed, hears="the producer in self"),
    Wrong("producer is a name", _SENT, second="producer.flush()", kind=Crashed, hears="what its object has by self"),
    Wrong(
        "no time for a flush",
        _SENT,
        second="self.producer.flush(timeout=0)",
        kind=Crashed,
        hears="a short time-out is not enough",
    ),
    Wrong("topic, key, value", "self.producer.send(self.topic, key, value)", hears="key and value are swapped"),
    Wrong("a value is enough", "self.producer.send(self.topic, value=value)", hears="the key is missing", got="None"),
    Wrong("key and value are enough", "self.producer.send(key, value)", hears="the topic comes first", got="'ana'"),
    Wrong(
        "the topic is tweets",
        'self.producer.send("tweets", key=key, value=value)',
        hears="self.topic",
        got="'tweets'",
    ),
    Wrong("topic is a name", "self.producer.send(topic, key=key, value=value)", kind=Crashed, hears="by self"),
    Wrong("a pair is a value", "self.producer.send(self.topic, (key, value))", kind=Crashed, hears="each by itself"),
    Wrong(
        "str of bytes",
        "self.producer.send(self.topic, key=key, value=str(value.encode()))",
        hears='"b\'" is added',
        got="b'",
    ),
    Wrong("closed is sent", f"{_SENT}\nself.producer.close()", hears="leave the producer open", got="11"),
    Wrong("twice is safer", f"{_SENT}\n{_SENT}", hears="send each record once", got="22"),
    Wrong("the producer sends by itself", "pass", hears="each call of send itself gives a record", got="none"),
    Wrong(
        "a producer of its own each time",
        "own = make_producer(servers)\nown.send(self.topic, key=key, value=value)\nown.close()",
        hears="another producer than self.producer",
        leaves=True,
    ),
    Wrong(
        "send sends",
        "self.send(key, value)",
        kind=Crashed,
        hears="look where it uses its own name",
        got="RecursionError",
    ),
    Wrong(
        "producers produce",
        "self.producer.produce(self.topic, key=key, value=value)",
        kind=Crashed,
        hears="by its method send",
    ),
    Wrong(
        "a topic has a send",
        "self.topic.send(key=key, value=value)",
        kind=Crashed,
        hears="it is the producer that sends",
    ),
    Wrong("records have a header", f"{_SENT[:-1]}, header=[])", kind=Crashed, hears="needs no more"),
    Wrong("closed in the end, which flushes", _SENT, second="self.producer.close()", hears="leave the producer open"),
    Wrong(
        "the end comes later",
        _SENT,
        second='raise NotImplementedError("Gap 5, send: wait until everything is sent")',
        kind=NotAttempted,
        hears="wait until everything is sent",
        where="to do",
    ),
    Wrong(
        "an actor has no end",
        _SENT,
        after="del TweetActor.on_stop",
        hears="put `def on_stop` back",
    ),
    Wrong(
        "a key is not needed",
        "def send(self, value):\n    pass\n\nTweetActor.send = send",
        whole=True,
        kind=Crashed,
        hears="put the first line (def …) back",
    ),
]

RIGHT = [
    Right("by name", _SENT),
    Right("by place", "return self.producer.send(self.topic, value, key)"),
    Right("with a callback", f"{_SENT}.add_errback(print)", second="self.producer.flush(timeout=10)"),
    Right(
        "futures kept, and waited for in the end",
        f"self.futures = [*getattr(self, 'futures', []), {_SENT}]",
        second="for future in self.futures:\n    future.get(timeout=5)",
    ),
    Right(
        "a helper, and a flush of its own",
        "record = dict(key=key, value=value)\nself.producer.send(topic=self.topic, **record)",
        second=f"super().on_stop()\n{_FLUSH}",
    ),
]
