"""Silence or trouble? kafka-python waits without a word, and without end, for brokers or for a topic that are gone."""

import time

from kit.errors import BrokerUnavailable, TopicError
from kit.servers.clients import admin, unavailable
from kit.topics.look import metadata

__all__ = ["Watch"]

_EVERY = 5.0  # seconds; a look takes some 10 ms
_PATIENCE = 15.0  # seconds: longer than a broker needs to start again, or a cluster to choose new leaders


class Watch:
    """Looks now and then whether a topic can be read; errors as in `look`."""

    def __init__(self, topic: str, bootstrap_servers: str) -> None:
        self._topic, self._servers = topic, bootstrap_servers
        self._topic_id: object = None
        self._ask()  # so that it knows the other brokers before one dies
        self._well = self._looked = time.monotonic()

    def look(self) -> None:
        """Look, if the last time is a while ago.

        Raises
        ------
        TopicError
            The topic has been deleted.
        BrokerUnavailable
            For 15 seconds no broker has answered, or one of the partitions has had no leader.
        """
        now = time.monotonic()
        if now - self._looked < _EVERY:
            return
        try:
            self._ask()
            self._well = now
        except BrokerUnavailable:
            if now - self._well > _PATIENCE:
                raise
        self._looked = time.monotonic()

    def _ask(self) -> None:
        with admin(self._servers) as client:
            (told,) = metadata(client, [self._topic])
            # From now on any broker will do: the ones that were named at first may be those that die.
            brokers = client.describe_cluster()["brokers"]
            self._servers = ",".join(f"{broker['host']}:{broker['port']}" for broker in brokers) or self._servers
        before, self._topic_id = self._topic_id or told["topic_id"], told["topic_id"]
        if before != told["topic_id"]:
            raise TopicError(
                f"topic {self._topic!r} to stay the same one",
                got="it was deleted, and another one of its name was made",
                todo='start again, with start="earliest"',
            )
        leaderless = [p["partition_index"] for p in told["partitions"] if p["leader_id"] < 0]
        if leaderless:
            raise unavailable(self._servers, f"no broker leads partition {leaderless} of {self._topic}")
