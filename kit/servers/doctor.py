"""Is this machine ready? One line a check, each with its fix.

>>> doctor()                                                 # doctest: +SKIP
✓ Python        3.11.7
✓ Java          Temurin wheel 21.0.8.2
…
"""

import html
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from kit.config import settings
from kit.errors import KitError
from kit.servers import archive, jars, java, lab, memory
from kit.servers.ports import answers

__all__ = ["Check", "Checkup", "doctor"]

_MEMORY = 600 << 20  # bytes that day 1 takes, JupyterLab included
_DISK = 500 << 20


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the checkup: `fix` is empty when all is well."""

    name: str
    found: str
    fix: str = ""

    @property
    def ok(self) -> bool:
        return not self.fix

    def __str__(self) -> str:
        line = f"{'✓' if self.ok else '✗'} {self.name:<13} {self.found}"
        return line if self.ok else f"{line} → {self.fix}"


class Checkup(list[Check]):
    """All checks, in the order a lab needs them. Prints as text; shows as a table in a notebook."""

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self)

    def __repr__(self) -> str:
        return "\n".join(map(str, self))

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{'✅' if c.ok else '❌'}</td><td style='text-align:left'>{html.escape(c.name)}</td>"
            f"<td style='text-align:left'>{html.escape(c.found)}"
            f"{f'<br><b>→ {html.escape(c.fix)}</b>' if c.fix else ''}</td></tr>"
            for c in self
        )
        return f"<table>{rows}</table>"


def doctor() -> Checkup:
    """Look at everything the lab stands on. Starts nothing and changes nothing."""
    checks: list[tuple[str, Callable[[], Iterator[Check]]]] = [
        ("Python", _python),
        ("packages", _packages),
        ("Java", _java),
        ("jars", _jars),
        ("memory", _memory),
        ("state folder", _folders),
        ("servers", _servers),
    ]
    found = Checkup()
    for name, check in checks:
        try:
            found.extend(check())
        except (KitError, OSError) as error:
            fix = error.todo if isinstance(error, KitError) else "see the message"
            found.append(Check(name, error.got if isinstance(error, KitError) else str(error), fix))
    return found


def _python() -> Iterator[Check]:
    fix = "" if sys.version_info >= (3, 11) else "install Python 3.11 or newer, then run `make install`"
    yield Check("Python", sys.version.split()[0], fix)


def _packages() -> Iterator[Check]:
    names = ("jupyterlab", "kafka-python", "pandas", "bokeh", "tweepy", "pykka")
    try:
        yield Check("packages", ", ".join(f"{name} {version(name)}" for name in names))
    except PackageNotFoundError as error:
        yield Check("packages", str(error), "run `make install`")


def _java() -> Iterator[Check]:
    java.executable()
    yield Check("Java", f"Temurin, wheel {java.version()}")


def _jars() -> Iterator[Check]:
    folder = settings().cache / "jars"
    locked = jars.locked("kafka")
    here = [jar.path(folder) for jar in locked if jar.path(folder).exists()]
    fix = "" if len(here) == len(locked) else "run `make install` with a network connection"
    yield Check("jars", f"Kafka: {len(here)} of {len(locked)}", fix)
    if not fix:
        ready = archive.flags("kafka", here)
        yield Check("class archive", "ready" if ready else "none: servers start in twice the time (make install)")


def _memory() -> Iterator[Check]:
    free = memory.available()
    running = any(row.state == "running" for row in lab.status())
    fix = "" if free > _MEMORY or running else f"close other programs: day 1 takes {_MEMORY >> 20} MB"
    yield Check("memory", f"{free >> 20} MB free", fix)


def _folders() -> Iterator[Check]:
    for name, variable, folder in (
        ("state folder", "KIT_HOME", settings().home),
        ("cache folder", "KIT_CACHE", settings().cache),
    ):
        probe = folder / ".writable"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe.write_text("yes", "utf-8")
            probe.unlink()
        except OSError as error:
            yield Check(name, str(error), f"set {variable} to a folder you can write to")
            continue
        free = shutil.disk_usage(folder).free
        fix = "" if free > _DISK else f"free some disk space, or set {variable} to a folder on another disk"
        yield Check(name, f"{_short(folder)}, {free >> 20} MB free", fix)


def _servers() -> Iterator[Check]:
    for row in lab.status():
        port = int(row.address.rpartition(":")[2]) if row.pid else 0
        if row.state == "external":
            yield Check(row.name, f"external {row.address}", _unreachable(row.address))
        elif row.state in ("running", "live"):
            fix = "" if not port or answers(port) else f"it does not answer: `kit down`, then `kit up`; log: {row.name}"
            yield Check(row.name, f"{row.state} {row.address} ({row.memory >> 20} MB)" if row.pid else row.state, fix)
        else:
            yield Check(row.name, _stopped(row.name))


def _unreachable(addresses: str) -> str:
    """The fix, if none of the ``host:port,…`` accepts a connection."""
    for address in addresses.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=2.0).close()
        except (OSError, ValueError):
            continue
        return ""
    return "it does not answer: correct or unset KIT_KAFKA_BOOTSTRAP_SERVERS (host:port,…)"


def _stopped(name: str) -> str:
    """What to say of a server that does not run: fine, it starts when it is needed; say so if its port is in use."""
    port = settings().feeds_port if name == "feeds" else settings().kafka_port
    if name in ("feeds", "kafka") and port and answers(port):
        return f"stopped (starts when needed, on a free port: {port} is used by {_owner(port)})"
    return "stopped (starts when needed)"


def _owner(port: int) -> str:
    """Which program listens on a port, if the system tells."""
    for process in psutil.process_iter(["pid", "name"]):
        try:
            if any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in process.net_connections("tcp")):
                return f"{process.info['name']}, pid {process.info['pid']}"
        except psutil.Error:
            continue
    return "another program"


def _short(folder: Path) -> str:
    home = str(Path.home())
    return str(folder).replace(home, "~", 1) if str(folder).startswith(home) else str(folder)
