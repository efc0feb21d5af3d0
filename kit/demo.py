"""`kit demo`: the pipeline without a notebook. Collect real records for a while, then count them all.

The demo starts a feeds server of its own, so that only its own requests are counted, and applies faults to it: answers
that are not JSON, lines that come twice, a broken connection, a 503. Then it reads the topics back, and compares them
with what the feeds have served.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import astuple
from typing import NamedTuple

import pandas as pd
from filelock import FileLock, Timeout
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table

from kit import streams, topics
from kit.collectors import Collector, Counts, Supervisor, collect_quotes, collect_tweets
from kit.config import settings
from kit.deadline import Deadline, pause
from kit.errors import ServerError
from kit.servers import lab
from kit.servers.feeds import FeedServer

__all__ = ["run"]

_SYMBOLS = ("AAPL", "AMD", "BAC", "GE", "HD", "JPM", "KO", "MSFT", "PG", "WMT", "XOM")
_QUOTES, _TWEETS = "demo-quotes", "demo-tweets"
_DEAD = ".dead-letter"
_DRAIN_SECONDS = 20.0


class _Line(NamedTuple):
    """One line of the comparison: what was served, what of it is in Kafka, what of that is there twice."""

    what: str
    served: int
    found: int
    twice: int

    @property
    def holds(self) -> bool:
        return self.served == self.found and not self.twice


def run(console: Console, *, seconds: float = 20.0, speed: float = 10.0) -> bool:
    """Collect for `seconds` at `speed` trading days a second; True if every record served is in Kafka, and once.

    `KitError`: something did not start, or gave up on the way. What the demo started is stopped all the same.
    """
    with ExitStack() as stack:
        stack.enter_context(_only_one())
        ran_before = any(row.state in ("running", "external") for row in lab.status() if row.name.startswith("kafka"))
        if not ran_before:
            stack.callback(lab.down)
        console.print("starting what is missing: Kafka, the feeds …")
        lab.up("kafka")
        feeds = stack.enter_context(FeedServer(settings().home / "demo", speed=speed))
        _delete_old_topics()
        quotes, tweets = stack.enter_context(_collecting(feeds, speed))
        _apply_faults(feeds)
        _watch(console, feeds, quotes, tweets, seconds)
        feeds.clock(paused=True)  # nothing new from here on: what was served must now arrive
        _drain(feeds, quotes, tweets)
        counts = [quotes.stop(), tweets.stop()]
        lines = _compare(feeds)
    _print(console, lines, counts)
    return all(line.holds for line in lines)


@contextmanager
def _only_one() -> Iterator[None]:
    """One demo at a time: its topics have fixed names, so that the reader can look into them afterwards."""
    home = settings().home
    try:
        home.mkdir(parents=True, exist_ok=True)
        with FileLock(home / "demo.lock", timeout=0):
            yield
    except Timeout as error:
        raise ServerError("to be the only demo", got="another one runs", todo="wait until it has ended") from error


def _delete_old_topics() -> None:
    """Delete the topics of an earlier demo."""
    there = set(topics.describe()["topic"])
    old = [name for topic in (_QUOTES, _TWEETS) for name in (topic, topic + _DEAD) if name in there]
    topics.delete(*old)


@contextmanager
def _collecting(feeds: FeedServer, speed: float) -> Iterator[tuple[Collector, Collector]]:
    every = min(1.0, 1.0 / speed)
    supervisors = [Supervisor(first=0.1, longest=1.0) for _ in range(2)]
    with (
        collect_quotes(_SYMBOLS, _QUOTES, every=every, base_url=feeds.url, supervisor=supervisors[0]) as quotes,
        collect_tweets(_TWEETS, url=feeds.url, token=feeds.token, supervisor=supervisors[1]) as tweets,
    ):
        yield quotes, tweets


def _apply_faults(feeds: FeedServer) -> None:
    """Apply the faults that feeds have on an ordinary day, spread over the run."""
    feeds.fault("malformed", route="stream", times=3, every=40, body='{"data": {"id": "1", "text')
    feeds.fault("duplicate", route="stream", times=5, every=25)
    feeds.fault("disconnect", route="stream", times=1, after=100)
    feeds.fault("status", route="quote", times=2, every=15, status=503)
    feeds.fault("malformed", route="quote", times=2, every=25, body="<html>we will be right back</html>")


def _watch(console: Console, feeds: FeedServer, quotes: Collector, tweets: Collector, seconds: float) -> None:
    """A live table until the time is over."""
    deadline = Deadline(seconds)
    with Live(console=console, refresh_per_second=4) as live:
        while not deadline.passed:
            for collector in (quotes, tweets):
                if collector.failed is not None:
                    collector.stop()  # raises, with the reason
            live.update(_table(feeds, quotes, tweets, deadline.left))
            pause(min(0.25, deadline.left))
        live.update(_table(feeds, quotes, tweets, 0.0))


def _table(feeds: FeedServer, quotes: Collector, tweets: Collector, left: float) -> Table:
    clock = feeds.state()["clock"]
    title = f"trading day {clock['day']}, {clock['speed']:g} days a second; {left:.0f} s to go"
    table = Table("", "received", "sent", "again", "dead", "restarts", "newest", title=title, box=SIMPLE_HEAD)
    for name, collector, shown in (
        ("quotes", quotes, "{0[symbol]} {0[price]:.2f}"),
        ("tweets", tweets, "{0[text]}"),
    ):
        text = shown.format(json.loads(collector.latest)) if collector.latest else ""
        table.add_row(name, *(f"{number:,}" for number in astuple(collector.counts)), text[:24].replace("\n", " "))
    return table


def _drain(feeds: FeedServer, quotes: Collector, tweets: Collector) -> None:
    """Wait until the collectors have all that was served, or for as long as that could take."""
    deadline = Deadline(_DRAIN_SECONDS)
    while not deadline.passed:
        served = feeds.state()["served"]
        have = quotes.counts, tweets.counts
        dead = sum(counts.dead_lettered for counts in have)
        if (served["quotes"], served["tweets"], served["malformed"]) == (have[0].sent, have[1].sent, dead):
            return
        pause(0.05)


def _compare(feeds: FeedServer) -> list[_Line]:
    """Read the topics back, and compare what is there with what was served."""
    served = feeds.state()["served"]
    lines = []
    for topic, what, known_by in ((_QUOTES, "quotes", ["symbol", "ts"]), (_TWEETS, "tweets", ["id"])):
        records = _read_back(topic)
        different = len(records.drop_duplicates(known_by)) if len(records) else 0
        lines.append(_Line(what, served[what], different, len(records) - different))
    dead = sum(int(topics.offsets(topic + _DEAD)["records"].sum()) for topic in (_QUOTES, _TWEETS))
    return [*lines, _Line("dead letters", served["malformed"], dead, 0)]


def _read_back(topic: str) -> pd.DataFrame:
    count = int(topics.offsets(topic)["records"].sum())
    if not count:
        return pd.DataFrame()
    with streams.batches(topic, start="earliest", every=0, count=count, seconds=60) as stream:
        return pd.concat(list(stream), ignore_index=True)


def _print(console: Console, lines: list[_Line], counts: list[Counts]) -> None:
    console.print()  # a live table that is not on a terminal ends without a line end
    table = Table("", "served by the feeds", "in Kafka", "twice", "", title="The account", box=SIMPLE_HEAD)
    for line in lines:
        verdict = "[green]all, once[/]" if line.holds else "[red]no match[/]"
        table.add_row(line.what, f"{line.served:,}", f"{line.found:,}", str(line.twice), verdict)
    console.print(table)
    dropped, restarts = sum(count.duplicate for count in counts), sum(count.restarts for count in counts)
    console.print(f"on the way {dropped:,} records that came again were dropped, and {restarts} failures mended")
