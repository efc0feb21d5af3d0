"""How long a student waits for a check, for right answers and for all the wrong ones that the tests know.

Beside it the usual way to get feedback on a notebook: nbgrader's validate, which runs the whole notebook anew.

python tests/benchmarks/exercises.py [--check] [--runs 5]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
from _report import Target, report

from kit.exercises import Source, source_of
from kit.exercises._source import notebook_text
from kit.servers import lab
from tests.exercises.misconceptions import ANSWERS, Answer, Right, cell_of
from tests.exercises.tools import Student

_P95_SECONDS = 1.0


def timed(source: Source, solved: Student, gap: int, answer: Answer) -> float:
    """Seconds that the check of one answer takes."""
    student = Student(namespace=solved.namespace)
    for code in (answer.before, cell_of(source, gap, answer), answer.after):
        student.run(code)
    exercise = student.exercise()
    began = time.perf_counter()
    exercise.check(gap)
    return time.perf_counter() - began


def validated(source: Source, folder: Path) -> float:
    """Seconds that nbgrader needs to validate the solved notebook."""
    notebook = source.exercise.copy()
    for cell, solved in zip(notebook.cells, source.notebook.cells, strict=True):
        cell.source = solved.source
    path = folder / f"{source.name}.ipynb"
    path.write_text(notebook_text(notebook), "utf-8")
    began = time.perf_counter()
    argv = [sys.executable, "-m", "nbgrader", "validate", str(path)]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert "Success" in done.stdout + done.stderr, done.stdout + done.stderr
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 if a target is missed")
    parser.add_argument("--runs", type=int, default=5, help="runs of each right answer")
    options = parser.parse_args()
    rows: list[tuple[object, ...]] = []
    everything: list[float] = []
    with tempfile.TemporaryDirectory(prefix="kit-bench-") as home:
        os.environ.update(KIT_HOME=home, KIT_KAFKA_PORT="0", KIT_FEEDS_PORT="0")
        try:
            lab.up()
            source = source_of(19)
            solved = Student(source)
            for gap in ANSWERS:
                solved.run(cell_of(source, gap))
            solved.exercise().finish()  # warm
            for gap, answers in ANSWERS.items():
                right = [one for one in answers if isinstance(one, Right)] * options.runs
                wrong = [one for one in answers if not isinstance(one, Right)]
                passed, others = ([timed(source, solved, gap, one) for one in some] for some in (right, wrong))
                everything += passed + others
                p95 = float(np.percentile(passed + others, 95))
                rows.append((gap, len(passed), statistics.median(passed), len(others), statistics.median(others), p95))
            p95 = float(np.percentile(everything, 95))
            rows.append(("all", sum(row[1] for row in rows), "", sum(row[3] for row in rows), "", p95))
            whole = statistics.median(validated(source, Path(home)) for _ in range(3))
            rows.append(("nbgrader validate", 3, whole, 0, "", ""))
        finally:
            lab.down()
    columns = ["gap", "right", "median s", "wrong", "median s of them", "p95 s"]
    report("exercise checks", columns, rows, [Target("p95 of all checks", p95, _P95_SECONDS, "s")])


if __name__ == "__main__":
    main()
