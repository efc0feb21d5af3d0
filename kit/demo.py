"""`kit demo`: the pipeline without a notebook, from the feed to a prediction, and each count proved.

Collectors send real quotes and tweets to Kafka. Spark reads the quotes, and writes them and their averages into
Cassandra. A model that was fitted on the years before prices JPM from the other stocks. At the end the topics and the
views are read back, and compared with what the feeds have served.

The demo starts a feeds server of its own, so that only its own requests are counted, and applies faults to it: answers
that are not JSON, lines that come twice, a broken connection, a 503.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout
from pyspark.errors import PySparkException
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table

from kit import models, spark, streams, topics, views
from kit.collectors import Collector, Supervisor, collect_quotes, collect_tweets
from kit.config import settings
from kit.deadline import Deadline, pause, wait_until
from kit.errors import ServerError
from kit.servers import addresses, lab, memory
from kit.servers.feeds import FeedServer
from kit.sources import Yahoo

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.streaming import StreamingQuery

__all__ = ["run"]

_OTHERS = [
    *("AAPL", "AMD", "BAC", "BBY", "CVX", "GE", "HD", "JNJ", "KO", "LLY"),
    *("MRK", "MSFT", "PEP", "PFE", "PG", "RRC", "UNH", "WMT", "XOM"),
]
_QUOTES, _TWEETS = "demo-quotes", "demo-tweets"
_KNOWN_BY = {_QUOTES: ["symbol", "ts"], _TWEETS: ["id"]}  # columns by which a topic's records are known
_DEAD = ".dead-letter"
_SCHEMA = "symbol STRING, price DOUBLE, ts LONG, day STRING"
_VIEWS = {
    "quotes": "symbol text, ts timestamp, day text, price double, PRIMARY KEY (symbol, ts)",
    "averages": "symbol text, ts timestamp, price double, quotes int, PRIMARY KEY (symbol, ts)",
}
_WINDOW_MS = 20_000
_DRAIN_SECONDS = 20.0


def run(console: Console, *, seconds: float = 15.0, speed: float = 10.0) -> bool:
    """Collect for `seconds` at `speed` trading days a second; True if every count is right: nothing lost, none twice.

    `KitError`: something did not start, or gave up on the way. What the demo started is stopped all the same.
    """
    with ExitStack() as stack:
        stack.enter_context(_only_one())
        checkpoints = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kit-demo-")))
        console.print("starting what is missing: Kafka, Cassandra, Spark, the feeds …")
        _start(stack)
        home = settings().home / "demo"
        feeds = stack.enter_context(FeedServer(home, speed=speed, paused=True))
        for name in _KNOWN_BY:
            topics.create(name, fresh=True)
            topics.create(name + _DEAD, fresh=True)
        model = _fit(feeds)
        console.print(f"fitted on {model.card.rows:,} days of real prices, until {model.card.trained_until:%Y-%m-%d}")
        view = stack.enter_context(_fresh_views())
        written = Counter[str]()
        queries = [_query(name, view, checkpoints / name, written) for name in _VIEWS]
        quick = [Supervisor(first=0.1, longest=1.0) for _ in _KNOWN_BY]
        every, stocks = min(1.0, 0.5 / speed), ["JPM", *_OTHERS]
        collectors = [
            stack.enter_context(collect_quotes(stocks, _QUOTES, every=every, base_url=feeds.url, supervisor=quick[0])),
            stack.enter_context(collect_tweets(_TWEETS, url=feeds.url, token=feeds.token, supervisor=quick[1])),
        ]
        _apply_faults(feeds)
        feeds.clock(paused=False)
        deadline = Deadline(seconds)
        with Live(console=console, refresh_per_second=4) as live:
            while not deadline.passed:
                _raise_failures(collectors, queries)
                live.update(_progress(feeds, collectors, written, deadline))
                pause(min(0.25, deadline.left))
        feeds.clock(paused=True)  # nothing new from here on: what was served must now arrive
        _drain(feeds, collectors, queries)
        counts = [collector.stop() for collector in collectors]
        table, holds = _account(feeds, view, model)
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


def _start(stack: ExitStack) -> None:
    """Start Spark beside the servers that do not run. The stack stops them, and no other."""
    servers = lab.servers()
    missing = [server for name in ("kafka", "cassandra") if not ((server := servers[name]).running or server.processes)]
    names = ", ".join([*(server.name.capitalize() for server in missing), "Spark"])
    memory.require(sum(server.needs for server in [*missing, servers["spark"]]), f"the demo: {names}")
    for server in missing:
        stack.callback(server.stop)
    stack.callback(spark.stop)
    with ThreadPoolExecutor(1, "spark") as beside:
        session = beside.submit(spark.session, "kit demo")
        lab.up("kafka", "cassandra")
        session.result()


def _fit(feeds: FeedServer) -> models.Model:
    """The ordinary regression of JPM's returns on those of the other stocks, on the ten years before the replay."""
    from sklearn.linear_model import LinearRegression  # type: ignore[import-untyped]

    with Yahoo(feeds.url) as yahoo:
        bars = pd.concat(pd.DataFrame(yahoo.chart(symbol, range="10y")) for symbol in ["JPM", *_OTHERS])
    returns = _returns(bars.pivot(index="day", columns="symbol", values="close"))
    fitted = LinearRegression().fit(returns[_OTHERS], returns["JPM"])
    error = float((returns["JPM"] - fitted.predict(returns[_OTHERS])).abs().mean())
    return models.save(
        "demo", fitted, returns[_OTHERS], target="JPM", valid_until="2022-12-31", metrics={"mae of the fit": error}
    )


def _returns(prices: pd.DataFrame) -> pd.DataFrame:
    """Percent from one row to the next, as differences of logarithms."""
    days = prices.set_axis(pd.to_datetime(prices.index), axis="index").sort_index()
    return (100 * days.apply(np.log).diff()).dropna()


@contextmanager
def _fresh_views() -> Iterator[Any]:
    """A session of the keyspace `demo`, whose tables are empty. They stay, as the topics do."""
    with views.connect("demo") as session:
        for name, columns in _VIEWS.items():
            session.execute(f"DROP TABLE IF EXISTS {name}")
            session.execute(f"CREATE TABLE {name} ({columns})")
        yield session


def _query(name: str, view: Any, checkpoint: Path, written: Counter[str]) -> "StreamingQuery":
    """Spark's query for one of the views: Kafka's quotes as they are, or the average of each in windows of 20 s."""
    from pyspark.sql import functions as f

    source = spark.session().readStream.format("kafka").option("subscribe", _QUOTES)
    source = source.option("kafka.bootstrap.servers", addresses.bootstrap_servers())
    records = source.option("startingOffsets", "earliest").load()
    quote = f.from_json(records.value.cast("string"), _SCHEMA).alias("quote")
    rows = records.select(quote).select("quote.*").withColumn("ts", f.timestamp_millis("ts"))
    if name == "averages":
        groups = rows.withWatermark("ts", "1 minute").groupBy(f.window("ts", f"{_WINDOW_MS} milliseconds"), "symbol")
        averages = groups.agg(f.avg("price").alias("price"), f.count("price").cast("int").alias("quotes"))
        rows = averages.select("symbol", f.col("window.end").alias("ts"), "price", "quotes")

    def upsert(frame: "DataFrame", _batch: int) -> None:
        found = frame.toPandas()
        if len(found):
            written[name] += views.write(view, name, found.assign(ts=found["ts"].dt.tz_localize("UTC")))

    writer = rows.writeStream.outputMode("update").option("checkpointLocation", str(checkpoint))
    return writer.trigger(processingTime="500 milliseconds").foreachBatch(upsert).start()


def _apply_faults(feeds: FeedServer) -> None:
    """Apply the faults that feeds have on an ordinary day, spread over the run."""
    feeds.fault("malformed", route="stream", times=3, every=40, body='{"data": {"id": "1", "text')
    feeds.fault("duplicate", route="stream", times=5, every=25)
    feeds.fault("disconnect", route="stream", times=1, after=100)
    feeds.fault("status", route="quote", times=2, every=15, status=503)
    feeds.fault("malformed", route="quote", times=2, every=25, body="<html>we will be right back</html>")


def _progress(feeds: FeedServer, collectors: list[Collector], written: Counter[str], deadline: Deadline) -> Table:
    clock = feeds.state()["clock"]
    title = f"trading day {clock['day']}, {clock['speed']:g} days a second; {deadline.left:.0f} s to go"
    table = Table("", "received", "sent", "again", "dead", "restarts", title=title, box=SIMPLE_HEAD)
    for collector in collectors:
        counts = collector.counts
        numbers = (counts.received, counts.sent, counts.duplicate, counts.dead_lettered, counts.restarts)
        table.add_row(collector.topic, *(f"{number:,}" for number in numbers))
    for name in _VIEWS:
        table.add_row(f"Cassandra, {name}", "", f"{written[name]:,}")
    return table


def _raise_failures(collectors: list[Collector], queries: "list[StreamingQuery]") -> None:
    for collector in collectors:
        if collector.failed is not None:
            collector.stop()  # raises, with the reason
    for query in queries:
        if (error := query.exception()) is not None:
            got = str(error).strip().partition("\n")[0][:200]
            raise ServerError("Spark's queries to run", got=got, todo="look into the newest log/spark-* of KIT_HOME")


def _drain(feeds: FeedServer, collectors: list[Collector], queries: "list[StreamingQuery]") -> None:
    """Wait until Kafka and Cassandra have all that was served, or for as long as that could take."""

    def all_there() -> bool:
        served, (quotes, tweets) = feeds.state()["served"], [collector.counts for collector in collectors]
        have = quotes.sent, tweets.sent, quotes.dead_lettered + tweets.dead_lettered
        return have == (served["quotes"], served["tweets"], served["malformed"])

    wait_until(all_there, seconds=_DRAIN_SECONDS, every=0.05)
    for query in queries:
        with suppress(PySparkException):
            query.processAllAvailable()
    _raise_failures(collectors, queries)


def _account(feeds: FeedServer, view: Any, model: models.Model) -> tuple[Table, bool]:
    """Read topics and views back, and compare what is there with what was served."""
    served = feeds.state()["served"]
    quotes, again = _distinct(_QUOTES)
    tweets, twice = _distinct(_TWEETS)
    stored, averages = (views.query(view, f"SELECT * FROM {name}") for name in _VIEWS)  # noqa: S608  # names of ours
    expected = _batch(quotes)
    rows = [
        ("quotes in Kafka", served["quotes"], len(quotes), again == 0, "all, once"),
        ("tweets in Kafka", served["tweets"], len(tweets), twice == 0, "all, once"),
        ("dead letters", served["malformed"], sum(_records(name + _DEAD) for name in _KNOWN_BY), True, "all, once"),
        ("quotes in Cassandra", served["quotes"], len(stored), _same(stored, quotes), "all, once"),
        ("averages in Cassandra", len(expected), len(averages), _same(averages, expected), "as by pandas"),
        ("quotes in the averages", served["quotes"], int(averages["quotes"].sum()), True, "all, once"),
    ]
    moved = _returns(stored.pivot(index="day", columns="symbol", values="price"))
    predicted = model.predict(moved[_OTHERS])
    rows.append(("days with JPM predicted", quotes["day"].nunique() - 1, len(predicted), True, "each"))
    table = Table("", "expected", "found", "", title="The account", box=SIMPLE_HEAD)
    holds = [wanted == found and fine for _, wanted, found, fine, _ in rows]
    for (what, wanted, found, _, words), good in zip(rows, holds, strict=True):
        table.add_row(what, f"{wanted:,}", f"{found:,}", f"[green]{words}[/]" if good else "[red]no match[/]")
    error, zero = (float((moved["JPM"] - guess).abs().mean()) for guess in (predicted, 0.0))
    table.caption = f"JPM's return on the stream, mean error: {error:.2f} points; without a model: {zero:.2f}"
    return table, all(holds)


def _records(topic: str) -> int:
    return int(topics.offsets(topic)["records"].sum())


def _distinct(topic: str) -> tuple[pd.DataFrame, int]:
    """The different records of a topic, and how many more there are."""
    count = _records(topic)
    with streams.batches(topic, start="earliest", every=0, count=count, seconds=60) as stream:
        different = pd.concat(list(stream), ignore_index=True).drop_duplicates(_KNOWN_BY[topic])
    return different, count - len(different)


def _batch(quotes: pd.DataFrame) -> pd.DataFrame:
    """The averages that Spark should have, by pandas."""
    ends = (quotes["ts"] // _WINDOW_MS + 1) * _WINDOW_MS
    return quotes.assign(ts=ends).groupby(["symbol", "ts"])["price"].mean().reset_index()


def _same(view: pd.DataFrame, expected: pd.DataFrame) -> bool:
    """Whether a view has these prices, and no other."""
    times = pd.to_datetime(expected["ts"], unit="ms", utc=True)
    wanted = expected.assign(ts=times).set_index(["symbol", "ts"])["price"].sort_index()
    found = view.set_index(["symbol", "ts"])["price"].sort_index()
    return len(found) == len(wanted) and bool(((found - wanted).abs() < 1e-9).all())
