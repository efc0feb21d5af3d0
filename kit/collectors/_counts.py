"""What an actor, or a whole collector, has done so far."""

from dataclasses import astuple, dataclass
from typing import Self

__all__ = ["Counts"]


@dataclass(slots=True)
class Counts:
    """What became of the records: received = sent + duplicate + dead_lettered, once all is done."""

    received: int = 0
    sent: int = 0
    duplicate: int = 0
    dead_lettered: int = 0
    restarts: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))
