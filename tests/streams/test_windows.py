"""A topic cut into windows of event time: every record is in exactly one window, the right one, or late."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka.admin import ConfigResource, ConfigResourceType

from kit import topics
from kit.errors import ConfigError, TopicError
from kit.servers.clients import admin
from kit.streams import windows
from kit.streams._windows import Windows, _Cutter, _State
from tests.streams.tools import NOON, Reading, value, write
from tests.wait import wait_until

pytestmark = [
    pytest.mark.usefixtures("no_thread_left"),
    pytest.mark.filterwarnings("ignore:.*without a usable event time"),
]

SECOND = 1000


def at(*seconds: float) -> list[int]:
    """Times so many seconds after noon."""
    return [NOON + round(one * SECOND) for one in seconds]


def cut(broker: str, topic: str, **options: Any) -> Windows:
    options = {"start": "earliest", "every": 0.05, "seconds": 10, "bootstrap_servers": broker} | options
    return windows(topic, **options)


def summed_up(frames: Iterator[pd.DataFrame] | list[pd.DataFrame]) -> dict[float, list[int]]:
    """The windows as their start, in seconds after noon, and the numbers in them."""
    return {(frame.attrs["start"].timestamp() * SECOND - NOON) / SECOND: frame["n"].tolist() for frame in frames}


@pytest.fixture
def single(topic: str, broker: str) -> str:
    """A topic of one partition."""
    topics.create(topic, bootstrap_servers=broker)
    return topic


# ---- boundaries and the watermark ----------------------------------------------------------------------------------


def test_windows_tumble_at_multiples_of_their_length(single: str, broker: str) -> None:
    write(broker, single, map(value, range(7)), times=at(0, 9.999, 10, 19.999, 20, 55, 60))
    frames = list(cut(broker, single, windows=4))
    assert summed_up(frames) == {0: [0, 1], 10: [2, 3], 20: [4], 50: [5]}
    for frame in frames:
        assert frame.attrs["end"] - frame.attrs["start"] == pd.Timedelta(seconds=10)
        assert (frame["timestamp"] >= frame.attrs["start"]).all()
        assert (frame["timestamp"] < frame.attrs["end"]).all()


@pytest.mark.parametrize("seconds", [7, 0.25, 3600])
def test_windows_begin_where_sparks_do(single: str, broker: str, seconds: float) -> None:
    write(broker, single, map(value, range(3)), times=at(0, 1, 2))
    for frame in cut(broker, single, seconds=seconds, count=3):
        assert (frame.attrs["start"].timestamp() * SECOND) % (seconds * SECOND) == 0


def test_a_window_is_given_once_the_watermark_passes_its_end_and_not_before(single: str, broker: str) -> None:
    reading = Reading(cut(broker, single, windows=1, stop_after=60))
    write(broker, single, [value(0), value(1)], times=at(0, 9.999))
    write(broker, single, [value(2)], times=at(3))
    write(broker, single, [value(3)], times=at(10))
    assert reading.ended(20.0)
    assert summed_up(reading.frames) == {0: [0, 2, 1]}


def test_lateness_holds_the_watermark_back(single: str, broker: str) -> None:
    cutting = cut(broker, single, lateness=5, windows=2, stop_after=60)
    reading = Reading(cutting)
    write(broker, single, [value(0), value(1)], times=at(0, 14.999))
    write(broker, single, [value(2), value(3)], times=at(9, 15))
    wait_until(lambda: len(reading.frames) == 1)
    write(broker, single, [value(4), value(5)], times=at(9, 25))
    assert reading.ended(20.0)
    assert summed_up(reading.frames) == {0: [0, 2], 10: [1, 3]}
    assert cutting.late == 1


def test_a_late_record_is_counted_and_is_in_no_window(single: str, broker: str) -> None:
    cutting = cut(broker, single, windows=2, stop_after=60)
    reading = Reading(cutting)
    write(broker, single, [value(0), value(1)], times=at(0, 10))
    wait_until(lambda: len(reading.frames) == 1)
    write(broker, single, [value(2), value(3), value(4)], times=at(20, 3, 11))
    assert reading.ended(20.0)
    assert summed_up(reading.frames) == {0: [0], 10: [1, 4]}
    assert cutting.late == 1


def test_a_windows_records_are_in_the_order_of_event_time(single: str, broker: str) -> None:
    write(broker, single, map(value, range(4)), times=at(5, 1, 5, 3))
    (frame,) = cut(broker, single, count=4)
    assert frame["n"].tolist() == [1, 3, 0, 2]
    assert frame.index.tolist() == [0, 1, 2, 3]
    assert frame.columns.tolist() == ["topic", "partition", "offset", "timestamp", "key", "n"]


# ---- several partitions --------------------------------------------------------------------------------------------


def test_partitions_that_differ_lose_nothing_when_they_are_read_from_the_beginning(broker: str, topic: str) -> None:
    topics.create(topic, partitions=3, bootstrap_servers=broker)
    # The first partition alone fills a batch: without a thought for the others, their records would be late.
    spans = {0: [number // 20 for number in range(12_000)], 1: [*range(0, 600, 50)], 2: [*range(300, 310)]}
    for partition, seconds in spans.items():
        write(broker, topic, map(value, seconds), times=at(*seconds), partition=partition)
    cutting = cut(broker, topic, every=0, count=sum(map(len, spans.values())))
    found = summed_up(list(cutting))
    assert cutting.late == 0
    everything = [second for span in spans.values() for second in span]
    assert {start: sorted(numbers) for start, numbers in found.items()} == {
        float(start): sorted(one for one in everything if one // 10 * 10 == start) for start in range(0, 600, 10)
    }


def test_an_empty_partition_holds_nothing_back(broker: str, topic: str) -> None:
    topics.create(topic, partitions=2, bootstrap_servers=broker)
    write(broker, topic, map(value, range(2)), times=at(0, 10))
    assert summed_up(list(cut(broker, topic, windows=1))) == {0: [0]}


def test_a_field_called_partition_does_not_confuse_the_watermark(broker: str, topic: str) -> None:
    topics.create(topic, partitions=2, bootstrap_servers=broker)
    for partition in range(2):
        values = [value(number, partition="Berlin", timestamp=5) for number in (0, 1)]
        write(broker, topic, values, times=at(0, 10), partition=partition)
    cutting = cut(broker, topic, every=0, count=4)
    assert summed_up(list(cutting)) == {0: [0, 0], 10: [1, 1]}
    assert cutting.late == 0


# ---- the column ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        [{"ts": moment} for moment in at(1, 11, 21)],
        [{"ts": float(moment)} for moment in at(1, 11, 21)],
        [{"ts": f"2026-01-05T12:00:{second}"} for second in ("01Z", "11.5Z", "21+00:00")],
        [{"ts": f"2026-01-05T13:00:{second}+01:00"} for second in ("01", "11", "21.000001")],
    ],
    ids=["milliseconds", "floats", "texts", "zones"],
)
def test_another_column_can_hold_the_event_time(single: str, broker: str, fields: list[dict[str, Any]]) -> None:
    write(broker, single, [value(number, **one) for number, one in enumerate(fields)], times=at(0, 0, 0))
    frames = list(cut(broker, single, on="ts", windows=2))
    assert summed_up(frames) == {0: [0], 10: [1]}
    assert frames[0]["ts"].tolist() == [fields[0]["ts"]]


FAR = "9999-01-01T00:00:00Z"
NO_TIMES: list[Any] = [
    {"ts": None}, {}, {"ts": "noon"}, {"ts": "now"}, {"ts": "today"}, {"ts": ""}, {"ts": [1]}, {"ts": {"a": 1}},
    {"ts": True}, {"ts": False}, {"ts": float("nan")}, {"ts": float("inf")}, {"ts": float("-inf")}, {"ts": -1},
    {"ts": -0.5}, {"ts": NOON * 1000}, {"ts": NOON * 10**6}, {"ts": 10**30}, {"ts": -(10**30)}, {"ts": 1e300},
    {"ts": FAR}, {"ts": "0001-01-01"}, {"ts": "2026-13-01"}, {"ts": str(NOON)},
]  # fmt: skip


@pytest.mark.parametrize("alone", [True, False], ids=["numbers", "with text"])
def test_a_record_without_a_usable_time_is_counted_and_named_and_the_rest_goes_on(
    single: str, broker: str, alone: bool
) -> None:
    good = [{"ts": moment} for moment in at(1, 11)] if alone else [{"ts": "2026-01-05T12:00:01Z"}, {"ts": at(11)[0]}]
    wrong = [one for one in NO_TIMES if not alone or not isinstance(one.get("ts"), str | list | dict)]
    write(broker, single, [value(number, **one) for number, one in enumerate([good[0], *wrong, good[1]])])
    cutting = cut(broker, single, on="ts", count=len(wrong) + 2)
    with pytest.warns(UserWarning, match=rf"{len(wrong)} record\(s\) .*{single}-0, offset 1"):
        assert summed_up(list(cutting)) == {0: [0], 10: [len(wrong) + 1]}
    assert cutting.bad == len(wrong)


def test_kafkas_own_time_may_be_none_or_in_other_units(single: str, broker: str) -> None:
    moments = [at(1)[0], NOON * 1000, NOON * 10**6, at(11)[0]]
    with admin(broker) as client:  # by default Kafka refuses times that are far away
        late = {"message.timestamp.after.max.ms": 2**63 - 1}
        client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, single, late)])
    write(broker, single, map(value, range(4)), times=moments)
    cutting = cut(broker, single, count=4)
    with pytest.warns(UserWarning, match=rf"2 record\(s\) .*{single}-0, offset 1"):
        assert summed_up(list(cutting)) == {0: [0], 10: [3]}
    assert cutting.bad == 2


def test_a_batch_without_the_column_is_bad_once_the_column_was_there(single: str, broker: str) -> None:
    cutting = cut(broker, single, on="ts", every=0, start="now", stop_after=20, windows=1)
    reading = Reading(cutting)
    write(broker, single, [value(0, ts=at(0)[0])])
    wait_until(lambda: cutting._stream.records == 1)
    write(broker, single, [None])
    wait_until(lambda: cutting.bad == 1)
    write(broker, single, [value(1, ts=at(10)[0])])
    assert reading.ended(20.0)
    assert summed_up(reading.frames) == {0: [0]}


def test_ids_stay_exact_across_the_batches_of_a_window(single: str, broker: str) -> None:
    big = 2**53 + 1
    cutting = cut(broker, single, every=0, start="now", count=3)
    reading = Reading(cutting)
    for place, one in enumerate([value(0, id=big), value(1), value(2, id=big + 1)]):
        write(broker, single, [one])
        wait_until(lambda: cutting._stream.records == place + 1)  # noqa: B023  # it is asked here and now
    assert reading.ended()
    assert reading.frames[0]["id"].tolist() == [big, pd.NA, big + 1]


@pytest.mark.parametrize("count", [1, 3, 19])
def test_a_column_that_the_first_records_lack_is_not_missed_yet(single: str, broker: str, count: int) -> None:
    cutting = cut(broker, single, on="ts", every=0, start="now", count=count + 2)
    reading = Reading(cutting)
    write(broker, single, [None if number % 2 else value(number) for number in range(count)])
    wait_until(lambda: cutting.bad == count)
    write(broker, single, [value(count, ts=at(0)[0]), value(count + 1, ts=at(10)[0])])
    assert reading.ended(20.0)
    assert summed_up(reading.frames) == {0: [count], 10: [count + 1]}


@pytest.mark.parametrize(("records", "options"), [(20, {}), (1, {"count": 1}), (3, {"stop_after": 2})], ids=str)
def test_a_column_that_no_record_has_ends_the_reading(
    single: str, broker: str, records: int, options: dict[str, Any]
) -> None:
    write(broker, single, map(value, range(records)))
    cutting = cut(broker, single, on="ts", **options)
    for _ in range(2):  # it does not end without a word
        with pytest.raises(ConfigError, match="the columns are topic, partition, offset, timestamp, key, n"):
            next(cutting)
    cutting.close()


def test_of_a_topic_without_records_no_column_is_missed(single: str, broker: str) -> None:
    assert list(cut(broker, single, on="ts", stop_after=0.5)) == []


# ---- how many, how long --------------------------------------------------------------------------------------------


def test_the_open_windows_are_given_when_the_time_is_up(single: str, broker: str) -> None:
    write(broker, single, map(value, range(3)), times=at(0, 10, 12))
    assert summed_up(list(cut(broker, single, stop_after=2))) == {0: [0], 10: [1, 2]}


def test_the_number_of_windows_counts_the_open_ones_too(single: str, broker: str) -> None:
    write(broker, single, map(value, range(3)), times=at(0, 10, 20))
    assert summed_up(list(cut(broker, single, windows=2, stop_after=2, lateness=60))) == {0: [0], 10: [1]}


def test_now_is_the_moment_of_the_call(single: str, broker: str) -> None:
    found = cut(broker, single, start="now", windows=1)
    write(broker, single, map(value, range(2)), times=at(0, 10))
    assert summed_up(list(found)) == {0: [0]}


def test_a_loop_that_is_left_leaves_no_thread(single: str, broker: str) -> None:
    write(broker, single, map(value, range(3)), times=at(0, 10, 20))
    for frame in cut(broker, single):
        assert frame["n"].tolist() == [0]
        break


@pytest.mark.parametrize(
    "wrong",
    [
        {"seconds": 0},
        {"seconds": -1},
        {"seconds": float("nan")},
        {"seconds": float("inf")},
        {"seconds": 1e-9},
        {"lateness": -1},
        {"lateness": float("nan")},
        {"windows": 0},
        {"stop_after": 0},
        {"every": -1},
    ],
    ids=str,
)
def test_an_argument_that_cannot_be_used_is_an_error_at_the_call(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        windows("quotes", bootstrap_servers="127.0.0.1:1", **wrong)


def test_a_missing_topic_is_an_error_at_the_call(single: str, broker: str) -> None:
    with pytest.raises(TopicError, match="did you mean"):
        windows(f"{single}s", bootstrap_servers=broker)


def test_two_readers_cut_the_same_topic_alike(single: str, broker: str) -> None:
    write(broker, single, map(value, range(50)), times=at(*range(50)))
    readers = [Reading(cut(broker, single, every=every, windows=4)) for every in (0, 0.1)]
    assert all(reader.ended(20.0) for reader in readers)
    assert (
        summed_up(readers[0].frames)
        == summed_up(readers[1].frames)
        == {s: [*range(s, s + 10)] for s in range(0, 40, 10)}
    )


# ---- whatever the order --------------------------------------------------------------------------------------------


def frame(records: list[tuple[int, int]], first: int) -> pd.DataFrame:
    """A batch of records: partition and event time in milliseconds."""
    moments = pd.to_datetime([moment for _, moment in records], unit="ms", utc=True).as_unit("ms")
    numbers = range(first, first + len(records))
    return pd.DataFrame({"partition": [one for one, _ in records], "timestamp": moments, "n": numbers})


class Cutting:
    """A cutter and its state: it gives the windows that are over."""

    def __init__(self, length: pd.Timedelta, lateness: pd.Timedelta) -> None:
        self.cutter, self.state = _Cutter(length, lateness, "timestamp"), _State()

    def cut(self, batch: pd.DataFrame, behind: set[int]) -> list[pd.DataFrame]:
        state, _ = self.cutter.cut(self.state, batch, behind)
        self.state = state._replace(ready=())
        return list(state.ready)

    def rest(self) -> list[pd.DataFrame]:
        return list(self.cutter.rest(self.state).ready)


@st.composite
def shuffled(draw: st.DrawFn, lateness: int) -> list[tuple[int, int]]:
    """Records, each at most `lateness` milliseconds older than the newest before it."""
    newest, records = NOON, []
    for partition, step, back in draw(
        st.lists(st.tuples(st.integers(0, 2), st.integers(0, 8000), st.integers(0, lateness)), max_size=40)
    ):
        newest += step
        records.append((partition, newest - back))
    return records


@settings(max_examples=80, deadline=None)
@given(data=st.data(), lateness=st.integers(0, 12_000), length=st.integers(1, 9000))
def test_whatever_the_order_within_the_lateness_every_record_is_in_the_one_right_window(
    data: st.DataObject, lateness: int, length: int
) -> None:
    records = data.draw(shuffled(lateness))
    cutter = Cutting(pd.Timedelta(milliseconds=length), pd.Timedelta(milliseconds=lateness))
    given_windows, begin = [], 0
    while begin < len(records):
        size = data.draw(st.integers(1, 10))
        batch = records[begin : begin + size]
        given_windows += cutter.cut(frame(batch, begin), set())
        begin += size
    closed = len(given_windows)
    given_windows += cutter.rest()
    assert cutter.state.late == 0
    starts = [window.attrs["start"] for window in given_windows]
    assert starts == sorted(set(starts))
    placed = {n: window.attrs["start"] for window in given_windows for n in window["n"]}
    assert sum(map(len, given_windows)) == len(placed) == len(records)
    for number, (_, moment) in enumerate(records):
        assert placed[number].value // 10**6 == moment // length * length
    if records:  # and none is held back that is over
        watermark = max(moment for _, moment in records) - lateness
        assert all(window.attrs["end"].value // 10**6 > watermark for window in given_windows[closed:])


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    spans=st.lists(st.lists(st.integers(0, 60_000), min_size=1, max_size=15).map(sorted), min_size=1, max_size=3),
)
def test_partitions_in_any_interleaving_lose_nothing_while_one_is_behind(
    data: st.DataObject, spans: list[list[int]]
) -> None:
    cutter = Cutting(pd.Timedelta(seconds=5), pd.Timedelta(0))
    left = {partition: [NOON + moment for moment in span] for partition, span in enumerate(spans)}
    given_windows, number = [], 0
    while any(left.values()):
        partition = data.draw(st.sampled_from([one for one in left if left[one]]))
        size = data.draw(st.integers(1, 5))
        batch, left[partition] = left[partition][:size], left[partition][size:]
        behind = {one for one in left if left[one]}
        records = [(partition, moment) for moment in batch]
        given_windows += cutter.cut(frame(records, number), behind)
        number += len(batch)
    given_windows += cutter.rest()
    assert cutter.state.late == 0
    assert sum(map(len, given_windows)) == number == sum(map(len, spans))
    starts = [window.attrs["start"] for window in given_windows]
    assert starts == sorted(set(starts))


@settings(max_examples=40, deadline=None)
@given(records=st.lists(st.tuples(st.just(0), st.integers(NOON, NOON + 60_000)), min_size=1, max_size=15))
def test_beyond_the_lateness_a_record_is_late_or_in_a_window_and_never_both(records: list[tuple[int, int]]) -> None:
    cutter = Cutting(pd.Timedelta(seconds=5), pd.Timedelta(0))
    given_windows = []
    for number, record in enumerate(records):
        given_windows += cutter.cut(frame([record], number), set())
    given_windows += cutter.rest()
    numbers = [n for window in given_windows for n in window["n"]]
    assert len(set(numbers)) == len(numbers) == len(records) - cutter.state.late
