"""``python -m kit.spark._training SERVERS FLAGS``: a driver's day in some seconds, for its class-data archive."""

import sys
from dataclasses import replace
from typing import Any

from pyspark.sql import functions as f

from kit import topics
from kit.servers import clients, lab
from kit.spark import _driver, kill, session, stop


def work(servers: str, archive: tuple[str, ...]) -> None:
    topics.create("t", bootstrap_servers=servers)
    producer = clients.producer(servers)
    for price in range(100):
        producer.send("t", b'{"symbol": "JPM", "price": %d}' % price)
    producer.close()
    runtime: Any = lab.servers()["spark"].jvm
    _driver.connect(replace(runtime, archive=archive))
    spark = session()
    spark.createDataFrame([("JPM", 1.0)], ["symbol", "price"]).groupBy("symbol").avg("price").toPandas()
    source = spark.readStream.format("kafka").option("kafka.bootstrap.servers", servers)
    found = source.option("subscribe", "t").option("startingOffsets", "earliest").load()
    quote = f.from_json(found.value.cast("string"), "symbol STRING, price DOUBLE")
    quotes = found.select("timestamp", quote.alias("q")).select("timestamp", "q.*")
    windows = quotes.withWatermark("timestamp", "5 seconds").groupBy(f.window("timestamp", "20 seconds"), "symbol")
    query = windows.agg(f.avg("price")).writeStream.outputMode("update")
    query.foreachBatch(lambda frame, _: frame.toPandas()).trigger(availableNow=True).start().awaitTermination(60)
    stop()


if __name__ == "__main__":
    try:
        work(sys.argv[1], tuple(sys.argv[2:]))
    except BaseException:
        kill()  # a driver that only loses this process would first write a useless archive
        raise
