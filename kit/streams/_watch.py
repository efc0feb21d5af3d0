"""Silence or trouble? kafka-python waits without a word, and without end, for brokers or for a topic that are gone."""

import time
from collections.abc import Container

from kafka import TopicPartition
from kafka.protocol.consumer import OffsetSpec

from kit.errors import BrokerUnavailable, TopicError
from kit.servers.clients import address, admin, unavailable
from kit.topics.look import metadata, partition_offsets

__all__ = ["Watch"]

_EVERY = 5.0  # seconds; a look takes some 10 ms
_PATIENCE = 15.0  # seconds: longer than a broker needs to start again, or a cluster to choose new leaders


class Watch:
    """Looks now and then whether a topic can be read, and whether it has more partitions."""

    def __init__(self, topic: str, bootstrap_servers: str) -> None:
        self._topic, self._servers = topic, bootstrap_servers
        self._topic_id: object = None
        self._well, self._looked = time.monotonic(), float("-inf")

    def look(self, known: Container[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """First and next offset of partitions that are not `known`; nothing if the last look was not long ago.

        A topic that was deleted is an error; so are 15 seconds without a broker, or without a partition's leader.
        """
        now = time.monotonic()
        if now - self._looked < _EVERY:
            return {}
        if now - self._looked > _PATIENCE:  # the stream has not been read for a while: what was before is no sign
            self._well = now
        try:
            found, self._well = self._ask(known), now
        except BrokerUnavailable:
            if now - self._well > _PATIENCE:
                raise
            found = {}
        self._looked = time.monotonic()
        return found

    def _ask(self, known: Container[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        with admin(self._servers) as client:
            (about,) = metadata(client, [self._topic])
            # From now on any broker will do: the ones that were named at first may be those that die.
            brokers = client.describe_cluster()["brokers"]
            self._servers = ",".join(address(one["host"], one["port"]) for one in brokers) or self._servers
            partitions = about["partitions"]
            new = [p for p in partitions if TopicPartition(self._topic, p["partition_index"]) not in known]
            first, end = (
                partition_offsets(client, [about | {"partitions": new}], spec, committed=True)
                for spec in (OffsetSpec.EARLIEST, OffsetSpec.LATEST)
            )
        self._topic_id = self._topic_id or about["topic_id"]
        if self._topic_id != about["topic_id"]:
            got, todo = "it was deleted, and another one of its name was made", 'start again, with start="earliest"'
            raise TopicError(f"topic {self._topic!r} to stay the same one", got=got, todo=todo)
        leaderless = [p["partition_index"] for p in partitions if p["leader_id"] < 0]
        if leaderless:
            raise unavailable(self._servers, f"no broker leads partition {leaderless} of {self._topic}")
        return {tp: (first[tp], end[tp]) for tp in first if tp in end}
