"""The same code is the same, whatever cell it stands in; other code is other code."""

import pytest

from kit.exercises._code import find, fingerprint, names_in
from tests.exercises.tools import Student

F = "def f(x):\n    return x + 1"
CLASS = """
class Actor:
    def receive(self, x):
        return self.helper(x)
    def send(self, x):
        return super().__repr__()
"""
COUNTING = "def counted(f):\n    def inner(x):\n        return inner(x)\n    return inner\nf = counted(f)"


def of(*cells: str, names: tuple[str, ...] = ("f",)) -> object:
    student = Student()
    for cell in cells:
        student.run(cell)
    return fingerprint(student.namespace, names)


def test_the_same_code_run_again_elsewhere_is_the_same() -> None:
    assert of(F) == of("1 + 1", f"\n\n# a comment\n{F}  # another", "2 + 2")


@pytest.mark.parametrize(
    "cells",
    [
        ("def f(x):\n    return x + 2",),
        ("def f(x, y=1):\n    return x + y",),
        ("def f(x):\n    return [y + 1 for y in x]",),
        ("f = lambda x: x + 1 + 0 * x",),
        (F, COUNTING),
        ("f = 3",),
        ("1",),
    ],
)
def test_another_function_is_another(cells: tuple[str, ...]) -> None:
    assert of(*cells) != of(F)


def test_two_methods_of_a_class_are_apart() -> None:
    changed = CLASS.replace("super().__repr__()", "None")
    assert of(CLASS, names=("Actor.receive",)) == of(changed, names=("Actor.receive",))
    assert of(CLASS, names=("Actor.send",)) != of(changed, names=("Actor.send",))


def test_names_that_the_code_mentions_are_known() -> None:
    student = Student().run("def f(x):\n    return [csv.writer(y) for y in x]")
    assert {"csv", "writer"} <= names_in(student.namespace, ("f",))


def test_a_name_is_found_or_is_not_there() -> None:
    namespace = Student().run(CLASS).run("class Actor(Actor):\n    pass").namespace
    assert find(namespace, "Actor.receive").__name__ == "receive"
    for name in ("actor", "Actor.recieve", "Actor.__hash__", "every.x"):
        with pytest.raises(KeyError):
            find({**namespace, "every": 3}, name)
