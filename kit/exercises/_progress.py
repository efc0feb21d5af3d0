"""Which gaps have passed, kept in the lab's state folder: it survives a restart of the kernel."""

import json
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from kit.config import settings
from kit.errors import ConfigError
from kit.files import write_atomically

__all__ = ["Progress"]

_LOCK_SECONDS = 5.0


class Progress:
    """The gaps of one exercise that have passed. A file that cannot be read is put aside, and progress begins anew."""

    def __init__(self, exercise: str) -> None:
        self.exercise = exercise

    @property
    def path(self) -> Path:
        return settings().home / "exercises" / f"{self.exercise}.json"

    def passed(self) -> set[int]:
        """Their numbers."""
        try:
            return {int(number) for number in json.loads(self.path.read_text("utf-8"))["passed"]}
        except FileNotFoundError:
            return set()
        except (OSError, ValueError, KeyError, TypeError):
            if self.path.is_file():
                self.path.replace(self.path.with_suffix(".unreadable"))
            return set()

    def note(self, gap: int, *, passed: bool) -> None:
        """Note the outcome of the last check of a gap."""
        if passed == (gap in self.passed()):
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix(".lock"), timeout=_LOCK_SECONDS):  # two notebooks may write at once
                now = self.passed() | {gap} if passed else self.passed() - {gap}
                write_atomically(self.path, json.dumps({"passed": sorted(now)}))
        except (OSError, Timeout) as error:
            todo = "set KIT_HOME to another folder"
            raise ConfigError(f"to keep progress in {self.path.parent}", got=str(error), todo=todo) from error

    def reset(self) -> None:
        """Forget it all."""
        with suppress(OSError):  # then there is nothing that could be read, either
            self.path.unlink(missing_ok=True)
