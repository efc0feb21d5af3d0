"""What this kernel has run: by the ids of cells where the front end gives them, else by the text of a cell."""

import ast
import re
import sys
from collections.abc import Mapping
from typing import Any

from kit.exercises._context import CheckContext
from kit.exercises._outcomes import Crashed, Ended

__all__ = ["Runs"]


class Runs:
    """The cells that ran, in order. Where there is no notebook, none."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        shell: Any = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
        self._shell: Any = shell if shell is not None and shell.user_ns is namespace else None
        self._ids: dict[int, str] = {}
        if self._shell is not None:
            # Kept in the shell, so that a second `load` knows what ran before it.
            self._ids = shell.__dict__.setdefault("_kit_cell_ids", {})
            shell.events.register("pre_run_cell", self._note)

    def _note(self, info: Any) -> None:
        if getattr(info, "cell_id", None):
            self._ids[self._shell.execution_count] = info.cell_id

    def newest(self, name: str) -> str:
        """The cell that defines a function, or the class of a method, as that cell ran last; or nothing."""
        texts = list(self._shell.history_manager.input_hist_raw) if self._shell is not None else []
        runs = [run for run, text in enumerate(texts) if _defines(text, name)]
        cell = self._ids.get(runs[-1]) if runs else None
        again = [run for run in range(len(texts)) if cell is not None and self._ids.get(run) == cell]
        return texts[max([runs[-1], *again])] if runs else ""

    def check(self, name: str, context: CheckContext) -> None:
        """End the check if the name stands for what an older run of its cell has defined."""
        if self._shell is not None:  # IPython's `exit()` would end the kernel
            self._shell.ask_exit = sys.exit
            context.callback(delattr, self._shell, "ask_exit")
        first, _, rest = (text := self.newest(name)).partition("\n")
        try:
            tree = ast.parse(self._shell.transform_cell(rest if first.startswith("%%") else text) if text else "")
        except SyntaxError as error:
            line = f"line {error.lineno} of the cell: {(error.text or '').strip()}"
            raise Ended(Crashed("", (("error", f"{type(error).__name__}: {error.msg}"), ("line", line)))) from None
        defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        if defined and not _defines(text, name):
            context.renamed(name, defined[0])


def _defines(text: str, name: str) -> bool:
    word = name.partition(".")[0]
    return bool(re.search(rf"^(?:async )?(?:def|class) {word}\b|^{word} *=[^=]", text, re.MULTILINE))
