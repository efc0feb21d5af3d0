"""A container's file system run as Binder runs it: an ordinary user, 2 GB of memory, one CPU, no network.

The program that uses this has no network either (``unshare -n``), but 127.0.0.1, which it shares with the container: so
its browser reaches the container's page.
"""

import os
import re
import signal
import subprocess
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.wait import wait_until

__all__ = ["Group", "running"]

_V1 = Path("/sys/fs/cgroup/memory")
# $0: the root, $1: the group's folder, $2: where a program looks for it below /sys/fs/cgroup, then the command.
_ENTER = """
echo $$ >"$1/cgroup.procs"
exec unshare --mount --pid --fork --kill-child=SIGKILL sh -ec '
    mount --rbind /dev "$0/dev"
    mount -t proc none "$0/proc"
    mount -t sysfs none "$0/sys"
    mount -t tmpfs -o mode=1777 none "$0/tmp"
    mount -t tmpfs none "$0/sys/fs/cgroup"
    mkdir -p "$0/sys/fs/cgroup$2"
    mount --bind "$1" "$0/sys/fs/cgroup$2"
    root=$0
    shift 2
    exec taskset -c 0 /usr/sbin/chroot --userspec=1000:1000 --groups= "$root" "$@"
' "$0" "$@"
"""


class Group:
    """A memory group (cgroup v1 or v2) with a limit, and a thread that looks at it."""

    def __init__(self, limit: int) -> None:
        self.v1 = _V1.is_dir()
        self.folder = (_V1 if self.v1 else Path("/sys/fs/cgroup")) / f"pipeline-kit-{uuid.uuid4().hex[:8]}"
        self.folder.mkdir()
        (self.folder / ("memory.limit_in_bytes" if self.v1 else "memory.max")).write_text(str(limit))
        self.peak = 0
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look)
        self._watch.start()

    def enter(self) -> None:
        """Make this process a member; its children will be members, too."""
        (self.folder / "cgroup.procs").write_text(str(os.getpid()))

    def killed(self) -> int:
        """How many processes the kernel has ended because there was no memory left."""
        text = (self.folder / ("memory.oom_control" if self.v1 else "memory.events")).read_text()
        return int(dict(line.split() for line in text.splitlines()).get("oom_kill", 0))

    def archives(self) -> dict[str, set[str]]:
        """Of each Java process, by its pid and the end of its command, the class archives that it has opened."""
        found = {}
        for pid in map(int, (self.folder / "cgroup.procs").read_text().split()):
            with suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
                if words[0].endswith("/java"):
                    maps = Path(f"/proc/{pid}/maps").read_text()
                    found[f"{pid} {words[-1]}"] = {Path(name).name for name in re.findall(r"\S+\.jsa$", maps, re.M)}
        return found

    def close(self) -> None:
        """End all members, and delete the group."""
        self._over.set()
        self._watch.join()
        wait_until(self._ended, timeout=30, what="an end of the container's processes")
        self.folder.rmdir()

    def _ended(self) -> bool:
        """Kill what lives: `--kill-child` does not reach a process that has changed its user since."""
        pids = [int(line) for line in (self.folder / "cgroup.procs").read_text().split()]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not pids

    def _look(self) -> None:
        """Note the most memory in use, without the file cache, which goes when memory is needed."""
        name = "total_rss" if self.v1 else "anon"
        while not self._over.wait(0.1):
            stat = dict(line.split() for line in (self.folder / "memory.stat").read_text().splitlines())
            self.peak = max(self.peak, int(stat[name]) + int(stat.get("total_shmem", stat.get("shmem", 0))))


@contextmanager
def running(
    root: Path, argv: Sequence[str], *, env: dict[str, str], group: Group, log: Path
) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a command in a container's file system. `Group.close` ends what it leaves."""
    enter = ["sh", "-ec", _ENTER, str(root), str(group.folder), "/memory" if group.v1 else "", *argv]
    (root / "etc" / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")  # as each container engine writes it
    with log.open("wb") as output:
        process = subprocess.Popen(enter, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(30)
