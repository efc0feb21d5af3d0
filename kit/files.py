"""Files that are written whole or not at all.

>>> import tempfile
>>> file = Path(tempfile.mkdtemp()) / "state.json"
>>> write_atomically(file, "{}")
>>> file.read_text()
'{}'
"""

import os
import tempfile
from pathlib import Path

__all__ = ["write_atomically"]


def write_atomically(file: Path, content: str | bytes, *, private: bool = False) -> None:
    """Write a file in one step: a reader finds the old content or the new, a crash leaves one of them.

    Its folder is made if it is missing; text is written as UTF-8. `private`: only the owner may read it (mode 600);
    otherwise as the user's umask has it. `OSError`: the disk is full, or the folder cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.", suffix=".part")
    draft = Path(name)
    try:
        with os.fdopen(number, "wb") as output:
            output.write(content.encode() if isinstance(content, str) else content)
        if not private:
            draft.chmod(0o666 & ~_umask())
        draft.replace(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _umask() -> int:
    """The process's umask, which the system only tells when it is set."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
