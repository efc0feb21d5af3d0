"""Gap 7: the query, run on a fresh topic into a fresh table, stopped in the middle, and started again."""

import re
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from pyspark.sql.streaming.query import StreamingQuery, StreamingQueryManager
from pyspark.sql.streaming.readwriter import DataStreamWriter

import kit
from kit.exercises import CheckContext, Crashed, StudentError
from kit.exercises._outcomes import Ended
from kit.spark import _errors
from kit.spark._driver import log_file

from ..engines import keyspace, make_quick
from ..judging import advice_on, first, judge, spy
from . import _common as common
from ._common import BAD, FIRST, SECOND, SECONDS, TOO_LATE, WINDOW, averages, pictured

_NEEDS = ("read_records", "to_quotes", "in_windows", "average", "write")
_CALLED = "foreachBatch calls a function with two things, the micro-batch and its number; write wants the session and the micro-batch: give a function of two parameters that calls write"
_FAILED = (
    (
        "STATE_STORE_COMMIT_VALIDATION",
        "the micro-batch is not used, so Spark cannot finish it: the function of foreachBatch calls write with it",
    ),
    ("TypeError.*(argument|callable)|AttributeError.*'(execute|prepare|toPandas|cluster|keyspace|columns)'", _CALLED),
    ("STREAMING_OUTPUT_MODE", "append needs a watermark before the groups: exercise.check(3) looks for it"),
)


class _Refused(BaseException):
    """The query is not started: what it was to be is wrong; or its end is waited for."""


class _Calls:
    """What the student tells the writer. A query that could only be wrong is not started."""

    def __init__(self, folder: str, before: str) -> None:
        self.before = before  # the checkpoint of the first start
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

    def _wait(self, *_: Any, **__: Any) -> None:
        self.awaited = True
        raise _Refused  # it would wait for ever

    @property
    def inside(self) -> bool:
        """Whether the checkpoint is the folder that the function got, or in it."""
        place = Path(self.checkpoint.removeprefix("file://").removeprefix("file:")).resolve()
        return Path(self.folder).resolve() in (place, *place.parents)

    @property
    def mistake(self) -> str:
        """What is wrong with the query, before it runs; or nothing."""
        return first(
            (self.mode == "complete", "complete gives all windows again in each micro-batch, and keeps them for ever: Cassandra would get the whole history each time; it replaces by key, so what has changed is enough"),
            (self.sink == "foreach", "foreach takes each row to other processes, which have no session: foreachBatch gives the micro-batch to this one"),
            (self.sink != "foreachBatch", "the rows do not reach write: the sink is foreachBatch, which calls a function of yours with each micro-batch"),
            (not self.checkpoint, "there is no checkpoint: a query that is started again would begin anew, without offsets and windows; checkpointLocation is the folder that the function gets"),
            (not self.inside, "that folder is the same for all queries: a shared checkpoint mixes their offsets and their windows; each query has one of its own, the folder that the function gets"),
            (self.before and self.checkpoint != self.before, "each start has another folder, so offsets and windows of before the stop are forgotten: the checkpoint is the folder that the function gets, as it is"),
            (self.trigger in ("availableNow", "once"), "such a trigger reads what is there and ends; the query runs on, for quotes that come later"))  # fmt: skip


def start_query(context: CheckContext) -> None:
    function, spark, session = context.named("start_query"), kit.spark(), keyspace(context, common.TABLE)
    steps = [context.named(name) for name in _NEEDS]
    context.advise = common.advise
    make_quick(context, spark)
    folder = context.enter_context(tempfile.TemporaryDirectory(prefix="kit-check-", ignore_cleanup_errors=True))
    topic, before = context.topic(), {query.id for query in spark.streams.active}
    context.callback(_stop, spark, before)
    producer = context.producer()
    averages_ = context.call(steps[0], spark, context.servers, topic, on="read_records, gap 1", seconds=SECONDS)
    for step, number in zip(steps[1:4], (2, 3, 4), strict=True):
        averages_ = context.call(step, averages_, on=f"gap {number}", seconds=SECONDS)
    calls, batches = None, [[*common.wire(FIRST), *BAD], common.wire(SECOND)]
    for number, values in enumerate(batches, 1):
        for value in values:
            producer.send(topic, key="k", value=value)
        producer.flush(timeout=5)
        what = "started" if number == 1 else "stopped, and started again with the same checkpoint"
        context.on = f"start_query(averages, session, checkpoint), {what}: {len(values)} records"
        calls = _Calls(folder, calls.checkpoint if calls else "")
        query = _started(context, function, (averages_, session, folder), calls)
        _finished(context, query)
        _judge_table(context, calls, common.rows_of(session), number)
        query.stop()


def _stop(spark: Any, before: set[Any]) -> None:
    for query in spark.streams.active:
        if query.id not in before:
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


def _finished(context: CheckContext, query: Any) -> None:
    """Wait until the query has read all there is; the check ends if it fails."""
    try:
        context.call(query.processAllAvailable, seconds=SECONDS)
    except StudentError as raised:
        cause = _errors.lines(raised.error, log_file())[1].removeprefix("cause: ").replace("start_query.<locals>.", "")
        if gap := re.search(r"NotImplementedError: (Gap \d+, .*)", f"{raised.error}"):
            raise StudentError(NotImplementedError(gap[1])) from None
        advice = advice_on(RuntimeError(cause), (*_FAILED, *common.ERRORS))
        raise Ended(Crashed("", (("error", cause), ("on", context.on), ("next", advice)))) from None


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
