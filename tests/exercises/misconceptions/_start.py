"""Gap 6, start the actor."""

from kit.exercises import Crashed
from tests.exercises.misconceptions._answer import Right, Wrong

__all__ = ["RIGHT", "WRONG"]

_START = "TweetActor.start(producer, topic, live, every)"
_MADE = "TweetActor(producer, topic, live, every)"

WRONG = [
    Wrong("an object runs", f"return {_MADE}", hears="alone makes one without a thread", got="<TweetActor object>"),
    Wrong("started is returned", _START, hears="return what the start gave", got="does it return anything?"),
    Wrong("a method's name calls it", "return TweetActor.start", hears="call it", got="was not called"),
    Wrong("an object is started", f"return {_MADE}.start()", kind=Crashed, hears="belongs to the class"),
    Wrong("start needs no arguments", "return TweetActor.start()", kind=Crashed, hears="same arguments as __init__"),
    Wrong(
        "made, started, and the first returned",
        f"actor = {_MADE}\nactor.start(producer, topic, live, every)\nreturn actor",
        hears="return what the start gave",
        got="1 started",
    ),
    Wrong(
        "an object has a ref, so it runs",
        f"return {_MADE}.actor_ref",
        hears="alone makes one without a thread",
        got="none started",
    ),
    Wrong("a proxy is friendlier", f"return {_START}.proxy()", hears="that is a proxy", got="ActorProxy"),
    Wrong("two are quicker", f"{_START}\nreturn {_START}", hears="start one actor in each call", got="2 started"),
    Wrong(
        "started when the class is known",
        "return shared",
        before="class Shared(TweetActor):\n    on_stop = print\n\nshared = Shared.start(None, 't', None, 1)",
        after="",
        hears="start a new actor in each call",
        got="none started",
    ),
    Wrong("topic first", "return TweetActor.start(topic, producer, live, every)", hears="in this order", got="'check-"),
    Wrong(
        "every is ten",
        "return TweetActor.start(producer, topic, live, 10)",
        hears="pass every on",
        got="self.every = 10",
    ),
    Wrong(
        "the topic is tweets",
        'return TweetActor.start(producer, "tweets", live, every)',
        hears="pass topic on",
        got="'tweets'",
    ),
    Wrong(
        "a producer of its own",
        "return TweetActor.start(own, topic, live, every)",
        before="own = object()",
        hears="pass producer on",
        got="<object object>",
    ),
    Wrong(
        "an actor is an actor",
        "return pykka.ThreadingActor.start(producer, topic, live, every)",
        hears="start TweetActor",
        got="ActorRef for ThreadingActor",
    ),
    Wrong("pykka starts it", f"return pykka.start({_MADE})", kind=Crashed, hears="how an actor is started"),
    Wrong("its address is its name", f"return {_START}.actor_urn", hears="return what the start gave", got="urn:uuid"),
    Wrong(
        "tidied up at once",
        f"ref = {_START}\nref.stop()\nreturn ref",
        hears="that actor has stopped",
        got="none started",
    ),
]

RIGHT = [
    Right("start", f"return {_START}"),
    Right("by name", "ref = TweetActor.start(every=every, live=live, topic=topic, producer=producer)\nreturn ref"),
    Right(
        "arguments passed on as they come",
        "def start_actor(*arguments):\n    return TweetActor.start(*arguments)",
        whole=True,
    ),
    Right(
        "a kind of TweetActor", "class Mine(TweetActor):\n    pass\n\nreturn Mine.start(producer, topic, live, every)"
    ),
    Right("the ref of its proxy", f"return {_START}.proxy().actor_ref"),
    Right("looked up in the registry", f"urn = {_START}.actor_urn\nreturn pykka.ActorRegistry.get_by_urn(urn)"),
    Right(
        "whatever becomes of gap 5",
        f"return {_START}",
        after='def on_stop(self):\n    raise NotImplementedError("Gap 5, send: wait")\n\nTweetActor.on_stop = on_stop',
    ),
    Right(
        "an end that never comes is of gap 5",
        f"return {_START}",
        after="def on_stop(self):\n    while True:\n        pass\n\nTweetActor.on_stop = on_stop",
    ),
]
