"""What X's refusals and broken lines mean."""

import time
from collections.abc import Mapping

from kit.errors import RateLimited, SourceError, Unauthorized

__all__ = ["dropped", "refused"]

_LIMIT_SECONDS = 900.0  # X counts by quarters of an hour


def refused(status: int, text: str, headers: Mapping[str, str]) -> SourceError:
    """The error for an answer that is not 200."""
    text = " ".join(text.split())[:200]
    if status in (401, 403):
        return Unauthorized(
            "the X API to accept the bearer token",
            got=f"{status} {text}",
            todo="get a token from the X developer portal and set KIT_X_BEARER_TOKEN; or unset KIT_FEEDS to replay",
        )
    if status == 429:
        return RateLimited(
            "fewer connections than X allows",
            got=f"429 {text}",
            todo="stop other streams on this account, and wait",
            retry_after=_wait(headers),
        )
    return SourceError("a stream of posts", got=f"{status} {text}", todo="try again in a moment")


def _wait(headers: Mapping[str, str]) -> float | None:
    """The seconds until X's limit is over, if a limit it was: of too many open streams it says nothing."""
    reset, remaining = headers.get("x-rate-limit-reset", ""), headers.get("x-rate-limit-remaining", "0")
    if not reset.isdecimal() or remaining != "0":
        return None
    return min(max(float(reset) - time.time(), 1.0), _LIMIT_SECONDS)


def dropped(why: str) -> SourceError:
    """The error for a line that broke, or could not be had."""
    return SourceError(
        "a stream of posts", got=" ".join(why.split()), todo="connect again; `kit status` shows whether the feeds run"
    )
