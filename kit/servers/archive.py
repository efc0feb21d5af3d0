"""Class-data archives: a server's parsed classes, kept in a file, halve the time its JVM takes to start.

A base archive of the runtime's own classes is dumped once (the wheel ships none), then one training run of a server
writes its classes on top of that. An archive that is missing or stale only costs time: the JVM starts without it.
Source: the JDK's documentation of ``-XX:ArchiveClassesAtExit`` (JEP 350).
"""

import hashlib
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from kit.config import settings
from kit.servers import java

__all__ = ["flags", "joined", "make"]


def flags(server: str, classpath: Sequence[Path]) -> list[str]:
    """The JVM flags that use a server's archive; none when there is no archive."""
    base, top = _paths(server, classpath)
    return [f"-XX:SharedArchiveFile={base}{os.pathsep}{top}"] if base.exists() and top.exists() else []


def make(server: str, classpath: Sequence[Path], train: Callable[[Sequence[str]], None]) -> bool:
    """Make a server's archive unless it is there. True when it made one.

    Parameters
    ----------
    train
        Starts the server with the given JVM flags, lets it do its usual work, and stops it in good order.
    """
    base, top = _paths(server, classpath)
    if flags(server, classpath):
        return False
    base.parent.mkdir(parents=True, exist_ok=True)
    dump = [str(java.executable()), *java.FLAGS, "-Xshare:dump", f"-XX:SharedArchiveFile={base}"]
    subprocess.run(dump, check=True, capture_output=True, timeout=120)
    draft = top.with_suffix(".part")
    train([f"-XX:SharedArchiveFile={base}", f"-XX:ArchiveClassesAtExit={draft}"])
    draft.replace(top)
    return True


def joined(classpath: Sequence[Path]) -> str:
    """The class path as one word. Every jar by name: an archive does not hold for a wildcard."""
    return os.pathsep.join(map(str, classpath))


def _paths(server: str, classpath: Sequence[Path]) -> tuple[Path, Path]:
    # An archive is good for one runtime, one list of flags and one class path: all are in its name.
    key = hashlib.sha256("\n".join([java.version(), *java.FLAGS, joined(classpath)]).encode()).hexdigest()[:12]
    folder = settings().cache / "archives"
    return folder / f"java-{java.version()}.jsa", folder / f"{server}-{key}.jsa"
