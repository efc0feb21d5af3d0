"""A port that leads to a broker, and knows whether anybody came through it."""

import selectors
import socket
import socketserver
import threading
from typing import Any

__all__ = ["Door"]

_STEP = 0.05  # seconds between two looks at whether it is to be closed


class Door(socketserver.ThreadingTCPServer):
    """Listens on a free port of this machine, and passes on to a broker whatever comes. `visits`: how often.

    A producer that was made for this address, and not for one that somebody wrote down, has been here.
    """

    allow_reuse_address = True

    def __init__(self, broker: str) -> None:
        super().__init__(("127.0.0.1", 0), _Through)
        host, _, port = broker.rpartition(":")
        self.broker = (host.strip("[]"), int(port))
        self.visits = 0
        self.closing = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(_STEP,), name="kit-exercise-door", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def close(self) -> None:
        """Let nobody through any more; returns when all threads have ended."""
        self.closing.set()
        self.shutdown()
        self.server_close()
        self._thread.join()

    def handle_error(self, *_: Any) -> None:
        """A connection that broke is told by its two ends."""


class _Through(socketserver.BaseRequestHandler):
    server: Door

    def handle(self) -> None:
        self.server.visits += 1
        with socket.create_connection(self.server.broker, timeout=2) as broker, selectors.DefaultSelector() as ready:
            ready.register(self.request, selectors.EVENT_READ, broker)
            ready.register(broker, selectors.EVENT_READ, self.request)
            while not self.server.closing.is_set():
                for key, _ in ready.select(_STEP):
                    data = key.fileobj.recv(65_536)  # type: ignore[union-attr]
                    if not data:
                        return
                    key.data.sendall(data)
