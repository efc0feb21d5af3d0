"""What a student meets: checks and their outcomes, hints, solutions, progress, and the last word."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit import exercises
from kit.errors import ConfigError, ExerciseError
from kit.exercises import CannotCheck, CheckContext, Crashed, Gap, NotAttempted, NotYetRight, Passed
from kit.exercises._exercise import Exercise, Progress
from kit.servers import lab
from tests.exercises.tools import Student

UNFILLED = 'def average(numbers):\n    raise NotImplementedError("Gap 1, average: return the mean of the numbers")'
RIGHT = "def average(numbers):\n    return sum(numbers) / len(numbers)"
WRONG, BROKEN = RIGHT.partition(" /")[0], RIGHT.replace("len(", "length(")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lab of the test's own, in which nothing runs."""
    monkeypatch.setenv("KIT_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def student() -> Student:
    return Student()


def test_an_exercise_begins_with_all_gaps_open(student: Student) -> None:
    exercise = student.exercise()
    assert repr(exercise).splitlines()[:2] == ["19_exercise_tweets: 0 of 7 gaps", "○ Gap 1, create the topic: open"]
    assert exercise._repr_html_().count("<tr") == 7


@pytest.mark.parametrize(
    ("code", "kind", "label", "text"),
    [
        ("1", NotAttempted, "to do", "there is no average yet"),
        (UNFILLED, NotAttempted, "to do", "return the mean of the numbers"),
        ("def average(n):\n    raise NotImplementedError", NotAttempted, "to do", "return the mean of the numbers"),
        ("average = 3.5", NotYetRight, "got", "average is 3.5"),
        (RIGHT.replace("average", "averages"), NotYetRight, "expected", "the name average"),
        ("async def average(n):\n    return 2", NotYetRight, "next", "write def, not async def"),
        ("def average(n):\n    yield 2", NotYetRight, "next", "write def, not async def"),
        ("def average(n):\n    while True: pass", NotYetRight, "next", "a loop that does not end"),
        ("def average(n):\n    pass", NotYetRight, "got", "None: does it return anything?"),
        ("def average(n):\n    raise SystemExit", Crashed, "next", "leave out sys.exit()"),
        ("def average(n):\n    x = x + 1", Crashed, "next", "give the name a value"),
        ("def average(n):\n    return average(n)", Crashed, "error", "RecursionError"),
        (BROKEN, Crashed, "error", "NameError: name 'length' is not defined"),
        (BROKEN, Crashed, "line", "line 2 of the cell (in average): return sum(numbers) / length(numbers)"),
        ("def average():\n    return 2", Crashed, "next", "put the first line (def …) back"),
        ("csv = 'a line'\ndef average(n):\n    return csv.mean(n)", Crashed, "next", "still what its cell made it"),
    ],
)
def test_each_answer_has_an_outcome_that_helps_and_the_next_check_works(
    student: Student, code: str, kind: type, label: str, text: str
) -> None:
    exercise = student.run(code).exercise("practice")
    outcome = exercise.check(1)
    assert type(outcome) is kind
    assert text in outcome.parts[label]
    assert not [word for word in ("kit/", "Traceback") if word in repr(outcome)]
    student.run(RIGHT)
    assert exercise.check(1).ok


def test_an_outcome_is_a_plain_text_and_a_box(student: Student) -> None:
    outcome = student.run(WRONG).exercise("practice").check(1)
    assert repr(outcome).splitlines() == [
        "✘ Gap 1, average: not yet right · 0 of 1 gap",
        "expected: 2",
        "got:      6",
        "on:       average([1, 2, 3])",
        "next:     the mean is the sum, divided by how many there are",
    ]
    student.run("def average(n):\n    return '<script>alert(1)</script>'")
    box = student.exercise("practice").check(1)._repr_html_()
    assert "<script>" not in box
    assert "&lt;script&gt;" in box


def test_progress_survives_a_restart_and_says_so(student: Student) -> None:
    assert student.run(RIGHT).exercise("practice").check(1).headline.endswith("1 of 1 gap")
    after = Student().exercise("practice")
    assert "1 of 1 gap\n◐ Gap 1, average: passed, before this kernel started" in repr(after)
    with pytest.raises(ExerciseError, match="gap 1: not attempted"):
        after.finish()
    assert after.progress == "0 of 1 gap"


def test_progress_belongs_to_one_exercise_and_many_may_note_it_at_once() -> None:
    threads = [threading.Thread(target=Progress("a").note, args=(gap,), kwargs={"passed": True}) for gap in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    Progress("a").note(3, passed=False)
    assert Progress("a").passed() == set(range(20)) - {3}
    assert Progress("b").passed() == set()
    Progress("a").reset()
    Progress("a").reset()
    assert Progress("a").passed() == set()


def test_progress_that_cannot_be_kept_leaves_the_outcome(home: Path, student: Student) -> None:
    (home / "exercises").write_text("in the way")
    outcome = student.run(RIGHT).exercise("practice").check(1)
    assert outcome.ok
    assert "set KIT_HOME to another folder" in outcome.headline


def test_finish_says_all_passed_only_of_the_code_as_it_is_now(student: Student) -> None:
    exercise = student.run(RIGHT).exercise("practice")
    assert "All done: 1 of 1 gap passed" in repr(exercise.finish())  # it checks what has not been checked
    student.run(WRONG)
    with pytest.raises(ExerciseError, match="gap 1: not yet right\nto do: fill gap 1"):
        exercise.finish()
    student.run(RIGHT)
    assert isinstance(exercise.finish(), Passed)
    exercise.reset()
    assert repr(exercise).endswith("open")


@pytest.mark.parametrize("gap", range(1, 8))
def test_each_gap_has_three_hints_and_then_a_solution_with_its_reason(student: Student, gap: int) -> None:
    exercise = student.exercise()
    assert "after the hints" in repr(exercise.solution(gap))
    cards = [exercise.hint(gap) for _ in range(4)]
    assert [card.headline[-6:] for card in cards] == ["1 of 3", "2 of 3", "3 of 3", "3 of 3"]
    assert f"exercise.solution({gap})" in repr(cards[3])
    assert len({repr(card) for card in cards}) == 3
    assert exercise.solution(gap).parts["code"]
    assert len(exercise.solution(gap).parts["why"]) > 80


@pytest.mark.parametrize("gap", [0, 8, -1, "1", None, 1.5, True])
def test_a_gap_that_is_not_there_is_refused(student: Student, gap: object) -> None:
    exercise = student.exercise()
    for call in (exercise.check, exercise.hint, exercise.solution):
        with pytest.raises(ConfigError, match="a gap from 1 to 7"):
            call(gap)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "namespace", "says"), [("18", {}, "19_exercise_tweets"), (19, None, "globals")])
def test_an_exercise_that_is_not_there_is_refused(name: str | int, namespace: object, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        exercises.load(name, namespace)  # type: ignore[arg-type]


# ---- can't be checked now ------------------------------------------------------------------------------------------


@pytest.fixture
def broker(home: Path) -> Iterator[lab.Lab]:
    yield lab.up("kafka")
    lab.down()


def test_without_a_broker_a_gap_cannot_be_checked_and_nothing_is_started(student: Student) -> None:
    outcome = student.run("create_topic = print").exercise().check(1)
    assert type(outcome) is CannotCheck
    assert "kit up" in outcome.parts["next"]
    assert {row.state for row in lab.status()} == {"stopped"}
    student.run("def f():\n    return 1")
    gap = Gap(("f",), lambda context: None, ("", "", ""), "", needs=("feeds",))
    assert Exercise("x", [gap], student.namespace).check(1).parts["expected"] == "feeds to run"


def test_a_broker_that_ends_or_restarts_during_the_check_is_not_the_students_fault(broker: lab.Lab) -> None:
    calls = {"restart": lambda: broker.kafka.restart(1), "kill": lambda: broker.kafka.kill(1)}
    student = Student(namespace=calls)
    for call, label, text in (("restart", "got", "meanwhile"), ("kill", "next", "kit up")):
        outcome = student.run(f"def make_producer(servers):\n    {call}()").exercise().check(2)
        assert type(outcome) is CannotCheck
        assert text in outcome.parts[label]


def test_a_gap_that_needs_another_says_which(student: Student) -> None:
    def check(context: CheckContext) -> None:
        context.call(context.named("f"))

    student.run('def f():\n    return g()\ndef g():\n    raise NotImplementedError("Gap 2, g: write it")')
    gaps = [Gap((name,), check, ("", "", ""), "", title=name) for name in ("f", "g")]
    outcome = Exercise("x", gaps, student.namespace).check(1)
    assert type(outcome) is CannotCheck
    assert outcome.parts["next"] == "fill gap 2 first"


def test_a_fault_of_the_check_is_not_put_on_the_student(student: Student) -> None:
    gap = Gap(("f",), lambda context: 1 / 0, ("", "", ""), "")  # type: ignore[arg-type, return-value]
    outcome = Exercise("x", [gap], student.run("def f():\n    return 1").namespace).check(1)
    assert type(outcome) is CannotCheck
    assert "not your fault" in outcome.parts["next"]
    assert isinstance(outcome.error, ZeroDivisionError)
    assert "Traceback" not in repr(outcome)
