"""What the clients of Yahoo and X share: which addresses are local, and errors for refused requests."""

from urllib.parse import urlsplit

from kit.errors import RateLimited, SourceError, Unauthorized

__all__ = ["on_this_machine", "refusal"]


def on_this_machine(url: str) -> bool:
    """Whether `url` is on this machine. A proxy of the environment is not for it then."""
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def refusal(service: str, status: int, text: str, *, retry_after: float | None, credentials: str) -> SourceError:
    """The error for a status that is not 200. `credentials`: what to do if the service did not accept them."""
    got = f"{status} {' '.join(text.split())[:200]}"
    if status in (401, 403):
        return Unauthorized(f"{service} to accept the credentials", got=got, todo=credentials)
    if status == 429:
        todo = "ask less often: one request can name many symbols, and one account has few streams"
        return RateLimited(f"fewer requests than {service} allows", got=got, todo=todo, retry_after=retry_after)
    todo = "correct the request" if status < 500 else "try again in a moment"
    return SourceError(f"a status of 200 from {service}", got=got, todo=todo)
