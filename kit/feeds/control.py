"""The instructor's side: the clock, the faults, the limits, the account of what was served."""

from dataclasses import asdict
from datetime import UTC, datetime

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field

from kit.feeds.clock import ClockError
from kit.feeds.faults import Fault, Kind, Route
from kit.feeds.world import Limits, World

__all__ = ["router"]

router = APIRouter(prefix="/control")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ClockChange(_Strict):
    start: str | None = Field(default=None, description="trading day, YYYY-MM-DD")
    origin: datetime | None = Field(default=None, description="instant of tick 0")
    speed: float | None = Field(default=None, description="trading days a second")
    paused: bool | None = None


class Step(_Strict):
    ticks: int = 1


class FaultOrder(_Strict):
    kind: Kind
    route: Route = "*"
    times: int = Field(default=1, ge=1)
    every: int = Field(default=1, ge=1)
    after: int = Field(default=0, ge=0)
    seconds: float = Field(default=0.5, ge=0, le=120)
    status: int = Field(default=503, ge=400, le=599)
    body: str = Field(default=Fault.body, pattern=r"^[^\r\n]*[^\s][^\r\n]*$")  # one line: on the stream, one payload


class LimitChange(_Strict):
    requests_per_minute: int | None = Field(default=None, ge=1)
    stream_connections: int | None = Field(default=None, ge=0)
    connects_per_15min: int | None = Field(default=None, ge=1)
    keep_alive_seconds: float | None = Field(default=None, gt=0, le=20)


def _world(request: Request) -> World:
    world: World = request.app.state.world
    return world


@router.get("/status")
async def status(request: Request) -> dict[str, object]:
    return _world(request).status()


@router.patch("/clock")
async def clock(request: Request, change: ClockChange) -> dict[str, object]:
    origin = None
    if change.origin is not None:
        origin = int(change.origin.replace(tzinfo=change.origin.tzinfo or UTC).timestamp())
    found = _world(request).clock
    try:
        found.set(start=change.start, speed=change.speed, origin=origin, paused=change.paused)
    except ClockError as error:
        raise HTTPException(422, str(error)) from error
    return found.state()


@router.post("/step")
async def step(request: Request, order: Step) -> dict[str, object]:
    found = _world(request).clock
    try:
        found.step(order.ticks)
    except ClockError as error:
        raise HTTPException(422, str(error)) from error
    return found.state()


@router.post("/rewind")
async def rewind(request: Request) -> dict[str, object]:
    found = _world(request).clock
    found.rewind()
    return found.state()


@router.get("/faults")
async def faults(request: Request) -> dict[str, object]:
    return {"faults": _world(request).faults.state()}


@router.post("/faults")
async def add_fault(request: Request, order: FaultOrder) -> dict[str, object]:
    world = _world(request)
    world.faults.add(Fault(**order.model_dump()))
    return {"faults": world.faults.state()}


@router.delete("/faults")
async def clear_faults(request: Request) -> dict[str, object]:
    _world(request).faults.clear()
    return {"faults": []}


@router.patch("/limits")
async def limits(request: Request, change: LimitChange) -> dict[str, object]:
    world = _world(request)
    world.limits = Limits(**{**asdict(world.limits), **change.model_dump(exclude_none=True)})
    world.clock.wake()  # open streams learn of a new keep-alive time
    return asdict(world.limits)


@router.post("/reset")
async def reset(request: Request) -> dict[str, object]:
    world = _world(request)
    world.reset()
    return world.status()
