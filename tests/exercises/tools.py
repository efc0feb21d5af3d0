"""Students' notebooks without a notebook: code run cell by cell in a namespace, as a kernel does it."""

import linecache
from collections.abc import Mapping
from typing import Any

from kit import exercises
from kit.exercises import Exercise, Source

__all__ = ["Student", "scaffold_of"]

_NOT_RUN = {"checks-gap", "goal", "tries-gap", "finish", "raises-exception"}


class Student:
    """A kernel's namespace. `run` is a cell; its lines are known to tracebacks, as IPython has it."""

    def __init__(self, source: Source | None = None, namespace: Mapping[str, Any] | None = None) -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__", **(namespace or {})}
        self._cells = 0
        if source is not None:
            for code in scaffold_of(source):
                self.run(code)

    def run(self, code: str) -> "Student":
        self._cells += 1
        name = f"<cell {self._cells} of {id(self)}>"
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
        exec(compile(code, name, "exec"), self.namespace)
        return self

    def exercise(self, name: str | int = 19) -> Exercise:
        return exercises.load(name, self.namespace)


def scaffold_of(source: Source) -> list[str]:
    """The code of an exercise as it is handed out, without what runs the pipeline, and without loading the exercise."""
    cells = [
        cell.source
        for cell in source.exercise.cells
        if cell.cell_type == "code" and not _NOT_RUN & set(cell.metadata.get("tags", ()))
    ]
    return ["\n".join(line for line in cell.splitlines() if not line.startswith("exercise")) for cell in cells]
