"""The local feeds' server: the stand-in for Yahoo and X, with its replay clock and its faults within reach.

>>> server = lab.feeds_address()                                       # doctest: +SKIP
>>> server.url
'http://127.0.0.1:8900'
>>> feeds.clock(start="2020-03-09", speed=5)                 # doctest: +SKIP
>>> feeds.fault("status", route="quote", status=429, times=3)  # doctest: +SKIP
"""

import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
from pydantic import SecretStr

from kit.errors import ConfigError, ServerError
from kit.servers import memory
from kit.servers.ports import answers, choose_port
from kit.servers.process import Process, launch, undone_on_error

__all__ = ["Address", "FeedServer", "LiveFeeds"]

_NAME = "feeds"
_NEEDS = 80 << 20  # bytes
_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where the feeds are, and the bearer token the X feed wants (never shown)."""

    url: str
    token: SecretStr


class FeedServer:
    """The local feeds on 127.0.0.1, kept in `home`.

    Parameters
    ----------
    home
        The state folder.
    port
        0: any free port.
    must
        Insist on `port` instead of taking a free one when it is in use.
    start
        Trading day at which the replay starts, ``YYYY-MM-DD``.
    speed
        Trading days replayed a second.
    origin
        The replay clock's instant at tick 0, ISO 8601; None: the moment it starts.
    paused
        Start with the clock standing still; `step` moves it.
    """

    def __init__(
        self,
        home: Path,
        *,
        port: int = 0,
        must: bool = False,
        start: str = "2008-09-15",
        speed: float = 1.0,
        origin: str | None = None,
        paused: bool = False,
    ) -> None:
        self.home = Path(home).absolute()
        self._port, self._must = port, must
        self._options = ["--start", start, "--speed", str(speed), *(["--origin", origin] if origin else [])]
        self._options += ["--paused"] if paused else []

    # ---- start and stop ---------------------------------------------------------------------------------------

    @property
    def process(self) -> Process | None:
        """The running server, or None."""
        process = Process.load(self.home, _NAME)
        return process if process is not None and process.alive else None

    @property
    def running(self) -> bool:
        return self.process is not None

    def start(self) -> Self:
        """Bring the feeds up; returns when they answer. Idempotent."""
        with undone_on_error() as launched:
            self.launch(launched)
            self.wait_ready(launched)
        return self

    def launch(self, launched: list[Process]) -> None:
        """The first half of `start`: run the server without waiting."""
        if self.running:
            return
        memory.require(_NEEDS, "the feeds")
        port = choose_port(self._port, must=self._must)
        token = self._bearer_token()
        argv = [sys.executable, "-m", "kit.feeds", "--port", str(port), *self._options]
        env = {"KIT_FEEDS_TOKEN": token}
        launch(_NAME, argv, home=self.home, ports=[port], env=env, notes={"token": token}, launched=launched)

    def _bearer_token(self) -> str:
        """The token of these feeds: the same after a restart, so that a collector can go on."""
        kept = self.home / "feeds.token"
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            kept.touch(mode=0o600)  # its owner's alone to read
            token = kept.read_text("ascii")
            if not token:
                token = secrets.token_urlsafe(24)
                kept.write_text(token, "ascii")
        except (OSError, ValueError) as error:
            raise ServerError(
                f"a file for the feeds' token in {self.home}",
                got=str(error),
                todo="free some disk space, or set KIT_HOME to a folder you can write to",
            ) from error
        return token

    def wait_ready(self, launched: list[Process]) -> None:
        """The second half of `start`: wait until the server answers."""
        for process in launched:
            if process.name == _NAME:
                process.wait_ready(_answering(process.ports[0]), timeout=_TIMEOUT)

    def stop(self) -> None:
        """Stop the feeds. Idempotent."""
        process = self.process
        if process is not None:
            process.stop(grace=3.0)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    # ---- where it is ------------------------------------------------------------------------------------------

    @property
    def address(self) -> Address:
        process = self.process
        if process is None:
            raise ServerError("the feeds to run", got="they are stopped", todo="run `kit up`")
        return Address(f"http://127.0.0.1:{process.ports[0]}", SecretStr(process.notes["token"]))

    @property
    def url(self) -> str:
        return self.address.url

    @property
    def token(self) -> SecretStr:
        return self.address.token

    # ---- the replay clock and the faults ----------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """The clock, the counts of what was served, the faults and limits in force."""
        return self._control("GET", "status")

    def clock(
        self,
        *,
        start: str | None = None,
        speed: float | None = None,
        paused: bool | None = None,
        origin: str | None = None,
    ) -> dict[str, Any]:
        """Set the replay clock: a trading day to start at, trading days a second, paused or not. Returns the clock."""
        changes = {"start": start, "speed": speed, "paused": paused, "origin": origin}
        return self._control("PATCH", "clock", {key: value for key, value in changes.items() if value is not None})

    def step(self, ticks: int = 1) -> dict[str, Any]:
        """Move the clock by whole trading days; meant for a paused clock. Returns the clock."""
        return self._control("POST", "step", {"ticks": ticks})

    def rewind(self) -> dict[str, Any]:
        """Go back to the first day of the replay. Returns the clock."""
        return self._control("POST", "rewind")

    def fault(self, kind: str, *, route: str = "*", **options: Any) -> dict[str, Any]:
        """Misbehave on demand.

        Parameters
        ----------
        kind
            ``latency``, ``status``, ``disconnect``, ``stall``, ``truncate``, ``malformed``, ``duplicate``, or (stream)
            ``operational-disconnect``.
        route
            ``quote``, ``chart``, ``stream``, ``rules`` or ``*``.
        **options
            `times` (how often, default 1), `every` (each n-th payload), `after` (let n pass first), `status` (HTTP
            code), `seconds` (of latency or stall), `body` (what a malformed payload says).
        """
        return self._control("POST", "faults", {"kind": kind, "route": route, **options})

    def clear_faults(self) -> dict[str, Any]:
        return self._control("DELETE", "faults")

    def limits(self, **limits: float) -> dict[str, Any]:
        """Change rate limits and keep-alives: `requests_per_minute`, `stream_connections`, `connects_per_15min`,
        `keep_alive_seconds`."""
        return self._control("PATCH", "limits", limits)

    def reset(self) -> dict[str, Any]:
        """Clock, counts, faults, rules and limits as they were at the start."""
        return self._control("POST", "reset")

    def _control(self, method: str, what: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            with requests.Session() as session:
                session.trust_env = False  # a proxy of the environment is not for this machine
                answer = session.request(method, f"{self.url}/control/{what}", json=body, timeout=(3.05, 10.0))
        except requests.RequestException as error:
            raise ServerError("the feeds to answer", got=type(error).__name__, todo="run `kit up`") from error
        if not answer.ok:
            raise ConfigError(
                f"a {what} setting that the feeds know",
                got=_detail(answer),
                todo="correct the value; help(FeedServer) lists them",
            )
        told: dict[str, Any] = answer.json() if answer.content else {}
        return told

    def __repr__(self) -> str:
        if not self.running:
            return "FeedServer(stopped)"
        clock = self.status()["clock"]
        how = "paused" if clock["paused"] else f"{clock['speed']:g} days a second"
        return f"FeedServer({self.url}, {clock['day']}, {how})"


class LiveFeeds:
    """The real Yahoo and X (``KIT_FEEDS=live``): nothing to start, and no clock to turn."""

    running = True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise ConfigError(
            "the local feeds, whose clock and faults can be set",
            got="KIT_FEEDS=live: the real Yahoo and X",
            todo="unset KIT_FEEDS to use the local feeds",
        )

    def start(self) -> Self:
        return self

    def stop(self) -> None:
        """Nothing: there is nothing of ours to stop."""

    def __repr__(self) -> str:
        return "LiveFeeds(Yahoo, X)"


def _answering(port: int) -> Callable[[], bool]:
    return lambda: answers(port)


def _detail(answer: requests.Response) -> str:
    try:
        told = answer.json()
    except ValueError:
        return answer.text[:200]
    return str(told.get("detail", told))[:200]
