"""The surroundings of one graded notebook: a folder, a broker and feeds of its own, gone at the end."""

import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from kit.exercises._source import Source
from kit.servers.feeds import FeedServer
from kit.servers.kafka import KafkaCluster
from kit.servers.process import Process, undone_on_error

__all__ = ["OwnLab", "own_lab"]

_SECRET = re.compile("TOKEN|SECRET|PASSW|CREDENTIAL|API_?KEY", re.IGNORECASE)
_ENDED_SECONDS = 5.0


class OwnLab:
    """A broker and feeds on free ports, in a folder laid out as the kit's own: notebooks/, solutions/."""

    def __init__(self, folder: Path, source: Source) -> None:
        self.home, self.work = folder / "home", folder / "notebooks"
        self._launched: list[Process] = []
        for made in (self.home, self.work, folder / "solutions"):
            made.mkdir()
        shutil.copy(source.path, folder / "solutions")  # so that the kernel finds the same exercise as the grader

    @property
    def env(self) -> dict[str, str]:
        """The grader's environment without its secrets and its own settings of the kit."""
        kept = {name: value for name, value in os.environ.items() if not _SECRET.search(name)}
        kept = {name: value for name, value in kept.items() if not name.startswith("KIT_") or name == "KIT_CACHE"}
        own = {"KIT_HOME": str(self.home), "KIT_KAFKA_PORT": "0", "KIT_FEEDS_PORT": "0"}
        return {**kept, **own, "IPYTHONDIR": str(self.home / "ipython")}  # no start-up files of the grader's

    def start(self) -> None:
        """Start what does not run: whatever a student has ended. Idempotent.

        Raises
        ------
        ServerError
            It did not come up.
        """
        servers = FeedServer(self.home), KafkaCluster(self.home)
        if all(server.running for server in servers):
            return
        with undone_on_error() as launched:
            for server in servers:
                server.launch(launched)
            self._launched += launched
            for server in servers:
                server.wait_ready(launched)

    def stop(self) -> None:
        """End the servers and whatever the notebook has started. Nothing of it is wanted any more, so: at once."""
        for process in self._launched:
            with suppress(OSError):  # whatever a student has made of the folder
                process.kill()
        for _ in range(2):  # what was just being started the first time
            left = [process for process in psutil.process_iter() if self._is_ours(process)]
            for one in left:
                with suppress(psutil.Error):
                    one.send_signal(signal.SIGKILL)
            psutil.wait_procs(left, timeout=_ENDED_SECONDS)

    def _is_ours(self, process: psutil.Process) -> bool:
        """Whether it was started in this lab: its folder has a name that nothing else has."""
        try:
            return process.environ().get("KIT_HOME") == str(self.home)
        except (psutil.Error, OSError):
            return False


@contextmanager
def own_lab(source: Source) -> Iterator[OwnLab]:
    """A lab for one notebook, stopped at the end whatever happens.

    Raises
    ------
    ServerError
        It did not come up.
    """
    with tempfile.TemporaryDirectory(prefix="kit-grade-", ignore_cleanup_errors=True) as folder:
        lab = OwnLab(Path(folder).resolve(), source)
        try:
            lab.start()
            yield lab
        finally:
            lab.stop()
