"""Kafka's own command-line tools, out of the same jars, as witnesses: they see what the kit shows."""

import re
import subprocess

import pytest

from kit import topics
from kit.errors import TopicError
from kit.servers.jvm import Jvm
from tests.topics.tools import NOON, commit, member, write, write_pairs


def kafka(tool: str, servers: str, *args: str, stdin: str = "") -> list[str]:
    """Run one of Kafka's tools, named by its class, and return the lines it prints."""
    jvm = Jvm("kafka", heap=("-Xmx96m",), options=("-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8"))
    command = jvm.command(f"org.apache.kafka.tools.{tool}", "--bootstrap-server", servers, *args)
    ran = subprocess.run(command, input=stdin, capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def cells(lines: list[str], topic: str) -> list[list[str]]:
    """The columns of those lines of a table that are about a topic."""
    return [line.split() for line in lines if topic in line.split()]


def test_topic_command_lists_and_describes_the_same(broker: str, topic: str) -> None:
    topics.create(topic, partitions=3, bootstrap_servers=broker)
    listed = {name for name in kafka("TopicCommand", broker, "--list") if not name.startswith("__")}
    assert listed == {name for name in topics.describe(bootstrap_servers=broker)["topic"] if not name.startswith("__")}
    lines = kafka("TopicCommand", broker, "--describe", "--topic", topic)
    theirs = [
        tuple(int(number) for number in found.groups())
        for line in lines
        if (found := re.search(r"Partition: (\d+)\tLeader: (\d+)\tReplicas: (\d+)\tIsr: (\d+)", line))
    ]
    ours = topics.describe(topic, bootstrap_servers=broker)
    assert theirs == [
        (partition, leader, *replicas, *in_sync)
        for partition, leader, replicas, in_sync in ours[["partition", "leader", "replicas", "in_sync"]].values
    ]


def test_the_tail_shows_what_the_console_producer_wrote(broker: str, topic: str) -> None:
    topics.create(topic, bootstrap_servers=broker)
    options = ["parse.key=true", "key.separator=|", "null.marker=NULL"]
    reader = [word for option in options for word in ("--reader-property", option)]
    kafka("ConsoleProducer", broker, "--topic", topic, *reader, stdin="a|1\nNULL|größer ✓\nc|NULL\n")
    found = topics.tail(topic, bootstrap_servers=broker)
    assert found[["offset", "key", "value"]].values.tolist() == [[0, "a", "1"], [1, None, "größer ✓"], [2, "c", None]]


def test_the_console_consumer_reads_what_the_tail_shows(broker: str, topic: str) -> None:
    topics.create(topic, partitions=2, bootstrap_servers=broker)
    write_pairs(broker, topic, [(b"IBM", b"57.1"), (None, "größer ✓".encode())], partition=0)
    write_pairs(broker, topic, [(b"MSFT", b"25")], partition=1, at=NOON + 500)
    shown = [f"print.{what}=true" for what in ("timestamp", "partition", "offset", "key")]
    formatter = [word for option in shown for word in ("--formatter-property", option)]
    where = ["--topic", topic, "--from-beginning", "--max-messages", "3"]
    theirs = kafka("consumer.ConsoleConsumer", broker, *where, *formatter)
    ours = topics.tail(topic, bootstrap_servers=broker)
    assert sorted(theirs) == [
        f"CreateTime:{row.timestamp.value // 1_000_000}\tPartition:{row.partition}\tOffset:{row.offset}"
        f"\t{'null' if row.key is None else row.key}\t{row.value}"
        for row in ours.itertuples()
    ]


def test_consumer_group_command_sees_the_same_lag_of_a_group_that_has_stopped(broker: str, topic: str) -> None:
    topics.create(topic, partitions=2, bootstrap_servers=broker)
    write(broker, topic, *[b"x"] * 5)
    commit(broker, f"{topic}-g", topic, 2, 0)
    assert theirs(broker, topic) == ours(broker, topic) == [["0", "2", "5", "3"], ["1", "0", "0", "0"]]


def test_consumer_group_command_sees_the_same_lag_of_a_group_that_reads(broker: str, topic: str) -> None:
    topics.create(topic, partitions=2, bootstrap_servers=broker)
    write(broker, topic, *[b"x"] * 5)
    with member(broker, f"{topic}-g", topic):
        assert theirs(broker, topic) == ours(broker, topic) == [["0", "-", "5", "-"], ["1", "-", "0", "-"]]


def theirs(broker: str, topic: str) -> list[list[str]]:
    lines = kafka("consumer.group.ConsumerGroupCommand", broker, "--describe", "--group", f"{topic}-g")
    return sorted(words[2:6] for words in cells(lines, topic))


def ours(broker: str, topic: str) -> list[list[str]]:
    found = topics.lag(f"{topic}-g", bootstrap_servers=broker)
    return found[["partition", "committed", "latest", "lag"]].astype("string").fillna("-").values.tolist()


def test_a_group_of_the_new_rebalance_protocol_is_seen_too(broker: str, topic: str) -> None:
    topics.create(topic, bootstrap_servers=broker)
    write(broker, topic, b"1", b"2")
    where = ["--topic", topic, "--group", f"{topic}-g", "--from-beginning", "--max-messages", "2"]
    assert kafka("consumer.ConsoleConsumer", broker, *where, "--command-property", "group.protocol=consumer")
    assert ours(broker, topic) == [["0", "2", "2", "0"]]


def test_a_share_group_is_called_what_it_is(broker: str, topic: str) -> None:
    topics.create(topic, bootstrap_servers=broker)
    group = f"{topic}-shared"
    where = ["--topic", topic, "--group", group, "--timeout-ms", "2000"]
    kafka("consumer.ConsoleShareConsumer", broker, *where)
    with pytest.raises(TopicError, match=f"'{group}' is a share group"):
        topics.lag(group, bootstrap_servers=broker)


@pytest.mark.parametrize(("time", "column"), [("earliest", "earliest"), ("latest", "latest")])
def test_get_offset_shell_sees_the_same_offsets(broker: str, topic: str, time: str, column: str) -> None:
    topics.create(topic, partitions=3, bootstrap_servers=broker)
    write(broker, topic, b"1", b"2", partition=1)
    lines = kafka("GetOffsetShell", broker, "--topic", topic, "--time", time)
    found = topics.offsets(topic, bootstrap_servers=broker)
    assert lines == [f"{topic}:{partition}:{offset}" for partition, offset in found[["partition", column]].values]
