"""Jars from Maven artifacts: exactly those of a lock file, each with the hash it was locked with.

`locks/<name>/jgo.toml` has what a server needs; ``make lock`` (jgo) resolves it into `jgo.lock.toml`, with the SHA-256
of every jar. Nothing is resolved at run time, and nothing is fetched twice. jgo knows the repository, pooch fetches and
verifies: jgo's own downloader does not hold a jar to the hash in the lock.

>>> [jar.name for jar in locked("kafka")][:2]
['kafka_2.13-4.4.0.jar', 'kafka-clients-4.4.0.jar']
"""

import hashlib
import platform
import tomllib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import requests
from filelock import FileLock

from kit.config import settings
from kit.errors import JarError
from kit.files import write_atomically

__all__ = ["LOCKS", "Jar", "classpath", "complete", "fetch", "locked"]

_LOCKS = Path(__file__).parent / "locks"
LOCKS = ("kafka", "cassandra", "spark")
_AT_ONCE = 8
_TRIES = 3
_SECONDS = 30.0  # without a byte
# As the classifiers of native jars have them (netty, jffi: os-maven-plugin's os.detected.classifier).
_SYSTEMS = {"linux": "Linux", "osx": "Darwin", "windows": "Windows"}
_MACHINES = {"x86_64": ("x86_64", "AMD64"), "aarch_64": ("aarch64", "arm64"), "riscv64": ("riscv64",)}


@dataclass(frozen=True, slots=True)
class Jar:
    """One locked artifact: Maven coordinates and the SHA-256 its file must have."""

    group: str
    artifact: str
    version: str
    sha256: str
    classifier: str = ""

    @property
    def name(self) -> str:
        return "-".join(filter(None, [self.artifact, self.version, self.classifier])) + ".jar"

    @property
    def is_for_this_platform(self) -> bool:
        """False for the native code of another system or processor."""
        system, _, machine = self.classifier.partition("-")
        if system not in _SYSTEMS:
            return True
        return platform.system() == _SYSTEMS[system] and platform.machine() in _MACHINES.get(machine, (machine,))

    def path(self, folder: Path) -> Path:
        """Where the jar is kept under `folder`, in the layout of a Maven repository."""
        return folder / self.group.replace(".", "/") / self.artifact / self.version / self.name


@cache
def locked(server: str, *, everywhere: bool = False) -> tuple[Jar, ...]:
    """The jars of a server's lock file that this platform needs, or any (`everywhere`), in class path order."""
    with (_LOCKS / server / "jgo.lock.toml").open("rb") as file:
        entries = tomllib.load(file)["dependencies"]
    jars = (Jar(e["groupId"], e["artifactId"], e["version"], e["sha256"], e.get("classifier") or "") for e in entries)
    return tuple(jar for jar in jars if everywhere or jar.is_for_this_platform)


def complete(server: str) -> bool:
    """Whether all jars of a server are there; they are not looked into."""
    return all(jar.path(settings().cache / "jars").exists() for jar in locked(server))


def classpath(server: str) -> list[Path]:
    """The jars' paths; fetches what is missing first. `JarError`: see `fetch`."""
    folder = settings().cache / "jars"
    if not all(_verified(jar, folder) for jar in locked(server)):
        fetch(server)
    return [jar.path(folder) for jar in locked(server)]


def fetch(*servers: str, everywhere: bool = False) -> None:
    """Fetch the servers' missing jars, several at once, with a progress bar. `everywhere`: those of any platform.

    `JarError`: a jar cannot be fetched or kept, or is not the one that was locked; the message has its name.
    """
    folder, names = settings().cache / "jars", ", ".join(servers)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            wanted = dict.fromkeys(jar for server in servers for jar in locked(server, everywhere=everywhere))
            missing = [jar for jar in wanted if not _verified(jar, folder)]
            if missing:
                _fetch_all(names, missing, folder)
    except requests.RequestException as error:
        todo = "check the network connection and run `make install` again: it goes on with the jars that are missing"
        raise JarError(f"the jars of {names} from the Maven repository", got=_cause(error), todo=todo) from error
    except OSError as error:
        todo = "free some disk space (200 MB), or set KIT_CACHE to a folder you can write to"
        raise JarError(f"to keep the jars of {names} in {folder}", got=str(error), todo=todo) from error


def _fetch_all(names: str, jars: list[Jar], folder: Path) -> None:
    from rich.progress import Progress

    pool = ThreadPoolExecutor(_AT_ONCE, "jars")
    with Progress() as bar:
        task = bar.add_task(f"{names}: {len(jars)} jars", total=len(jars))
        try:
            for _ in pool.map(lambda jar: _fetch(jar, folder), jars):
                bar.advance(task)
        finally:
            pool.shutdown(cancel_futures=True)  # on an error or Ctrl-C those that are under way end, no other begins


def _fetch(jar: Jar, folder: Path) -> None:
    """Fetch one jar: to a file beside it, verified, then moved in place."""
    import pooch

    pooch.get_logger().setLevel("ERROR")
    path, registry, urls = jar.path(folder), {jar.name: f"sha256:{jar.sha256}"}, {jar.name: _url(jar)}
    path.unlink(missing_ok=True)
    try:
        source = pooch.Pooch(path.parent, "", registry=registry, urls=urls, retry_if_failed=_TRIES)
        source.fetch(jar.name, downloader=pooch.HTTPDownloader(timeout=_SECONDS))
    except ValueError as error:  # so pooch reports a wrong hash; it keeps nothing of the file
        wanted = f"{jar.name} with the SHA-256 it was locked with, {jar.sha256[:16]}…"
        todo = "run `make install` again; if it stays so, do not use this network's copy"
        raise JarError(wanted, got="a file with another one; it was thrown away", todo=todo) from error


def _url(jar: Jar) -> str:
    from jgo.maven import MavenContext

    context = MavenContext()
    component = context.project(jar.group, jar.artifact).at_version(jar.version)
    repository = next(iter(context.remote_repos.values()))
    return f"{repository}/{component.path_prefix.as_posix()}/{component.artifact(jar.classifier).filename}"


def _verified(jar: Jar, folder: Path) -> bool:
    """Whether the jar is there and its hash holds. It is hashed again only if the file has changed since last time."""
    path = jar.path(folder)
    stamp = path.with_suffix(".verified")
    try:
        file = path.stat()
        now = f"{jar.sha256} {file.st_size} {file.st_mtime_ns}"
        if stamp.exists() and stamp.read_bytes() == now.encode():
            return True
        with path.open("rb") as content:
            if hashlib.file_digest(content, "sha256").hexdigest() != jar.sha256:
                return False
    except (FileNotFoundError, NotADirectoryError):
        return False
    with suppress(OSError):  # a cache that many share may be read-only: then it is hashed each time
        write_atomically(stamp, now)
    return True


def _cause(error: BaseException) -> str:
    """The innermost reason, without the layers of the HTTP library (and without the address it tried)."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return f"{type(error).__name__}: {str(error)[:120]}"
