"""The instructor's routes: the clock, the faults, the limits, the counts of what was served."""

from datetime import UTC, datetime

from fastapi import APIRouter
from pydantic import BaseModel

from kit.feeds.faults import Fault
from kit.feeds.state import Limits, State

__all__ = ["router"]

router = APIRouter(prefix="/control")


class ClockChange(BaseModel, extra="forbid"):
    start: str | None = None
    origin: datetime | None = None
    speed: float | None = None
    paused: bool | None = None


class Step(BaseModel, extra="forbid", strict=True):
    ticks: int = 1


@router.get("/status")
async def status(state: State) -> dict[str, object]:
    return state.status()


@router.patch("/clock")
async def clock(state: State, change: ClockChange) -> dict[str, object]:
    origin = change.origin
    instant = None if origin is None else int(origin.replace(tzinfo=origin.tzinfo or UTC).timestamp())
    state.clock.set(start=change.start, speed=change.speed, origin=instant, paused=change.paused)
    return state.clock.state()


@router.post("/step")
async def step(state: State, order: Step) -> dict[str, object]:
    state.clock.step(order.ticks)
    return state.clock.state()


@router.post("/rewind")
async def rewind(state: State) -> dict[str, object]:
    state.clock.rewind()
    return state.clock.state()


@router.post("/faults")
async def add_fault(state: State, fault: Fault) -> dict[str, object]:
    state.faults.append(fault)
    return {"faults": state.faults}


@router.delete("/faults")
async def clear_faults(state: State) -> dict[str, object]:
    state.faults.clear()
    return {"faults": []}


@router.patch("/limits")
async def limits(state: State, change: Limits) -> Limits:
    state.limits = state.limits.model_copy(update=change.model_dump(exclude_unset=True))
    state.clock.wake()  # open streams learn of a new keep-alive time
    return state.limits


@router.post("/reset")
async def reset(state: State) -> dict[str, object]:
    state.forget()
    state.clock.reset()
    return state.status()
