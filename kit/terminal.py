r"""The terminal of the commands: a sign that its encoding lacks is written in ASCII.

Without this, Python ends a command with UnicodeEncodeError at the first ``✓`` where the standard output is ASCII,
Latin-1 or the like (``LC_ALL=C``, ``PYTHONIOENCODING=ascii``, an old terminal).

>>> "✓ state folder → Zoë".encode("ascii", SIGNS)
b'ok state folder -> Zo\\xeb'
"""

import codecs
import sys
import unicodedata

__all__ = ["SIGNS", "write_signs_as_ascii"]

SIGNS = "kit.signs"  # the name of the error handler, as `str.encode` takes it
_ASCII = {
    **dict.fromkeys("✓✔✅", "ok"),
    **dict.fromkeys("✗✘❌", "!!"),
    **dict.fromkeys("·•–—−‐‑", "-"),
    **dict.fromkeys("○◐●⚪", "o"),
    **dict.fromkeys("‘’‚′", "'"),
    **dict.fromkeys("“”„″«»", '"'),
    **dict(zip("→▶…×≤≥�⚡⏸", ("->", ">", "...", "x", "<=", ">=", "?", "!", "||"), strict=True)),
    "\N{NO-BREAK SPACE}": " ",
}


def write_signs_as_ascii() -> None:
    """Let the standard output and error write what their encoding lacks in ASCII; no program ends because of a sign."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=SIGNS)


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """Signs by the table, lines of a box by their direction; a letter keeps its code, for a path must stay exact."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_replaced, error.object[error.start : error.end])), error.end


def _replaced(sign: str) -> str:
    name = unicodedata.name(sign, "")
    if name.startswith("BOX DRAWINGS"):
        return "-" if name.endswith("HORIZONTAL") else "|" if name.endswith("VERTICAL") else "+"
    if name.startswith("BRAILLE PATTERN"):  # a spinner
        return "*"
    return _ASCII.get(sign) or sign.encode("ascii", "backslashreplace").decode()


codecs.register_error(SIGNS, _in_ascii)
