"""Gap 7, listener to actor."""

from kit.exercises import Crashed
from tests.exercises.misconceptions._answer import Right, Wrong

__all__ = ["RIGHT", "WRONG"]

_AUTHOR = 'response.includes["users"][0].username'
_NOW = "round(time.time() * 1000)"


def _told(now: str = _NOW, author: str = _AUTHOR, text: str = "response.data.text", tell: str = "self.ref.tell") -> str:
    return f"tweet = Tweet({now}, {author}, {text})\n{tell}(tweet)"


WRONG = [
    Wrong("ask is more polite", _told(tell="self.ref.ask"), hears="look for ask, get", got="it waited"),
    Wrong(
        "ask, and wait a little",
        _told().replace("tell(tweet)", "ask(tweet, timeout=1)"),
        hears="look for ask",
        got="it waited",
    ),
    Wrong("a ref is its actor", _told(tell="self.ref.on_receive"), kind=Crashed, hears="can only send messages"),
    Wrong("a ref sends", _told(tell="self.ref.send"), kind=Crashed, hears="can only send messages"),
    Wrong("ref is a name", _told(tell="ref.tell"), kind=Crashed, hears="what its object has by self"),
    Wrong("the actor is in self.actor", _told(tell="self.actor.tell"), kind=Crashed, hears="what __init__ put in it"),
    Wrong(
        "ref is the notebook's, and has stopped",
        _told(tell="ref.tell"),
        before="ref = pykka.ThreadingActor.start()\nref.stop()",
        kind=Crashed,
        hears="yours is in self.ref",
    ),
    Wrong(
        "the newest ref is for all listeners",
        """
        class TweetListener(StreamingClient):
            def __init__(self, ref, **options):
                super().__init__(**options)
                TweetListener.ref = ref

            def on_response(self, response):
                author = response.includes["users"][0].username
                self.ref.tell(Tweet(round(time.time() * 1000), author, response.data.text))
        """,
        whole=True,
        hears="a ref of its own, in self.ref",
        got="none for one",
    ),
    Wrong("three are told", _told().replace("tell(tweet)", "tell(*tweet)"), kind=Crashed, hears="the Tweet as a whole"),
    Wrong("a class is told", _told(tell="TweetActor.tell"), kind=Crashed, hears="a message goes to a ref"),
    Wrong("the actor may go", _told() + "\nself.ref.stop(block=False)", hears="leave stopping", got="12 for one"),
    Wrong("one tweet is enough", _told() + "\nself.disconnect()", hears="leave out disconnect()", got="hung up"),
    Wrong("a tweet is made, not told", _told(tell="print"), hears="nothing is in the mailbox", got="none"),
    Wrong("twice is safer", _told() + "\nself.ref.tell(tweet)", hears="tell the actor once", got="12 for one"),
    Wrong(
        "a dict is a tweet",
        f'self.ref.tell({{"fetched_ms": {_NOW}, "user": "ana"}})',
        hears="a Tweet of yours",
        got="dict",
    ),
    Wrong("the text is the message", "self.ref.tell(response.data.text)", hears="a Tweet of yours", got="str: 'Lehman"),
    Wrong("the response is the message", "self.ref.tell(response)", hears="a Tweet of yours", got="StreamResponse"),
    Wrong("tweepy's tweet is ours", "self.ref.tell(response.data)", hears="that is tweepy's", got="<Tweet id="),
    Wrong(
        "the author is a number", _told(author="response.data.author_id"), hears="not the author's username", got="900"
    ),
    Wrong(
        "the author's full name",
        _told(author='response.includes["users"][0].name'),
        hears="not the author's username",
        got="'Ana'",
    ),
    Wrong(
        "includes has users",
        _told(author="response.includes.users[0].username"),
        kind=Crashed,
        hears="the author's username",
    ),
    Wrong(
        "users go by name",
        _told(author='response.includes["users"]["username"]'),
        kind=Crashed,
        hears="the author's username",
    ),
    Wrong(
        "the tweet has its user",
        _told(author="response.data.user.screen_name"),
        kind=Crashed,
        hears="the author's username",
    ),
    Wrong(
        "the response has the text", _told(text="response.text"), kind=Crashed, hears="where a response has its text"
    ),
    Wrong("the tweet is the text", _told(text="response.data"), hears="where a response has its text"),
    Wrong(
        "text is stripped of commas",
        _told(text='response.data.text.replace(",", "")'),
        hears="that is not the text, as it is",
    ),
    Wrong(
        "who, what, when",
        "self.ref.tell(Tweet(" + f"{_AUTHOR}, response.data.text, {_NOW}))",
        hears="the order is another",
    ),
    Wrong(
        "two are enough",
        f"self.ref.tell(Tweet({_AUTHOR}, response.data.text))",
        kind=Crashed,
        hears="a Tweet has three fields",
    ),
    Wrong("time is in seconds", _told("time.time()"), hears="these are seconds"),
    Wrong("a fraction does no harm", _told("time.time() * 1000"), hears="a whole number"),
    Wrong("rounded, then multiplied", _told("int(time.time()) * 1000"), hears="multiply before you round"),
    Wrong("microseconds", _told("time.time_ns() // 1000"), hears="microseconds"),
    Wrong("nanoseconds", _told("time.time_ns()"), hears="nanoseconds"),
    Wrong("time is a text", _told("str(round(time.time() * 1000))"), hears="a number, not a text"),
    Wrong(
        "time is a datetime",
        _told("dt.datetime.now()"),
        before="import datetime as dt",
        hears="by this machine's clock",
    ),
    Wrong("when it was written", _told("response.data.created_at"), hears="by this machine's clock", got="None"),
    Wrong(
        "when it was written, in milliseconds",
        _told("round(response.data.created_at.timestamp() * 1000)"),
        kind=Crashed,
        hears="the time of fetching",
    ),
    Wrong(
        "a default is asked each time",
        """
        class TweetListener(StreamingClient):
            def __init__(self, ref, **options):
                super().__init__(**options)
                self.ref = ref

            def on_response(self, response, now=round(time.time() * 1000) - 1):
                self.ref.tell(Tweet(now, response.includes["users"][0].username, response.data.text))
        """,
        whole=True,
        hears="when each tweet comes",
    ),
    Wrong(
        "tweepy calls on_tweet",
        """
        class TweetListener(StreamingClient):
            def __init__(self, ref, **options):
                super().__init__(**options)
                self.ref = ref

            def on_tweet(self, tweet):
                self.ref.tell(Tweet(round(time.time() * 1000), tweet.author_id, tweet.text))
        """,
        whole=True,
        hears="put `def on_response` back",
    ),
    Wrong("stay until all have come", _told() + "\nwhile True:\n    pass", hears="a loop"),
    Wrong(
        "out after the first",
        _told() + "\nexit()",
        before="import sys\nexit = sys.exit",
        kind=Crashed,
        hears="ends with return",
    ),
]

RIGHT = [
    Right("tell", _told()),
    Right(
        "by name, from nanoseconds",
        """
        user = response.includes["users"][0]["username"]
        now = time.time_ns() // 1_000_000
        self.ref.tell(Tweet(user=user, text=response.data["text"], fetched_ms=now))
        """,
    ),
    Right("by datetime", _told("int(dt.datetime.now(dt.UTC).timestamp() * 1000)"), before="import datetime as dt"),
    Right("by pandas", _told("pd.Timestamp.now('UTC').value // 1_000_000")),
    Right("by numpy's whole numbers", _told("np.int64(time.time() * 1000)"), before="import numpy as np"),
    Right(
        "the author found by number",
        _told(author="{user.id: user.username for user in response.includes['users']}[response.data.author_id]"),
    ),
    Right("asked, and not waited for", _told().replace("tell(tweet)", "ask(tweet, block=False)")),
    Right("a message by way of a proxy", _told(tell="self.ref.proxy().on_receive.defer")),
    Right("tweepy's own is called as well", "super().on_response(response)\n" + _told() + "\nreturn tweet"),
]
