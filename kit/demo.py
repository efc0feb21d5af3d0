"""`kit demo`: the pipeline without a notebook. Collect real records for a while, then count them all.

The demo starts a feeds server of its own, so that only its own requests are counted, and applies faults to it: answers
that are not JSON, lines that come twice, a broken connection, a 503. Then it reads the topics back, and compares them
with what the feeds have served.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pandas as pd
from filelock import FileLock, Timeout
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table

from kit import streams, topics
from kit.collectors import Collector, Supervisor, collect_quotes, collect_tweets
from kit.config import settings
from kit.deadline import Deadline, pause, wait_until
from kit.errors import ServerError
from kit.servers import lab
from kit.servers.feeds import FeedServer

__all__ = ["run"]

_SYMBOLS = ("AAPL", "AMD", "BAC", "GE", "HD", "JPM", "KO", "MSFT", "PG", "WMT", "XOM")
_TOPICS = {"demo-quotes": ["symbol", "ts"], "demo-tweets": ["id"]}  # and by which columns their records are known
_DEAD = ".dead-letter"
_DRAIN_SECONDS = 20.0


def run(console: Console, *, seconds: float = 20.0, speed: float = 10.0) -> bool:
    """Collect for `seconds` at `speed` trading days a second; True if every record served is in Kafka, and once.

    `KitError`: something did not start, or gave up on the way. What the demo started is stopped all the same.
    """
    with ExitStack() as stack:
        stack.enter_context(_only_one())
        if not any(row.state in ("running", "external") for row in lab.status() if row.name.startswith("kafka")):
            stack.callback(lab.down)
        console.print("starting what is missing: Kafka, the feeds …")
        lab.up("kafka")
        feeds = stack.enter_context(FeedServer(settings().home / "demo", speed=speed))
        for name in _TOPICS:
            topics.create(name, fresh=True)
            topics.create(name + _DEAD, fresh=True)
        quick, (quotes, tweets) = [Supervisor(first=0.1, longest=1.0) for _ in _TOPICS], _TOPICS
        collectors = [
            stack.enter_context(
                collect_quotes(_SYMBOLS, quotes, every=min(1.0, 1.0 / speed), base_url=feeds.url, supervisor=quick[0])
            ),
            stack.enter_context(collect_tweets(tweets, url=feeds.url, token=feeds.token, supervisor=quick[1])),
        ]
        _apply_faults(feeds)
        _watch(console, feeds, collectors, Deadline(seconds))
        feeds.clock(paused=True)  # nothing new from here on: what was served must now arrive
        _drain(feeds, collectors)
        counts = [collector.stop() for collector in collectors]
        table, holds = _account(feeds)
    console.print()  # a live table that is not on a terminal ends without a line end
    console.print(table)
    dropped, restarts = sum(count.duplicate for count in counts), sum(count.restarts for count in counts)
    console.print(f"on the way {dropped:,} records that came again were dropped, and {restarts} failures mended")
    return holds


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


def _apply_faults(feeds: FeedServer) -> None:
    """Apply the faults that feeds have on an ordinary day, spread over the run."""
    feeds.fault("malformed", route="stream", times=3, every=40, body='{"data": {"id": "1", "text')
    feeds.fault("duplicate", route="stream", times=5, every=25)
    feeds.fault("disconnect", route="stream", times=1, after=100)
    feeds.fault("status", route="quote", times=2, every=15, status=503)
    feeds.fault("malformed", route="quote", times=2, every=25, body="<html>we will be right back</html>")


def _watch(console: Console, feeds: FeedServer, collectors: list[Collector], deadline: Deadline) -> None:
    """A live table until the time is over."""
    with Live(console=console, refresh_per_second=4) as live:
        while not deadline.passed:
            for collector in collectors:
                if collector.failed is not None:
                    collector.stop()  # raises, with the reason
            clock = feeds.state()["clock"]
            title = f"trading day {clock['day']}, {clock['speed']:g} days a second; {deadline.left:.0f} s to go"
            table = Table("", "received", "sent", "again", "dead", "restarts", title=title, box=SIMPLE_HEAD)
            for collector in collectors:
                counts = collector.counts
                numbers = (counts.received, counts.sent, counts.duplicate, counts.dead_lettered, counts.restarts)
                table.add_row(collector.topic, *(f"{number:,}" for number in numbers))
            live.update(table)
            pause(min(0.25, deadline.left))


def _drain(feeds: FeedServer, collectors: list[Collector]) -> None:
    """Wait until the collectors have all that was served, or for as long as that could take."""

    def all_there() -> bool:
        served, (quotes, tweets) = feeds.state()["served"], [collector.counts for collector in collectors]
        have = quotes.sent, tweets.sent, quotes.dead_lettered + tweets.dead_lettered
        return have == (served["quotes"], served["tweets"], served["malformed"])

    wait_until(all_there, seconds=_DRAIN_SECONDS, every=0.05)


def _account(feeds: FeedServer) -> tuple[Table, bool]:
    """Read the topics back, and compare what is there with what was served."""
    table = Table("", "served by the feeds", "in Kafka", "twice", "", title="The account", box=SIMPLE_HEAD)
    served = feeds.state()["served"]
    lines = [(topic.removeprefix("demo-"), *_distinct(topic, known_by)) for topic, known_by in _TOPICS.items()]
    lines.append(("malformed", sum(map(_records, (topic + _DEAD for topic in _TOPICS))), 0))
    holds = [served[what] == found and not twice for what, found, twice in lines]
    for (what, found, twice), good in zip(lines, holds, strict=True):
        verdict = "[green]all, once[/]" if good else "[red]no match[/]"
        name = "dead letters" if what == "malformed" else what
        table.add_row(name, f"{served[what]:,}", f"{found:,}", str(twice), verdict)
    return table, all(holds)


def _records(topic: str) -> int:
    return int(topics.offsets(topic)["records"].sum())


def _distinct(topic: str, known_by: list[str]) -> tuple[int, int]:
    """How many different records a topic has, and how many more."""
    count = _records(topic)
    if not count:
        return 0, 0
    with streams.batches(topic, start="earliest", every=0, count=count, seconds=60) as stream:
        different = len(pd.concat(list(stream), ignore_index=True).drop_duplicates(known_by))
    return different, count - different
