"""Kafka → Spark → Cassandra, each killed many times: ``python -m tests.faults [--kills 10] [--seed N] [KIND …]``.

A line a kill. It ends with 1 at the first rows that are not those of pandas.
"""

import argparse
import os
import random
import statistics
import tempfile
from pathlib import Path

from kit.prepare import prepare
from tests.faults.pipeline import KINDS, Pipeline


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}; default: all")
    parser.add_argument("--kills", type=int, default=10, help="of each kind")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    if unknown := set(options.kinds) - set(KINDS):
        parser.error(f"no such kind: {', '.join(unknown)}")
    print("seed", options.seed, flush=True)
    with tempfile.TemporaryDirectory(prefix="kit-faults-") as folder:
        os.environ.update(KIT_HOME=folder, KIT_KAFKA_PORT="0", KIT_FEEDS_PORT="0", KIT_CASSANDRA_PORT="0")
        prepare()
        seconds: dict[str, list[float]] = {}
        with Pipeline(Path(folder), options.seed) as pipeline:
            for kind in options.kinds or KINDS:
                for number in range(1, options.kills + 1):
                    kill = pipeline.kill(kind)
                    seconds.setdefault(kind, []).append(kill.seconds)
                    print(f"{kind} {number}/{options.kills}: {kill}", flush=True)
    for kind, found in seconds.items():
        middle, longest = statistics.median(found), max(found)
        print(f"{kind}: {len(found)} kills, rows right each time; median {middle:.1f} s later, at most {longest:.1f} s")


if __name__ == "__main__":
    main()
