"""How much memory this machine, or the container it is, has left for another server."""

from pathlib import Path

import psutil

from kit.errors import NotEnoughMemory

__all__ = ["available", "require"]

_CGROUP = Path("/sys/fs/cgroup")


def available() -> int:
    """Bytes that can be used without swapping: the machine's, or what the container's limit leaves if that is less.

    Source: Linux kernel documentation, cgroup v2 (``memory.max``, ``memory.current``) and v1
    (``memory.limit_in_bytes``). Binder and Docker limit a session that way, and psutil does not see it.
    """
    free = int(psutil.virtual_memory().available)
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            bound = (_CGROUP / limit).read_text("ascii").strip()
            now = int((_CGROUP / used).read_text("ascii"))
        except (OSError, ValueError):
            continue
        if bound != "max":
            free = min(free, int(bound) - now + _reclaimable())
    return max(0, free)


def require(needed: int, purpose: str) -> None:
    """Refuse to start what this machine has no room for.

    Raises
    ------
    NotEnoughMemory
        Fewer than `needed` bytes are available.
    """
    free = available()
    if free < needed:
        raise NotEnoughMemory(
            f"{needed >> 20} MB of free memory for {purpose}",
            got=f"{free >> 20} MB",
            todo="close other notebooks and programs, or stop a server with `kit down`",
        )


def _reclaimable() -> int:
    """Bytes of file cache that count as used in a container, but go when memory is needed."""
    try:
        lines = (_CGROUP / "memory.stat").read_text("ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(("inactive_file ", "active_file ")))
