"""Collectors: actors that pass a source's records on to a Kafka topic, and do nothing else.

A collector of your own is a source, a function that makes records, and a topic: `Collector(Poller(fetch), "prices",
to_records)`.
"""

from kit.collectors._actor import Counts
from kit.collectors._collector import Collector
from kit.collectors._quotes import collect_quotes
from kit.collectors._records import Record
from kit.collectors._sources import Listener, Poller
from kit.collectors._supervisor import Supervisor
from kit.collectors._tweets import collect_tweets

__all__ = ["Collector", "Counts", "Listener", "Poller", "Record", "Supervisor", "collect_quotes", "collect_tweets"]
