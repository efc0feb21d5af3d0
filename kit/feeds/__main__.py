"""``python -m kit.feeds``: the feeds on 127.0.0.1 until SIGTERM or Ctrl-C."""

import argparse
import contextlib
import os
import sys
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import uvicorn

from kit.feeds.app import create_app
from kit.feeds.clock import ClockError, ReplayClock
from kit.feeds.data import load_prices, load_tweets
from kit.feeds.state import FeedState


class _Server(uvicorn.Server):
    """Ends open streams when it has to stop, and prints where it listens."""

    def __init__(self, config: uvicorn.Config, state: FeedState) -> None:
        super().__init__(config)
        self._state = state

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._state.closing = True
        self._state.clock.wake()  # the streams that wait for the next tick
        super().handle_exit(sig, frame)

    def _log_started_message(self, listeners: object) -> None:
        port = self.servers[0].sockets[0].getsockname()[1]
        print(f"listening on http://127.0.0.1:{port}", flush=True)


def _instant(text: str) -> int:
    """Epoch seconds of an ISO 8601 date and time; without a zone it is UTC."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected a time such as 2026-01-05T14:30:00Z, not {text!r}") from error
    return int(read.replace(tzinfo=read.tzinfo or UTC).timestamp())


def main() -> None:
    """Run the server that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m kit.feeds", description=__doc__)
    parser.add_argument("--port", type=int, default=8900, help="0: any free port")
    parser.add_argument("--start", default="2008-09-15", help="trading day at which the replay starts")
    parser.add_argument("--speed", type=float, default=1.0, help="trading days a second")
    parser.add_argument("--origin", type=_instant, help="the replay's instant at tick 0 (default: now)")
    parser.add_argument("--paused", action="store_true", help="start with the clock standing still")
    options = parser.parse_args()
    if not 0 <= options.port <= 65_535:
        parser.error(f"--port must be 0 to 65535, not {options.port}")
    token = os.environ.get("KIT_FEEDS_TOKEN", "")
    if not token:
        parser.error("expected a bearer token in KIT_FEEDS_TOKEN; got none; set it to any secret word")
    prices = load_prices()
    try:
        clock = ReplayClock(
            prices.days, start=options.start, speed=options.speed, origin=options.origin, paused=options.paused
        )
    except ClockError as error:
        parser.error(str(error))
    state = FeedState(prices, load_tweets(), clock, token=token)
    logs: Any = {"log_level": "warning", "access_log": False}
    ends: Any = {"timeout_graceful_shutdown": 2, "lifespan": "off"}
    server = _Server(uvicorn.Config(create_app(state), "127.0.0.1", options.port, **logs, **ends), state)
    with contextlib.suppress(KeyboardInterrupt):  # all is shut down by then; Ctrl-C is no error
        server.run()
    sys.exit(0 if server.started else 1)


if __name__ == "__main__":
    main()
