"""A hands-on training kit for distributed data pipelines: the names that notebooks use.

>>> import kit
>>> lab = kit.up()                                           # doctest: +SKIP
>>> collector = kit.collect_quotes(["JPM", "GE"])            # doctest: +SKIP
>>> kit.topics.tail("quotes")                                # doctest: +SKIP

Each name is imported when it is first used, so that ``import kit`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kit import exercises, models, plots, spark, streams, topics, views
    from kit.collectors import collect_quotes, collect_tweets
    from kit.config import settings
    from kit.errors import KitError
    from kit.servers.doctor import doctor
    from kit.servers.lab import down, reset, status, up

_HOME = {
    **dict.fromkeys(["collect_quotes", "collect_tweets"], "kit.collectors"),
    **dict.fromkeys(["down", "reset", "status", "up"], "kit.servers.lab"),
    "KitError": "kit.errors",
    "doctor": "kit.servers.doctor",
    "settings": "kit.config",
}
__all__ = ["KitError", "collect_quotes", "collect_tweets", "doctor", "down", "exercises", "models", "plots", "reset"]
__all__ += ["settings", "spark", "status", "streams", "topics", "up", "views"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name in __all__:
        return import_module(f"kit.{name}")
    raise AttributeError(f"module 'kit' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return __all__
