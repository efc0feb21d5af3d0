"""What `make install` does for Kafka: fetch its jars, and train its class-data archive."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from kit.servers import _broker, archive, clients, jars
from kit.servers.kafka import KafkaCluster
from kit.servers.process import launch, undone_on_error

__all__ = ["prepare"]


def prepare() -> None:
    """Fetch Kafka's jars and make its class-data archive, unless both are there."""
    archive.make("kafka", jars.classpath("kafka"), _train)


def _train(flags: Sequence[str]) -> None:
    """Run a throw-away broker through a day's work, so that the classes it takes can be archived."""
    with tempfile.TemporaryDirectory(prefix="kit-train-") as folder, undone_on_error() as launched:
        cluster = KafkaCluster(Path(folder))
        cluster_id = cluster.plan()["cluster_id"]
        node = cluster.nodes[1]
        _broker.write_settings(node, replicas=1, controllers=[node.controller_port])
        _broker.format_all([node], cluster_id, voters=[node])
        argv = _broker.command(node, flags=flags)
        launch(node.name, argv, home=cluster.home, ports=[node.port], launched=launched)
        cluster.wait_ready(launched)
        _work(cluster.bootstrap_servers)
        launched[0].stop(grace=60.0)  # it writes the archive as it ends


def _work(bootstrap_servers: str) -> None:
    """A day's work in a second: a topic made, written with acks, read by a group, looked into."""
    from kafka import KafkaConsumer, KafkaProducer

    with clients.admin(bootstrap_servers) as admin:
        admin.create_topics({"warm-up": {"num_partitions": 2, "replication_factor": 1}})
        producer = KafkaProducer(bootstrap_servers=bootstrap_servers)
        for _ in range(10):
            producer.send("warm-up", b"record").get(timeout=20)
        producer.close()
        consumer = KafkaConsumer(
            "warm-up",
            bootstrap_servers=bootstrap_servers,
            group_id="warm-up",
            auto_offset_reset="earliest",
            consumer_timeout_ms=20000,
        )
        next(iter(consumer))
        consumer.commit()
        consumer.close()
        admin.describe_topics()
        admin.describe_metadata_quorum()
        admin.delete_topics(["warm-up"])
