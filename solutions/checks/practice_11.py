"""The gap of notebook 11: a record of a quote."""

import json

from kit.exercises import CheckContext, Gap, plain, shown
from kit.sources import Quote

__all__ = ["GAPS"]

_BYTES = "a topic stores bytes: .encode() makes them of text"
_PAIR = "return both, with a comma between them: first the key, then the value"
_JSON = "json.dumps makes JSON text of a dictionary"


def _to_record(context: CheckContext) -> None:
    function = context.named("to_record")
    for symbol, price in (("JPM", 25.314), ("BRK-B", 7.5), ("GE", 102.0)):
        on = f"to_record(Quote(symbol={symbol!r}, price={price}, …))"
        got = context.call(function, Quote(symbol=symbol, price=price, time=1_767_623_400), on=on)
        wanted = {"symbol": symbol, "price": price}
        right = f"({symbol.encode()!r}, {json.dumps(wanted).encode()!r})"
        pair = plain(got)
        if type(pair) is not list or len(pair) != 2:
            context.wrong(right, got=got, advice=_PAIR)
        if any(type(part) is not bytes for part in pair):
            context.wrong(right, got=got, advice=_BYTES if any(type(part) is str for part in pair) else _JSON)
        key, value = pair
        if key != symbol.encode():
            context.wrong(f"the key {symbol.encode()!r}", got=shown(key), advice="the key is the quote's symbol")
        if _read(value) != wanted:
            advice = f"two fields, symbol and price, with the values of the quote; {_JSON}"
            context.wrong(f"the value {json.dumps(wanted).encode()!r}", got=shown(value), advice=advice)


def _read(value: bytes) -> object:
    try:
        return json.loads(value)
    except ValueError:
        return None


GAPS = (
    Gap(
        names=("to_record",),
        check=_to_record,
        hints=(
            "A quote has its fields as attributes: quote.symbol, quote.price. A topic stores bytes.",
            'Text becomes bytes with .encode(). json.dumps({"symbol": …}) is text.',
            "return quote.symbol.encode(), json.dumps({…}).encode()",
        ),
        why="The key is the symbol, so that all quotes of one stock stay together, in order. The value is JSON, which "
        "every program can read. Both are bytes, since Kafka looks into neither.",
        title="to_record",
        todo="return key and value, as bytes",
        solution='value = json.dumps({"symbol": quote.symbol, "price": quote.price})\n'
        "return quote.symbol.encode(), value.encode()",
    ),
)
