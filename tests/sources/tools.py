"""What the tests of the sources share: the real prices, a server that answers by a script, streams in a thread."""

import csv
import gzip
import io
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any, NamedTuple

from kit.sources import TweetStream

ORIGIN = 1_767_623_400  # 2026-01-05T14:30:00Z
MONDAY = "2008-09-15"
AT_ONCE = 9.0  # seconds; far below any time-out that could end a wait instead, far above what a busy machine needs


@cache
def prices() -> dict[str, dict[str, float]]:
    """The closes of the data file: symbol, then day."""
    text = gzip.decompress(files("kit.feeds").joinpath("data", "prices.csv.gz").read_bytes()).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    symbols = [name for name in rows[0] if name != "Date"]
    return {symbol: {row["Date"]: float(row[symbol]) for row in rows} for symbol in symbols}


@cache
def days() -> list[str]:
    """The trading days of the data file."""
    return list(prices()["JPM"])


@cache
def tweets() -> list[tuple[int, str]]:
    """The rows and texts of the tweets of the data file."""
    text = gzip.decompress(files("kit.feeds").joinpath("data", "tweets.csv.gz").read_bytes()).decode()
    return [(int(row["id"]), row["text"]) for row in csv.DictReader(io.StringIO(text, newline=""))]


def texts() -> list[str]:
    return [text for _, text in tweets()]


class Answer(NamedTuple):
    """What a scripted server answers. `keep` bytes of the body are sent, then the line is cut; -1: all of it."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = {}  # noqa: RUF012  # it is never changed
    keep: int = -1


class ScriptedServer:
    """Answers request after request as it was made to, the last answer from then on. `asked` has the paths.

    An answer may also be an Event: then nothing is answered until it is set.
    """

    def __init__(self, answers: Sequence[Answer | threading.Event]) -> None:
        self.answers, self.asked, self.connections = list(answers), [], 0  # type: ignore[var-annotated]
        self.sockets: list[socket.socket] = []
        self.got_request = threading.Event()
        self.released = threading.Event()
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def next_answer(self, path: str) -> Answer | threading.Event:
        with self._lock:
            self.asked.append(path)
            self.got_request.set()
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def close(self) -> None:
        self.released.set()
        self._http.shutdown()
        for one in self.sockets:
            with suppress(OSError):  # it is closed
                one.shutdown(socket.SHUT_RDWR)
        self._http.server_close()
        self._thread.join(5.0)

    def _handler(script) -> type[BaseHTTPRequestHandler]:  # noqa: N805  # the handler's own is `self`
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                script.connections += 1
                script.sockets.append(self.connection)

            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answer = script.next_answer(self.path)
                if isinstance(answer, threading.Event):
                    while not (answer.wait(0.05) or script.released.is_set()):
                        pass
                    answer = Answer(503)
                try:
                    self._give(answer)
                except OSError:  # the client has hung up
                    self.close_connection = True

            do_POST = do_GET  # noqa: N815  # the name that http.server calls

            def _give(self, answer: Answer) -> None:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body if answer.keep < 0 else answer.body[: answer.keep])
                if answer.keep >= 0:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_WR)

            def log_message(self, *args: Any) -> None:
                """Log nothing."""

        return Handler


class Listening:
    """`TweetStream.listen` in a thread: the lines that came, and what it ended with."""

    def __init__(self, stream: TweetStream, *, before: Callable[[bytes], None] | None = None) -> None:
        self.stream, self.lines, self._before = stream, [], before  # type: ignore[var-annotated]
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.stream.listen(self._receive)
        except BaseException as error:
            self.error = error

    def _receive(self, line: bytes) -> None:
        if self._before is not None:
            self._before(line)
        self.lines.append(line)

    def ended(self, timeout: float = AT_ONCE) -> bool:
        self.thread.join(timeout)
        return not self.thread.is_alive()
