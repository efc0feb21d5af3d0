"""Exercise 1: stream listener → actor → Kafka, as CSV.

Each check looks at what the student's code does on the real broker, with topics and input of its own. It takes any
right way, and for the usual wrong ones it says what is wrong with them.
"""

from kit.exercises._exercise import Gap
from kit.exercises.tweets._listening import listen
from kit.exercises.tweets._producing import create_topic, make_producer
from kit.exercises.tweets._receiving import receive
from kit.exercises.tweets._recording import to_record
from kit.exercises.tweets._sending import send
from kit.exercises.tweets._starting import start_actor

__all__ = ["GAPS"]

GAPS = (
    Gap(
        names=("create_topic",),
        check=create_topic,
        hints=(
            "You made topics in notebook 13: with which call, and with which option for the partitions?",
            "topics.create leaves a topic alone if it is there already as it is wanted: no `if` is needed.",
            "topics.create(name, partitions=…)",
        ),
        why=(
            "Three partitions let three consumers of a group share the work. Creating is idempotent, so the cell may "
            "run twice; fresh=True would have deleted the records. KafkaAdminClient.create_topics does it as well, but "
            "raises when the topic is there."
        ),
    ),
    Gap(
        names=("make_producer",),
        check=make_producer,
        hints=(
            "KafkaProducer takes everything as keywords: where the brokers are, what counts as sent, and what makes "
            "bytes of text.",
            "Kafka stores bytes. key_serializer and value_serializer say how your keys and values become bytes; "
            "DefaultSerializer() makes UTF-8 of text.",
            'return KafkaProducer(bootstrap_servers=…, acks="all", key_serializer=DefaultSerializer(), …)',
        ),
        why=(
            'acks="all" counts a record as sent when every replica in sync has it: a broker may die, and no record '
            "with it. DefaultSerializer encodes text as UTF-8, so accents and emoji pass. A function as str.encode "
            "does it as well, but kafka-python has begun to warn about functions."
        ),
    ),
    Gap(
        names=("to_record",),
        check=to_record,
        broker=False,
        hints=(
            "What if the text has a comma in it? Python has a module that knows all the rules of CSV.",
            "csv.writer writes to anything with a `write`: an io.StringIO() keeps it in memory, getvalue() gives it"
            " back. A Tweet is a tuple, so it is a row already.",
            "In each call a new line = io.StringIO(); csv.writer(line).writerow(tweet); the value is line.getvalue(), "
            "the key tweet.user",
        ),
        why=(
            "csv.writer quotes a field with a comma, a quote or a line break, and doubles the quotes in it; every "
            "reader of CSV undoes it. The user as key keeps the tweets of one user in one partition, so in order."
        ),
    ),
    Gap(
        names=("TweetActor.__init__", "TweetActor.on_receive"),
        check=receive,
        hints=(
            "Three steps, one after the other. All they need but to_record is in self: received, send, every, live.",
            "self.received counts. to_record gives the pair that self.send wants. A number is each 10th when number"
            " % 10 == 0.",
            "self.received += 1; self.send(*to_record(tweet)); if self.received % self.every == 0: self.live.append(…)",
        ),
        why=(
            "Only this actor's thread reads and writes self.received, one message at a time: no lock is needed. Every "
            "tweet is sent, one in so many is shown: people cannot read hundreds a second, Kafka can."
        ),
    ),
    Gap(
        names=("TweetActor.send", "TweetActor.on_stop"),
        check=send,
        hints=(
            "The producer has one method to give it a record, and one that waits until all it was given is out.",
            "producer.send gives a future at once; whoever calls .get() on it waits. Waiting once, at the end, is "
            "enough: producer.flush().",
            "send: self.producer.send(self.topic, key=key, value=value). on_stop: self.producer.flush()",
        ),
        why=(
            "send only puts the record in the producer's buffer; a thread of its own sends batches. Waiting for each "
            "one would cost a round trip a tweet, while the mailbox fills. flush at the end makes sure that nothing "
            "stays in the buffer. Name key and value: by place, the value comes first."
        ),
    ),
    Gap(
        names=("start_actor",),
        check=start_actor,
        hints=(
            "TweetActor(…) makes an object that nobody runs. Notebook 14 starts its Counting actor: how?",
            "TweetActor.start takes the same arguments as __init__, and gives the ref.",
            "return TweetActor.start(producer, …)",
        ),
        why=(
            "start makes the actor, its mailbox and its thread, and gives the ref: the only thing others may hold. They"
            " send messages to it, and cannot touch the actor's state."
        ),
    ),
    Gap(
        names=("TweetListener.__init__", "TweetListener.on_response"),
        check=listen,
        broker=False,
        hints=(
            "Notebook 14 has two ways to send to a ref; one of them waits. What does a Tweet want, and in which order?",
            "The text is response.data.text. The users are a list, its first is the author: "
            "response.includes['users'][0].username. time.time() is in "
            "seconds.",
            "author = response.includes['users'][0].username; "
            "self.ref.tell(Tweet(round(time.time() * 1000), author, …))",
        ),
        why=(
            "tell puts the message in the mailbox and goes on, so the stream is never kept waiting; ask would wait for "
            "the actor. The time is taken here, where the tweet arrives. The author stands in the includes, because X "
            "sends each user once beside the tweets."
        ),
    ),
)
