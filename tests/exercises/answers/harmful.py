"""Answers whose objects could break a check: any outcome will do, in bounded time, and the next check works."""

from typing import NamedTuple

__all__ = ["HARMFUL", "Harm"]


class Harm(NamedTuple):
    """An answer that harms. `second` fills the second piece of gap 5; `before` is a cell that ran before."""

    gap: int
    name: str
    code: str
    second: str | None = None
    before: str = ""


_ODD = """
import sys
class Odd(str):
    def {method}(self, *args):
        {does}
    __hash__ = str.__hash__
"""


def _odd(gap: int, method: str, does: str, code: str) -> Harm:
    return Harm(gap, f"gap {gap}, {method}: {does}", code, before=_ODD.format(method=method, does=does))


_COUNTING = """
def counted(function):
    def inner(*args):
        inner.calls += 1
        return inner(*args)
    inner.calls = 0
    return inner
"""

HARMFUL = [
    Harm(3, "an error that is its own cause", "error = ValueError('round')\nerror.__cause__ = error\nraise error"),
    Harm(3, "raise error from error", "error = ValueError('round')\nraise error from error"),
    Harm(
        5,
        "a cycle of three causes",
        "a, b, c = ValueError('a'), KeyError('b'), OSError('c')\na.__cause__, b.__context__, c.__cause__ = b, c, a\nraise a",
    ),
    Harm(
        1,
        "a cycle in an exception group",
        "group = ExceptionGroup('all', [ValueError('a')])\ngroup.__context__ = group.exceptions[0]\ngroup.exceptions[0].__context__ = group\nraise group",
    ),
    Harm(3, "a numpy array", "import numpy as np\nreturn np.array([tweet.user, tweet.text])"),
    Harm(3, "arrays in a pair", "import numpy as np\nreturn np.array([1, 2]), np.array(['a', 'b'])"),
    Harm(3, "a Series", "return pd.Series([tweet.user, tweet.text])"),
    Harm(3, "a DataFrame in a pair", "return tweet.user, pd.DataFrame([tweet])"),
    Harm(3, "an endless generator", "import itertools\nreturn itertools.count()"),
    Harm(3, "a value of 50 MB", "return tweet.user, 'x' * 50_000_000"),
    _odd(3, "__eq__", "raise RuntimeError('no')", "return Odd(tweet.user), Odd('x')"),
    _odd(3, "__eq__", "raise SystemExit", "return Odd(tweet.user), Odd('x')"),
    _odd(3, "__eq__", "__import__('time').sleep(60)", "return Odd(tweet.user), Odd('x')"),
    _odd(3, "__str__", "raise SystemExit", "return Odd(tweet.user), Odd('x')"),
    _odd(3, "__repr__", "raise RuntimeError('no')", "return Odd(tweet.user), Odd('x')"),
    _odd(3, "__repr__", "__import__('time').sleep(60)", "return Odd(tweet.user), Odd('x')"),
    _odd(3, "__repr__", "raise KeyboardInterrupt", "return Odd('x')"),
    _odd(
        4, "__eq__", "raise SystemExit", "self.received += 1\nself.send(Odd('a'), Odd('b'))\nself.live.append(Odd('c'))"
    ),
    _odd(
        5, "__eq__", "raise RuntimeError('no')", "self.producer.send(Odd(self.topic), key=Odd(key), value=Odd(value))"
    ),
    _odd(7, "__repr__", "__import__('time').sleep(60)", "self.ref.tell(Odd('x'))"),
    _odd(7, "__eq__", "raise SystemExit", "self.ref.tell(Tweet(Odd('1'), Odd('x'), Odd('y')))"),
    Harm(6, "an object that says yes to everything", "from unittest.mock import MagicMock\nreturn MagicMock()"),
    Harm(2, "a mock of a producer", "from unittest.mock import MagicMock\nreturn MagicMock()"),
    Harm(
        3,
        "its error cannot be written",
        "class Bad(Exception):\n    def __str__(self):\n        raise self\n    __repr__ = __str__\nraise Bad",
    ),
    Harm(
        3,
        "its error takes a minute to write",
        "class Slow(Exception):\n    def __str__(self):\n        time.sleep(60)\nraise Slow",
    ),
    Harm(3, "a decorator without wraps that calls itself", "return counted(to_record)(tweet)", before=_COUNTING),
    Harm(3, "an endless recursion", "return to_record(tweet)"),
    Harm(3, "a huge recursion limit", "import sys\nsys.setrecursionlimit(10**9)\nreturn to_record(tweet)"),
    Harm(4, "a huge recursion limit in the actor", "import sys\nsys.setrecursionlimit(10**9)\nself.on_receive(tweet)"),
    Harm(3, "asks the student", "return input('the user? '), tweet.text"),
    Harm(5, "asks the student in the actor", "input('go on? ')"),
    Harm(3, "Tweet is overwritten", "return tweet.user, tweet.text", before="Tweet = 'a tweet'"),
    Harm(4, "to_record is overwritten", "self.send(*to_record(tweet))", before="to_record = ('maria', 'a line')"),
    Harm(7, "TweetActor is overwritten", "self.ref.tell(response)", before="TweetActor = None"),
    Harm(6, "pykka is overwritten", "return pykka.start(producer)", before="pykka = 5"),
    Harm(1, "topics is overwritten", "topics.create(name, partitions=3)", before="topics = ['tweets']"),
    Harm(2, "servers is overwritten", "return KafkaProducer(bootstrap_servers=servers)", before="servers = None"),
    Harm(3, "an endless loop", "while True:\n    pass"),
    Harm(
        3,
        "an endless loop that swallows errors",
        "while True:\n    try:\n        time.sleep(0.01)\n    except BaseException:\n        pass",
    ),
    Harm(4, "ends the process", "raise SystemExit(3)"),
    Harm(3, "interrupts itself", "raise KeyboardInterrupt"),
    Harm(3, "prints a lot", "for _ in range(20_000):\n    print('x' * 1000)\nreturn None"),
    Harm(3, "an async function", "async def later():\n    return tweet.user, tweet.text\nreturn later()"),
    Harm(4, "kills all actors", "pykka.ActorRegistry.stop_all(block=False)"),
    Harm(
        5,
        "closes the producer under its feet",
        "self.producer.close()\nself.producer.send(self.topic, key=key, value=value)",
    ),
]
