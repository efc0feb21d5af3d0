"""Whatever a student's objects do, a check has an outcome in bounded time and memory, and the next check works."""

import time
from pathlib import Path

import psutil
import pytest

from tests.exercises.tools import Student

RIGHT = "def average(numbers):\n    return sum(numbers) / len(numbers)"
ODD = "import sys, time\nimport numpy as np\nclass A{base}:\n    def {method}(self, *args):\n        {does}\n"
SECONDS, MEMORY = 30.0, 1 << 31

GIVES = [
    "[0] * 10**7",
    "[0] * 10**10",
    "10**5000",
    "'\\ud800'",
    "'x' * 10**9",
    "np.longdouble(2)",
    "np.array([A(), A()], dtype=object)",
    "(a := [], a.extend([a] * 1000))",
    "sys.setrecursionlimit(10**9) or average(n)",
    "sys.stdin.readline()",
    "A",
]
METHODS = [
    ("", "__repr__", "return 'x' * 10**9"),
    ("", "__repr__", "return repr(self)"),
    ("", "__getattribute__", "raise SystemExit"),
    ("", "__getattribute__", "time.sleep(60)"),
    ("(list)", "__len__", "raise SystemExit"),
    ("(list)", "__iter__", "raise SystemExit"),
    ("(list)", "__bool__", "raise SystemExit"),
    ("(str)", "__hash__", "raise SystemExit"),
    ("(int)", "__eq__", "raise SystemExit"),
    ("(float)", "__format__", "time.sleep(60)"),
    ("(Exception)", "__str__", "return 5"),
]
CODES = [
    "def average(n):\n    t = 'x' * 1000\n    while True:\n        t += t",
    "def average(n):\n    kept = []\n    while True:\n        kept.append('x' * 10**7)",
    "class A:\n    def __getattr__(self, name):\n        return getattr(self, name)\n    def __call__(self, n):\n        pass\naverage = A()",  # noqa: E501
    "class M(type):\n    def __getattribute__(cls, name):\n        raise RuntimeError\nclass average(metaclass=M):\n    pass",  # noqa: E501
    "def average(n):\n    raise BaseExceptionGroup('x', [KeyboardInterrupt()])",
    "def average(n):\n    error = None\n    for _ in range(10**5):\n        new = ValueError()\n        new.__cause__, error = error, new\n    raise error",  # noqa: E501
    *(f"{ODD.format(base='', method='f', does='pass')}def average(n):\n    return {value}" for value in GIVES),
    *(f"{ODD.format(base=a, method=b, does=c)}def average(n):\n    return A()" for a, b, c in METHODS),
    f"{ODD.format(base='(Exception)', method='__str__', does='return 5')}def average(n):\n    raise A",
]


@pytest.mark.parametrize("code", CODES)
def test_a_check_outlives_what_the_code_of_a_student_does(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIT_HOME", str(tmp_path))
    exercise = (student := Student().run(code)).exercise("practice")
    began = time.monotonic()
    outcome = exercise.check(1)
    assert outcome.kind in ("not yet right", "crashed"), outcome
    assert outcome._repr_html_()
    assert time.monotonic() - began < SECONDS
    assert psutil.Process().memory_info().rss < MEMORY
    student.run(RIGHT)
    assert exercise.check(1).ok
