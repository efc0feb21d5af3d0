"""``python -m kit.prepare``: all jars, and the class-data archives, so that servers start quickly, and offline.

An archive costs half a minute of processor time, and only saves some seconds of each start. So `make install` makes
those of the servers that the lab starts first (``--first``), and `kit lab` the others, beside the students' work.
Images are built with all of them.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from filelock import FileLock

from kit.config import settings
from kit.errors import KitError
from kit.servers import jars, lab, memory
from kit.servers.interrupts import stop_at_the_first, uninterrupted

__all__ = ["beside", "prepare"]

_NEEDS = 1200 << 20  # Spark's driver and a broker, while it writes its archive
_SECONDS_TO_STOP = 20.0


def prepare(*, first: bool = False) -> None:
    """Fetch the jars, and make the archives that are missing: with `first` only those of servers that start first."""
    if lab.prepared():  # so that the cache may be read-only
        return
    jars.fetch(*jars.LOCKS)
    folder = settings().cache / "archives"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        for server in lab.servers().values():
            if not (first and server.on_demand):
                server.prepare()


@contextmanager
def beside() -> Iterator[None]:
    """Make the archives that are missing while the block runs, by a process that gives way to all others."""
    making: subprocess.Popen[bytes] | None = None
    try:
        if not lab.prepared() and memory.available() > _NEEDS:
            argv, log = ["nice", "-n", "19", sys.executable, "-m", __name__], settings().home / "log" / "prepare.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("wb") as output, uninterrupted():
                making = subprocess.Popen(
                    argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
                )
        yield
    finally:
        if making is not None and making.poll() is None:
            making.terminate()
            with suppress(subprocess.TimeoutExpired):
                making.wait(_SECONDS_TO_STOP)
            making.kill()
            making.wait()


if __name__ == "__main__":
    stop_at_the_first()
    try:
        prepare(first="--first" in sys.argv)
    except KitError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except (OSError, subprocess.SubprocessError) as error:  # of the class archive
        sys.exit(f"{error}: free some disk space, or set KIT_CACHE to a folder you can write to")
    except KeyboardInterrupt:
        sys.exit("stopped; run it again and it goes on where it was")
