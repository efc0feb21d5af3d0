"""Is this machine ready? One line a check, each with its fix.

>>> doctor()                                                 # doctest: +SKIP
✓ Python        3.11.7
✓ Java          Temurin wheel 21.0.8.2
…
"""

import html
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from kit.config import settings
from kit.errors import ConfigError, KitError
from kit.servers import jars, lab, memory
from kit.servers.jvm import JAVA_VARIABLES, java, java_version
from kit.servers.ports import answers
from kit.servers.server import External, Server, ServerStatus

__all__ = ["Check", "Checkup", "doctor"]

_JUPYTER = 320 << 20  # bytes that JupyterLab and a kernel take
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
    names = "Python", "packages", "Java", "jars", "memory", "state folder", "servers"
    checks = _python, _packages, _java, _jars, _memory, _folders, _servers
    found = Checkup()
    for name, check in zip(names, checks, strict=True):
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
    java()
    ignored = [name for name in JAVA_VARIABLES if os.environ.get(name)]
    note = f"; the lab's servers do without {', '.join(ignored)} of your environment" if ignored else ""
    yield Check("Java", f"Temurin, wheel {java_version()}{note}")


def _jars() -> Iterator[Check]:
    folder = settings().cache / "jars"
    for name, server in lab.servers().items():
        if server.jvm is None:
            continue
        locked = jars.locked(server.jvm.server)
        here = sum(jar.path(folder).exists() for jar in locked)
        fix = "" if here == len(locked) else "run `make install` with a network connection"
        yield Check("jars", f"{name}: {here} of {len(locked)}", fix)
        if not fix:
            ready = "ready" if server.jvm.archive_flags else "none, so it starts in twice the time (make install)"
            yield Check("class archive", f"{name}: {ready}")


def _memory() -> Iterator[Check]:
    free = memory.available()
    missing = [one for one in lab.servers().values() if not (one.running or one.on_demand)]
    needs = _JUPYTER + sum(server.needs for server in missing)
    fix = f"close other programs: the lab takes {needs >> 20} MB" if missing and free < needs else ""
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
    for server in lab.servers().values():
        if isinstance(server, External):
            yield _external(server)
        else:
            yield from (_server(server, row) for row in server.status())


def _server(server: Server, row: ServerStatus) -> Check:
    if row.state == "stopped":
        return Check(row.name, _stopped(server))
    fix = "" if row.state == "running" else f"it does not answer: run `kit down`, then `kit up`; its log is {row.log}"
    return Check(row.name, f"{row.state} {row.address} ({row.memory >> 20} MB)", fix)


def _external(server: External) -> Check:
    """Whether a server that the lab did not start can be used."""
    found = f"external {server.address}"
    try:
        server.check()
    except KitError as error:
        where = f" in {server.setting}" if isinstance(error, ConfigError) else ""
        return Check(server.name, f"{found}: {error.got}", error.todo + where)
    return Check(server.name, found)


def _stopped(server: Server) -> str:
    """What there is to say of a server that does not run. That is fine; its port may be in use."""
    if server.port and answers(server.port) and not server.running:
        owner = _owner(server.port)
        return f"stopped (starts when it is needed, on a free port: {server.port} is used by {owner})"
    return "stopped (starts when it is needed)"


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
    with suppress(ValueError, RuntimeError):  # it is elsewhere, or the user has no home
        return f"~/{folder.relative_to(Path.home())}"
    return str(folder)
