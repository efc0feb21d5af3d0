"""A real Apache Kafka cluster of one to five brokers on this machine, that can be grown, broken and mended as it runs.

>>> with KafkaCluster(home, brokers=3) as cluster:          # doctest: +SKIP
...     cluster.kill(2)                                     # as a power cut would
...     cluster.restart(2)
...     cluster
KafkaCluster(3 of 3 brokers up: 1 on 9092, 2 on 9093, 3 on 9094)

The cluster belongs to its state folder, not to the object: another process that opens the same folder finds the same
brokers, running or not.
"""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kit.errors import ConfigError, ServerError
from kit.servers import _broker, _plan, _quorum, memory
from kit.servers._broker import Node
from kit.servers.ports import answers, choose_port
from kit.servers.process import Process, launch, undone_on_error, wait_ended

__all__ = ["MAX_BROKERS", "Broker", "KafkaCluster"]

MAX_BROKERS = 5
_NEEDS = 200 << 20  # bytes a broker takes, with a little to spare
_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Broker:
    """One broker as it is now: `state` is ``running`` or ``stopped``, `memory` in bytes."""

    id: int
    port: int
    state: str
    pid: int | None
    memory: int


class KafkaCluster:
    """A Kafka cluster on 127.0.0.1, kept in `home`.

    Parameters
    ----------
    home
        The state folder: settings, data, logs and pids live under it.
    brokers
        How many brokers `start` brings up, 1 to 5. A cluster that already has more keeps them.
    port
        The first broker's port; the others take the next free ones. 0: any free port.
    must
        Insist on `port` instead of taking a free one when it is in use.
    """

    def __init__(self, home: Path, *, brokers: int = 1, port: int = 0, must: bool = False) -> None:
        if not 1 <= brokers <= MAX_BROKERS:
            raise ConfigError(f"1 to {MAX_BROKERS} brokers", got=str(brokers), todo="choose a number in that range")
        self.home = Path(home).absolute()
        self._wanted, self._port, self._must = brokers, port, must

    # ---- what there is ----------------------------------------------------------------------------------------

    @property
    def nodes(self) -> dict[int, Node]:
        """Where each node lives, by broker id. Empty before the first start."""
        return {
            int(number): Node(int(number), ports[0], ports[1], self._folder / f"broker-{number}")
            for number, ports in self._known().get("nodes", {}).items()
        }

    @property
    def brokers(self) -> list[Broker]:
        """Each broker as it is now."""
        found = []
        for node in self.nodes.values():
            process = self._running(node)
            state, pid, taken = ("running", process.pid, process.memory()) if process else ("stopped", None, 0)
            found.append(Broker(node.id, node.port, state, pid, taken))
        return found

    @property
    def bootstrap_servers(self) -> str:
        """``host:port,…`` of all brokers, for a Kafka client. The stopped ones too: a client skips those."""
        return ",".join(f"127.0.0.1:{node.port}" for node in self.nodes.values())

    @property
    def running(self) -> bool:
        """Whether all brokers run."""
        nodes = self.nodes
        return bool(nodes) and all(self._running(node) for node in nodes.values())

    # ---- start and stop ---------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Bring up every broker that does not run; returns when all of them serve. Idempotent.

        Raises
        ------
        PortTaken, NotEnoughMemory, JarError, ServerError
            It did not come up. What this call started is stopped again.
        """
        with undone_on_error() as launched:
            self.launch(launched)
            self.wait_ready(launched)
        return self

    def launch(self, launched: list[Process]) -> None:
        """The first half of `start`: run what does not run, without waiting. `launched` takes the new processes."""
        known = self.plan()
        nodes = self.nodes
        down = [node for node in nodes.values() if not self._running(node)]
        memory.require(_NEEDS * len(down), f"{len(down)} Kafka broker(s)")
        for node in down:
            self._configure(node)
        _broker.format_all(down, known["cluster_id"], voters=[] if known.get("formed") else down)
        _plan.write(self._state, known | {"formed": True})
        for node in down:
            self._launch(node, launched)

    def plan(self) -> dict[str, Any]:
        """Decide, and write down before anything runs, which nodes there are and on which ports."""
        known = self._known() or _plan.fresh()
        if not any(map(self._running, self.nodes.values())):
            _plan.settle_ports(known, self._port, must=self._must)
        while len(known["nodes"]) < self._wanted:
            _plan.add_node(known, self._port, must=self._must)
        _plan.write(self._state, known)
        return known

    def wait_ready(self, launched: list[Process]) -> None:
        """The second half of `start`: wait until what was launched serves, and the brokers know each other."""
        for process in launched:
            if process.name.startswith("kafka-"):
                process.wait_ready(_answering(process.ports), timeout=_TIMEOUT)
        if launched and len(self.nodes) > 1:
            up = {node.id for node in self.nodes.values() if self._running(node)}
            _quorum.wait_joined(self.bootstrap_servers, up, timeout=_TIMEOUT)
            _quorum.replicate_internal_topics(self.bootstrap_servers, min(3, len(up)))

    def stop(self) -> None:
        """Stop all brokers in good order; their data stays. Idempotent."""
        running = [process for node in self.nodes.values() if (process := self._running(node))]
        for process in running:
            process.signal(signal.SIGTERM)
        # Once most controllers have gone, the rest wait in vain for a quorum: they are ended, and lose nothing by it,
        # since what was acknowledged is in their logs.
        ending = running
        until = time.monotonic() + 10.0
        while len(ending) > len(running) // 2 and time.monotonic() < until:
            ending = wait_ended(ending, timeout=0.05)
        for process in running:
            process.wait_gone(grace=0.5)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    # ---- while it runs ----------------------------------------------------------------------------------------

    def add_broker(self) -> int:
        """Add a broker to the running cluster, and give Kafka's own topics a replica on it. Returns its id.

        Your topics stay where they are: `kit.topics.reassign` spreads one over the new brokers.
        """
        known = self._known()
        if not self.running:
            raise ServerError(
                "all brokers to run before another joins", got=repr(self), todo="restart the stopped brokers first"
            )
        if len(known["nodes"]) >= MAX_BROKERS:
            raise ConfigError(f"at most {MAX_BROKERS} brokers", got="one more", todo="work with those you have")
        memory.require(_NEEDS, "one more Kafka broker")
        self._wanted = len(known["nodes"]) + 1
        try:
            self.start()
        except BaseException:
            _plan.write(self._state, known)
            raise
        return max(self.nodes)

    def kill(self, broker: int) -> None:
        """End one broker at once, as a power cut would (``kill -9``)."""
        process = self._running(self._node(broker))
        if process is None:
            raise ServerError(f"broker {broker} to run", got="it is stopped", todo=f"cluster.restart({broker}) first")
        process.kill()

    def restart(self, broker: int) -> None:
        """Start a stopped broker again, on its port and its data (a running one is stopped first)."""
        node = self._node(broker)
        process = self._running(node)
        if process is not None:
            process.stop()
        memory.require(_NEEDS, f"Kafka broker {broker}")
        with undone_on_error() as launched:
            self._configure(node)
            choose_port(node.port, must=True)
            self._launch(node, launched)
            self.wait_ready(launched)

    # ---- how it is shown --------------------------------------------------------------------------------------

    def leaders(self) -> dict[int, int]:
        """How many partitions each broker leads (Kafka's own topics included); empty when no broker answers."""
        return _quorum.leaders(self.bootstrap_servers) if any(b.pid for b in self.brokers) else {}

    def __repr__(self) -> str:
        brokers = self.brokers
        if not brokers:
            return "KafkaCluster(no broker yet: start() it)"
        leads = self.leaders()
        words = [f"{b.id} on {b.port}" + (f" leads {leads.get(b.id, 0)}" if b.pid else f" {b.state}") for b in brokers]
        up = sum(b.pid is not None for b in brokers)
        return f"KafkaCluster({up} of {len(brokers)} brokers up: {', '.join(words)})"

    def _repr_html_(self) -> str:
        leads = self.leaders()
        rows = "".join(
            f"<tr><td>{b.id}</td><td>127.0.0.1:{b.port}</td><td>{'🟢' if b.pid else '🔴'} {b.state}</td>"
            f"<td>{leads.get(b.id, 0) if b.pid else '–'}</td><td>{b.memory / 1e6:.0f} MB</td></tr>"
            for b in self.brokers
        )
        head = "<tr><th>broker</th><th>address</th><th>state</th><th>partitions led</th><th>memory</th></tr>"
        return f"<table><caption><b>Kafka cluster</b></caption>{head}{rows}</table>"

    # ---- inside -----------------------------------------------------------------------------------------------

    @property
    def _folder(self) -> Path:
        return self.home / "kafka"

    @property
    def _state(self) -> Path:
        return self._folder / "cluster.json"

    def _known(self) -> dict[str, Any]:
        return _plan.read(self._state)

    def _node(self, broker: int) -> Node:
        nodes = self.nodes
        if broker not in nodes:
            raise ConfigError(f"one of the brokers {sorted(nodes)}", got=str(broker), todo="choose one of them")
        return nodes[broker]

    def _configure(self, node: Node) -> None:
        nodes = self.nodes
        controllers = [other.controller_port for other in nodes.values()]
        replicas = min(3, len(nodes))
        _broker.write_settings(node, replicas=replicas, controllers=controllers)

    def _launch(self, node: Node, launched: list[Process]) -> None:
        argv, env = _broker.command(node), {"MALLOC_ARENA_MAX": "1"}
        launch(node.name, argv, home=self.home, ports=[node.port], env=env, launched=launched)

    def _running(self, node: Node) -> Process | None:
        process = Process.load(self.home, node.name)
        return process if process is not None and process.alive else None


def _answering(ports: tuple[int, ...]) -> Callable[[], bool]:
    return lambda: all(map(answers, ports))
