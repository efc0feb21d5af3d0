"""The one shape of all servers of the lab, whether the lab starts them or they run elsewhere.

A new server is a module with a subclass of `Server` and a function that makes it of the settings, a line in the table
of `kit.servers.lab`, and a folder of tests: CONTRIBUTING.md shows one.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kit.deadline import wait_until
from kit.errors import ConfigError, ServerError
from kit.servers.jvm import Jvm
from kit.servers.ports import answers
from kit.servers.process import Process, end, undone_on_error

__all__ = ["External", "Server", "ServerStatus", "html_table"]

_SILENCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """One process of a server, or a server that runs elsewhere, as it is now.

    `state` is ``running``, ``silent`` (its process lives and does not answer), ``stopped`` or ``external``; `address`
    is ``host:port``; `memory` is in bytes; `log` is the file that takes its output.
    """

    name: str
    state: str
    address: str = ""
    pid: int | None = None
    memory: int = 0
    log: Path | None = None

    @property
    def id(self) -> int:
        """Its number, where a server has several processes: 2 of ``kafka-2``."""
        return int(self.name.rpartition("-")[2])

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])


def html_table(rows: Sequence[ServerStatus], **more: Sequence[object]) -> str:
    """Rows as a table for a notebook, with `more` columns."""
    import pandas as pd

    table = {
        "server": [f"{'🟢' if row.state == 'running' else '⚪'} {row.name}" for row in rows],
        "state": [row.state for row in rows],
        "address": [row.address for row in rows],
        "memory": [f"{row.memory / 1e6:.0f} MB" for row in rows],
    }
    table |= {name.replace("_", " "): list(map(str, values)) for name, values in more.items()}
    return pd.DataFrame(table).to_html(index=False, border=0)


class Server(ABC):
    """A server of the lab, kept in the state folder `home`: another program that opens the same folder finds the same
    processes.

    A subclass writes `name`, `needs` and `launch`. It may say more exactly when it is ready (`answers`), how it stops
    (`stop`), what `status` shows, and what is fetched or made before the first start (`prepare`).
    """

    name: str  # of the server, and of its process; several are called name-1, name-2, …
    needs: int  # bytes of memory, with a little to spare
    jvm: Jvm | None = None
    port: int = 0  # the usual one, if it has one
    on_demand = False  # True: it starts when it is named or first needed, and not with all the others
    setting = ""  # the environment variable that names one that runs elsewhere
    seconds_to_start = 60.0
    seconds_to_stop = 10.0

    def __init__(self, home: Path) -> None:
        self.home = Path(home).absolute()

    @abstractmethod
    def launch(self, launched: list[Process]) -> None:
        """Run what does not run, without waiting for it. `launched` gets the new processes."""

    def answers(self, process: Process) -> bool:
        """Whether a process serves. Asked again and again while it starts, so it must be quick."""
        return all(map(answers, process.ports)) and process.listens()

    def prepare(self) -> None:  # noqa: B027  # most have nothing to prepare
        """Fetch and make what the server needs, so that it starts quickly and offline from then on."""

    @property
    def processes(self) -> list[Process]:
        """Its processes that live."""
        return [process for process in Process.all(self.home) if self._is_mine(process) and process.alive]

    @property
    def running(self) -> bool:
        return bool(self.processes)

    def start(self) -> Self:
        """Bring up what does not run; returns when it serves. Idempotent.

        `ServerError` of any kind: it did not come up. What this call started is stopped again.
        """
        with undone_on_error() as launched:
            self.launch(launched)
            self.wait_ready(launched)
        return self

    def wait_ready(self, launched: list[Process]) -> None:
        """Wait until its processes serve: those that were launched, and those that ran before.

        `ServerError`: one of them ended, or did not answer in time.
        """
        for process in filter(self._is_mine, launched):
            process.wait_ready(partial(self.answers, process), timeout=self.seconds_to_start)
        for process in self.processes:
            if not wait_until(partial(self.answers, process), seconds=_SILENCE_SECONDS):
                got = f"its process {process.pid} lives, and did not answer for {_SILENCE_SECONDS:.0f} s"
                todo = f"run `kit down`, then `kit up`; its log is {process.log}"
                raise ServerError(f"{process.name} to answer at 127.0.0.1:{process.ports[0]}", got=got, todo=todo)

    def stop(self) -> None:
        """Ask its processes to end, kill what does not; its data stay. Idempotent."""
        end(self.processes, seconds=self.seconds_to_stop)

    def status(self) -> list[ServerStatus]:
        """A row a process; one row, ``stopped``, if there is none."""
        return [self.row(process) for process in self.processes] or [ServerStatus(self.name, "stopped")]

    def row(self, process: Process) -> ServerStatus:
        """How a process that lives is."""
        state = "running" if self.answers(process) else "silent"
        address = f"127.0.0.1:{process.ports[0]}" if process.ports else ""
        return ServerStatus(process.name, state, address, process.pid, process.memory(), process.log)

    def check(self) -> None:  # noqa: B027  # the lab's own: its status says so
        """See whether one that runs elsewhere can be used. `KitError`: it cannot, with the reason, and what to do."""

    def __repr__(self) -> str:
        ports = ", ".join(str(port) for process in self.processes for port in process.ports)
        return f"{type(self).__name__}({f'on {ports}' if ports else 'stopped'})"

    def _is_mine(self, process: Process) -> bool:
        return process.name == self.name or process.name.startswith(f"{self.name}-")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()


class External(Server):
    """A server that the lab did not start: it is used, and never started, stopped or broken.

    `address` says where it is, as ``host:port,…`` or in words; `setting` is the environment variable that names it.
    """

    needs = 0

    def __init__(self, name: str, address: str, *, setting: str) -> None:
        super().__init__(Path())
        self.name, self.address, self.setting = name, address, setting

    @property
    def processes(self) -> list[Process]:
        """None of the lab's: so there is none to wait for, and none to stop."""
        return []

    @property
    def running(self) -> bool:
        """True, as far as the lab is concerned: `check` asks the server itself."""
        return True

    def launch(self, launched: list[Process]) -> None:
        """Nothing: it runs elsewhere."""

    def status(self) -> list[ServerStatus]:
        return [ServerStatus(self.name, "external", self.address)]

    def __getattr__(self, name: str) -> Any:
        """What only a server of the lab's own can do (kill, add_broker, clock, …) says so."""
        if name.startswith("_"):
            raise AttributeError(name)
        todo = f"unset {self.setting} and run `kit up`: the lab then starts its own {self.name}"
        got = f"{self.setting}: {self.address}"
        raise ConfigError(f"{self.name} started by the lab, to use .{name}", got=got, todo=todo)

    def __repr__(self) -> str:
        return f"External({self.name}, {self.address})"
