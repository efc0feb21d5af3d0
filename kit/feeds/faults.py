"""Misbehaviour on demand: counted, never random, so that a test can say exactly what happened."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

__all__ = ["Fault", "Faults", "Kind", "Route"]

Kind = Literal[
    "latency", "status", "disconnect", "stall", "truncate", "malformed", "duplicate", "operational-disconnect"
]
Route = Literal["quote", "chart", "stream", "rules", "*"]


@dataclass
class Fault:
    """One kind of trouble on one route.

    Attributes
    ----------
    times
        How many payloads it hits, then it is over.
    every
        It hits each `every`-th payload.
    after
        It lets that many payloads pass first.
    seconds
        How long a latency or stall lasts.
    status
        The HTTP status of a ``status`` fault.
    body
        What a ``malformed`` payload says.
    """

    kind: Kind
    route: Route = "*"
    times: int = 1
    every: int = 1
    after: int = 0
    seconds: float = 0.5
    status: int = 503
    body: str = '{"data": {"id": "1", "text'
    seen: int = 0
    done: int = 0


class Faults:
    """The faults in force, and the payloads each has seen."""

    def __init__(self) -> None:
        self._all: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._all.append(fault)

    def clear(self) -> None:
        self._all.clear()

    def active(self, route: Route) -> bool:
        """Whether a payload on this route could be hit at all."""
        return any(fault.route in (route, "*") for fault in self._all)

    def hits(self, route: Route, *, connecting: bool = False) -> Iterator[Fault]:
        """The faults that hit the next payload of a route.

        On the stream, ``status`` and ``latency`` hit the connection (`connecting`), the others the lines.
        """
        for fault in list(self._all):
            elsewhere = fault.route not in (route, "*")
            if elsewhere or (route == "stream" and (fault.kind in ("status", "latency")) != connecting):
                continue
            fault.seen += 1
            if fault.seen <= fault.after or (fault.seen - fault.after) % fault.every:
                continue
            fault.done += 1
            if fault.done >= fault.times:
                self._all.remove(fault)
            yield fault

    def state(self) -> list[dict[str, object]]:
        return [asdict(fault) for fault in self._all]
