"""One of three brokers is killed: what only it had is missing, and everything else goes on."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pandas as pd
import pytest
from kafka.admin import KafkaAdminClient

from kit import topics
from kit.errors import BrokerUnavailable, TopicError
from kit.servers import clients
from kit.servers.clients import admin, ask
from kit.servers.kafka import KafkaCluster
from tests.topics.tools import commit, write
from tests.wait import wait_until

KEPT = "on-three-brokers"
ALONE = "on-one-broker-each"
GROUPS = [f"group-{number}" for number in range(6)]  # enough that each broker coordinates some of them


class Wounded(NamedTuple):
    """A cluster whose third broker was just killed; the partition of `ALONE` that is lost; clients from before."""

    servers: str
    lost: int
    opened_before: list[KafkaAdminClient]


@pytest.fixture(scope="module")
def wounded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wounded]:
    with KafkaCluster(tmp_path_factory.mktemp("wounded"), brokers=3) as cluster, ExitStack() as opened:
        servers = cluster.bootstrap_servers
        topics.create(KEPT, partitions=3, bootstrap_servers=servers)
        alone = topics.create(ALONE, partitions=3, replication_factor=1, bootstrap_servers=servers)
        for partition in range(3):
            write(servers, KEPT, b"1", b"2", partition=partition)
            write(servers, ALONE, b"1", b"2", partition=partition)
        for group in GROUPS:
            commit(servers, group, KEPT, 0, 1, 2)
        commit(servers, f"of-{ALONE}", ALONE, 1, 1, 1)
        clients = [opened.enter_context(admin(servers)) for _ in range(8)]  # enough that some ask the third broker
        for open_admin in clients:
            look_around(open_admin)
        cluster.kill(3)
        yield Wounded(servers, int(alone.loc[alone["leader"] == 3, "partition"].item()), clients)


def look_around(open_admin: KafkaAdminClient) -> None:
    """Ask what only the controller and the coordinators of the groups know."""
    ask(open_admin.create_topics, {"never-made": {}}, validate_only=True)
    for group in GROUPS:
        assert group in ask(open_admin.list_group_offsets, group)


def missing(frame: pd.DataFrame, *columns: str) -> list[int]:
    """The partitions in which all of these columns have no value; the others have them all."""
    absent = frame[list(columns)].isna()
    assert absent.all(axis=1).equals(absent.any(axis=1))
    return frame.loc[absent.all(axis=1), "partition"].tolist()


def test_clients_opened_before_ask_another_broker(wounded: Wounded) -> None:
    for open_admin in wounded.opened_before:
        look_around(open_admin)


def test_topics_can_be_made_written_and_deleted(wounded: Wounded, topic: str) -> None:
    names = [f"{topic}-{number}" for number in range(4)]
    for name in names:
        assert topics.create(name, bootstrap_servers=wounded.servers)["records"].tolist() == [0]
        write(wounded.servers, name, b"1")
    topics.delete(*names, bootstrap_servers=wounded.servers)
    assert set(topics.describe(bootstrap_servers=wounded.servers)["topic"]) == {KEPT, ALONE}


def test_every_group_has_its_lag_whichever_broker_coordinates_it(wounded: Wounded) -> None:
    for group in GROUPS:
        assert topics.lag(group, bootstrap_servers=wounded.servers)["committed"].tolist() == [0, 1, 2]


def test_a_topic_on_three_brokers_keeps_its_records_and_gets_new_leaders(wounded: Wounded) -> None:
    def shown() -> pd.DataFrame:
        return topics.describe(KEPT, bootstrap_servers=wounded.servers)

    assert topics.tail(KEPT, bootstrap_servers=wounded.servers)["value"].tolist() == ["1", "1", "1", "2", "2", "2"]
    wait_until(lambda: shown()["in_sync"].tolist() == [[1, 2]] * 3, what="Kafka to notice", timeout=20)
    wait_until(lambda: missing(shown(), "latest") == [], what="the new leaders to answer")
    assert set(shown()["leader"]) == {1, 2}
    assert shown()["records"].tolist() == [2, 2, 2]


def test_a_partition_on_the_killed_broker_has_no_offsets_no_lag_and_then_no_leader(wounded: Wounded) -> None:
    def shown() -> pd.DataFrame:
        return topics.describe(ALONE, bootstrap_servers=wounded.servers)

    assert missing(shown(), "earliest", "latest", "records") == [wounded.lost]
    behind = topics.lag(f"of-{ALONE}", bootstrap_servers=wounded.servers)
    assert missing(behind, "latest", "lag") == [wounded.lost]
    assert behind["committed"].tolist() == [1, 1, 1]
    wait_until(lambda: missing(shown(), "leader") == [wounded.lost], what="Kafka to notice", timeout=20)


def test_the_tail_of_a_topic_that_lost_a_partition_says_which(
    wounded: Wounded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "_PATIENCE", 0.3)
    with pytest.raises(BrokerUnavailable, match=f"no broker leads partition {wounded.lost} of {ALONE}"):
        topics.tail(ALONE, bootstrap_servers=wounded.servers)


def test_a_topic_is_not_moved_to_a_broker_that_kafka_knows_to_be_dead(wounded: Wounded) -> None:
    def live() -> int:
        brokers = ask(open_admin.describe_cluster)["brokers"]
        return sum(not broker["is_fenced"] for broker in brokers)

    with admin(wounded.servers) as open_admin:
        wait_until(lambda: live() == 2, what="Kafka to notice", timeout=20)
    with pytest.raises(TopicError, match=r"1 to 2 replicas, for 2 live broker\(s\)"):
        topics.reassign(KEPT, replication_factor=3, bootstrap_servers=wounded.servers)
