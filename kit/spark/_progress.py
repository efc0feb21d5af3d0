"""What a streaming query does, trigger by trigger."""

import threading
from collections.abc import Iterator
from typing import Any

from py4j.protocol import Py4JError

from kit.spark._errors import driver_ended

__all__ = ["Progress"]

_POLL = 0.1  # seconds between two looks


class Progress:
    """A streaming query's progress: a row for each trigger, until the query ends or `stop`. For `plots`' `follow`.

    >>> chart = plots.LineChart("batch", ["input_rows", "trigger_ms"])                    # doctest: +SKIP
    >>> chart.follow(kit.spark.progress(query))              # doctest: +SKIP

    A row has ``batch``, ``time``, ``input_rows``, ``trigger_ms``, ``state_rows``, ``late_rows`` (which came after their
    window was closed) and ``watermark`` (None before there is one). Iterating raises what ended the query, if that was
    an error; `ServerError` if the driver has ended. Source: `StreamingQuery.recentProgress` of Spark.
    """

    def __init__(self, query: Any) -> None:
        self._query, self._stopped = query, threading.Event()
        self.stop = self._stopped.set

    def __iter__(self) -> Iterator[dict[str, Any]]:
        seen, active = "", True
        while active and not self._stopped.wait(_POLL):
            try:
                active = self._query.isActive
                new = [one for one in self._query.recentProgress if one.timestamp > seen]
                error = None if active else self._query.exception()
            except (OSError, Py4JError, AttributeError) as cause:  # it has ended in the middle of the call
                raise driver_ended() from cause
            for one in new:
                seen = one.timestamp
                yield _row(one)
            if error is not None:
                raise error


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
