"""Gap 7: the query, run on a fresh topic into a fresh table, stopped in the middle, and started again."""

import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from pyspark.sql.streaming.query import StreamingQuery, StreamingQueryManager
from pyspark.sql.streaming.readwriter import DataStreamWriter

import kit
from kit.exercises import CheckContext, StudentError

from ..engines import keyspace, make_quick, wait_for
from ..judging import first, judge, spy
from . import _common as common
from ._common import BAD, FIRST, SECOND, SECONDS, TOO_LATE, WINDOW, averages, pictured

_NEEDS = ("read_records", "to_quotes", "in_windows", "average", "write")
_CALLED = ("Queries with streaming|TypeError.*(argument|callable)|AttributeError.*'(execute|prepare|toPandas|cluster|keyspace|columns)'", "foreachBatch calls a function with two things, the micro-batch and its number; write wants the session and the micro-batch: give a function of two parameters that calls write")  # fmt: skip


class _Refused(BaseException):
    """The query is not started: what it was to be is wrong; or its end is waited for."""


class _Calls:
    """What the student tells the writer. A query that could only be wrong is not started."""

    def __init__(self, folder: str) -> None:
        self.folder, self.mode, self.sink = folder, "append", "none"
        self.checkpoint, self.trigger, self.started, self.awaited = "", "processingTime", False, False

    def watch(self, spies: ExitStack) -> None:
        for name in ("outputMode", "option", "options", "trigger", "foreachBatch", "foreach", "format", "start"):
            spy(spies, DataStreamWriter, name, partial(self._note, name))
        spy(spies, StreamingQuery, "awaitTermination", self._wait)
        spy(spies, StreamingQueryManager, "awaitAnyTermination", self._wait)

    def _note(self, name: str, writer: Any, *args: Any, **named: Any) -> None:
        words = {key.lower(): str(value) for key, value in named.items()}
        words |= {str(args[0]).lower(): str(args[1])} if name == "option" and args[1:] else {}
        self.checkpoint = words.get("checkpointlocation", self.checkpoint)
        self.mode = words.get("outputmode", str(args[0]) if name == "outputMode" and args else self.mode).lower()
        if name in ("foreachBatch", "foreach", "format"):
            self.sink = str((*args, *named.values())[0]) if name == "format" else name
        if name == "trigger" and named:
            (self.trigger,) = named
        if name in ("start", "foreach"):
            self.started = True
            if self.mistake:
                raise _Refused
            if self.trigger == "processingTime":  # without a wait between micro-batches, however long it is
                writer.trigger(processingTime="0 seconds")

    def _wait(self, _: Any, timeout: float | None = None) -> None:
        if timeout is None:  # it would wait for ever
            self.awaited = True
            raise _Refused

    @property
    def mistake(self) -> str:
        """What is wrong with the query, before it runs; or nothing."""
        place = Path(self.checkpoint.removeprefix("file://").removeprefix("file:")).resolve()
        return first(
            (self.mode == "complete", "complete gives all windows again in each micro-batch, and keeps them for ever: Cassandra would get the whole history each time; it replaces by key, so what has changed is enough"),
            (self.sink == "foreach", "foreach takes each row to other processes, which have no session: foreachBatch gives the micro-batch to this one"),
            (self.sink != "foreachBatch", "the rows do not reach write: the sink is foreachBatch, which calls a function of yours with each micro-batch"),
            (not self.checkpoint, "there is no checkpoint: a query that is started again would begin anew, without offsets and windows; checkpointLocation is the folder that the function gets"),
            (Path(self.folder).resolve() not in (place, *place.parents), "that is not the folder that the function gets: a shared checkpoint mixes the offsets and windows of queries, and a new one at each start forgets them"),
            (self.trigger in ("availableNow", "once"), "such a trigger reads what is there and ends; the query runs on, for quotes that come later"))  # fmt: skip


def start_query(context: CheckContext) -> None:
    function, spark, session = context.named("start_query"), kit.spark(), keyspace(context, common.TABLE)
    steps = [context.named(name) for name in _NEEDS]
    context.advise = common.advise
    if (
        "NotImplementedError" in getattr(function, "__code__", start_query.__code__).co_names
    ):  # open: before gaps 1 to 4
        context.call(function, None, None, None, seconds=SECONDS)
    make_quick(context, spark)
    folder = context.enter_context(tempfile.TemporaryDirectory(prefix="kit-check-", ignore_cleanup_errors=True))
    topic, producer, known = context.topic(), context.producer(), ""
    averages_ = context.call(steps[0], spark, context.servers, topic, on="read_records, gap 1", seconds=SECONDS)
    for step, number in zip(steps[1:4], (2, 3, 4), strict=True):
        averages_ = context.call(step, averages_, on=f"gap {number}", seconds=SECONDS)
    for number, values in enumerate([[*common.wire(FIRST), *BAD], common.wire(SECOND)], 1):
        for value in values:
            producer.send(topic, key="k", value=value)
        producer.flush(timeout=5)
        what = "started" if number == 1 else "stopped, and started again with the same checkpoint"
        context.on = f"start_query(averages, session, checkpoint), {what}: {len(values)} records"
        query = _started(context, function, (averages_, session, folder), calls := _Calls(folder))
        judge(context, "the query of before, which goes on", "a new one",
            (known not in ("", query.id), "the checkpoint of the first start was not used again, so its offsets and windows are forgotten: the checkpoint is the folder that the function gets, as it is"))  # fmt: skip
        known = query.id
        wait_for(context, query.processAllAvailable, (_CALLED, *common.ERRORS), seconds=SECONDS)
        _judge_table(context, calls, common.rows_of(session), number)
        query.stop()


def _started(context: CheckContext, function: Any, arguments: tuple[Any, ...], calls: _Calls) -> Any:
    """The student's query, which runs."""
    query = None
    with ExitStack() as spies:
        calls.watch(spies)
        try:
            query = context.call(function, *arguments, seconds=SECONDS)
        except StudentError as raised:
            if not isinstance(raised.error, _Refused):
                raise
    got = f"mode {calls.mode}, sink {calls.sink}, checkpoint {calls.checkpoint or 'none'}, trigger {calls.trigger}"
    judge(context, "a query that runs, in a checkpoint of its own", got,
        (calls.mistake if calls.started else "", calls.mistake),
        (calls.awaited, "awaitTermination waits until the query ends, which it never does: the notebook would stand still; return the query"))  # fmt: skip
    judge(context, "a StreamingQuery that runs", query,
        (not calls.started, "nothing was started: start() runs the plan"),
        (not isinstance(query, StreamingQuery), "return the query that start() gives: the notebook stops it by that"),
        (not getattr(query, "isActive", True) and query.exception() is None, "the query was stopped: leave it running, the notebook stops it"))  # fmt: skip
    return query


def _judge_table(context: CheckContext, calls: _Calls, found: dict[Any, float], number: int) -> None:
    """The table after the first start, or after the second."""
    every = averages([*FIRST, *(one for one in SECOND if one != TOO_LATE)])
    now = averages(FIRST) if number == 1 else every
    wanted = now if calls.mode == "update" else {key: now[key] for key in now if key[1] <= WINDOW and number == 2}
    strange = {key: price for key, price in found.items() if abs(price - now.get(key, 0.0)) >= 0.005}
    late = averages([*FIRST, *SECOND])
    judge(context, pictured(wanted or now), pictured(found),
        (wanted and not found, "nothing is in the table: the function of foreachBatch calls write, with the session"),
        (any(abs(price - late.get(key, 0.0)) < 0.005 for key, price in strange.items()), "a quote that came too late was counted: the watermark of gap 3 closes its window"),
        (strange or wanted.keys() - found.keys(), "these are not the averages: check gaps 1 to 4 and 6 again; if they pass, give foreachBatch the averages as they are"))  # fmt: skip
