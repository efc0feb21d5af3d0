"""What a streaming query does, trigger by trigger."""

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kit.errors import ServerError

if TYPE_CHECKING:
    from pyspark.sql.streaming import StreamingQuery

__all__ = ["Progress", "progress"]

_POLL = 0.1  # seconds between two looks


class Progress:
    """A streaming query's progress: a row for each trigger, until the query ends or `stop`. For `plots`' `follow`.

    A row has ``batch``, ``time``, ``input_rows``, ``trigger_ms``, ``state_rows``, ``late_rows`` (which came after their
    window was closed) and ``watermark`` (None before there is one). Iterating raises what ended the query, if that was
    an error; `ServerError` if the driver has ended. Source: `StreamingQuery.recentProgress` of Spark.
    """

    def __init__(self, query: "StreamingQuery") -> None:
        self._query, self._stopped = query, threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        seen, active = "", True
        while active and not self._stopped.wait(_POLL):
            active, new, error = self._look(seen)
            for one in new:
                seen = one.timestamp
                yield _row(one)
            if error is not None:
                raise error

    def _look(self, seen: str) -> tuple[bool, list[Any], Exception | None]:
        """Whether the query runs, the triggers since the one of that time, and what ended it."""
        from py4j.protocol import Py4JError

        try:
            active = self._query.isActive
            new = [one for one in self._query.recentProgress if one.timestamp > seen]
            return active, new, None if active else self._query.exception()
        except (OSError, Py4JError, AttributeError) as error:  # it has ended in the middle of the call
            got, todo = "it has ended", "call spark = kit.spark(), and build the query again"
            raise ServerError("Spark's driver to run", got=got, todo=todo) from error


def progress(query: "StreamingQuery") -> Progress:
    """Follow a streaming query.

    >>> chart = plots.LineChart("batch", ["input_rows", "trigger_ms"])                    # doctest: +SKIP
    >>> chart.follow(kit.spark.progress(query))              # doctest: +SKIP
    """
    return Progress(query)


def _row(one: Any) -> dict[str, Any]:
    from pandas import Timestamp

    watermark = one.eventTime.get("watermark", "1970")
    return {
        "batch": one.batchId,
        "time": Timestamp(one.timestamp),
        "input_rows": one.numInputRows,
        "trigger_ms": one.durationMs.get("triggerExecution", 0),
        "state_rows": sum(state.numRowsTotal for state in one.stateOperators),
        "late_rows": sum(state.numRowsDroppedByWatermark for state in one.stateOperators),
        "watermark": None if watermark.startswith("1970") else Timestamp(watermark),
    }
