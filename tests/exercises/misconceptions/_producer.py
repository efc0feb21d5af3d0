"""Gap 2, the producer."""

from kit.exercises import Crashed, NotAttempted
from tests.exercises.misconceptions._answer import Right, Wrong

__all__ = ["RIGHT", "WRONG"]

_TEXT = "key_serializer=DefaultSerializer(), value_serializer=DefaultSerializer()"


def _made(settings: str) -> str:
    return f'return KafkaProducer(bootstrap_servers=servers, acks="all", {settings})'


def _both(serializer: str) -> str:
    return _made(f"key_serializer={serializer}, value_serializer={serializer}")


WRONG = [
    Wrong("text is bytes", _made(""), hears="no key_serializer and no value_serializer", got="<class 'str'>"),
    Wrong("only the value is text", _made("value_serializer=DefaultSerializer()"), hears="no key_serializer:"),
    Wrong("only the key is text", _made("key_serializer=DefaultSerializer()"), hears="no value_serializer:"),
    Wrong(
        "made is returned",
        f'producer = KafkaProducer(bootstrap_servers=servers, acks="all", {_TEXT})',
        hears="return it",
        got="does it return anything?",
    ),
    Wrong(
        "the leader's word is enough",
        f"return KafkaProducer(bootstrap_servers=servers, acks=1, {_TEXT})",
        hears="every replica in sync",
        got="acks=1",
    ),
    Wrong(
        "fire and forget",
        f"return KafkaProducer(bootstrap_servers=servers, acks=0, {_TEXT})",
        hears="every replica in sync",
        got="acks=0",
    ),
    Wrong(
        "all is Python's all",
        f"return KafkaProducer(bootstrap_servers=servers, acks=all, {_TEXT})",
        hears="a text, in quotes",
    ),
    Wrong(
        "a with block tidies up",
        f'with KafkaProducer(bootstrap_servers=servers, acks="all", {_TEXT}) as producer:\n    return producer',
        hears="without `with`",
        got="one that was closed",
    ),
    Wrong(
        "closed is complete",
        f'producer = KafkaProducer(bootstrap_servers=servers, acks="all", {_TEXT})\nproducer.close()\nreturn producer',
        hears="return it open",
        got="one that was closed",
    ),
    Wrong(
        "one for all, made when it is first wanted",
        f"""
        global shared
        if "shared" not in globals():
            shared = KafkaProducer(bootstrap_servers=servers, acks="all", {_TEXT})
        return shared
        """,
        hears="make a new one in each call",
        got="the same one again",
    ),
    Wrong(
        "a default is made anew in each call",
        f"""
        def make_producer(servers, producer=KafkaProducer(bootstrap_servers=servers, acks="all", {_TEXT})):
            return producer
        """,
        whole=True,
        hears="use the servers that the function gets",
        leaves=True,
    ),
    Wrong(
        "yield gives it back",
        _both("DefaultSerializer()").replace("return", "yield"),
        hears="not yield",
        got="a generator",
    ),
    Wrong(
        "the broker is always there",
        f'return KafkaProducer(bootstrap_servers=lab_address, acks="all", {_TEXT})',
        before='lab_address = "127.0.0.1:" + servers.rpartition(":")[2]',
        hears="use the servers that the function gets",
        got="one for '127.0.0.1:",
    ),
    Wrong(
        "the port of the documentation",
        f'return KafkaProducer(bootstrap_servers="127.0.0.1:9", acks="all", {_TEXT})',
        hears="use the servers that the function gets",
        got="it was still busy, at",
        leaves=True,
    ),
    Wrong(
        "everything is JSON",
        _both("lambda x: json.dumps(x).encode()"),
        before="import json",
        hears="(a quote) is added",
    ),
    Wrong("dumps gives bytes", _both("json.dumps"), before="import json", hears="gives text again"),
    Wrong("str of bytes is the text", _both("lambda x: str(x.encode()).encode()"), hears='"b\'" is added'),
    Wrong("what is not ASCII may go", _both('lambda x: x.encode("ascii", "ignore")'), hears="'à' is left out"),
    Wrong("we are in the west", _both('DefaultSerializer("latin-1")'), hears="UTF-8 has them all", got="latin-1"),
    Wrong("Unicode is UTF-16", _both('lambda x: x.encode("utf-16")'), hears="that is not UTF-8"),
    Wrong("called, rather than given", _both("str.encode()"), kind=Crashed, hears="without () behind it"),
    Wrong("the class serializes", _both("DefaultSerializer"), hears="only the class", got="DefaultSerializer"),
    Wrong(
        "servers come first",
        f'return KafkaProducer(servers, acks="all", {_TEXT})',
        kind=Crashed,
        hears="by their names",
    ),
    Wrong("one serializer for both", _made("serializer=DefaultSerializer()"), kind=Crashed, hears="how it is spelled"),
    Wrong(
        "the name is enough",
        "return KafkaProducer",
        hears="with all its options, and return it",
        got="the class KafkaProducer",
    ),
    Wrong(
        "the line with raise stays, for later",
        'raise NotImplementedError("Gap 2, the producer: return one for text, acks all")\n' + _both("str.encode"),
        kind=NotAttempted,
        hears="replace the line with raise",
    ),
]

RIGHT = [
    Right("the library's serializer", _both("DefaultSerializer()")),
    Right("a method of str, and -1 for all", _both("str.encode").replace('"all"', "-1")),
    Right("all is the default", _both("DefaultSerializer()").replace('acks="all", ', "")),
    Right("servers as a list", _both("lambda x: bytes(x, 'utf-8')").replace("=servers", "=[servers]")),
    Right(
        "settings collected, with patience: it sends when ten seconds are over, or when it is flushed",
        """
        settings = {"acks": "all", "linger_ms": 10_000, "compression_type": "gzip", "client_id": "mine"}
        settings |= dict.fromkeys(["key_serializer", "value_serializer"], DefaultSerializer("utf8"))
        return KafkaProducer(bootstrap_servers=servers.split(","), **settings)
        """,
    ),
    Right(
        "a class of one's own",
        _both("Text()"),
        before="""
class Text(DefaultSerializer):
    def serialize(self, topic, headers, data):
        return data.encode("utf-8") if isinstance(data, str) else data
""",
    ),
    Right(
        "a producer of one's own kind",
        f'return Mine(bootstrap_servers=servers, acks="all", {_TEXT})',
        before="class Mine(KafkaProducer):\n    pass",
    ),
]
