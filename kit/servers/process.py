"""One server process: started detached, waited for until it answers, found again by any other process, stopped.

A server outlives the notebook that starts it, so a file keeps what is known of it: `<home>/run/<name>.json` with its
pid, what tells this process from a later one with the same pid, its ports and its log. So the kit never takes another
program's process for its own, and never ends it.
"""

import contextlib
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import msgspec
import psutil

from kit.deadline import Deadline, pause
from kit.errors import NotEnoughMemory, PortTaken, ServerError
from kit.files import write_atomically
from kit.servers.interrupts import merged_environment, uninterrupted

__all__ = ["Process", "birth", "end", "kept_in", "launch", "undone_on_error", "wait_ended"]

_TAIL = 400  # log lines in which an error is sought: the traces of Java are long
_POLL = 0.005  # seconds; a broker is up in about 0.7 s, so a coarser poll would be felt
_ERROR_WORDS = ("ERROR", "FATAL", "Exception", "Error:", "error:")
_FULL = (  # the last one is Java's, of a file in memory that cannot grow on its disk
    *("No space left on device", "Insufficient disk space", "Disk quota exceeded", "Read-only file system"),
    "a fault occurred in an unsafe memory access",
)
_CAUSES = ("Address already in use", "java.lang.OutOfMemoryError", *_FULL)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # Linux only


@dataclass(frozen=True, slots=True)
class Process:
    """A server process that the lab owns, alive or not.

    `pid` and `born` (see `birth`) name one process for good. It listens on `ports` of 127.0.0.1; `log` takes its
    output; `record` is the file that keeps this; `notes` are the server's own.
    """

    name: str
    pid: int
    born: str
    ports: tuple[int, ...]
    log: Path
    record: Path
    notes: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def all(cls, home: Path) -> list[Self]:
        """The processes that have a record under `home`, alive or not, by name."""
        loaded = (cls.load(home, record.stem) for record in sorted((home / "run").glob("*.json")))
        return [process for process in loaded if process is not None]

    @classmethod
    def load(cls, home: Path, name: str) -> Self | None:
        """Read a process's record; None when there is none. A record that cannot be read counts as none."""
        try:
            raw = _record(home, name).read_bytes()
            return msgspec.json.decode(raw, type=cls, dec_hook=lambda path, text: path(text))
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None

    def save(self) -> None:
        """Write the record in one step, readable by its owner alone (notes may hold a token)."""
        write_atomically(self.record, msgspec.json.encode(self, enc_hook=str), private=True)

    def handle(self) -> psutil.Process | None:
        """The running process, or None when it has ended (as a zombie has, once its last thread is gone)."""
        if child := _children.get(self.pid):
            child.poll()  # reaps it
        try:
            process = psutil.Process(self.pid)
            if birth(self.pid) != self.born:
                return None
            ended = process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
            if ended and child:
                child.poll()  # it ended since it was asked above
            return None if ended else process
        except psutil.NoSuchProcess:
            return None

    @property
    def alive(self) -> bool:
        return self.handle() is not None

    def listens(self) -> bool:
        """Whether the process (or a child of it) listens on all its ports: another program may have taken one."""
        process = self.handle()
        try:
            family = [process, *process.children(recursive=True)] if process else []
            found = [line for one in family for line in one.net_connections("tcp")]
        except psutil.Error:
            return False
        listening = {line.laddr.port for line in found if line.status == psutil.CONN_LISTEN}
        return bool(family) and listening >= set(self.ports)

    def memory(self) -> int:
        """Bytes of memory: proportional set size where the system tells it, else the unique set size."""
        try:
            full = process.memory_full_info() if (process := self.handle()) else None
        except psutil.Error:
            full = None
        return int(getattr(full, "pss", full.uss)) if full else 0

    def last_error(self) -> str:
        """The last line of the log that names a cause, else an error; if none does, the last line."""
        try:
            with self.log.open(encoding="utf-8", errors="replace") as file:
                lines = [line.rstrip() for line in deque(file, _TAIL)]
        except FileNotFoundError:
            lines = []
        found = [line for words in (_ERROR_WORDS, _CAUSES) for line in lines if any(word in line for word in words)]
        return [*(lines or ["nothing"])[-1:], *found][-1][:200]

    def wait_ready(self, ready: Callable[[], bool], *, timeout: float = 30.0) -> None:
        """Wait until `ready()` is true. `ServerError`: it ended, or was silent for `timeout` seconds; it is stopped."""
        deadline = Deadline(timeout)
        while not ready():
            if not wait_ended([self], timeout=_POLL):
                raise self._failure(f"it ended after {timeout - deadline.left:.1f} s")
            if deadline.passed:
                raise self._failure(f"it still did not answer after {timeout:.0f} s")

    def signal(self, number: int) -> None:
        process = self.handle()
        if process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def kill(self) -> None:
        """End the process at once, as a power cut would (SIGKILL)."""
        self.signal(signal.SIGKILL)
        wait_ended([self], timeout=5.0)
        if (child := _children.get(self.pid)) and child.stdin:
            child.stdin.close()
        self.record.unlink(missing_ok=True)

    def _failure(self, what: str) -> ServerError:
        last = self.last_error()
        self.kill()
        kind, todo = ServerError, "run `kit doctor`"
        if "Address already in use" in last:
            kind = PortTaken
        elif "java.lang.OutOfMemoryError" in last:
            kind, todo = NotEnoughMemory, f"{self.notes.get('more heap')}, or run `kit reset`, which deletes its data"
        elif any(words in last for words in _FULL):
            todo = "free some disk space, and start it again"
        where = f" on 127.0.0.1:{'/'.join(map(str, self.ports))}" if self.ports else ""
        wanted, got = f"{self.name} to start and answer{where}", f"{what}; the last line of its log: {last}"
        return kind(wanted, got=got, todo=f"{todo}; the whole log is {self.log}")


def birth(pid: int) -> str:
    """What tells a process from a later one with the same pid: when it began, on a clock that is never set.

    The wall clock will not do: it jumps when a laptop wakes, under WSL, by NTP, and the times that the system derives
    from it jump with it. psutil counts from the start of the machine, so the machine's boot is part of it on Linux.
    """
    try:
        boot = _BOOT_ID.read_text("ascii").strip()
    except OSError:
        boot = ""
    return f"{psutil.Process(pid)._ident[1]}@{boot}"  # type: ignore[attr-defined]  # what psutil itself goes by


def launch(
    name: str,
    argv: Sequence[str | Path],
    *,
    home: Path,
    ports: Sequence[int] = (),
    env: Mapping[str, str | None] | None = None,
    cwd: Path | None = None,
    notes: Mapping[str, str] | None = None,
    owned: bool = False,
    launched: list[Process] | None = None,
) -> Process:
    """Start a server detached from this process and its terminal, and record it under `home`.

    It does not wait: launch several, then `Process.wait_ready` each. `env` changes this process's environment (None: a
    variable is left out); `cwd` is ``home/name`` by default; `owned`: its standard input ends when this process ends,
    so that it can end, too; `launched`, of `undone_on_error`, gets the process before anything can interrupt.
    `ServerError`: the state folder cannot be written, or the program cannot be run.
    """
    log, record, cwd = home / "log" / f"{name}.log", _record(home, name), cwd or home / name
    with kept_in(home, f"{name} to start, with its state"):
        for folder in (log.parent, record.parent, cwd):
            folder.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output, uninterrupted():
            to: dict[str, Any] = {"stdin": subprocess.PIPE if owned else subprocess.DEVNULL, "stdout": output}
            to |= {"stderr": subprocess.STDOUT, "env": merged_environment(env or {}), "cwd": cwd}
            child = subprocess.Popen(list(map(str, argv)), start_new_session=True, **to)
            _children[child.pid] = child
            try:
                process = Process(name, child.pid, birth(child.pid), tuple(ports), log, record, dict(notes or {}))
                process.save()
            except BaseException:  # a full disk: what cannot be recorded must not run
                child.kill()
                child.wait()
                raise
            if launched is not None:
                launched.append(process)
    return process


@contextlib.contextmanager
def kept_in(home: Path, wanted: str) -> Iterator[None]:
    """Where something is written: what the system has against that is a `ServerError`."""
    try:
        yield
    except OSError as error:
        todo = "free some disk space, or set KIT_HOME to a folder you can write to"
        raise ServerError(f"{wanted} in {home}", got=str(error), todo=todo) from error


@contextlib.contextmanager
def undone_on_error() -> Iterator[list[Process]]:
    """Collect the processes that a step launches; if the step fails or is interrupted, kill them."""
    launched: list[Process] = []
    try:
        yield launched
    except BaseException:
        for process in launched:
            process.kill()
        raise


# Popen objects of our own children: polling them reaps, so that an ended child is no zombie.
_children: dict[int, "subprocess.Popen[bytes]"] = {}


def wait_ended(processes: Sequence[Process], *, timeout: float) -> list[Process]:
    """Wait until the processes have ended; returns those that have not.

    Not until their pids are gone: in a container the first process may leave its orphans zombies for ever.
    """
    deadline = Deadline(timeout)
    left = [process for process in processes if process.alive]
    while left and not deadline.passed:
        pause(_POLL)
        left = [process for process in left if process.alive]
    return left


def end(processes: Sequence[Process], *, seconds: float = 10.0, enough: int | None = None) -> None:
    """Ask processes to end; kill what has not within `seconds`, or is still there when `enough` have; forget all."""
    for process in processes:
        process.signal(signal.SIGTERM)
    left, deadline = list(processes), Deadline(seconds)
    while left and len(processes) - len(left) < (enough or len(processes)) and not deadline.passed:
        left = wait_ended(left, timeout=0.05)
    wait_ended(left, timeout=0.5 if enough else 0.0)
    for process in processes:
        process.kill()


def _record(home: Path, name: str) -> Path:
    return home / "run" / f"{name}.json"
