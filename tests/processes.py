"""Which processes belong to a lab, and the command `kit` run for a lab of its own."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import psutil

from kit import cli
from kit.servers.interrupts import ENDINGS
from kit.servers.process import Process

__all__ = ["Kit", "processes_of", "signals_as_in_a_terminal"]


def processes_of(home: Path) -> list[psutil.Process]:
    """The processes that were started with this KIT_HOME, zombies not counted."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("KIT_HOME") == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if process.pid != os.getpid()]


def signals_as_in_a_terminal() -> None:
    """Whoever runs the tests in the background has these ignored, and a child would inherit that."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@dataclass(frozen=True)
class Kit:
    """The command `kit`, with a KIT_HOME and free ports of its own. `env`: further variables. `before`: a program that
    runs it (``nice``, ``unshare``), where it is run in a process of its own.

    `call` runs it in this process, which saves a second of imports; `run` and `start` run it in a process of its own,
    for tests of signals, limits and locks.
    """

    home: Path
    cwd: Path
    env: dict[str, str] = field(default_factory=dict)
    before: tuple[str, ...] = ()

    def call(self, *words: str, encoding: str = "utf-8", **env: str) -> "subprocess.CompletedProcess[str]":
        """Run it in this process to its end, with a standard output of this encoding."""
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding, write_through=True) for _ in range(2))
        with self._here(words, env), redirect_stdout(out), redirect_stderr(err):
            try:
                cli.main()
            except SystemExit as ended:
                code = int(ended.code or 0)
        said, complained = (stream.buffer.getvalue().decode(encoding) for stream in (out, err))  # type: ignore[attr-defined]
        return subprocess.CompletedProcess(words, code, said, complained)

    def run(
        self, *words: str, timeout: float = 60.0, prepare: Callable[[], None] | None = None, **env: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run it to its end. `prepare` is called in the child before it becomes `kit`."""
        return subprocess.run(
            self._argv(words),
            cwd=self.cwd,
            env=self._env(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            preexec_fn=prepare,
            check=False,
        )

    def start(self, *words: str, **env: str) -> "subprocess.Popen[bytes]":
        """Run it as the leader of a group of processes, as a terminal does; its output goes to `log`."""
        with self.log.open("wb") as output:
            return subprocess.Popen(
                self._argv(words),
                cwd=self.cwd,
                env=self._env(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=signals_as_in_a_terminal,  # noqa: PLW1509
            )

    @property
    def log(self) -> Path:
        return self.home.parent / f"{self.home.name}.log"

    def processes(self) -> list[psutil.Process]:
        return processes_of(self.home)

    def server(self, name: str) -> Process | None:
        """A server's record, if it has one."""
        return Process.load(self.home, name)

    def running(self) -> list[str]:
        """The names of the servers that run."""
        found = map(self.server, sorted(path.stem for path in (self.home / "run").glob("*.json")))
        return [process.name for process in found if process is not None and process.alive]

    def stop(self) -> list[psutil.Process]:
        """End all that there is; returns what `kit down` had left."""
        self.call("down", KIT_KAFKA_BOOTSTRAP_SERVERS="")
        left = self.processes()
        for process in left:
            process.kill()
        return left

    @contextmanager
    def _here(self, words: tuple[str, ...], env: dict[str, str]) -> Iterator[None]:
        """This process as one that a terminal has started for the command; afterwards it is as before."""
        handlers = {number: signal.getsignal(number) for number in ENDINGS}
        cwd = Path.cwd()
        try:
            os.chdir(self.cwd)
            with (
                mock.patch.dict(os.environ, self._env(env), clear=True),
                mock.patch.object(sys, "argv", ["kit", *words]),
                mock.patch.object(sys, "stdin", io.StringIO()),
            ):
                yield
        finally:
            os.chdir(cwd)
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def _argv(self, words: tuple[str, ...]) -> list[str]:
        return [*self.before, sys.executable, "-m", "kit.cli", *words]

    def _env(self, env: dict[str, str]) -> dict[str, str]:
        free = {"KIT_KAFKA_PORT": "0", "KIT_FEEDS_PORT": "0", "KIT_CASSANDRA_PORT": "0", "COLUMNS": "200"}
        return {**os.environ, "KIT_HOME": str(self.home), **free, **self.env, **env}
