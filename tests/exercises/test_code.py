"""The same code is the same, whatever cell it stands in; other code is other code, however far down the change is."""

import pytest

from kit.exercises._code import find, fingerprint
from tests.exercises.tools import Student

F = "def f(x):\n    return x + 1"
CLASS = """
class Actor:
    every = 10
    def receive(self, x):
        return self.helper(x)
    def helper(self, x):
        return x
    def send(self, x):
        return super().__repr__()
"""


def of(*cells: str, names: tuple[str, ...] = ("f",), without: tuple[str, ...] = ()) -> str:
    student = Student()
    for cell in cells:
        student.run(cell)
    return fingerprint(student.namespace, names, without=without)


def test_the_same_code_run_again_elsewhere_is_the_same() -> None:
    assert of(F) == of("1 + 1", f"\n\n# a comment\n{F}  # another", "2 + 2")


@pytest.mark.parametrize(
    "cells",
    [
        ("def f(x):\n    return x + 2",),
        ("def f(x, y=1):\n    return x + 1",),
        ("def f(x=0):\n    return x + 1",),
        ("def f(x):\n    return [y + 1 for y in x]",),
        ("f = lambda x: x + 1 + 0 * x",),
        ("f = 3",),
        ("1",),
    ],
)
def test_another_function_is_another(cells: tuple[str, ...]) -> None:
    assert of(*cells) != of(F)


def test_what_the_function_uses_counts() -> None:
    user = "def f(x):\n    return g(x) * N"
    same = of("def g(x): return x\nN = 2", user)
    assert of("N = 2\ndef g(x): return x", user) == same
    assert of("def g(x): return -x\nN = 2", user) != same
    assert of("def g(x): return x\nN = 3", user) != same


def test_what_is_looked_at_elsewhere_does_not_count() -> None:
    user = "def f(x):\n    return g(x)"
    assert of("def g(x): return x", user, without=("g",)) == of("def g(x): return -x", user, without=("g",))


def test_two_methods_of_a_class_are_apart_but_a_helper_belongs_to_who_calls_it() -> None:
    names, others = ("Actor.receive",), ("Actor.send",)
    same = of(CLASS, names=names, without=others)
    assert of(CLASS.replace("super().__repr__()", "None"), names=names, without=others) == same
    assert of(CLASS.replace("return x\n", "return -x\n"), names=names, without=others) != same
    assert of(CLASS.replace("10", "11"), names=("Actor",)) != of(CLASS, names=("Actor",))


def test_code_that_calls_itself_has_an_end() -> None:
    assert of("def f(x):\n    return g(x)\ndef g(x):\n    return f(x)")


def test_a_name_is_found_or_is_not_there() -> None:
    namespace = Student().run(CLASS).namespace
    assert find(namespace, "Actor.receive").__name__ == "receive"
    for name in ("actor", "Actor.recieve", "Actor.__init__", "every.x"):
        with pytest.raises(KeyError):
            find({**namespace, "every": 3}, name)
