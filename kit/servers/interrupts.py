"""Ctrl-C and the like, held off for the moment in which a process is started.

An interrupt between the start of a process and the line that records it would leave a process without an owner.
"""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

__all__ = ["ENDINGS", "merged_environment", "run", "uninterrupted"]

# What asks a program to end: Ctrl-C, a polite kill, a terminal that is closed.
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Put signals that ask to end off until the block is done; the first of them comes then."""
    if threading.current_thread() is not threading.main_thread():  # only that one is interrupted
        yield
        return
    came: list[int] = []
    kept = {ending: signal.signal(ending, lambda number, _: came.append(number)) for ending in ENDINGS}
    try:
        yield
    finally:
        for ending, handler in kept.items():
            signal.signal(ending, handler)
        for number in came[:1]:
            signal.raise_signal(number)


def merged_environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    """This process's environment with `changes`; None as a value takes a variable out."""
    merged: dict[str, str | None] = {**os.environ, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def run(
    argv: Sequence[str], *, timeout: float, env: Mapping[str, str | None] | None = None, cwd: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end, and take what it prints; kill it when interrupted or late.

    `subprocess.run` does the same, but forgets the program if the interrupt comes while it starts it.
    """
    child: subprocess.Popen[str] | None = None
    try:
        with uninterrupted():
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env=merged_environment(env or {}),
                cwd=cwd,
            )
        output, _ = child.communicate(timeout=timeout)
    except BaseException:
        if child is not None:
            child.kill()
            child.communicate()
        raise
    return subprocess.CompletedProcess(argv, child.returncode, output)
