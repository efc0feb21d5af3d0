"""How long a student waits for a check, for right answers and for all the wrong ones that the tests know.

Beside it the usual way to get feedback on a notebook: nbgrader's validate, which runs the whole notebook anew.

python tests/benchmarks/exercises.py [--check] [--runs 3]
"""

import argparse
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
from _report import Target, report

from kit import spark
from kit.exercises import Source, source_of
from kit.exercises._source import notebook_text
from kit.servers import lab
from kit.servers.interrupts import stop_at_the_first
from tests.exercises import average_price, misconceptions
from tests.exercises.misconceptions import Answer, Right, cell_of
from tests.exercises.tools import Student

# Each exercise with its answers, and how long a check of it may take (p95), with Spark warm.
EXERCISES = {19: (misconceptions.ANSWERS, 1.0), 29: (average_price.ANSWERS, 6.0)}


def timed(source: Source, solved: Student, gap: int, answer: Answer) -> float:
    """Seconds that the check of one answer takes."""
    student = Student(namespace=solved.namespace)
    for code in (answer.before, cell_of(source, gap, answer), answer.after):
        student.run(code)
    exercise = student.exercise(source.name)
    began = time.perf_counter()
    exercise.check(gap)
    return time.perf_counter() - began


def measured(number: int, answers: dict[int, list[Answer]], runs: int) -> tuple[list[tuple[object, ...]], float]:
    """A row for each gap of an exercise and one for all of them, and the p95 of all its checks."""
    source = source_of(number)
    solved = Student(source)
    for gap in answers:
        solved.run(cell_of(source, gap))
    solved.exercise(number).finish()  # warm
    rows: list[tuple[object, ...]] = []
    everything: list[float] = []
    for gap, some in answers.items():
        right = [one for one in some if isinstance(one, Right)] * runs
        wrong = [one for one in some if not isinstance(one, Right)]
        passed, others = ([timed(source, solved, gap, one) for one in kind] for kind in (right, wrong))
        for each in answers:  # an answer may have changed another gap
            solved.run(cell_of(source, each))
        both = passed + others
        everything += both
        figures = statistics.median(passed), len(others), statistics.median(others), *_percentiles(both)
        rows.append((number, gap, len(passed), *figures))
    rows.append((number, "all", len(everything), "", "", "", *_percentiles(everything)))
    if "session" in solved.namespace:  # of Cassandra's driver
        solved.namespace["session"].shutdown()
    spark.stop()
    return rows, _percentiles(everything)[1]


def _percentiles(seconds: list[float]) -> tuple[float, float]:
    return float(np.percentile(seconds, 50)), float(np.percentile(seconds, 95))


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
    parser.add_argument("--runs", type=int, default=3, help="runs of each right answer")
    options = parser.parse_args()
    stop_at_the_first()
    rows: list[tuple[object, ...]] = []
    targets: list[Target] = []
    with tempfile.TemporaryDirectory(prefix="kit-bench-") as home:
        os.environ.update(KIT_HOME=home, KIT_KAFKA_PORT="0", KIT_FEEDS_PORT="0", KIT_CASSANDRA_PORT="0")
        try:
            lab.up()
            for number, (answers, bound) in EXERCISES.items():
                with redirect_stdout(io.StringIO()):  # what the answers print
                    found, p95 = measured(number, answers, options.runs)
                rows += found
                targets.append(Target(f"p95 of all checks of exercise {number}", p95, bound, "s"))
            whole = statistics.median(validated(source_of(19), Path(home)) for _ in range(3))
            rows.append((19, "nbgrader validate", 3, whole, "", "", "", ""))
        finally:
            spark.stop()
            lab.down()
    columns = ["exercise", "gap", "right", "median s", "wrong", "median s of them", "p50 s", "p95 s"]
    report("exercise checks", columns, rows, targets)


if __name__ == "__main__":
    main()
