"""The lab of a grading run: a process of its own starts it, and stops it when the grader ends, however that ends."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from kit.config import settings
from kit.errors import ConfigError, KitError, ServerError
from kit.servers import lab

__all__ = ["GradingLab"]

_STOP_SECONDS = 60.0


class GradingLab:
    """Kafka and feeds on free ports, with a KIT_HOME of their own below the grader's. A context manager."""

    def __init__(self) -> None:
        self.home = settings().home / "grading"
        self._lock = FileLock(self.home.with_suffix(".lock"), timeout=0)
        self._keeper: subprocess.Popen[str] | None = None

    @property
    def env(self) -> dict[str, str]:
        """The grader's environment without its own settings of the kit."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("KIT_") or name == "KIT_CACHE"}
        own = {"KIT_HOME": str(self.home), "KIT_KAFKA_PORT": "0", "KIT_FEEDS_PORT": "0"}
        return {**kept, **own, "IPYTHONDIR": str(self.home / "ipython")}  # no start-up files of the grader's

    def __enter__(self) -> Self:
        self.home.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire()
        except Timeout as error:
            raise ConfigError("one grading run at a time", got="another one", todo="wait until it has ended") from error
        return self

    def up(self) -> None:
        """Start what does not run. Idempotent.

        Raises
        ------
        ServerError
            It did not come up.
        """
        if self._keeper is None:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            argv = [sys.executable, "-m", "kit.grading._lab"]  # a session of its own: Ctrl-C does not reach it
            self._keeper = subprocess.Popen(argv, env=self.env, text=True, start_new_session=True, **pipes)  # type: ignore[call-overload]
        assert self._keeper is not None  # noqa: S101  # for mypy
        print("up", file=self._keeper.stdin, flush=True)
        answer = self._keeper.stdout.readline().strip() if self._keeper.stdout else ""
        if answer != "ready":
            raise ServerError("the lab of the grading to start", got=answer or "no answer", todo="run `kit doctor`")

    @contextmanager
    def folder(self, solutions: Path) -> Iterator[Path]:
        """A folder for one notebook, beside a copy of the solutions and their checks."""
        with tempfile.TemporaryDirectory(dir=self.home, ignore_cleanup_errors=True) as made:
            shutil.copytree(solutions, Path(made) / "solutions")
            (Path(made) / "notebooks").mkdir()
            yield Path(made) / "notebooks"

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._keeper is not None and self._keeper.stdin is not None:
            self._keeper.stdin.close()
            self._keeper.wait(_STOP_SECONDS)
        self._lock.release()


def _keep() -> None:
    """The other process: start the lab whenever a line comes, and stop it at the end of the input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for _ in sys.stdin:
            try:
                lab.up("kafka", "feeds")
                print("ready", flush=True)
            except KitError as error:
                print(f"expected {error.expected}; got: {error.got}", flush=True)
    finally:
        lab.down()
        shutil.rmtree(settings().home, ignore_errors=True)


if __name__ == "__main__":
    _keep()
