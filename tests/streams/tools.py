"""What the tests of the streams share: records written to a topic, a stream read in a thread."""

import json
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd
from kafka import KafkaProducer

NOON = 1_767_614_400_000  # 2026-01-05T12:00:00Z in milliseconds
AT_ONCE = 9.0  # seconds; far below what could end a wait instead, far above what a busy machine needs


def value(number: int, **more: Any) -> bytes:
    return json.dumps({"n": number, **more}).encode()


def write(
    servers: str,
    topic: str,
    values: Iterable[bytes | None],
    *,
    partition: int = 0,
    keys: Iterable[bytes | None] | None = None,
    times: Iterable[int] | None = None,
) -> None:
    """Write values to one partition, a second apart from noon on, or at the `times` (milliseconds since 1970)."""
    producer = KafkaProducer(bootstrap_servers=servers, linger_ms=20)
    try:
        all_keys = iter(keys) if keys is not None else None
        all_times = iter(times) if times is not None else None
        sent = [
            producer.send(
                topic,
                key=next(all_keys) if all_keys is not None else b"" if one is None else None,
                value=one,
                partition=partition,
                timestamp_ms=next(all_times) if all_times is not None else NOON + 1000 * number,
            )
            for number, one in enumerate(values)
        ]
        producer.flush(20)
        assert all(future.succeeded() for future in sent)
    finally:
        producer.close()


class Reading:
    """A stream (or windows) read in a thread: the frames that came, and what it ended with."""

    def __init__(self, frames: Iterator[pd.DataFrame]) -> None:
        self.frames: list[pd.DataFrame] = []
        self.error: BaseException | None = None
        self._source = frames
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            for frame in self._source:
                self.frames.append(frame)
        except BaseException as error:
            self.error = error

    @property
    def records(self) -> int:
        return sum(map(len, self.frames))

    def ended(self, timeout: float = AT_ONCE) -> bool:
        self.thread.join(timeout)
        return not self.thread.is_alive()


def together(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """All batches as one frame, by partition and offset."""
    whole = pd.concat(list(frames), ignore_index=True)
    return whole.sort_values(["partition", "offset"], kind="stable", ignore_index=True)
