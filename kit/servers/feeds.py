"""The local feeds' server: the stand-in for Yahoo and X, with its replay clock and its faults within reach.

>>> feeds = lab.up("feeds").feeds                             # doctest: +SKIP
>>> feeds.url
'http://127.0.0.1:8900'
>>> feeds.clock(start="2020-03-09", speed=5)                 # doctest: +SKIP
>>> feeds.fault("status", route="quote", status=429, times=3)  # doctest: +SKIP
"""

import secrets
import sys
from pathlib import Path
from typing import Any

import requests
from pydantic import SecretStr

from kit.config import Settings, explicit
from kit.errors import ConfigError, ServerError
from kit.files import write_atomically
from kit.servers import memory
from kit.servers.interrupts import uninterrupted
from kit.servers.ports import choose_port
from kit.servers.process import Process, kept_in, launch
from kit.servers.server import External, Server

__all__ = ["FeedServer", "of_settings"]

_ORIGIN = "2026-01-05T14:30:00Z"  # a Monday, when New York opens


class FeedServer(Server):
    """The local feeds on 127.0.0.1, kept in the state folder `home`.

    Parameters
    ----------
    port, must
        0: any free port. With `must` no other will do.
    start, speed
        Trading day at which the replay starts, ``YYYY-MM-DD``; trading days replayed a second.
    origin
        The replay clock's instant at tick 0, ISO 8601; None: the moment it starts.
    paused
        Start with the clock standing still; `step` moves it.
    """

    name = "feeds"
    needs = 80 << 20
    seconds_to_start = 30.0
    seconds_to_stop = 3.0

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
        super().__init__(home)
        self.port, self._must = port, must
        self._options = ["--start", start, "--speed", str(speed), *(["--origin", origin] if origin else [])]
        self._options += ["--paused"] if paused else []

    def launch(self, launched: list[Process]) -> None:
        if self.running:
            return
        memory.require(self.needs, "the feeds")
        port = choose_port(self.port, must=self._must)
        token = self._bearer_token()
        argv = [sys.executable, "-m", "kit.feeds", "--port", str(port), *self._options]
        env = {"KIT_FEEDS_TOKEN": token}
        launch(self.name, argv, home=self.home, ports=[port], env=env, notes={"token": token}, launched=launched)

    def _bearer_token(self) -> str:
        """The token of these feeds: the same after a restart, so that a collector can go on."""
        kept = self.home / "feeds.token"
        with kept_in(self.home, "to keep the feeds' token"):
            if kept.exists() and (token := kept.read_text("ascii", "ignore")):
                return token
            token = secrets.token_urlsafe(24)
            write_atomically(kept, token, private=True)
        return token

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._process.ports[0]}"

    @property
    def token(self) -> SecretStr:
        """The bearer token that the X feed wants; never shown."""
        return SecretStr(self._process.notes["token"])

    @property
    def _process(self) -> Process:
        process = next(iter(self.processes), None)
        if process is None:
            raise ServerError("the feeds to run", got="they are stopped", todo="run `kit up`")
        return process

    def state(self) -> dict[str, Any]:
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

    def replay(self, start: str) -> dict[str, Any]:
        """Stand still at a trading day; the same day gives the same records, with the same times. Returns the clock."""
        return self.clock(start=start, origin=_ORIGIN, paused=True)

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

    @uninterrupted()  # an interrupt in a finalizer of the connection would be lost
    def _control(self, method: str, what: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            with requests.Session() as session:
                session.trust_env = False  # a proxy of the environment is not for this machine
                answer = session.request(method, f"{self.url}/control/{what}", json=body, timeout=(3.05, 10.0))
        except requests.RequestException as error:
            raise ServerError("the feeds to answer", got=type(error).__name__, todo="run `kit up`") from error
        if not answer.ok:
            todo = "correct the value; help(FeedServer) lists them"
            raise ConfigError(f"a {what} setting that the feeds know", got=_detail(answer), todo=todo)
        changed: dict[str, Any] = answer.json() if answer.content else {}
        return changed

    def __repr__(self) -> str:
        if not self.running:
            return "FeedServer(stopped)"
        clock = self.state()["clock"]
        how = "paused" if clock["paused"] else f"{clock['speed']:g} days a second"
        return f"FeedServer({self.url}, {clock['day']}, {how})"


def of_settings(settings: Settings) -> Server:
    """The lab's feeds, as the settings have it: the local ones, or the real Yahoo and X."""
    if settings.feeds == "live":
        return External("feeds", "Yahoo, X", setting="KIT_FEEDS")
    port, must = settings.feeds_port, explicit(settings, "feeds_port")
    start, speed = str(settings.feeds_start), settings.feeds_speed
    return FeedServer(settings.home, port=port, must=must, start=start, speed=speed)


def _detail(answer: requests.Response) -> str:
    try:
        found = answer.json()
    except ValueError:
        return answer.text[:200]
    return str(found.get("detail", found))[:200]
