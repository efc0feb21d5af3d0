"""The small gaps of the teaching notebooks: right answers pass, and usual mistakes get advice that mends them."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import nbformat
import pytest
from kafka import KafkaProducer
from pyspark.sql import functions as f

from kit import spark
from kit.exercises import Outcome, load
from kit.servers import lab
from tests.notebooks.execute import ROOT


@pytest.fixture(scope="module", autouse=True)
def _spark_ended() -> Iterator[None]:
    yield
    spark.stop()


@pytest.fixture(scope="module")
def cassandra() -> Iterator[None]:
    with lab.up("cassandra").cassandra:
        yield


@pytest.fixture
def lab_broker(broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIT_KAFKA_BOOTSTRAP_SERVERS", broker)


def _checked(name: str, gap: Callable[..., Any]) -> Outcome:
    return load(name, {gap.__name__: gap}).check(1)


def _as_shown(number: int, name: str) -> Callable[..., Any]:
    """The solution that the notebook's folded cell has."""
    (path,) = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
    cells = nbformat.read(path, as_version=4).cells
    (folded,) = [cell.source for cell in cells if cell.metadata.get("jupyter", {}).get("source_hidden")]
    code, _, check = folded.partition("\n\n\npractice")
    namespace: dict[str, Any] = {"json": json, "f": f}
    exec(code, namespace)
    assert check == ".check(1)"
    function: Callable[..., Any] = namespace[name]
    return function


def _named(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    function.__name__ = name
    return function


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        (lambda q: [q.symbol.encode(), json.dumps({"price": q.price, "symbol": q.symbol}).encode()], None),
        (lambda q: (bytes(q.symbol, "utf-8"), b'{"symbol":"%b","price":%f}' % (q.symbol.encode(), q.price)), None),
        (lambda q: (q.symbol, json.dumps({"symbol": q.symbol, "price": q.price})), ".encode()"),
        (lambda q: (q.symbol.encode(), {"symbol": q.symbol, "price": q.price}), "json.dumps"),
        (lambda q: json.dumps({"symbol": q.symbol, "price": q.price}).encode(), "first the key, then the value"),
        (lambda q: (json.dumps({"symbol": q.symbol, "price": q.price}).encode(), q.symbol.encode()), "the key is"),
        (lambda q: (q.symbol.encode(), json.dumps({"symbol": q.symbol}).encode()), "two fields, symbol and price"),
        (lambda q: (b"JPM", json.dumps({"symbol": "JPM", "price": 25.314}).encode()), "the key is"),
        (lambda q: None, "first the key, then the value"),
    ],
)
def test_a_record_is_a_key_and_json_in_bytes(answer: Callable[..., Any], advice: str | None) -> None:
    outcome = _checked("practice_11", _named("to_record", answer))
    assert outcome.ok == (advice is None), outcome
    assert advice is None or advice in repr(outcome)


def _without_flush(producer: KafkaProducer, topic: str, prices: list[Any]) -> None:
    for symbol, price in prices:
        producer.send(topic, key=symbol.encode(), value=str(price).encode())


def _each_waited_for(producer: KafkaProducer, topic: str, prices: list[Any]) -> None:
    for symbol, price in prices:
        producer.send(topic, str(price).encode(), symbol.encode()).get(timeout=20)


def _closed(producer: KafkaProducer, topic: str, prices: list[Any]) -> None:
    _without_flush(producer, topic, prices)
    producer.close()


def _swapped(producer: KafkaProducer, topic: str, prices: list[Any]) -> None:
    for symbol, price in prices:
        producer.send(topic, symbol.encode(), str(price).encode())
    producer.flush()


def _first_only(producer: KafkaProducer, topic: str, prices: list[Any]) -> None:
    _without_flush(producer, topic, prices[:1])
    producer.flush()


def _no_key(producer: KafkaProducer, topic: str, prices: list[Any]) -> None:
    for _, price in prices:
        producer.send(topic, value=str(price).encode())
    producer.flush()


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        (_each_waited_for, None),
        (_closed, None),
        (_without_flush, "wait until all are acknowledged: flush"),
        (_swapped, "without names the value comes first"),
        (_first_only, "one send for each pair"),
        (_no_key, "name them"),
    ],
)
def test_a_record_goes_out_with_its_key_and_is_waited_for(
    lab_broker: None, answer: Callable[..., Any], advice: str | None
) -> None:
    outcome = _checked("practice_13", _named("send_prices", answer))
    assert outcome.ok == (advice is None), outcome
    assert advice is None or advice in repr(outcome)


def _ranges(
    seconds: str = "10 seconds", by: tuple[str, ...] = ("symbol",), side: str = "end", most: Any = f.max
) -> Any:
    def price_range(quotes: Any) -> Any:
        groups = quotes.groupBy(f.window("ts", seconds), *by)
        found = groups.agg((most("price") - f.min("price")).alias("range"))
        until = f.col(f"window.{side}") if side else f.col("window")
        return found.select(*by, until.alias("until"), "range")

    return price_range


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        (_ranges(), None),
        (_ranges(side="start"), 'take f.col("window.end")'),
        (_ranges(side=""), "has a start and an end"),
        (_ranges(seconds="20 seconds"), "group by both"),
        (_ranges(by=()), "name them with .alias"),
        (_ranges(most=f.avg), "the range is f.max"),
        (lambda quotes: quotes.toPandas(), "return what groupBy"),
        (lambda quotes: None, "return what groupBy"),
    ],
)
def test_a_range_is_of_a_window_and_a_symbol(answer: Callable[..., Any], advice: str | None) -> None:
    outcome = _checked("practice_21", _named("price_range", answer))
    assert outcome.ok == (advice is None), outcome
    assert advice is None or advice in repr(outcome)


def _selected(cql: str, take: Callable[[Any], Any] = lambda row: row.price, most: int | None = None) -> Any:
    def last_prices(session: Any, symbol: str, count: int) -> Any:
        values = [symbol, count][: cql.count("?")]
        return [take(row) for row in session.execute(session.prepare(cql), values)][:most]

    return last_prices


def _unprepared(session: Any, symbol: str, count: int) -> Any:
    rows = session.execute("SELECT price FROM quotes WHERE symbol = %s LIMIT %s", [symbol, count])
    return [row.price for row in rows]


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        (_selected("SELECT price FROM quotes WHERE symbol = ? LIMIT ?"), None),
        (_selected("SELECT price FROM quotes WHERE symbol = ? ORDER BY ts ASC LIMIT ?"), "LIMIT"),
        (_selected("SELECT price FROM quotes WHERE symbol = ?"), "LIMIT ?"),
        (_selected("SELECT price FROM quotes WHERE symbol = ? LIMIT ?", take=tuple), "row.price"),
        (lambda session, symbol, count: None, "return a list"),
        (_unprepared, "session.prepare"),
    ],
)
def test_the_last_prices_are_asked_of_one_partition(
    cassandra: None, answer: Callable[..., Any], advice: str | None
) -> None:
    outcome = _checked("practice_22", _named("last_prices", answer))
    assert outcome.ok == (advice is None), outcome
    assert advice is None or advice in repr(outcome)


@pytest.mark.parametrize(
    ("number", "name"), [(11, "to_record"), (13, "send_prices"), (21, "price_range"), (22, "last_prices")]
)
def test_what_the_notebook_shows_as_one_way_passes(lab_broker: None, cassandra: None, number: int, name: str) -> None:
    assert _checked(f"practice_{number}", _as_shown(number, name)).ok
