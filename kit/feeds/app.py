"""The feeds as one web application."""

from fastapi import FastAPI

from kit.feeds import control, x, yahoo
from kit.feeds.world import World

__all__ = ["create_app"]


def create_app(world: World) -> FastAPI:
    """The application that serves a world. Routes: Yahoo's, X's, and ``/control`` for whoever runs the class."""
    app = FastAPI(title="Local feeds", description="Real prices and tweets, replayed in their wire formats.")
    app.state.world = world
    for room in (yahoo, x, control):
        app.include_router(room.router)
    return app
