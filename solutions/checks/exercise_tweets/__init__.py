"""Exercise 1: stream listener → actor → Kafka. Each check observes what the code does, and takes any right way."""

from kit.exercises import Gap

from ._actor import listen, receive, send, start_actor
from ._kafka import create_topic, make_producer, to_record

GAPS = (
    Gap(names=("create_topic",), check=create_topic, needs=("kafka",), hints=(
            "You made topics in notebook 13: with which call, and with which option for the partitions?",
            "topics.create leaves a topic alone if it is there already as it is wanted: no `if` is needed.",
            "topics.create(name, partitions=…)",
        ), why=
            "Three partitions let three consumers of a group share the work. "
            "topics.create leaves an existing topic alone, so the cell may run twice; fresh=True would delete its records. "
            "KafkaAdminClient.create_topics creates a topic as well, but raises when it exists.",
    ),
    Gap(names=("make_producer",), check=make_producer, needs=("kafka",), hints=(
            "KafkaProducer takes keywords: where the brokers are, what counts as sent, what makes bytes of text.",
            "key_serializer and value_serializer say how your keys and values become bytes; DefaultSerializer() makes UTF-8 of text.",
            'return KafkaProducer(bootstrap_servers=…, acks="all", key_serializer=DefaultSerializer(), …)',
        ), why=
            'acks="all" counts a record as sent when every replica in sync has it: if a broker dies, the record is not lost. '
            "DefaultSerializer encodes text as UTF-8, so accents and emoji pass. "
            "A function such as str.encode works as well, but kafka-python has begun to warn about functions.",
    ),
    Gap(names=("to_record",), check=to_record, hints=(
            "What if the text has a comma in it? Python has a module that knows all the rules of CSV.",
            "csv.writer writes to a file; an io.StringIO() is one in memory, and getvalue() gives its text. A Tweet is a tuple, so a row.",
            "In each call: a new io.StringIO(), a csv.writer for it, one writerow. The value is what getvalue() gives, the key is tweet.user.",
        ), why=
            "csv.writer quotes a field with a comma, a quote or a line break, and doubles the quotes in it; every reader of CSV undoes this. "
            "The user as key keeps the tweets of one user in one partition, so in order.",
    ),
    Gap(names=("TweetActor.__init__", "TweetActor.on_receive"), check=receive, hints=(
            "Three steps. All they need except to_record is in self: received, send, every, live.",
            "self.received counts. to_record gives the pair that self.send wants. A number is each 10th when number % 10 == 0.",
            "Add one to self.received; self.send(*…); if the rest of self.received by self.every is 0, append the text.",
        ), why=
            "Only this actor's thread reads and writes self.received, one message at a time: no lock is needed. "
            "Every tweet is sent, one in `every` is shown: people cannot read hundreds a second, Kafka can.",
    ),
    Gap(names=("TweetActor.send", "TweetActor.on_stop"), check=send, hints=(
            "The producer has one method that takes a record, and one that waits until all its records are sent.",
            "producer.send gives a future at once; .get() on it waits. Waiting once, at the end, is enough.",
            "send: the producer's send with self.topic, and with key and value by name. on_stop: flush the producer.",
        ), why=
            "send only puts the record in the producer's buffer; a thread of its own sends batches. "
            "Waiting for each one would cost a round trip for each tweet, while the mailbox fills. "
            "flush at the end makes sure that nothing stays in the buffer. Name key and value: by place, the value comes first.",
    ),
    Gap(names=("start_actor",), check=start_actor, hints=(
            "TweetActor(…) makes an object without a thread. Notebook 14 starts its Counting actor: how?",
            "The class has a method start, which takes the same arguments as __init__, and gives the ref.",
            "return TweetActor.start(producer, …)",
        ), why=
            "start makes the actor, its mailbox and its thread, and gives the ref: the only thing that others hold. "
            "They send messages to it, and cannot touch the actor's state.",
    ),
    Gap(names=("TweetListener.__init__", "TweetListener.on_response"), check=listen, hints=(
            "Notebook 14 has two ways to send to a ref; one of them waits. What does a Tweet want, and in which order?",
            "The tweet is response.data. The users are a list, its first is the author. time.time() is in seconds.",
            "author = response.includes['users'][0].username; then self.ref.tell(Tweet(…, author, …))",
        ), why=
            "tell puts the message in the mailbox and goes on, so the stream never waits; ask would wait for the actor. "
            "The time is taken here, where the tweet arrives. "
            "The author stands in the includes, because X sends each user once beside the tweets.",
    ),
)  # fmt: skip
