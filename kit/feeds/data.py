"""The real records that the feeds replay: daily adjusted closes and tweets. See `data/SOURCES.md`."""

import csv
import gzip
import html
import io
import json
from dataclasses import dataclass
from importlib.resources import files

__all__ = ["Prices", "Tweet", "load_prices", "load_tweets"]


@dataclass(frozen=True)
class Prices:
    """Adjusted closing prices in USD: `days` ascending (ISO dates), `closes[symbol]` one price a day."""

    days: list[str]
    closes: dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Tweet:
    """One tweet of the data set: its row id, its text as the API sent it (HTML entities and all), and that as JSON."""

    row: int
    text: str
    json_text: str

    @property
    def plain(self) -> str:
        """The text as a reader sees it."""
        return html.unescape(self.text)


def load_prices() -> Prices:
    """The prices in the data file."""
    rows = csv.reader(_open("prices.csv.gz"))
    symbols = next(rows)[1:]
    days, *columns = zip(*rows, strict=True)
    closes = {symbol: [float(price) for price in column] for symbol, column in zip(symbols, columns, strict=True)}
    return Prices(list(days), closes)


def load_tweets() -> list[Tweet]:
    """The tweets in the data file, in its order."""
    rows = csv.DictReader(_open("tweets.csv.gz"))
    return [Tweet(int(row["id"]), row["text"], json.dumps(row["text"], ensure_ascii=False)) for row in rows]


def _open(name: str) -> io.StringIO:
    packed = files(__package__).joinpath("data", name).read_bytes()
    return io.StringIO(gzip.decompress(packed).decode("utf-8"), newline="")
