"""Which nodes a cluster has, and on which ports: decided, and written down, before anything runs.

Kept in ``<home>/<cluster>/cluster.json``, as ``{"cluster_id": …, "nodes": {"1": [port, peer port], …}}``. "formed" is
added once the nodes that it begins with are one cluster. Until then there is nothing to lose, and a start that was
interrupted is begun again.
"""

import base64
import json
import uuid
from pathlib import Path
from typing import Any

from kit.errors import ServerError
from kit.files import write_atomically
from kit.servers.ports import choose_port
from kit.servers.process import kept_in

__all__ = ["add_node", "fresh", "read", "settle_ports", "write"]

_FILE = "cluster.json"


def fresh() -> dict[str, Any]:
    """A cluster with no node yet, and an id of its own (a UUID in URL-safe base64, as Kafka writes it)."""
    return {"cluster_id": base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="), "nodes": {}}


def read(folder: Path) -> dict[str, Any]:
    """The plan; empty before the first start."""
    file = folder / _FILE
    try:
        known: dict[str, Any] = json.loads(file.read_text("utf-8"))
        if not isinstance(known, dict) or not {"cluster_id", "nodes"} <= known.keys():
            raise ValueError("it is not the plan of a cluster")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError as error:
        todo = "run `kit reset`, which deletes it and all data"
        raise ServerError(f"a readable {file}", got=str(error), todo=todo) from error
    return known


def write(folder: Path, known: dict[str, Any]) -> None:
    """Keep the plan, in one step."""
    with kept_in(folder, "to keep the cluster's plan"):
        write_atomically(folder / _FILE, json.dumps(known))


def add_node(known: dict[str, Any], port: int, *, must: bool) -> int:
    """Give the next node its id and its ports; `port` is the cluster's first one, 0 for any."""
    number = 1 + max(map(int, known["nodes"]), default=0)
    taken = [port for ports in known["nodes"].values() for port in ports]
    chosen = choose_port(port + number - 1 if port else 0, must=must and number == 1, avoid=taken)
    known["nodes"][str(number)] = [chosen, choose_port(avoid=[*taken, chosen])]
    return number


def settle_ports(known: dict[str, Any], port: int, *, must: bool, peers: bool) -> None:
    """While no node runs: give those another port whose own was taken since, or is not the one that is asked for now.

    `peers`: their ports for each other, too. Kafka's stay: the nodes have them in their data.
    """
    for number, ports in known["nodes"].items():
        asked = must and port and number == "1"
        others = [other for node in known["nodes"].values() if node is not ports for other in node]
        ports[0] = choose_port(port if asked else ports[0], must=bool(asked), avoid=[*others, ports[1]])
        if peers:
            ports[1] = choose_port(ports[1], avoid=[*others, ports[0]])
