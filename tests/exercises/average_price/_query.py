# ruff: noqa: E501  # an answer a line
"""Gap 7, the query."""

from kit.exercises import CannotCheck, Crashed
from tests.exercises.misconceptions import Right, Wrong

__all__ = ["RIGHT", "WRONG"]

_BATCH = "lambda frame, batch: write(session, frame)"


def _query(
    mode: str = '.outputMode("update")',
    checkpoint: str = '.option("checkpointLocation", checkpoint)',
    sink: str = f".foreachBatch({_BATCH})",
    more: str = "",
    start: str = ".start()",
) -> str:
    return f"return averages.writeStream{mode}{checkpoint}{sink}{more}{start}"


WRONG = [
    Wrong("complete into Cassandra", _query("", start='.start(outputMode="complete")'), hears="complete gives all windows again"),
    Wrong("a shared checkpoint", _query(checkpoint='.option("checkpointLocation", "/tmp/checkpoint")'), hears="a shared checkpoint mixes"),
    Wrong("a folder of all queries", _query(checkpoint='.option("checkpointLocation", os.path.dirname(checkpoint))'), hears="a shared checkpoint mixes"),
    Wrong("no checkpoint", _query(checkpoint=""), hears="there is no checkpoint"),
    Wrong("available now", _query(more=".trigger(availableNow=True)"), hears="reads what is there and ends"),
    Wrong("to the console", _query(sink='.format("console")'), hears="the sink is foreachBatch"),
    Wrong("Spark has a sink for it", _query(sink='.format("org.apache.spark.sql.cassandra")'), hears="the sink is foreachBatch"),
    Wrong("row by row", _query(sink=".foreach(lambda row: write(session, row))"), hears="foreach takes each row to other processes"),
    Wrong("the query not started", _query(start=""), hears="start() runs the plan"),
    Wrong("start without a call", _query(start=".start"), hears="start() runs the plan"),
    Wrong("not returned", _query().removeprefix("return "), hears="return the query", got="None"),
    Wrong("waited for", _query().replace("return ", "query = ") + "\nquery.awaitTermination()\nreturn query", hears="the notebook would stand still"),
    Wrong("stopped at once", _query().replace("return ", "query = ") + "\nquery.stop()\nreturn query", hears="leave it running"),
    Wrong("write is the function", _query(sink=".foreachBatch(write)"), kind=Crashed, hears="write wants the session and the micro-batch"),
    Wrong("one parameter", _query(sink=".foreachBatch(lambda frame: write(session, frame))"), kind=Crashed, hears="a function of two parameters"),
    Wrong("write is called at once", _query(sink=".foreachBatch(write(session, averages))"), kind=Crashed, hears="give the plan"),
    Wrong("nothing is done with it", _query(sink=".foreachBatch(lambda frame, batch: None)"), kind=Crashed, hears="the micro-batch is not used"),
    Wrong("it ends by exit", "import sys\n" + _query(sink=".foreachBatch(lambda frame, batch: sys.exit())"), kind=Crashed, hears="leave out sys.exit()"),
    Wrong("shown, not written", _query(sink=".foreachBatch(lambda frame, batch: frame.collect())"), hears="nothing is in the table"),
    Wrong("an empty checkpoint at each start", "import shutil\nshutil.rmtree(checkpoint)\n" + _query(), hears="was not used again"),
    Wrong("upsert is a mode", _query('.outputMode("upsert")'), kind=Crashed, hears="an output mode is append"),
    Wrong("the stream to write", _query(sink=".foreachBatch(lambda frame, batch: write(session, averages))"), kind=Crashed, hears="the micro-batch and its number"),
    Wrong("a new checkpoint at each start", "import uuid\n" + _query(checkpoint='.option("checkpointLocation", f"{checkpoint}/{uuid.uuid4()}")'), hears="was not used again"),
    Wrong("averaged once more", _query(sink='.foreachBatch(lambda frame, batch: write(session, frame.groupBy("symbol").agg(f.max("ts").alias("ts"), f.avg("price").alias("price"))))'), hears="check gaps 1 to 4 and 6"),
    Wrong("gap 6 is open", _query(), after='def write(session, frame):\n    raise NotImplementedError("Gap 6, the write: upsert")', kind=CannotCheck, hears="fill gap 6 first"),
    Wrong("gap 2 is open", _query(), after='def to_quotes(records):\n    raise NotImplementedError("Gap 2, the quotes: symbol")', kind=CannotCheck, hears="fill gap 2 first"),
]  # fmt: skip

RIGHT = [
    Right("append", _query('.outputMode("append")')),
    Right("append by default, options in start, a function", 'def each(frame, number):\n    write(session, frame)\n\nreturn averages.writeStream.foreachBatch(each).queryName("averages").start(checkpointLocation=checkpoint)'),
    Right("a folder in the folder, a partial, a second", 'from functools import partial\nwriter = averages.writeStream.outputMode("update").foreachBatch(lambda frame, _: partial(write, session)(frame))\nreturn writer.option("checkpointLocation", os.path.join(checkpoint, "averages")).trigger(processingTime="1 minute").start()'),
    Right("a look at the first micro-batch", _query().replace("return ", "query = ") + "\nquery.awaitTermination(1)\nprint(query.lastProgress)\nreturn query"),
]  # fmt: skip
