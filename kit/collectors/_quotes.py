"""The collector of quotes: Yahoo's quote API, asked again and again."""

from collections.abc import Iterable

import msgspec

from kit.collectors._collector import Collector
from kit.collectors._records import Record
from kit.collectors._sources import Poller
from kit.collectors._supervisor import Supervisor
from kit.errors import BadPayload, UnknownSymbol
from kit.sources import Quote, Yahoo, parse_quotes
from kit.sources.yahoo import symbol_list

__all__ = ["collect_quotes"]


def collect_quotes(
    symbols: Iterable[str],
    topic: str = "quotes",
    *,
    every: float = 1.0,
    base_url: str | None = None,
    supervisor: Supervisor | None = None,
    bootstrap_servers: str | None = None,
) -> Collector:
    """Ask for the quotes of `symbols` again and again, and pass each new one on to a topic.

    A market offers a quote once: a quote between two requests, or of a time without a collector, is not to be had.

    Parameters
    ----------
    symbols, every
        As the market knows them: ``["JPM", "C"]``; seconds from one request to the next.
    topic
        Its records: key is the symbol, Kafka timestamp the quote's time, value compact JSON with `symbol`, `price`
        (USD), `ts` (milliseconds since 1970) and `day` (the trading day, ISO). A quote comes once, until it changes.
    base_url
        Where to ask; default: the lab's feeds, or with ``KIT_FEEDS=live`` the live Yahoo.

    Raises
    ------
    UnknownSymbol, SourceError, ConfigError, BrokerUnavailable, TopicError
        The first request failed (later failures go to the supervisor), or there is nowhere to send to.

    Examples
    --------
    >>> with collect_quotes(["JPM", "C"]) as collector:                             # doctest: +SKIP
    ...     collector.wait(sent=2)
    """
    wanted = symbol_list(symbols)
    # A request that fails is the supervisor's business, who can be interrupted: no retries further down.
    yahoo = Yahoo(base_url, retries=0)
    try:
        first = [yahoo.fetch_quotes(wanted)]
        quotes, rejected = parse_quotes(first[0])
        missing = sorted(set(wanted) - {quote.symbol for quote in quotes})
        if missing and not rejected:  # the market leaves out what it does not know
            todo = "look for a typing error: symbols are capitals, for instance JPM"
            raise UnknownSymbol("symbols that the market knows", got=f"no quote for {', '.join(missing)}", todo=todo)
        poller = Poller(lambda: first.pop() if first else yahoo.fetch_quotes(wanted), every=every, close=yahoo.close)
        return Collector(poller, topic, quote_records, supervisor=supervisor, bootstrap_servers=bootstrap_servers)
    except BaseException:
        yahoo.close()
        raise


def quote_records(body: bytes) -> list[Record | BadPayload]:
    """The records of one answer, and what in it is no quote."""
    quotes, rejected = parse_quotes(body)
    return [*map(_record, quotes), *rejected]


def _record(quote: Quote) -> Record:
    at = quote.time * 1000
    value = {"symbol": quote.symbol, "price": quote.price, "ts": at, "day": quote.day}
    return Record(quote.symbol.encode(), msgspec.json.encode(value), at)
