"""What has run in this kernel, held against the notebook as it was handed out."""

import ast
import difflib
import re
import sys
from collections.abc import Collection, Mapping
from typing import Any

__all__ = ["altered", "executed", "last_definition", "renamed", "scaffold_trouble"]

_ALIKE = 0.75
_SHORT = 3  # lines; of a shorter cell nobody can say what it was made of
_GAP = "raise NotImplementedError"


def executed(namespace: Mapping[str, Any]) -> list[str] | None:
    """The code of all cells that this kernel has run, in order; None where there is no notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None or shell.user_ns is not namespace:
        return None
    ran = [str(source).strip("\n") for source in shell.history_manager.input_hist_parsed]
    return ran if any(ran) else None  # some programs run cells without a history


def scaffold_trouble(scaffold: Collection[str], ran: list[str]) -> tuple[str, str] | None:
    """Whether a cell that is needed has not run, or was changed: what was expected, what came; or None."""
    for cell in scaffold:
        lines = cell.splitlines()
        if len(lines) < _SHORT:
            continue
        first = next(line for line in lines if line.strip())
        last = _last_run(cell, ran)
        if last is None:
            return f"the cell that begins with\n{first}", "it has not run in this kernel"
        old, new = _difference(cell, last)
        if old:
            return old, new or "the line is gone"
    return None


def _last_run(cell: str, ran: list[str]) -> str | None:
    """The newest code that is this cell, or was made of it."""
    for text in reversed(ran):
        if text == cell:
            return text
        matcher = difflib.SequenceMatcher(None, text, cell, autojunk=False)
        if matcher.real_quick_ratio() >= _ALIKE and matcher.quick_ratio() >= _ALIKE and matcher.ratio() >= _ALIKE:
            return text
    return None


def _difference(cell: str, text: str) -> tuple[str, str]:
    """The first lines of the cell that are others in the text; lines that were added do no harm."""
    old, new = cell.splitlines(), text.splitlines()
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag in ("replace", "delete"):
            return "\n".join(old[a:b][:3]), "\n".join(new[c:d][:3])
    return "", ""


def last_definition(name: str, ran: list[str]) -> str | None:
    """The newest code that defines the function or class, or tries to."""
    word = re.escape(name.partition(".")[0])
    pattern = re.compile(rf"^\s*(?:def|class) {word}\b|^{word} *=[^=]", re.MULTILINE)
    return next((text for text in reversed(ran) if pattern.search(text)), None)


def renamed(name: str, ran: list[str]) -> str:
    """The name that the newest version of a cell defines in the place of this one; or nothing."""
    mine = last_definition(name, ran)
    if mine is None:
        return ""
    after = ran[len(ran) - ran[::-1].index(mine) :]
    newest = _last_run(mine, after)
    found = re.search(r"^\s*(?:def|class) (\w+)", newest or "", re.MULTILINE)
    return found[1] if found else ""


def altered(cell: str, text: str) -> str:
    """What of a gap's cell, outside of the gap, is another in the student's; or nothing."""
    mine = _parts(text)
    for part in _parts(cell):
        if part not in mine:
            header, below, _ = part.partition("\n")
            return f"the lines below `{header}`" if below else f"the line `{header}`"
    return ""


def _parts(source: str) -> list[str]:
    """The headers of classes and functions, and whole functions unless they have a gap; no comments, no docstrings."""
    parts: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:] or [ast.Pass()]
            whole = ast.unparse(node)
            parts.append(whole.partition("\n")[0])
            if isinstance(node, ast.FunctionDef) and _GAP not in whole:
                parts.append(whole)
    return parts
