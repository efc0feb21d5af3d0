"""The feeds as one web application."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from kit.feeds import control, x, yahoo
from kit.feeds.clock import ClockError
from kit.feeds.responses import Refused, json_response
from kit.feeds.state import FeedState

__all__ = ["create_app"]


def create_app(state: FeedState) -> FastAPI:
    """The application that serves a state: Yahoo's routes, X's, and ``/control`` for the instructor."""
    app = FastAPI(title="Local feeds", description="Real prices and tweets, replayed in their wire formats.")
    app.state.feeds = state
    for module in (control, x, yahoo):  # Yahoo last: it answers for all paths that are left
        app.include_router(module.router)
    for kind in (ClockError, RequestValidationError, Refused):
        app.add_exception_handler(kind, _refuse)
    return app


async def _refuse(_: Request, error: Exception) -> Response:
    """The answer to a setting that cannot be, or the one that a route wants."""
    if isinstance(error, Refused):
        return error.response
    detail = str(error)
    if isinstance(error, RequestValidationError):
        detail = "; ".join(f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in error.errors())
    return json_response({"detail": detail}, 422)
