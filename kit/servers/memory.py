"""How much memory this machine, or the container it is, has left for another server."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil

from kit.config import settings
from kit.errors import NotEnoughMemory
from kit.servers.process import Process

__all__ = ["available", "require"]

_GROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
_V2 = ("memory.max", "memory.current")
_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes")


def available() -> int:
    """Bytes that can be used without swapping: the machine's, or what a limit on this process leaves if that is less.

    Binder, Docker, systemd and batch systems limit a session by a control group, and psutil does not see it. Groups are
    nested, and each of them may have a limit, so all from this process's own up to the root are asked.

    Source: Linux kernel documentation, cgroup v2 (``memory.max``) and v1 (``memory.limit_in_bytes``).
    """
    free = int(psutil.virtual_memory().available)
    for folder, (limit, used) in _memory_groups():
        try:
            bound, now = (folder / limit).read_text("ascii").strip(), int((folder / used).read_text("ascii"))
        except (OSError, ValueError):
            continue
        if bound.isdecimal():
            free = min(free, int(bound) - now + _reclaimable(folder))
    return max(0, free)


def require(needed: int, purpose: str) -> None:
    """Refuse to start what this machine has no room for: `NotEnoughMemory` with fewer than `needed` bytes."""
    free = available()
    if free < needed:
        wanted = f"{needed >> 20} MB of free memory for {purpose}"
        raise NotEnoughMemory(wanted, got=f"{free >> 20} MB", todo=_what_to_stop())


def _what_to_stop() -> str:
    """What the lab itself has in memory, the largest first, and how to stop it."""
    sizes = Counter[str]()
    for process in Process.all(settings().home):
        sizes[process.name.partition("-")[0]] += process.memory()
    calls = {"spark": "kit.spark.stop() in its notebook"}
    ways = [f"{calls.get(name, f'lab.{name}.stop()')} ({size >> 20} MB)" for name, size in sizes.most_common() if size]
    return "; or ".join(["close other programs", *([f"stop {', '.join(ways)}"] if ways else []), "run `kit down`"])


def _memory_groups() -> Iterator[tuple[Path, tuple[str, str]]]:
    """The folders of this process's memory groups, from its own up to the root, with the names of their files."""
    try:
        lines = _OWN.read_text("utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines or ["0::/"]:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            root, files = _GROUPS, _V2
        elif "memory" in controllers.split(","):
            root, files = _GROUPS / "memory", _V1
        else:
            continue
        # Seen from inside a container the path may lead out of it ("/..") or be the host's, and not exist here.
        own = root.joinpath(*(part for part in Path(path).parts if part not in ("/", "..")))
        for folder in (own, *own.parents):
            yield folder, files
            if folder == root:
                break


def _reclaimable(folder: Path) -> int:
    """Bytes of file cache that count as used in a group, but go when memory is needed."""
    try:
        pairs = (line.split() for line in (folder / "memory.stat").read_text("ascii").splitlines())
        found = {name: int(count) for name, count in pairs}
    except (OSError, ValueError):
        return 0
    # v1 counts its children's under another name
    return sum(found.get(f"total_{name}", found.get(name, 0)) for name in ("inactive_file", "active_file"))
