"""Where an address is."""

from urllib.parse import urlsplit

__all__ = ["on_this_machine"]


def on_this_machine(url: str) -> bool:
    """Whether `url` is of this machine itself: then no proxy that the environment names can know the way."""
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
