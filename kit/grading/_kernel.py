"""A student's kernel: nbclient runs its cells, interrupts those that take too long, and notices when it dies."""

import asyncio
import logging
import os
import signal
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL
from typing import Any, NamedTuple, Self

import psutil
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

from kit.config import settings
from kit.deadline import Deadline
from kit.exercises import Crashed
from kit.exercises._nbformat import nbformat
from kit.grading._inside import ANSWER
from kit.servers import lab
from kit.servers.interrupts import uninterrupted

_CHECK_SECONDS = 60.0  # checks limit the student's code themselves
_DEAF = 2.5  # times its limit: by then a cell has been interrupted twice
_INSIDE = "__import__('kit.grading._inside', fromlist=['_'])."
_OPTIONS: dict[str, Any] = {"allow_errors": True, "interrupt_on_timeout": True, "iopub_timeout": 30}
_OPTIONS |= {"kernel_name": "python3", "record_timing": False, "shutdown_kernel": "immediate"}


class Limits(NamedTuple):
    """What one notebook may take: seconds until a cell is interrupted, and until its kernel is ended; bytes of data."""

    cell_seconds: float = 60.0
    seconds: float = 300.0
    memory: int = 2_048_000_000


class Kernel(NotebookClient):
    """A fresh kernel in a folder. Its methods raise RuntimeError with the reason when it dies or has to be ended."""

    def __init__(self, folder: Path, limits: Limits, exercise: str) -> None:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_raw_cell()])
        super().__init__(notebook, log=logging.Logger("grading", logging.CRITICAL), **_OPTIONS)
        self._folder, self._limits, self.deadline = folder, limits, Deadline(None)
        self._prepare = f"{_INSIDE}prepare({exercise!r})"

    async def __aenter__(self) -> Self:
        env = {name: value for name, value in os.environ.items() if "TOKEN" not in name}
        env["IPYTHONDIR"] = str(self._folder)  # without start-up files of the grader's
        try:
            manager: Any = self.create_kernel_manager()
            with uninterrupted():
                await self.async_start_new_kernel(cwd=str(self._folder), env=env, stdout=DEVNULL, stderr=DEVNULL)
            if psutil.LINUX:  # other systems have no limit of data
                psutil.Process(manager.provisioner.pid).rlimit(psutil.RLIMIT_DATA, (self._limits.memory,) * 2)
            lab.up()  # meanwhile
            await self.async_start_new_kernel_client()
            await self.run(self._prepare, "the first cell", _CHECK_SECONDS)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        manager: Any = self.km
        if manager is not None:
            with suppress(ProcessLookupError, AttributeError, TypeError):  # it has ended, or did not start
                os.killpg(manager.provisioner.pgid, signal.SIGKILL)  # not the lab's servers, which are no part of it
            await self._async_cleanup_kernel()

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Keep no output but the answers of checks: what a cell prints may have no end (nbclient calls this)."""
        if msg["msg_type"] == "status" or ANSWER in msg["content"].get("data", {}):
            return super().process_message(msg, cell, cell_index)
        return None

    async def check(self, gap: int) -> tuple[str, str]:
        """The outcome of a gap, and its text."""
        lab.up()  # a student may have stopped it
        what = f"the check of gap {gap}"
        cell, remark = await self.run(f"{_INSIDE}check({gap}, {str(settings().home)!r})", what, _CHECK_SECONDS)
        return cell.outputs[0].data[ANSWER] if cell.outputs else (Crashed.kind, remark or f"{what} gave no answer")

    async def run(self, code: str, what: str, seconds: float = 0.0) -> tuple[Any, str]:
        """Run a cell, `what` in words. Returns the cell, and why it was interrupted, if it was."""
        limit = min(seconds or self._limits.cell_seconds, self.deadline.left) or 0.1
        self.timeout_func = lambda _: limit  # type: ignore[assignment]  # it takes floats, too
        time = Deadline(limit)
        # not by asyncio.timeout: nbclient takes what is cancelled for a dead kernel
        running = asyncio.ensure_future(self.async_execute_cell(nbformat.v4.new_code_cell(code), 0))
        try:
            await asyncio.wait({running}, timeout=_DEAF * limit)
            if not running.done():
                raise RuntimeError(f"{what} went on when it was interrupted after {limit:g} s, so the kernel was ended")
            cell = running.result()
        except DeadKernelError as error:
            raise RuntimeError(f"the kernel died in {what}") from error
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        if self.deadline.passed:
            raise RuntimeError(f"the {self._limits.seconds:g} s for the notebook were over in {what}")
        return cell, f"{what} was interrupted: it ran for {limit:g} s" if time.passed else ""
