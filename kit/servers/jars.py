"""Jars from Maven artifacts: exactly those of a lock file, each with the hash it was locked with.

`locks/<name>/jgo.toml` says what a server needs, ``make lock`` (jgo) resolves it into `jgo.lock.toml` with the SHA-256
of every jar. Nothing is resolved at run time, and nothing is fetched twice. jgo knows the repository; its own
downloader does not hold a jar to the hash in the lock, so the few lines that fetch are ours.

>>> [jar.name for jar in locked("kafka")][:2]
['kafka_2.13-4.4.0.jar', 'kafka-clients-4.4.0.jar']
"""

import hashlib
import json
import threading
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import requests
from filelock import FileLock
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from kit.config import settings
from kit.errors import JarError

__all__ = ["Jar", "classpath", "fetch", "locked"]

_LOCKS = Path(__file__).parent / "locks"
_CHUNK = 1 << 16
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Jar:
    """One locked artifact: Maven coordinates and the SHA-256 its file must have."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"

    def path(self, folder: Path) -> Path:
        """Where the jar is kept under `folder`, in the layout of a Maven repository."""
        return folder / self.group.replace(".", "/") / self.artifact / self.version / self.name


@cache
def locked(server: str) -> tuple[Jar, ...]:
    """The jars of a server's lock file, in class path order."""
    with (_LOCKS / server / "jgo.lock.toml").open("rb") as file:
        entries = tomllib.load(file)["dependencies"]
    return tuple(Jar(e["groupId"], e["artifactId"], e["version"], e["sha256"]) for e in entries)


def classpath(server: str) -> list[Path]:
    """The jars' paths; fetches what is missing first.

    Raises
    ------
    JarError
        A jar cannot be fetched, or is not the one that was locked.
    """
    folder = settings().cache / "jars"
    if not all(_verified(jar, folder) for jar in locked(server)):
        fetch(server)
    return [jar.path(folder) for jar in locked(server)]


def fetch(server: str) -> None:
    """Fetch a server's missing jars, several at once, with a progress bar. A download that broke off is resumed."""
    folder = settings().cache / "jars"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            missing = [jar for jar in locked(server) if not _verified(jar, folder)]
            if missing:
                _fetch_all(server, missing, folder)
    except requests.RequestException as error:
        raise JarError(
            f"the jars of {server} from the Maven repository",
            got=_cause(error),
            todo="check the network connection and run the same command again: it goes on where it stopped",
        ) from error
    except OSError as error:
        raise JarError(
            f"to keep the jars of {server} in {folder}",
            got=str(error),
            todo="free some disk space (60 MB), or set KIT_CACHE to a folder you can write to",
        ) from error


def _fetch_all(server: str, jars: list[Jar], folder: Path) -> None:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    stop = threading.Event()
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns) as bar, _session() as session, ThreadPoolExecutor(_AT_ONCE, "jars") as pool:
        task = bar.add_task(f"{server}: {len(jars)} jars", total=None)

        def fetch_one(jar: Jar) -> None:
            part = jar.path(folder).with_suffix(".part")
            if _download(session, _url(jar), part, advance=lambda size: bar.advance(task, size), stop=stop):
                _accept(jar, part, folder)

        try:
            for _ in pool.map(fetch_one, jars):
                pass
        finally:
            stop.set()  # on an error or Ctrl-C the other downloads end at their next chunk, and keep their part
        bar.update(task, total=bar.tasks[task].completed)


def _download(
    session: requests.Session, url: str, part: Path, *, advance: Callable[[int], None], stop: threading.Event
) -> bool:
    """Fetch `url` into `part`, going on where an earlier try stopped. False when `stop` was set on the way."""
    part.parent.mkdir(parents=True, exist_ok=True)
    have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    with session.get(url, headers=headers, stream=True, timeout=(10, 30)) as answer:
        if answer.status_code == 416:  # range not satisfiable: the part is whole already
            return True
        answer.raise_for_status()
        with part.open("ab" if answer.status_code == 206 else "wb") as file:
            for chunk in answer.iter_content(_CHUNK):
                if stop.is_set():
                    return False
                file.write(chunk)
                advance(len(chunk))
    return True


def _accept(jar: Jar, part: Path, folder: Path) -> None:
    """Move a downloaded file into place if it is the locked one; throw it away and raise if it is not."""
    found = _sha256(part)
    if found != jar.sha256:
        part.unlink()
        raise JarError(
            f"{jar.name} with the SHA-256 it was locked with, {jar.sha256[:16]}…",
            got=f"a file with {found[:16]}…; it was thrown away",
            todo="run the same command again; if it stays so, do not use this network's copy",
        )
    part.replace(jar.path(folder))
    _stamp(jar, folder)


def _url(jar: Jar) -> str:
    from jgo.maven import MavenContext

    context = MavenContext()
    component = context.project(jar.group, jar.artifact).at_version(jar.version)
    repository = next(iter(context.remote_repos.values()))
    return f"{repository}/{component.path_prefix.as_posix()}/{component.artifact().filename}"


def _session() -> requests.Session:
    session = requests.Session()
    retry = Retry(total=3, backoff_factor=0.2, status_forcelist=(429, 500, 502, 503, 504))
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry, pool_maxsize=_AT_ONCE))
    return session


def _verified(jar: Jar, folder: Path) -> bool:
    """Whether the jar is there and its hash holds. It is hashed again only if the file has changed since last time."""
    path = jar.path(folder)
    try:
        now = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        if json.loads(_stamp_path(path).read_text("utf-8")) == [jar.sha256, now.st_size, now.st_mtime_ns]:
            return True
    except (FileNotFoundError, ValueError):
        pass
    if _sha256(path) != jar.sha256:
        path.unlink()
        return False
    _stamp(jar, folder)
    return True


def _stamp(jar: Jar, folder: Path) -> None:
    """Note that the file, as it is now, has the hash it was locked with."""
    path = jar.path(folder)
    now = path.stat()
    _stamp_path(path).write_text(json.dumps([jar.sha256, now.st_size, now.st_mtime_ns]), "utf-8")


def _stamp_path(jar: Path) -> Path:
    return jar.with_suffix(".verified")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _cause(error: BaseException) -> str:
    """The innermost reason, without the layers of the HTTP library (and without the address it tried)."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return f"{type(error).__name__}: {str(error)[:120]}"
