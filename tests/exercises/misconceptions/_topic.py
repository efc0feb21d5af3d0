"""Gap 1, create the topic."""

from kit.exercises import Crashed, NotAttempted
from tests.exercises.misconceptions._answer import Right, Wrong

__all__ = ["RIGHT", "WRONG"]

_ADMIN = """
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import TopicAlreadyExistsError
"""

WRONG = [
    Wrong("a topic has one partition, and that will do", "topics.create(name)", hears="say how many", got="1"),
    Wrong("the name as in the text", 'topics.create("by-hand", partitions=3)', hears="use the name that"),
    Wrong("the parameter in quotes", 'topics.create("name", partitions=3)', hears="without quotes", got="'name'"),
    Wrong(
        "each run begins with an empty topic",
        "topics.create(name, partitions=3, fresh=True)",
        hears="asks for a fresh one",
        got="0 records",
    ),
    Wrong(
        "three more each time",
        """
        if name in set(topics.describe()["topic"]):
            admin = KafkaAdminClient(bootstrap_servers=servers)
            admin.create_partitions({name: 6})
            admin.close()
        else:
            topics.create(name, partitions=3)
        """,
        before=_ADMIN,
        hears="with its partitions",
        got="6",
    ),
    Wrong(
        "once is enough",
        """
        global made
        if not made:
            topics.create(name, partitions=3)
            made = True
        """,
        before="made = False",
        hears="in each call",
        got="no topic",
    ),
    Wrong(
        "a first record opens it",
        """
        topics.create(name, partitions=3)
        producer = KafkaProducer(bootstrap_servers=servers)
        producer.send(name, b"hello")
        producer.close()
        """,
        hears="send nothing to it",
        got="3 records",
    ),
    Wrong(
        "a topic can only be new: the second run is an error",
        """
        admin = KafkaAdminClient(bootstrap_servers=servers)
        try:
            admin.create_topics({name: {"num_partitions": 3, "replication_factor": 1}})
        finally:
            admin.close()
        """,
        before=_ADMIN,
        kind=Crashed,
        hears="that is fine: leave it",
    ),
    Wrong(
        "a topic that is described is there",
        "return NewTopic(name=name, num_partitions=3, replication_factor=1)",
        before=_ADMIN,
        hears="an object that describes a topic is none yet",
    ),
    Wrong(
        "checked by the broker, but never made",
        """
        admin = KafkaAdminClient(bootstrap_servers=servers)
        try:
            admin.create_topics({name: {"num_partitions": 3, "replication_factor": 1}}, validate_only=True)
        finally:
            admin.close()
        """,
        before=_ADMIN,
        hears="have the broker make the topic",
    ),
    Wrong(
        "whoever sends to a topic makes it",
        """
        producer = KafkaProducer(bootstrap_servers=servers)
        try:
            producer.send(name, b"hello").get()
        finally:
            producer.close(timeout=0)
        """,
        hears="a wait for a topic that does not exist",
    ),
    Wrong(
        "three readers need three replicas",
        "topics.create(name, replication_factor=3)",
        kind=Crashed,
        hears="partitions are what is wanted",
    ),
    Wrong(
        "numbers are written as text",
        'topics.create(name, partitions="3")',
        kind=Crashed,
        hears="without quotes",
    ),
    Wrong(
        "the broker of the documentation",
        'topics.create(name, partitions=3, bootstrap_servers="localhost:1")',
        kind=Crashed,
        hears="leave bootstrap_servers out",
    ),
    Wrong("options go by place", "topics.create(name, 3)", kind=Crashed, hears="by their names", got="TypeError"),
    Wrong(
        "the module is called topic",
        "topic.create(name, partitions=3)",
        kind=Crashed,
        hears="is the name spelled right",
    ),
    Wrong("pass fills a gap", "pass", hears="have the broker make the topic"),
    Wrong(
        "the answer goes above the line with raise",
        'topics.create(name, partitions=3)\nraise NotImplementedError("Gap 1, create the topic: give it three")',
        kind=NotAttempted,
        hears="replace the line with raise",
    ),
    Wrong(
        "a better name for the function",
        "def create_topics(name):\n    topics.create(name, partitions=3)",
        whole=True,
        after="del create_topic",
        hears="name it create_topic",
        got="create_topics",
    ),
    Wrong(
        "the function's name for the topic's",
        "topics.create(name, partitions=3)",
        after='create_topic = "tweets"',
        hears="run the gap's cell again",
        got="create_topic is 'tweets'",
    ),
    Wrong(
        "which topic it is, the function knows",
        'def create_topic():\n    topics.create("by-hand", partitions=3)',
        whole=True,
        kind=Crashed,
        hears="put the first line (def …) back",
    ),
]

RIGHT = [
    Right("the kit's call", "topics.create(name, partitions=3)"),
    Right(
        "all of it told",
        "return topics.create(name, partitions=3, replication_factor=1, bootstrap_servers=servers)",
    ),
    Right(
        "asked first, then made",
        """
        if name not in set(topics.describe()["topic"]):
            topics.create(name, partitions=3)
        """,
    ),
    Right(
        "the admin client, and its error caught",
        """
        admin = KafkaAdminClient(bootstrap_servers=servers)
        try:
            admin.create_topics([NewTopic(name, num_partitions=3, replication_factor=1)])
        except TopicAlreadyExistsError:
            pass
        finally:
            admin.close()
        """,
        before=_ADMIN,
    ),
    Right(
        "one partition, and two more at once",
        """
        if name not in set(topics.describe()["topic"]):
            topics.create(name)
            admin = KafkaAdminClient(bootstrap_servers=servers)
            admin.create_partitions({name: 3})
            admin.close()
        """,
        before=_ADMIN,
    ),
    Right(
        "a number that has a name, in a helper",
        "make(name)",
        before="COUNT = 3\n\ndef make(name, count=COUNT):\n    topics.create(name, partitions=count)",
    ),
]
