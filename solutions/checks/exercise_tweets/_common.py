"""What the checks share: tweets as people write them, and a spy producer for an actor without a thread."""

import threading
import time
from collections import namedtuple
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import kafka
from kafka.producer import future as futures

from kit import plots
from kit.exercises import CheckContext, TookTooLong, shown

from ..judging import advice_on, difference, judge, same

AT = 1_767_623_400_123
FIELDS = "a Tweet has three fields: fetched_ms, user, text"
LIBRARY = "Python's csv module knows the rules"
TELL = "notebook 14 shows how a message is put in a mailbox without waiting"
START = "notebook 14 shows how an actor is started: TweetActor(…) alone makes one without a thread"
NOW = "the time of fetching, by this machine's clock, in whole milliseconds"
UNTIL = "wait in on_stop until the producer has sent all records, as long as that takes: notebook 13 has the call"
UNCALLED = "give the serializer itself, without () behind it if it is a function: it is called later, with each text"
SERVERS = "use the servers that the function gets, for bootstrap_servers"
_LOOK = "what waits keeps all mail waiting: look for ask, get, flush, a sleep, a loop, or another producer than self.producer"
_NAMED = "the producer's send takes the topic, and key and value by name"
_SLOW = 0.009  # seconds; of the quickest quarter of many calls: a busy machine slows some of them, not all
_RUN_SECONDS, _ROUND_TRIP = 2.0, 0.02
_SHORT = 1.0  # seconds; a time-out below is none for a broker that is busy
_LATE = 0.1  # seconds after which the records of an actor that waits by callbacks are acknowledged
# An error's kinds and its message, as in "TypeError Exception: sequence item 0: …".
_ERRORS = (
    ("ConfigError.*partitions as", "the number of partitions is a whole number, without quotes and without a point"),
    ("BrokerUnavailable", "that broker does not exist; leave bootstrap_servers out: the kit knows the broker"),
    ("TopicError.*eplication", "partitions are what is wanted; replicas are copies on other brokers"),
    ("TypeError.*(descriptor|unbound method)", UNCALLED),
    (r"TypeError.* (create|KafkaProducer.__init__)\(\) takes", "its options go by their names, as in option=…"),
    ("nrecognized configs", "look how it is spelled: bootstrap_servers, acks, key_serializer, value_serializer"),
    ("KafkaTimeoutError", "a short time-out is not enough for a busy broker: send waits not at all, on_stop until all is sent"),
    ("KafkaError", f"no broker is where it looks: {SERVERS}"),
    ("TypeError.*sequence item", f"join takes text only, and quotes nothing: {LIBRARY}"),
    ("TypeError.*(must have a .write|bytes-like)", "csv.writer writes text to a file; the io module has one in memory, for text"),
    ("Error.*iterable expected", "a tweet is one row: writerow; writerows takes a list of rows"),
    ("ValueError.*closed file", "close() empties a StringIO: ask for its text before, or do not close it"),
    ("(Type|Attribute|Plot)Error.*LiveList", "the list takes a text, by its append"),
    ("UnicodeError", "the producer makes UTF-8 of text by itself: give it the text"),
    ("AttributeError.*FutureRecordMetadata", f"a future has no such method, and none is needed: {_LOOK}"),
    ("(Attribute|Name)Error.*flush", f"it is the producer in self that waits for its records: {UNTIL}"),
    (r"AttributeError.*encode|TypeError.*TweetActor.send\(\)", "to_record gives a pair of text, and send takes its two parts, each by itself"),
    (r"AttributeError.*('KafkaProducer'|'str'.* '(send|publish|produce|append|put|write)')", f"it is the producer that sends, by its method send: {_NAMED}"),
    (r"TypeError.*(send\(\)|bytes|serialized|encoding)", f"it makes the bytes, and needs no more: {_NAMED}"),
    (r"TypeError.*tell\(\)", "a message is one thing: the Tweet as a whole"),
    ("(Attribute|Type)Error.*(ActorRef|type object 'TweetActor'.*'(tell|ask|send)')", f"a message goes to a ref, and a ref can only send messages; {TELL}"),
    ("AttributeError.*(type object 'TweetActor'|'pykka')", f"there is no such thing in it; {START}"),
    (r"TypeError.*TweetActor.__init__\(\)", "what starts an actor belongs to the class, and takes the same arguments as __init__"),
    ("NameError.*'(ref|live|every|producer|topic|send|received)'", "is the name spelled right? A method reaches what its object has by self"),
    ("ActorDeadError", "that actor has stopped; yours is in self.ref"),
    ("AttributeError.*NoneType.*timestamp", f"X gives that only if it is asked to; what is wanted is {NOW}"),
    ("AttributeError.*'Tweet(Actor|Listener)'", "self has its methods, and what __init__ put in it; a function such as to_record is no method"),
    (r"(AttributeError.*'Tweet')|(TypeError.*Tweet.*argument)", FIELDS),
    ("TypeError.*(tuple|string) indices must be integers", "a named tuple such as Tweet has its fields by name, after a dot"),
)  # fmt: skip
advise = partial(advice_on, table=_ERRORS)
Tweet = namedtuple("Tweet", "fetched_ms user text")  # as in the notebook
# Eleven: an actor that shows each fourth or fifth shows nearly all of them in turn.
TWEETS = {
    "plain text": Tweet(AT, "ana", "Lehman files for bankruptcy"),
    "a comma": Tweet(AT, "bo", "calm, they said"),
    "quotes, and a comma": Tweet(AT, "Flo_B", '"contained", they called it "contained"'),
    "a line break": Tweet(AT, "eve", "first line\nsecond line"),
    "emoji, accents, and letters that look like others": Tweet(AT, "zoë", "à la hausse 🚀📈, ½ of it … ①"),
    "spaces and a tab": Tweet(AT, "gus", " wait  for\tit "),
    "commas and quotes around a line break": Tweet(AT, "hal_jr", 'a, b\r\n"c"'),
    "a lone carriage return": Tweet(AT, "pia", "old\rMac"),
    "a retweet with all that X adds": Tweet(AT, "Jo", "RT @bo: AT&amp;T is #over, see http://example.org/?a=1"),
    "a long text": Tweet(AT, "nia", "a long tweet is a tweet as well, and its end counts: " * 6 + "here it is"),
    "the first tweet, once more": Tweet(AT, "ana", "Lehman files for bankruptcy"),
}


def tweet_class(namespace: Any) -> Any:
    """The notebook's Tweet; ours where another thing has this name."""
    found = namespace.get("Tweet")
    return found if isinstance(found, type) and getattr(found, "_fields", ()) == Tweet._fields else Tweet


class FutureRecordMetadata(futures.FutureRecordMetadata):  # type: ignore[misc]  # kafka-python has no types
    """The future of one record; its producer sees who waits for it, by `get` or by looking again and again."""

    def __init__(self, producer: "KafkaProducer") -> None:
        self.producer = producer
        batch = futures.FutureProduceResult(kafka.TopicPartition(producer.topic, 0))
        super().__init__(batch, 0, None, None, -1, -1, -1)

    def __getattribute__(self, name: str) -> Any:
        if name == "is_done" and self.producer.stopping:
            self.producer.acknowledge(self)
        return super().__getattribute__(name)

    def get(self, timeout: float | None = None) -> Any:
        self.producer.wait_for([self], timeout)
        return super().get(timeout)


class KafkaProducer(kafka.KafkaProducer):  # type: ignore[misc]
    """A producer whose broker is slow: a record is acknowledged only when the actor waits for it."""

    def __init__(self, topic: str = "check-tweets") -> None:
        self.topic, self.given = topic, list[Any]()  # the records, as (key, value) in bytes
        self.elsewhere, self.partitions = list[Any](), list[Any]()  # other topics, and partitions that were asked for
        self.open, self.late = list[FutureRecordMetadata](), 0  # late: how many were open when on_stop had come back
        self.waits, self.stopping = 0, False  # how often it waited before it was stopped; then waiting is right
        self.thread, self.from_another_thread, self._closed = 0, False, False

    def send(self, topic: Any, value: Any = None, key: Any = None, headers: Any = None, partition: Any = None) -> Any:
        self.given.append(
            tuple(kafka.serializer.DefaultSerializer().serialize(topic, [], part) for part in (key, value))
        )
        self.elsewhere += [] if same(topic, self.topic) else [topic]
        self.partitions += [] if partition is None else [partition]
        self.from_another_thread |= threading.get_ident() != self.thread
        self.open.append(FutureRecordMetadata(self))
        return self.open[-1]

    def take(self, key: str, value: str) -> Any:  # in the place of the student's own send
        return self.send(self.topic, key=key, value=value)

    take.__qualname__ = "TweetActor.send"

    def flush(self, timeout: float | None = None) -> None:
        self.wait_for(list(self.open), timeout)

    def close(self, timeout: float | None = None, **_: Any) -> None:
        self._closed = True

    def wait_for(self, futures: list[FutureRecordMetadata], timeout: float | None) -> None:
        self.waits += not self.stopping
        if timeout is not None and timeout < _SHORT and any(future in self.open for future in futures):
            time.sleep(timeout)
            raise kafka.errors.KafkaTimeoutError("Timeout waiting for records to be acknowledged")
        time.sleep(_ROUND_TRIP if self.open else 0)
        for future in futures:
            self.acknowledge(future)

    def acknowledge(self, future: FutureRecordMetadata) -> None:
        if future in self.open:
            self.open.remove(future)
            future._produce_future.success((0, -1, None))

    def stop(self, on_stop: Callable[[], object]) -> None:
        """Call the student's `on_stop`; the broker answers it, late, if it can only notice by its callbacks."""
        late = threading.Timer(_LATE, lambda: [self.acknowledge(future) for future in list(self.open)])
        if any(future._callbacks for future in self.open):
            late.start()
        self.stopping = True
        on_stop()
        self.late = len(self.open)


class LiveList(plots.LiveList):
    """A list that no page hears of: it is closed before a page could draw it."""

    def open(self) -> None: ...


def live_list(context: CheckContext) -> Any:
    """A live list, closed at the end of the check."""
    live = LiveList(last=50)
    context.defer(live.close)
    return live


def run(context: CheckContext, method: str, steps: Iterable[tuple[str, Callable[[], object]]], *spies: Any) -> None:
    """Call the student's `method` step by step, in one thread, as an actor does; the check ends if a call waits.

    A step is what the student reads about it, and the call.
    """
    seconds, got = list[float](), ""

    def waited() -> bool:
        slow = len(seconds) > 7 and sorted(seconds)[len(seconds) // 4] > _SLOW
        return any(spy.waits for spy in spies) or (slow and not any(spy.from_another_thread for spy in spies))

    def work() -> None:
        for spy in spies:
            spy.thread = threading.get_ident()
        for on, step in steps:
            if not waited():
                context.on, began = on, time.perf_counter()
                step()
                seconds.append(time.perf_counter() - began)

    try:
        context.call(work, seconds=_RUN_SECONDS)
    except TookTooLong as late:
        got = f"it was still busy, at {late.line}"
    judge(context, f"{method} to come back at once", got or "it waited", (got or waited(), _LOOK))


def check_records(context: CheckContext, spy: KafkaProducer, wanted: list[Any], method: str) -> None:
    """The spy was given what is wanted, a pair of text in each call of the method."""
    found = [[part and bytes(part).decode("utf-8", "replace") for part in record] for record in spy.given]
    pairs = [(want, got) for want, got in zip(wanted, found, strict=False) if list(want) != got]
    (key, value), (got_key, got_value) = pairs[0] if pairs else ((None, None), (None, None))
    elsewhere, changed = spy.elsewhere[:1], pairs and (difference(key, got_key) or difference(value, got_value))
    got = f"{len(found) or 'none'}" + (f", one for {shown(elsewhere[0])}" if elsewhere else "")
    got += f", one with key {shown(got_key)}, value {shown(got_value)}" if pairs else ""
    judge(context, f"{len(wanted)} records for self.topic, one in each call of {method}: key {key!r}, …", got,
        (spy._closed, "leave the producer open: its maker closes it, and others may still need it"),
        (spy.from_another_thread, f"send in {method} itself, and in no other thread: the order may be lost, and on_stop may come first"),
        (len(found) > len(wanted), "send each record once"),
        (not found, f"none came: each call of {method} itself gives a record at once, by self.send or self.producer"),
        (len(found) < len(wanted), f"each call gives a record, in {method} itself: also one that is not shown, comes again, or comes while more mail waits"),
        (elsewhere and any(same(elsewhere[0], part) for part in wanted[0]), f"the topic comes first: {_NAMED}"),
        (elsewhere, "the actor's topic is in self.topic, and its method send knows it"),
        (spy.partitions, "leave the partition to the producer: it puts all records of a key in one partition, so in order"),
        (pairs and got_key is None, f"the key is missing: {_NAMED}"),
        (pairs and (got_key, got_value) == (value, key), "key and value are swapped: to_record gives the key first; the producer's send takes the value first, if it is by place"),
        (pairs, f"send the record as it came, or as to_record makes it: {changed}".rstrip(": ")))  # fmt: skip
