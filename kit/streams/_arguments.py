"""What a stream can be asked for, and the errors for what it cannot."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from numbers import Integral, Real
from operator import index
from typing import Any, Literal, TypeAlias

import pandas as pd
from kafka import TopicPartition
from kafka.protocol.consumer import OffsetSpec

from kit.errors import ConfigError
from kit.servers.clients import admin
from kit.topics.look import all_offsets

__all__ = ["Offsets", "Parse", "Start", "check", "first_offsets"]

_SINCE = datetime(1970, 1, 1, tzinfo=UTC)

Start: TypeAlias = Literal["now", "earliest"] | int | date | Mapping[int, int]  # a datetime is a date
Parse: TypeAlias = Literal["json"] | Callable[[bytes], Mapping[str, Any]] | None
Offsets: TypeAlias = dict[TopicPartition, int]


def first_offsets(topic: str, start: Start, servers: str) -> tuple[Offsets, Offsets]:
    """Where to begin in each partition, and the offset that its next record gets."""
    moments = [_milliseconds(start)] if isinstance(start, date) and not pd.isna(start) else []
    # Kafka has no times before 1970: numbers below 0 ask it for something else.
    times = [at if at > 0 else OffsetSpec.EARLIEST for at in moments]
    with admin(servers) as client:
        first, end, *found = all_offsets(client, topic, OffsetSpec.EARLIEST, OffsetSpec.LATEST, *times)
    if found:  # -1 where all records are older
        return {tp: at if at >= 0 else end[tp] for tp, at in found[0].items()}, end
    if isinstance(start, str) and start in ("now", "earliest"):
        return dict(end) if start == "now" else first, end
    asked = start if isinstance(start, Mapping) else dict.fromkeys((tp.partition for tp in end), start)
    try:
        if bool in map(type, asked.values()):
            raise TypeError
        # Whatever kind of whole number an offset is: pandas has its own.
        wanted = {TopicPartition(topic, partition): index(one) for partition, one in asked.items()}  # type: ignore[arg-type]
    except TypeError:
        raise _bad_start(start, "that is none of them") from None
    for tp, offset in wanted.items():
        if tp not in end:
            raise _bad_start(start, f"the topic has partitions {sorted(tp.partition for tp in end)}")
        if not first[tp] <= offset <= end[tp]:
            raise _bad_start(start, f"partition {tp.partition} holds the offsets {first[tp]} to {end[tp]}")
    return first | wanted, end


def _milliseconds(start: date) -> int:
    """The first whole millisecond since 1970 that is not before `start`; a time without a zone is this machine's."""
    moment = start if isinstance(start, datetime) else datetime.combine(start, time())
    nanoseconds = moment.nanosecond if isinstance(moment, pd.Timestamp) else 0
    plain = moment.to_pydatetime(warn=False) if isinstance(moment, pd.Timestamp) else moment
    try:
        in_utc = plain.astimezone(UTC)
    except (ValueError, OverflowError, OSError):  # at an end of the calendar, where a day does not matter
        in_utc = plain.replace(tzinfo=UTC)
    elapsed = (in_utc - _SINCE) // timedelta(microseconds=1) * 1000 + nanoseconds
    return -(-elapsed // 1_000_000)


def _bad_start(start: object, why: str) -> ConfigError:
    wanted = 'start="now", "earliest", an offset, a mapping from partition to offset, or a datetime'
    return ConfigError(wanted, got=f"start={start!r}; {why}", todo='look with topics.offsets(…), or take "earliest"')


def check(*, every: Any, count: Any, seconds: Any, parse: Any) -> None:
    """Refuse what a stream cannot do, with an error that names the argument."""
    for name, given, fits in (
        ("every", every, _is(every, Real) and every >= 0),
        ("count", count, count is None or (_is(count, Integral) and count >= 1)),
        ("seconds", seconds, seconds is None or (_is(seconds, Real) and seconds > 0)),
        ("parse", parse, parse is None or parse == "json" or callable(parse)),
    ):
        if not fits:
            wanted = 'every >= 0, count >= 1, seconds > 0, and parse="json", a function or None'
            raise ConfigError(wanted, got=f"{name}={given!r}", todo=f"change {name}, or leave it out")


def _is(value: object, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)
