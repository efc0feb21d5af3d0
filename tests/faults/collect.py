"""A collector as a process of its own, to be killed: ``python -m tests.faults.collect URL BROKERS TOPIC``.

The feed's bearer token comes in FEED_TOKEN. It says ``collecting`` when the stream is open, and ends with SIGTERM.
"""

import os
import signal
import sys
import threading
from types import FrameType

from kit.collectors import collect_tweets


def main() -> None:
    url, brokers, topic = sys.argv[1:]
    over = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        over.set()

    signal.signal(signal.SIGTERM, end)
    with collect_tweets(topic, url=url, token=os.environ["FEED_TOKEN"], bootstrap_servers=brokers):
        print("collecting", flush=True)
        over.wait(120)


if __name__ == "__main__":
    main()
