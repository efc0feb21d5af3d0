"""One server process: started detached, waited for until it answers, found again by any other process, stopped.

A server outlives the notebook that starts it, so what is known of it is kept in a file: `<home>/run/<name>.json` with
its pid, the time that pid was created, its ports and its log. Pid and creation time together name one process for good,
so a pid that the system has given to somebody else is never taken for ours, and never ended.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Self

import psutil

from kit.errors import PortTaken, ServerError
from kit.servers.interrupts import uninterrupted

__all__ = ["Process", "launch", "undone_on_error", "wait_ended"]

_TAIL = 40  # log lines that an error carries
_POLL = 0.005  # seconds; a broker is up in about 0.7 s, so a coarser poll would be felt
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # on Windows SIGTERM kills
_SAME = 2.0  # seconds; Linux reckons creation times from a boot time that moves by one when the clock is adjusted
_TELLING = ("ERROR", "FATAL", "Exception", "Error:", "error:")


@dataclass(frozen=True, slots=True)
class Process:
    """A server process that the lab owns, alive or not.

    Attributes
    ----------
    name
        What people call it: ``kafka-1``, ``feeds``.
    pid, created
        The process id and its creation time (epoch seconds): together they name one process for good.
    ports
        What it listens on, all on 127.0.0.1.
    log
        The file that takes its standard output and error.
    record
        The file this record is kept in.
    """

    name: str
    pid: int
    created: float
    ports: tuple[int, ...]
    log: Path
    record: Path
    notes: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, home: Path, name: str) -> Self | None:
        """Read a process's record; None when there is none. A record that cannot be read counts as none."""
        record = _record(home, name)
        try:
            known = json.loads(record.read_text("utf-8"))
            ports, log, notes = tuple(known["ports"]), Path(known["log"]), known["notes"]
            return cls(known["name"], known["pid"], known["created"], ports, log, record, notes)
        except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
            return None

    def save(self) -> None:
        """Write the record in one step, readable by its owner alone (notes may hold a token)."""
        plain = asdict(self) | {"log": str(self.log), "record": str(self.record)}
        draft = self.record.with_suffix(".part")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(plain), "utf-8")
        draft.replace(self.record)

    def handle(self) -> psutil.Process | None:
        """The running process, or None when it has ended (as a zombie has, once its last thread is gone)."""
        if child := _children.get(self.pid):
            child.poll()  # reaps it
        try:
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.created) > _SAME:
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

    def memory(self) -> int:
        """Bytes of memory: proportional set size where the system tells it, else the unique set size."""
        process = self.handle()
        if process is None:
            return 0
        try:
            full = process.memory_full_info()
        except psutil.Error:
            return 0
        return int(getattr(full, "pss", full.uss))

    def tail(self, lines: int = _TAIL) -> list[str]:
        """The last lines of the log, oldest first."""
        try:
            with self.log.open(encoding="utf-8", errors="replace") as file:
                return [line.rstrip() for line in deque(file, lines)]
        except FileNotFoundError:
            return []

    def wait_ready(self, ready: Callable[[], bool], *, timeout: float = 30.0) -> None:
        """Wait until `ready()` says so; a server that ends or stays silent is stopped and raises with its log's end.

        Raises
        ------
        ServerError
            The process ended, or `timeout` seconds passed. Its `log_tail` attribute holds the last log lines.
        """
        started = time.monotonic()
        while not ready():
            waited = time.monotonic() - started
            if not wait_ended([self], timeout=_POLL):
                raise self._failure(f"it ended after {waited:.1f} s")
            if waited > timeout:
                raise self._failure(f"it still did not answer after {waited:.0f} s")

    def stop(self, *, grace: float = 10.0) -> None:
        """Ask the process to end, kill it if it has not within `grace` seconds, forget it. Idempotent."""
        self.signal(signal.SIGTERM)
        self.wait_gone(grace=grace)

    def signal(self, number: int) -> None:
        process = self.handle()
        if process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def wait_gone(self, *, grace: float) -> None:
        """Wait until the process has ended, kill it after `grace` seconds, remove its record."""
        if wait_ended([self], timeout=grace):
            self.kill()
        self.record.unlink(missing_ok=True)

    def kill(self) -> None:
        """End the process at once, as a power cut would (SIGKILL)."""
        self.signal(_KILL)
        wait_ended([self], timeout=5.0)
        self.record.unlink(missing_ok=True)

    def _failure(self, what: str) -> ServerError:
        lines = self.tail()
        self.kill()
        telling = next((line for line in reversed(lines) if any(word in line for word in _TELLING)), None)
        said = telling or (lines[-1] if lines else "nothing")
        kind = PortTaken if any("Address already in use" in line for line in lines) else ServerError
        error = kind(
            f"{self.name} to start and answer on 127.0.0.1:{'/'.join(map(str, self.ports))}",
            got=f"{what}; its log says: {said[:200]}",
            todo=f"run `kit doctor`; the whole log is {self.log}",
        )
        error.log_tail = lines
        return error


def launch(
    name: str,
    argv: Sequence[str | Path],
    *,
    home: Path,
    ports: Sequence[int] = (),
    env: Mapping[str, str] | None = None,
    notes: Mapping[str, str] | None = None,
    launched: list[Process] | None = None,
) -> Process:
    """Start a server detached from this process and its terminal, and record it under `home`.

    It does not wait: launch several, then `Process.wait_ready` each. `launched` (of `undone_on_error`) takes the
    process before anything can interrupt.

    Raises
    ------
    ServerError
        The state folder cannot be written, or the program cannot be run.
    """
    log, record = home / "log" / f"{name}.log", _record(home, name)
    try:
        for folder in (log.parent, record.parent):
            folder.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output, uninterrupted():
            child = _spawn(argv, output, home, env or {})
            try:
                created = psutil.Process(child.pid).create_time()
                process = Process(name, child.pid, created, tuple(ports), log, record, dict(notes or {}))
                process.save()
            except BaseException:  # a full disk: what cannot be recorded must not run
                child.kill()
                child.wait()
                raise
            if launched is not None:
                launched.append(process)
    except OSError as error:
        raise ServerError(
            f"{name} to start, with its state in {home}",
            got=str(error),
            todo="free some disk space, or set KIT_HOME to a folder you can write to",
        ) from error
    return process


def _spawn(argv: Sequence[str | Path], log: IO[bytes], home: Path, env: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    child = subprocess.Popen(
        [str(word) for word in argv],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**os.environ, **env},
        cwd=home,
        close_fds=True,
        **_detached(),
    )
    _children[child.pid] = child
    return child


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
    until = time.monotonic() + timeout
    left = [process for process in processes if process.alive]
    while left and time.monotonic() < until:
        time.sleep(_POLL)
        left = [process for process in left if process.alive]
    return left


def _record(home: Path, name: str) -> Path:
    return home / "run" / f"{name}.json"


def _detached() -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}
