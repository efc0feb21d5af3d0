"""A student's kernel: a cell that runs for too long is interrupted, one that cannot be interrupted ends its kernel."""

import asyncio
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

from kit.deadline import Deadline
from kit.exercises._nbformat import nbformat
from kit.servers.interrupts import uninterrupted

__all__ = ["Kernel", "KernelEnded", "Limits"]

_TRIES = 6  # a loop may swallow an interrupt or two
_CHECK_SECONDS = 60.0  # checks bound the student's code themselves
_MOST = 10_000_000  # characters that a cell may print
_INSIDE = "__import__('kit.grading._inside', fromlist=['_']).{}"


@dataclass(frozen=True)
class Limits:
    """What one notebook may take: seconds until a cell is interrupted, and until its kernel is ended; bytes of data."""

    cell_seconds: float = 60.0
    seconds: float = 300.0
    memory: int = 2_048_000_000


class KernelEnded(Exception):
    """The kernel died, or had to be ended; why, in words."""


class _Client(NotebookClient):
    """Keeps no output, but the last JSON; notices a cell that prints for ever."""

    def begin(self) -> None:
        self.size, self.flooded = 0, asyncio.Event()
        self.answer: dict[str, str] | None = None
        self.error = ""

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> None:
        kind, content = msg["msg_type"], msg["content"]
        if kind == "status":
            super().process_message(msg, cell, cell_index)
        elif kind == "stream":
            self.size += len(content["text"])
            if self.size > _MOST:
                self.flooded.set()
        elif kind == "error":
            self.error = f"{content.get('ename')}: {str(content.get('evalue'))[:200]}"
        elif kind == "display_data":
            self.answer = content.get("data", {}).get("application/json", self.answer)


class Kernel:
    """A fresh kernel in a folder, ended with the block, with all processes that it has started.

    Raises
    ------
    KernelEnded
        It did not start. All methods raise it when the kernel dies or has to be ended.
    """

    def __init__(self, folder: Path, env: Mapping[str, str], limits: Limits, exercise: str) -> None:
        self._folder, self._env, self._limits, self._exercise = folder, dict(env), limits, exercise
        self._manager = AsyncKernelManager(kernel_name="python3")
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell()])
        self._client = _Client(notebook, km=self._manager, allow_errors=True, record_timing=False)

    async def __aenter__(self) -> Self:
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        try:
            with uninterrupted():
                await self._client.async_start_new_kernel(cwd=str(self._folder), env=self._env, **silent)
            await self._client.async_start_new_kernel_client()
            self._deadline = Deadline(self._limits.seconds)
            await self._inside(f"prepare({self._limits.memory})", "the grader's first cell")
        except BaseException as error:
            await self._end()
            if isinstance(error, RuntimeError):  # nbclient's word for it
                raise KernelEnded(f"the kernel did not start: {error}") from error
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._end()

    async def run(self, code: str, what: str) -> str:
        """Run a student's cell. Gives why it was interrupted, or nothing; `what` is the cell in words."""
        return await self._run(code, what, self._limits.cell_seconds)

    async def check(self, gap: int) -> tuple[tuple[str, str] | None, str]:
        """The outcome of a gap with its text, and if there is none, why."""
        what = f"the check of gap {gap}"
        remark = await self._inside(f"check({self._exercise!r}, {gap}, {self._env['KIT_HOME']!r})", what)
        answer = self._client.answer
        why = remark or f"{what} gave no answer: {self._client.error}"
        return (answer["outcome"], answer["text"]) if answer else None, why

    async def _inside(self, call: str, what: str) -> str:
        return await self._run(_INSIDE.format(call), what, _CHECK_SECONDS, history=False)

    async def _run(self, code: str, what: str, limit: float, *, history: bool = True) -> str:
        self._client.begin()
        cell, left = nbformat.v4.new_code_cell(code), self._deadline.left
        running = asyncio.ensure_future(self._client.async_execute_cell(cell, 0, store_history=history))
        flood = asyncio.ensure_future(self._client.flooded.wait())
        try:
            await asyncio.wait({running, flood}, timeout=min(limit, left), return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
                return ""
            if not flood.done() and left <= limit:
                raise KernelEnded(f"the {self._limits.seconds:g} s for the notebook were over in {what}")
            why = f"it printed more than {_MOST:,} characters" if flood.done() else f"it ran for {limit:g} s"
            if not await self._interrupted(running):
                raise KernelEnded(f"{what} went on when it was interrupted ({why}), so the kernel was ended")
            return f"{what} was interrupted: {why}"
        except DeadKernelError as error:
            raise KernelEnded(f"the kernel died in {what}") from error
        finally:
            for task in (running, flood):
                task.cancel()
            await asyncio.gather(running, flood, return_exceptions=True)

    async def _interrupted(self, running: "asyncio.Future[Any]") -> bool:
        """Interrupt a cell until it ends; False: it does not."""
        for _ in range(_TRIES):
            with suppress(RuntimeError):  # it died meanwhile
                await self._manager.interrupt_kernel()
            if (await asyncio.wait({running}, timeout=1.0))[0]:
                running.result()
                return True
        return False

    async def _end(self) -> None:
        pid = getattr(self._manager.provisioner, "pid", None)
        with suppress(psutil.Error):
            for child in psutil.Process(pid).children(recursive=True) if pid else ():
                child.kill()
        with suppress(RuntimeError):  # it has ended
            await self._manager.shutdown_kernel(now=True)
        if self._client.kc is not None:
            self._client.kc.stop_channels()
