# ruff: noqa: E501  # an answer a line
"""Gap 6, the write."""

from kit.exercises import Crashed
from tests.exercises.misconceptions import Right, Wrong

__all__ = ["RIGHT", "WRONG"]

_INSERT = "INSERT INTO avg_price (symbol, ts, price) VALUES (%s, %s, %s)"
_PREPARED = f'statement = session.prepare("{_INSERT.replace("%s", "?")}")'
_ROWS = 'rows = frame.toPandas()\nrows["ts"] = rows["ts"].dt.tz_localize("UTC")'


def _each(do: str, rows: str = _ROWS) -> str:
    body = do.replace("row.ts", "ts").replace("\n", "\n    ")
    return f"{rows}\nfor row in rows.itertuples():\n    ts = row.ts.to_pydatetime()\n    {body}"


WRONG = [
    Wrong("collect() in foreachBatch", f'for row in frame.collect():\n    session.execute("{_INSERT}", (row.symbol, row.ts, row.price))', hears="collect() gives times in the zone of this machine"),
    Wrong("collect(), and all at once", f'from cassandra.concurrent import execute_concurrent_with_args\n{_PREPARED}\nexecute_concurrent_with_args(session, statement, [tuple(row) for row in frame.collect()])', hears="collect() makes a Python object of each row"),
    Wrong("collect() is all", "rows = frame.collect()", hears="collect() brings the rows into this process"),
    Wrong("an upsert that is none: IF NOT EXISTS", _each(f'session.execute("{_INSERT} IF NOT EXISTS", (row.symbol, row.ts, row.price))'), hears="IF NOT EXISTS does not"),
    Wrong("an upsert that is none: the time of writing", _each('session.execute("INSERT INTO avg_price (symbol, ts, price) VALUES (%s, toTimestamp(now()), %s)", (row.symbol, row.price))'), hears="not the time of writing"),
    Wrong("averaged with what is there", _each(f'old = session.execute("SELECT price FROM avg_price WHERE symbol = %s AND ts = %s", (row.symbol, row.ts)).one()\nprice = row.price if old is None else (row.price + old.price) / 2\nsession.execute("{_INSERT}", (row.symbol, row.ts, price))'), hears="an average of averages"),
    Wrong("added to what is there", _each(f'old = session.execute("SELECT price FROM avg_price WHERE symbol = %s AND ts = %s", (row.symbol, row.ts)).one()\nprice = row.price + (old.price if old else 0)\nsession.execute("{_INSERT}", (row.symbol, row.ts, price))'), hears="added to the old one"),
    Wrong("the table is emptied first", f'session.execute("TRUNCATE avg_price")\n{_ROWS}\nviews.write(session, "avg_price", rows)', hears="rows of earlier micro-batches are gone"),
    Wrong("a session for each row", _each(f'own = views.connect(session.keyspace)\nown.execute("{_INSERT}", (row.symbol, row.ts, row.price))\nown.shutdown()'), hears="a new session for each micro-batch, or row"),
    Wrong("foreach takes a function", f'frame.foreach(lambda row: session.execute("{_INSERT}", tuple(row)))', kind=Crashed, hears="a session cannot go there"),
    Wrong("times without a zone", 'views.write(session, "avg_price", frame.toPandas())', kind=Crashed, hears="which: rows['ts'].dt.tz_localize".removeprefix("which: rows['ts']")),
    Wrong("the zone of the exchange", 'rows = frame.toPandas()\nrows["ts"] = rows["ts"].dt.tz_localize("America/New_York")\nviews.write(session, "avg_price", rows)', hears="these times are some hours off"),
    Wrong("seconds for milliseconds", _each(f'session.execute("{_INSERT}", (row.symbol, int(row.ts.timestamp()), row.price))'), hears="these are seconds"),
    Wrong("a row for each symbol", f'{_ROWS}\nviews.write(session, "avg_price", rows.drop_duplicates("symbol"))', hears="some rows of the micro-batch are missing"),
    Wrong("only if no row has the price", _each(f'if not session.execute("SELECT * FROM avg_price WHERE price = %s ALLOW FILTERING", (row.price,)).one():\n    session.execute("{_INSERT}", (row.symbol, row.ts, row.price))'), hears="some rows of the micro-batch are missing"),
    Wrong("the price forgotten", _each('session.execute("INSERT INTO avg_price (symbol, ts) VALUES (%s, %s)", (row.symbol, row.ts))'), hears="a row has no price"),
    Wrong("a DataFrame of Spark", 'views.write(session, "avg_price", frame)', kind=Crashed, hears="toPandas makes it"),
    Wrong("closed afterwards", f'{_ROWS}\nwith session:\n    views.write(session, "avg_price", rows)', hears="leave the session open"),
    Wrong("values in the text", _each("session.execute(f\"INSERT INTO avg_price (symbol, ts, price) VALUES ('{row.symbol}', '{ts.isoformat()}', {row.price})\")"), kind=Crashed, hears="values do not belong in the text"),
    Wrong("Spark's own sink", 'frame.write.format("org.apache.spark.sql.cassandra").option("table", "avg_price").save()', kind=Crashed, hears="Cassandra is reached by foreachBatch"),
    Wrong("sent and forgotten", _each(f'session.execute_async("{_INSERT}", (row.symbol, row.ts, row.price))') + "\nimport time; time.sleep(0.3)", hears="some writes were not waited for"),
    Wrong("another table", f'{_ROWS}\nviews.write(session, "averages", rows)', kind=Crashed, hears="create it first"),
    Wrong("a time of pandas in the text", f'{_ROWS}\nfor row in rows.itertuples():\n    session.execute("{_INSERT}", (row.symbol, row.ts, row.price))', kind=Crashed, hears="does not know a Timestamp of pandas"),
    Wrong("whole dollars", f'{_ROWS}\nrows["price"] = rows["price"].round()\nviews.write(session, "avg_price", rows)', hears="to the cent"),
    Wrong("only where there are rows", f'{_ROWS}\nassert len(rows)\nviews.write(session, "avg_price", rows)', kind=Crashed, where="on", hears="a micro-batch without rows"),
]  # fmt: skip

RIGHT = [
    Right("the driver, prepared, all at once", f'from cassandra.concurrent import execute_concurrent_with_args\n{_PREPARED}\n{_ROWS}\nexecute_concurrent_with_args(session, statement, list(rows[["symbol", "ts", "price"]].itertuples(index=False, name=None)), concurrency=50)'),
    Right("collect(), and the zone of the machine said", f'for row in frame.collect():\n    session.execute("{_INSERT}", (row.symbol, row.ts.astimezone(), row.price))'),
    Right("an UPDATE is an upsert", _each('session.execute("UPDATE avg_price SET price = %s WHERE symbol = %s AND ts = %s", (row.price, row.symbol, row.ts))')),
    Right("futures that are waited for", f'{_PREPARED}\n{_ROWS}\nfutures = [session.execute_async(statement, row) for row in rows[["symbol", "ts", "price"]].itertuples(index=False)]\nfor future in futures:\n    future.result()'),
    Right("milliseconds, a partition at a time", f'{_PREPARED}\nfor row in frame.selectExpr("symbol", "unix_millis(ts) AS ms", "price").toLocalIterator():\n    session.execute(statement, (row.symbol, row.ms, row.price))'),
    Right("a batch of CQL", f'from cassandra.query import BatchStatement\n{_PREPARED}\n{_ROWS}\nbatch = BatchStatement()\nfor row in rows.itertuples():\n    batch.add(statement, (row.symbol, row.ts, row.price))\nif len(batch):\n    session.execute(batch)'),
    Right("nothing to do, then the kit", f'if frame.isEmpty():\n    return\n{_ROWS}\nviews.write(session, f"{{session.keyspace}}.avg_price", rows, consistency="QUORUM")'),
]  # fmt: skip
