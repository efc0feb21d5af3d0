"""What Kafka and Cassandra have in common: several nodes of one kind on this machine, that come and go while it runs.

The cluster belongs to its state folder, not to the object: another process that opens the same folder finds the same
nodes, running or not.
"""

import shutil
import tempfile
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from kit.errors import ConfigError, ServerError
from kit.servers import _plan, memory
from kit.servers.jvm import Jvm
from kit.servers.ports import choose_port
from kit.servers.process import Process, end, kept_in, launch, undone_on_error
from kit.servers.server import Server, ServerStatus

__all__ = ["Cluster", "Node"]

_DISK = 64 << 20  # bytes: Cassandra stops writing below 50 MiB


@dataclass(frozen=True, slots=True)
class Node:
    """Where one node lives: its number, its ports on 127.0.0.1 (for clients, and for the other nodes), its folder."""

    id: int
    port: int
    peer_port: int
    folder: Path

    @property
    def name(self) -> str:
        """Of its process: ``kafka-1``."""
        return f"{self.folder.parent.name}-{self.id}"

    @property
    def data(self) -> Path:
        return self.folder / "data"


class Cluster(Server):
    """Nodes on 127.0.0.1, kept in `home`. A subclass writes `command`, `form` and `exercise`, and may write `joined`.

    Parameters
    ----------
    home
        The state folder: settings, data, logs and pids live under it.
    wanted
        How many nodes `start` brings up, 1 to `most`. A cluster that already has more keeps them.
    port, must
        The first node's port; the others take the next free ones. 0: any free port. With `must`, no other will do.
    jvm
        Their Java runtime.
    """

    unit: str  # what one of them is called: broker, node
    most: int
    moves_peer_ports = False  # a node may have another port for its peers after a restart
    more_heap: str  # the setting that gives a node more memory
    jvm: Jvm

    def __init__(self, home: Path, *, wanted: int, port: int, must: bool, jvm: Jvm) -> None:
        super().__init__(home)
        if not 1 <= wanted <= self.most:
            todo = "choose a number in that range"
            raise ConfigError(f"1 to {self.most} {self.unit}s", got=str(wanted), todo=todo)
        self._wanted, self.port, self._must, self.jvm = wanted, port, must, jvm
        self.folder = self.home / self.name

    @abstractmethod
    def command(self, node: Node, *, joins: bool) -> list[str]:
        """Write a node's settings; the command that runs it in its folder. `joins`: a cluster that is there."""

    @abstractmethod
    def form(self, nodes: list[Node], known: dict[str, Any]) -> None:
        """Make the data folders of nodes that do not run; `known` is the plan."""

    @abstractmethod
    def exercise(self) -> None:
        """A day's work in a second, for the class-data archive."""

    def joined(self, up: list[Node]) -> None:
        """Wait until several nodes that run have found each other."""

    # ---- what there is ----------------------------------------------------------------------------------------

    @property
    def nodes(self) -> dict[int, Node]:
        """Where each node lives, by its number. Empty before the first start."""
        return {
            int(number): Node(int(number), port, peer_port, self.folder / f"{self.unit}-{number}")
            for number, (port, peer_port) in _plan.read(self.folder).get("nodes", {}).items()
        }

    @property
    def running(self) -> bool:
        """Whether the processes of all nodes live."""
        return bool(self.nodes) and all(map(self._process, self.nodes.values()))

    def ended(self) -> list[str]:
        """The nodes that have ended by themselves, each with the reason: a full disk, or the last error in its log."""
        processes = (Process.load(self.home, node.name) for node in self.nodes.values())
        ended = [one for one in processes if one is not None and not one.alive]
        free = shutil.disk_usage(self.folder).free if ended else 0
        full = f"its disk is full ({free >> 20} MB left): free some disk space"
        return [f"{one.name} has ended: {full if free < _DISK else one.last_error()}" for one in ended]

    def status(self) -> list[ServerStatus]:
        rows = {row.name: row for row in super().status()}
        stopped = (ServerStatus(node.name, "stopped", f"127.0.0.1:{node.port}") for node in self.nodes.values())
        return [rows.get(row.name, row) for row in stopped] or list(rows.values())

    def __repr__(self) -> str:
        rows, kind = self.status(), type(self).__name__
        if not self.nodes:
            return f"{kind}(no {self.unit} yet: start() it)"
        up = sum(row.pid is not None for row in rows)
        words = [f"{row.id} on {row.port}{detail}" for row, detail in zip(rows, self._details(rows), strict=True)]
        return f"{kind}({up} of {len(rows)} {self.unit}s up: {', '.join(words)})"

    def _details(self, rows: list[ServerStatus]) -> list[str]:
        return ["" if row.pid else f" {row.state}" for row in rows]

    # ---- start ------------------------------------------------------------------------------------------------

    def launch(self, launched: list[Process]) -> None:
        known = _plan.read(self.folder) or _plan.fresh()
        if not self.processes:
            _plan.settle_ports(known, self.port, must=self._must, peers=self.moves_peer_ports)
        while len(known["nodes"]) < self._wanted:
            _plan.add_node(known, self.port, must=self._must)
        _plan.write(self.folder, known)
        down = [node for node in self.nodes.values() if not self._process(node)]
        memory.require(self.needs * len(down), f"{len(down)} {self.name.title()} {self.unit}{'s' * (len(down) > 1)}")
        joins = bool(known.get("formed"))
        with kept_in(self.folder, f"to keep the data of {self.name}"):
            self.form(down, known)
        for node in down:
            self._launch(node, launched, joins=joins)

    def wait_ready(self, launched: list[Process]) -> None:
        super().wait_ready(launched)
        up = [node for node in self.nodes.values() if self._process(node)]
        if any(map(self._is_mine, launched)) and len(self.nodes) > 1:
            self.joined(up)
        known = _plan.read(self.folder)
        if len(up) == len(self.nodes) and not known.get("formed"):
            _plan.write(self.folder, known | {"formed": True})

    def prepare(self) -> None:
        """Fetch the jars, and make the class-data archive by a throw-away node's work."""
        self.jvm.make_archive(self._train)

    def _train(self, jvm: Jvm) -> None:
        with tempfile.TemporaryDirectory(prefix="kit-train-") as folder:
            made: Any = type(self)
            cluster: Self = made(Path(folder), jvm=jvm)
            with cluster:
                cluster.exercise()
                cluster.seconds_to_stop = 60.0  # it writes the archive as it ends

    # ---- while it runs ----------------------------------------------------------------------------------------

    def kill(self, number: int) -> None:
        """End one node at once, as a power cut would (``kill -9``)."""
        process = self._process(self._node(number))
        if process is None:
            todo = f"call lab.{self.name}.restart({number}) first"
            raise ServerError(f"{self.unit} {number} to run", got="it is stopped", todo=todo)
        process.kill()

    def restart(self, number: int) -> None:
        """Start a stopped node again, on its port and its data (a running one is stopped first)."""
        node = self._node(number)
        process = self._process(node)
        if process is not None:
            end([process], seconds=self.seconds_to_stop)
        memory.require(self.needs, f"{self.name.title()} {self.unit} {number}")
        with undone_on_error() as launched:
            self._launch(node, launched, joins=True)
            self.wait_ready(launched)

    def _add(self) -> int:
        """Add a node to the running cluster. Returns its number."""
        known = _plan.read(self.folder)
        if not self.running:
            stopped = [f"lab.{self.name}.restart({node.id})" for node in self.nodes.values() if not self._process(node)]
            todo = f"call {' and '.join(stopped)} first" if stopped else f"run `kit up {self.name}` first"
            raise ServerError(f"all {self.unit}s to run before another joins", got=repr(self), todo=todo)
        if len(known["nodes"]) >= self.most:
            raise ConfigError(f"at most {self.most} {self.unit}s", got="one more", todo="work with those you have")
        self._wanted = len(known["nodes"]) + 1
        try:
            self.start()
        except BaseException:
            _plan.write(self.folder, known)
            raise
        return max(self.nodes)

    def _node(self, number: int) -> Node:
        if number not in self.nodes:
            raise ConfigError(f"one of the {self.unit}s {sorted(self.nodes)}", got=repr(number), todo="choose one")
        return self.nodes[number]

    def _launch(self, node: Node, launched: list[Process], *, joins: bool) -> None:
        for port in (node.port, node.peer_port):
            choose_port(port, must=True)
        with kept_in(self.folder, f"to keep the settings of {node.name}"):
            argv = self.command(node, joins=joins)
        home, env, notes = self.home, self.jvm.environment, {"more heap": self.more_heap}
        launch(node.name, argv, home=home, ports=[node.port], env=env, cwd=node.folder, notes=notes, launched=launched)

    def _process(self, node: Node) -> Process | None:
        process = Process.load(self.home, node.name)
        return process if process is not None and process.alive else None
