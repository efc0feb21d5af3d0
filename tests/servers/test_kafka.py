"""A real Kafka cluster: started, found again, grown, refused. (Killing it is in tests/faults.)"""

import socket
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient

from kit.errors import ConfigError, NotEnoughMemory, PortTaken, ServerError
from kit.servers import memory
from kit.servers.kafka import ExternalKafka, KafkaCluster
from kit.servers.ports import answers
from kit.servers.process import Process


def _write(servers: str, topic: str, count: int) -> None:
    producer = KafkaProducer(bootstrap_servers=servers)
    sent = [producer.send(topic, str(number).encode()) for number in range(count)]
    producer.flush(20)
    assert all(future.succeeded() for future in sent)
    producer.close()


def _count(servers: str, topic: str) -> int:
    consumer = KafkaConsumer(bootstrap_servers=servers)
    where = [TopicPartition(topic, partition) for partition in consumer.partitions_for_topic(topic) or ()]
    total = sum(consumer.end_offsets(where).values())
    consumer.close()
    return total


def test_a_broker_keeps_its_records_over_a_restart_and_is_found_and_stopped_by_another_object(
    spare: KafkaCluster, topic: str
) -> None:
    (first,) = spare.brokers
    assert spare.start().brokers[0].pid == first.pid  # a second start changes nothing
    admin = KafkaAdminClient(bootstrap_servers=spare.bootstrap_servers)
    admin.create_topics({topic: {"num_partitions": 2, "replication_factor": 1}})
    admin.close()
    _write(spare.bootstrap_servers, topic, 20)
    spare.restart(1)
    (again,) = spare.brokers
    assert (again.port, again.pid != first.pid) == (first.port, True)
    assert _count(spare.bootstrap_servers, topic) == 20
    assert repr(spare) == f"KafkaCluster(1 of 1 brokers up: 1 on {first.port} leads {spare.leaders()[1]})"
    assert str(first.port) in spare._repr_html_()
    other = KafkaCluster(spare.home)
    assert (other.bootstrap_servers, other.running) == (spare.bootstrap_servers, True)
    for _ in range(2):  # twice is once
        other.stop()
        assert not spare.running
    assert not answers(first.port)
    assert repr(spare) == f"KafkaCluster(0 of 1 brokers up: 1 on {first.port} stopped)"


def test_a_cluster_grows_while_it_runs_and_its_own_topics_grow_with_it(tmp_path: Path) -> None:
    with KafkaCluster(tmp_path) as cluster:
        consumer = KafkaConsumer(bootstrap_servers=cluster.bootstrap_servers, group_id="grown")
        admin = KafkaAdminClient(bootstrap_servers=cluster.bootstrap_servers)
        admin.create_topics({"t": {"num_partitions": 1, "replication_factor": 1}})
        consumer.subscribe(["t"])
        consumer.poll(2000)  # makes Kafka create its offsets topic, on the one broker there is
        consumer.commit()
        consumer.close()
        assert cluster.add_broker() == 2
        assert {broker.state for broker in cluster.brokers} == {"running"}
        (offsets,) = [t for t in admin.describe_topics() if t["name"] == "__consumer_offsets"]
        assert {len(p["replica_nodes"]) for p in offsets["partitions"]} == {2}
        quorum = admin.describe_metadata_quorum()["topics"][0]["partitions"][0]
        assert {voter["replica_id"] for voter in quorum["current_voters"]} == {1, 2}
        admin.close()


def test_a_wanted_port_that_is_in_use_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)):
            KafkaCluster(tmp_path, port=port, must=True).start()
        assert not KafkaCluster(tmp_path).running


def test_a_broker_whose_port_was_taken_while_it_was_down_names_the_port(spare: KafkaCluster) -> None:
    spare.kill(1)
    port = spare.brokers[0].port
    with socket.create_server(("127.0.0.1", port)), pytest.raises(PortTaken, match=str(port)):
        spare.restart(1)
    spare.restart(1)
    assert spare.running


@pytest.mark.parametrize("brokers", [0, -1, 6, 100])
def test_a_cluster_of_an_impossible_size_is_refused(tmp_path: Path, brokers: int) -> None:
    with pytest.raises(ConfigError, match="1 to 5"):
        KafkaCluster(tmp_path, brokers=brokers)


def test_no_memory_for_another_broker_is_an_error_and_the_others_go_on(
    cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available", lambda: 50 << 20)
    with pytest.raises(NotEnoughMemory, match="50 MB"):
        cluster.add_broker()
    assert len(cluster.brokers) == 1
    assert cluster.running


def test_a_broker_that_ends_at_once_is_reported_with_the_last_lines_of_its_log(spare: KafkaCluster) -> None:
    spare.stop()
    properties = spare.nodes[1].data / "meta.properties"
    good = properties.read_text()
    properties.write_text("version=1\nnode.id=7\ncluster.id=elsewhere\n")
    try:
        with pytest.raises(ServerError, match="kafka-1") as caught:
            spare.start()
    finally:
        properties.write_text(good)
    assert str(spare.home / "log" / "kafka-1.log") in caught.value.todo
    assert Process.load(spare.home, "kafka-1") is None


def test_a_garbled_state_file_gives_an_error_with_the_command_that_starts_afresh(tmp_path: Path) -> None:
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "cluster.json").write_text("{")
    with pytest.raises(ServerError, match="kit reset"):
        KafkaCluster(tmp_path).start()


def test_an_unknown_broker_is_refused_by_its_number(cluster: KafkaCluster) -> None:
    with pytest.raises(ConfigError, match="9"):
        cluster.kill(9)


def test_a_cluster_of_your_own_is_used_and_never_broken(cluster: KafkaCluster) -> None:
    external = ExternalKafka(cluster.bootstrap_servers)
    external.stop()
    assert cluster.running
    for harm in ("add_broker", "kill", "restart", "nodes"):
        with pytest.raises(ConfigError, match="KIT_KAFKA_BOOTSTRAP_SERVERS"):
            getattr(external, harm)
