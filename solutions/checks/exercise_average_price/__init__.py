"""Exercise 2: Kafka → Spark → Cassandra. Each check runs the student's own code, and takes any right way."""

from kit.exercises import Gap

from ._cassandra import create_table, write
from ._query import start_query
from ._spark import average, in_windows, read_records, to_quotes

GAPS = (
    Gap(names=("read_records",), check=read_records, needs=("kafka", "spark"), hints=(
            "Notebook 21 has it, in read_quotes: spark.readStream, a format, three options, load.",
            "The options are kafka.bootstrap.servers, subscribe, and startingOffsets, which is latest if you say nothing.",
            'spark.readStream.format("kafka").option("subscribe", …) and two more options, then load()',
        ), why=
            "A stream from Kafka begins with what comes next, if you do not say otherwise: a query that is started late would miss the rest. "
            "After the first start the checkpoint knows the offsets, and startingOffsets counts no more.",
    ),
    Gap(names=("to_quotes",), check=to_quotes, needs=("spark",), hints=(
            "Three steps: bytes to text to fields, by a schema; ts to a timestamp; leave out what is no quote.",
            "f.from_json takes text and a schema, and gives null for what it cannot read; f.timestamp_millis takes milliseconds; where keeps rows.",
            'value = f.from_json(…, "symbol STRING, …").alias("value"); select it, then value.*; withColumn("ts", …); where(…)',
        ), why=
            "The schema is a contract: what does not fit it becomes null, and ends no query. null > 0 is null, and where leaves that out as well. "
            "NaN is larger than any number for Spark, so the upper limit leaves it out. ts is the event time: Kafka's own timestamp says when the record was sent or came.",
    ),
    Gap(names=("in_windows",), check=in_windows, needs=("spark",), hints=(
            "Two steps, and their order matters: withWatermark, then a new column.",
            "withWatermark takes the name of the column and a delay as text; f.window takes the name and a length.",
            'quotes.withWatermark("ts", …).withColumn("window", f.window(…))',
        ), why=
            "The watermark follows the column ts, and so does the window that is made of it. So Spark knows when a window is over: "
            "append can give it then, and its state is forgotten. The delay is the price of complete windows.",
    ),
    Gap(names=("average",), check=average, needs=("spark",), hints=(
            "One group for each symbol and window, and one aggregate.",
            'groupBy takes both names; agg(f.avg(…).alias(…)) gives the average its name; "window.end" is a column.',
            'quotes.groupBy("window", "symbol").agg(…).select("symbol", f.col("window.end").alias(…), …)',
        ), why=
            "An average is not made of averages: Spark keeps the sum and the count of each group, and divides at the end. "
            "The end of the window is when the average is known, and the name under which the view has it.",
    ),
    Gap(names=("create_table",), check=create_table, needs=("cassandra",), hints=(
            "Which question is asked? Its WHERE is the partition key, its ORDER BY the clustering key.",
            "The averages of one symbol lie together, sorted by time. A primary key has the partition key first. IF NOT EXISTS leaves a table that is there.",
            "session.execute with CREATE TABLE IF NOT EXISTS avg_price (three columns, PRIMARY KEY (…, …))",
        ), why=
            "The symbol finds the partition, ts the row in it: one read answers the question. Many symbols spread over many nodes. "
            "Whether the newest comes first or last is a matter of taste, and of WITH CLUSTERING ORDER BY.",
    ),
    Gap(names=("write",), check=write, needs=("cassandra", "spark"), hints=(
            "Notebook 22 has it: rows as a DataFrame of pandas, times in UTC, views.write.",
            'toPandas gives times without a zone; .dt.tz_localize("UTC") says which. views.write upserts many rows at once.',
            'rows = frame.toPandas(); rows["ts"] = …; views.write(session, "avg_price", …)',
        ), why=
            "INSERT replaces the row with the same symbol and ts. So a window that changes is corrected, and a micro-batch that comes again changes nothing: "
            "at least once becomes exactly once in the table. views.write sends many rows at once, and waits for all of them.",
    ),
    Gap(names=("start_query",), check=start_query, needs=("kafka", "cassandra", "spark"), hints=(
            "averages.writeStream has four things to be told: output mode, checkpoint, what to do with a micro-batch; then start.",
            "update gives what has changed. foreachBatch wants a function of the micro-batch and its number; write wants a session and the micro-batch.",
            'averages.writeStream.outputMode("update").option("checkpointLocation", …).foreachBatch(lambda frame, batch: …).start()',
        ), why=
            "update gives a window early, and again when it has changed; the table replaces by key. append would give it once, when the watermark has passed: right as well, and later. "
            "The checkpoint has offsets and windows, so each query needs its own. start returns at once; the query runs in Spark's driver until it is stopped.",
    ),
)  # fmt: skip
