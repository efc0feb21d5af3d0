"""Is this machine ready? One line a check, each with its fix.

>>> doctor()                                                 # doctest: +SKIP
✓ Python        3.11.7
✓ Java          Temurin, wheel 21.0.8.2
…
"""

import html
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from kit.config import settings
from kit.errors import ConfigError, KitError, NotEnoughMemory, ServerError
from kit.servers import jars, lab, memory
from kit.servers.jvm import JAVA_VARIABLES, Jvm, java, java_version
from kit.servers.ports import answers
from kit.servers.server import Server, ServerStatus

__all__ = ["Check", "Checkup", "doctor"]

_JUPYTER = 320 << 20  # bytes that JupyterLab and a kernel take
_DISK = 500 << 20
_INSTALL = "run `make install` with a network connection"
_PACKAGES = ("jupyterlab", "kafka-python", "pandas", "bokeh", "tweepy", "pykka", "pyspark", "cassandra-driver")


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
        return f"<pre>{html.escape(repr(self)).replace('✓', '✅').replace('✗', '❌')}</pre>"


def doctor() -> Checkup:
    """Look at everything the lab stands on. Starts nothing and changes nothing."""
    found = Checkup()
    try:
        for name, look in _looks():
            try:
                found.append(Check(name, look()))
            except (KitError, PackageNotFoundError, OSError) as error:
                found.append(Check(name, getattr(error, "got", str(error)), getattr(error, "todo", _INSTALL)))
    except ConfigError as error:  # without settings there is nothing more to look at
        found.append(Check("settings", error.got, error.todo))
    return found


def _looks() -> Iterator[tuple[str, Callable[[], str]]]:
    """The name of each check, and what looks: it returns what it found, or raises what is wrong, with the fix."""
    yield "Python", lambda: sys.version.split()[0]
    yield "packages", lambda: ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    yield "Java", _java
    servers = lab.servers().values()
    for jvm in [server.jvm for server in servers if server.jvm is not None]:
        yield "jars", partial(_jars, jvm)
    yield "memory", _memory
    yield "state folder", partial(_folder, settings().home, "KIT_HOME")
    yield "cache folder", _cache
    for server in servers:
        for row in server.status():
            yield row.name, partial(_external if row.state == "external" else _server, server, row)


def _java() -> str:
    java()
    ignored = [name for name in JAVA_VARIABLES if os.environ.get(name)]
    note = f"; the lab's servers do without {', '.join(ignored)} of your environment" if ignored else ""
    return f"Temurin, wheel {java_version()}{note}"


def _jars(jvm: Jvm) -> str:
    locked = jars.locked(jvm.server)
    here = sum(jar.path(settings().cache / "jars").exists() for jar in locked)
    found = f"{jvm.server}: {here} of {len(locked)}"
    if here < len(locked):
        raise ServerError("all jars", got=found, todo=_INSTALL)
    slow = "no class archive, so it starts more slowly (`kit lab` makes it, or python -m kit.prepare)"
    return f"{found}; {'class archive ready' if jvm.archive_flags else slow}"


def _memory() -> str:
    """The memory for JupyterLab and for the servers that `kit up` would start."""
    missing = [one for one in lab.servers().values() if not (one.running or one.on_demand)]
    needs, free = _JUPYTER + sum(server.needs for server in missing), memory.available()
    if missing and free < needs:
        todo = f"close other programs: the lab takes {needs >> 20} MB"
        raise NotEnoughMemory("memory for the lab", got=f"{free >> 20} MB free", todo=todo)
    return f"{free >> 20} MB free"


def _cache() -> str:
    """A cache that has all may be read-only, as the layer of an image is."""
    cache = settings().cache
    return f"{_short(cache)}, complete" if lab.prepared() else _folder(cache, "KIT_CACHE")


def _folder(folder: Path, variable: str) -> str:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable").write_text("yes", "utf-8")
        (folder / ".writable").unlink()
    except OSError as error:
        todo = f"set {variable} to a folder you can write to"
        raise ServerError("a folder for the lab", got=str(error), todo=todo) from error
    free = shutil.disk_usage(folder).free
    found = f"{_short(folder)}, {free >> 20} MB free"
    if free <= _DISK:
        todo = f"free some disk space, or set {variable} to a folder on another disk"
        raise ServerError("room for the lab", got=found, todo=todo)
    return found


def _external(server: Server, row: ServerStatus) -> str:
    """Whether a server that the lab did not start can be used."""
    found = f"external {row.address}"
    try:
        server.check()
    except KitError as error:
        where = f" in {server.setting}" if isinstance(error, ConfigError) else ""
        raise ServerError("a server of yours", got=f"{found}: {error.got}", todo=error.todo + where) from error
    return found


def _server(server: Server, row: ServerStatus) -> str:
    found = f"{row.state} {row.address} ({row.memory >> 20} MB)"
    if row.state == "silent":
        todo = f"it does not answer: run `kit down`, then `kit up`; its log is {row.log}"
        raise ServerError(f"{row.name} to answer", got=found, todo=todo)
    if row.state == "running":
        return found
    if server.port and answers(server.port) and not server.running:
        return f"stopped (starts when it is needed, on a free port: {server.port} is used by {_owner(server.port)})"
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
