"""Files that are written whole or not at all.

>>> import tempfile
>>> file = Path(tempfile.mkdtemp()) / "state.json"
>>> write_atomically(file, "{}")
>>> file.read_text()
'{}'
"""

import os
from pathlib import Path
from uuid import uuid4

__all__ = ["write_atomically"]


def write_atomically(file: Path, content: str | bytes, *, private: bool = False) -> None:
    """Write a file in one step: a reader finds the old content or the new, a crash leaves one of them.

    Its folder is made if it is missing; text is written as UTF-8. `private`: only the owner may read it (mode 600);
    otherwise as the user's umask has it. `OSError`: the disk is full, or the folder cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    draft, mode = file.with_name(f".{uuid4().hex}.part"), 0o600 if private else 0o666
    try:
        with open(draft, "xb", opener=lambda path, flags: os.open(path, flags, mode)) as output:
            output.write(content.encode() if isinstance(content, str) else content)
        draft.replace(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
