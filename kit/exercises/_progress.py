"""Which gaps have passed, kept in the lab's state folder: it survives a restart of the kernel."""

import json
import tempfile
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from kit.config import settings
from kit.errors import ConfigError

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
            told = json.loads(self.path.read_text("utf-8"))
            return {int(number) for number in told["passed"]}
        except FileNotFoundError:
            return set()
        except (OSError, ValueError, KeyError, TypeError):
            if self.path.is_file():
                self.path.replace(self.path.with_suffix(".unreadable"))
            return set()

    def note(self, gap: int, *, passed: bool) -> None:
        """Note what the last check of a gap said."""
        before = self.passed()
        if passed == (gap in before):
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix(".lock"), timeout=_LOCK_SECONDS):  # two notebooks may write at once
                before = self.passed()
                self._write(before | {gap} if passed else before - {gap})
        except (OSError, Timeout) as error:
            raise ConfigError(
                f"a state folder that can be written, to keep progress in {self.path.parent}",
                got=str(error),
                todo="set KIT_HOME to another folder",
            ) from error

    def reset(self) -> None:
        """Forget it all."""
        with suppress(OSError):  # then there is nothing that could be read, either
            self.path.unlink(missing_ok=True)

    def _write(self, passed: set[int]) -> None:
        draft: Path | None = None
        try:
            with tempfile.NamedTemporaryFile("w", dir=self.path.parent, delete=False, encoding="utf-8") as file:
                draft = Path(file.name)
                json.dump({"passed": sorted(passed)}, file)
            draft.replace(self.path)  # who reads meanwhile finds the old or the new
        except OSError:
            if draft is not None:
                draft.unlink(missing_ok=True)
            raise
