"""Faults on demand: counted, never random, so that a test can say exactly what happens."""

from collections.abc import Iterator
from typing import Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as validated

__all__ = ["Fault", "Faults", "Kind", "Route"]

Kind = Literal[
    "latency", "status", "disconnect", "stall", "truncate", "malformed", "duplicate", "operational-disconnect"
]
Route = Literal["quote", "chart", "stream", "rules", "*"]


@validated(config=ConfigDict(extra="forbid"))
class Fault:
    """One kind of fault on one route: on each `every`-th payload, once `after` have passed, until `times` were hit."""

    kind: Kind
    route: Route = "*"
    times: int = Field(default=1, ge=1, strict=True)
    every: int = Field(default=1, ge=1, strict=True)
    after: int = Field(default=0, ge=0, strict=True)
    seconds: float = Field(default=0.5, ge=0, le=120, strict=True)  # of a latency or stall
    status: int = Field(default=503, ge=400, le=599, strict=True)
    # Of a malformed payload: one line, since a line is one payload of the stream.
    body: str = Field(default='{"data": {"id": "1", "text', pattern=r"^[^\r\n]*[^\s][^\r\n]*$")
    seen: int = Field(default=0, init=False)
    done: int = Field(default=0, init=False)


class Faults(list[Fault]):
    """The faults in force."""

    def active(self, route: Route) -> bool:
        """Whether a fault can hit a payload on this route."""
        return any(fault.route in (route, "*") for fault in self)

    def hits(self, route: Route, *, connecting: bool = False) -> Iterator[Fault]:
        """The faults that hit the next payload of a route.

        On the stream, ``status`` and ``latency`` hit the connection (`connecting`), the others the lines.
        """
        for fault in list(self):
            elsewhere = fault.route not in (route, "*")
            if elsewhere or (route == "stream" and (fault.kind in ("status", "latency")) != connecting):
                continue
            fault.seen += 1
            if fault.seen <= fault.after or (fault.seen - fault.after) % fault.every:
                continue
            fault.done += 1
            if fault.done >= fault.times:
                self.remove(fault)
            yield fault
