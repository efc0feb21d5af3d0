"""A kernel with limits: whatever a student's cell does, the grader goes on in bounded time, with bounded memory."""

import asyncio
import json
import secrets
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import zmq
import zmq.asyncio
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from traitlets import default

from kit.exercises._grade_inside import PrintedTooMuch
from kit.exercises._nbformat import nbformat
from kit.servers.interrupts import uninterrupted

__all__ = ["Kernel", "KernelEnded", "Limits"]

_TRIES = 6  # a loop may swallow an interrupt or two
_BETWEEN = 1.0  # seconds
_START_SECONDS = 60
_CHECK_SECONDS = 60.0  # checks bound the student's code themselves; this is for what they did not think of
_MESSAGE_BYTES = 64_000_000  # a longer message is not even received
_INSIDE = "from kit.exercises._grade_inside import {0} as _kit_grader; _kit_grader({1})"


@dataclass(frozen=True)
class Limits:
    """What one notebook may take.

    Attributes
    ----------
    cell_seconds
        Until a cell is interrupted.
    seconds
        Until the kernel is ended.
    memory
        Bytes of the kernel's data.
    output
        Characters that a cell may print.
    """

    cell_seconds: float = 60.0
    seconds: float = 300.0
    memory: int = 2_048_000_000
    output: int = 10_000_000


class KernelEnded(Exception):
    """The kernel died, or had to be ended; why, in words."""


class _Channels(AsyncKernelClient):
    """Takes no message that could fill the memory: ZeroMQ closes the connection instead, and opens it anew."""

    @default("context")
    def _bounded(self) -> zmq.asyncio.Context:
        self._created_context = True
        context = zmq.asyncio.Context()
        context.setsockopt(zmq.MAXMSGSIZE, _MESSAGE_BYTES)
        return context


class _Client(NotebookClient):
    """Counts what a cell prints, and keeps none of it, but for the answer to the grader."""

    def listen(self, marker: str, limit: int) -> None:
        """Begin to listen to a cell. Without a limit: only for the answer."""
        self.marker, self.limit = marker, limit
        self.size, self.flooded = 0, asyncio.Event()
        self.answer: dict[str, Any] | None = None
        self.error = ""

    def process_message(self, msg: dict[str, Any], cell: nbformat.NotebookNode, cell_index: int) -> None:
        kind, content = msg["msg_type"], msg["content"]
        if kind == "status":
            super().process_message(msg, cell, cell_index)
            return
        self.size += len(content["text"]) if kind == "stream" else len(str(content))
        if self.limit and self.size > self.limit:
            self.flooded.set()
        if kind == "error":
            self.error = f"{content.get('ename')}: {str(content.get('evalue'))[:200]}"
        text = content.get("data", {}).get("text/plain", "") if kind == "display_data" else ""
        if text.startswith(self.marker):
            self.answer = json.loads(text.removeprefix(self.marker))


class Kernel:
    """A fresh kernel in a folder, with an environment of its own; ended with the block.

    Raises
    ------
    KernelEnded
        It did not start. All methods raise it when the kernel dies or has to be ended.
    """

    def __init__(self, folder: Path, env: Mapping[str, str], limits: Limits) -> None:
        self._folder, self._env, self._limits = folder, dict(env), limits
        self._marker = secrets.token_hex(16)
        self._until = 0.0
        self._manager = AsyncKernelManager(kernel_name="python3", client_factory=_Channels)
        self._client = _Client(
            nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell()]),
            km=self._manager,
            allow_errors=True,
            record_timing=False,
            skip_cells_with_tag="",
            startup_timeout=_START_SECONDS,
        )

    async def __aenter__(self) -> Self:
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        try:
            with uninterrupted():
                await self._client.async_start_new_kernel(cwd=str(self._folder), env=self._env, **silent)
            await self._client.async_start_new_kernel_client()
        except BaseException as error:
            await self._end()
            if isinstance(error, RuntimeError):  # nbclient's word for it
                raise KernelEnded(f"the kernel did not start: {error}") from error
            raise
        self._until = time.monotonic() + self._limits.seconds
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._end()

    async def prepare(self, exercise: str) -> None:
        """Set the memory's limit, and load the exercise."""
        words = f"{self._marker!r}, {exercise!r}, {self._limits.memory}, {self._limits.output}"
        said = await self._inside("prepare", words, "the grader's first cell")
        if not self._client.answer:
            raise KernelEnded(f"the kernel could not be prepared: {said or self._client.error or 'it gave no answer'}")

    async def run(self, code: str, what: str) -> str:
        """Run a student's cell. Gives why it was interrupted, or nothing; `what` is the cell in words."""
        said = await self._run(code, what, self._limits.cell_seconds, output=self._limits.output)
        if self._client.error.startswith(PrintedTooMuch.__name__):
            return f"{what} was ended: it printed {self._client.error.partition(': ')[2]}"
        return said

    async def check(self, gap: int) -> tuple[dict[str, Any] | None, str]:
        """The answer about a gap, and if there is none, why."""
        what = f"the check of gap {gap}"
        said = await self._inside("report", str(gap), what)
        error = f": {self._client.error}" if self._client.error else ""
        return self._client.answer, said or f"{what} gave no answer{error}"

    async def _inside(self, function: str, words: str, what: str) -> str:
        return await self._run(_INSIDE.format(function, words), what, _CHECK_SECONDS, history=False)

    async def _run(self, code: str, what: str, limit: float, *, output: int = 0, history: bool = True) -> str:
        self._client.listen(self._marker, output)
        left = max(0.0, self._until - time.monotonic())
        cell = nbformat.v4.new_code_cell(code)
        running = asyncio.ensure_future(self._client.async_execute_cell(cell, 0, store_history=history))
        flood = asyncio.ensure_future(self._client.flooded.wait())
        try:
            await asyncio.wait({running, flood}, timeout=min(limit, left), return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
                return ""
            if not flood.done() and left <= limit:
                raise KernelEnded(f"the {self._limits.seconds:g} s for the notebook were over in {what}")
            why = f"it put out more than {output:,} characters" if flood.done() else f"it ran for {limit:g} s"
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
            done, _ = await asyncio.wait({running}, timeout=_BETWEEN)
            if done:
                running.result()
                return True
        return False

    async def _end(self) -> None:
        with suppress(RuntimeError):  # it has ended
            await self._manager.shutdown_kernel(now=True)
        if self._client.kc is not None:
            self._client.kc.stop_channels()
