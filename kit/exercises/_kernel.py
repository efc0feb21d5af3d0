"""What this kernel has run: by the ids of cells where the front end gives them, else by what defines a name."""

import ast
import re
import sys
from collections.abc import Mapping
from typing import Any

__all__ = ["Runs"]

_DEFINED = re.compile(r"^(?:def|class) (\w+)", re.MULTILINE)


class Runs:
    """The cells that ran, in order. Where there is no notebook, none."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self._shell: Any = None
        self._ids: dict[int, str] = {}
        ipython = sys.modules.get("IPython")
        shell = ipython.get_ipython() if ipython else None
        if shell is not None and shell.user_ns is namespace:
            self._shell = shell
            # Kept in the shell, so that a second `load` knows what ran before it.
            self._ids = shell.__dict__.setdefault("_kit_cell_ids", {})
            if not hasattr(shell, "_kit_notes_cells"):
                shell._kit_notes_cells = self._note
                shell.events.register("pre_run_cell", self._note)

    def _note(self, info: Any) -> None:
        if getattr(info, "cell_id", None):
            self._ids[self._shell.execution_count] = info.cell_id

    def broken(self, name: str) -> tuple[SyntaxError, str] | None:
        """The error and its line, if the newest cell that defines the name has a syntax error."""
        number = self._newest(name)
        if number is None:
            return None
        text = self._texts()[number]
        first, _, rest = text.partition("\n")
        try:
            ast.parse(self._shell.transform_cell(rest if first.startswith("%%") else text))
        except SyntaxError as error:
            return error, f"line {error.lineno} of the cell: {(error.text or '').strip()}"
        return None

    def renamed(self, name: str) -> str:
        """What the cell that once defined the name defines in its place now; or nothing."""
        number = self._newest(name)
        cell = self._ids.get(number) if number is not None else None
        if number is None or cell is None:
            return ""
        later = [text for run, text in enumerate(self._texts()) if run > number and self._ids.get(run) == cell]
        found = _DEFINED.search(later[-1]) if later else None
        return found[1] if found else ""

    def _texts(self) -> list[str]:
        return list(self._shell.history_manager.input_hist_raw) if self._shell is not None else []

    def _newest(self, name: str) -> int | None:
        word = re.escape(name)
        pattern = re.compile(rf"^(?:async )?(?:def|class) {word}\b|^{word} *=[^=]", re.MULTILINE)
        return max((run for run, text in enumerate(self._texts()) if pattern.search(text)), default=None)
