# ruff: noqa: E501  # an answer a line
"""Gap 1, the records."""

from kit.exercises import Crashed
from tests.exercises.misconceptions import Right, Wrong

__all__ = ["RIGHT", "WRONG"]

_SOURCE = 'spark.readStream.format("kafka").option("kafka.bootstrap.servers", servers)'
_ALL = f'{_SOURCE}.option("startingOffsets", "earliest")'

WRONG = [
    Wrong("the default is from the beginning", f'return {_SOURCE}.option("subscribe", topic).load()', hears="latest is the default of a stream"),
    Wrong("what comes from now on", f'return {_SOURCE}.option("subscribe", topic).option("startingOffsets", "latest").load()', hears="the first record is the earliest"),
    Wrong("a batch will do", f'return {_ALL}.option("subscribe", topic).load()'.replace("readStream", "read"), hears="a stream begins with readStream"),
    Wrong("the parameter in quotes", f'return {_ALL}.option("subscribe", "topic").load()', hears="without quotes", got="'topic'"),
    Wrong("the topic of the text", f'return {_ALL}.option("subscribe", "quotes").load()', hears="the topic that the function gets"),
    Wrong("the option is called topic", f'return {_ALL}.option("topic", topic).load()', kind=Crashed, hears="the option is subscribe"),
    Wrong("Kafka's own name of the option", f'return {_ALL}.option("subscribe", topic).load()'.replace('"kafka.boot', '"boot'), kind=Crashed, hears="begin with kafka"),
    Wrong("the broker of the documentation", f'return {_ALL}.option("subscribe", topic).load()'.replace('", servers', '", "localhost:9092"'), hears="the servers that the function gets"),
    Wrong("no format", f'return {_ALL}.option("subscribe", topic).load()'.replace('.format("kafka")', ""), kind=Crashed, hears="say format kafka"),
    Wrong("load is for files", f'return {_ALL}.option("subscribe", topic)', hears="load() makes the DataFrame"),
    Wrong("readStream is called", f'return {_ALL}.option("subscribe", topic).load()'.replace("readStream", "readStream()"), kind=Crashed, hears="properties, without ()"),
    Wrong("tombstones are no records", f'return {_ALL}.option("subscribe", topic).load().where("value IS NOT NULL")', hears="sorted out in gap 2"),
    Wrong("nothing is returned", f'records = {_ALL}.option("subscribe", topic).load()', hears="return the DataFrame", got="None"),
    Wrong("with a query at once", f'return {_ALL}.option("subscribe", topic).load().writeStream.format("console").start()', hears="it is written and started in gap 7"),
    Wrong("the value alone, as a column", f'return {_ALL}.option("subscribe", topic).load().value', hears="select makes a DataFrame"),
    Wrong("offsets of one partition", f'return {_SOURCE}.option("subscribe", topic).option("startingOffsets", \'{{"%s": {{"0": 0}}}}\' % topic).load()', kind=Crashed, hears="an offset for each partition"),
]  # fmt: skip

RIGHT = [
    Right(
        "options in a dict",
        """
        options = {"kafka.bootstrap.servers": servers, "subscribe": topic, "startingOffsets": "earliest"}
        return spark.readStream.format("kafka").options(**options).load()
        """,
    ),
    Right(
        "the kit's session, and more options",
        f'return kit.{_ALL}.option("subscribe", topic).option("failOnDataLoss", "false").load()'.replace(
            "kit.spark.", "kit.spark()."
        ).replace(".load", '.option("maxOffsetsPerTrigger", 5).load'),
    ),
    Right("in one call of load, in capitals", f'return {_SOURCE}.load(subscribe=topic, startingOffsets="EARLIEST")'),
    Right(
        "all since 1970",
        f'return {_SOURCE}.option("subscribe", topic).option("startingTimestamp", 0).option("startingOffsetsByTimestampStrategy", "latest").load()',
    ),
    Right(
        "offsets as JSON, by assign",
        f"""
        import json
        return {_SOURCE}.option("assign", json.dumps({{topic: [0, 1]}})).option(
            "startingOffsets", json.dumps({{topic: {{"0": -2, "1": -2}}}})).load()
        """,
    ),
]
