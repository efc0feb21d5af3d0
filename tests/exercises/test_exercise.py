"""What a student meets: checks and their four outcomes, hints, solutions, progress, and the last word."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kit import exercises
from kit.errors import ConfigError, ExerciseError
from kit.exercises import CannotCheck, Crashed, NotAttempted, NotYetRight, Passed, source_of
from kit.servers import lab
from tests.exercises.tools import Student

UNFILLED = 'def average(numbers):\n    raise NotImplementedError("Gap 1, average: return the mean of the numbers")'
WRONG = "def average(numbers):\n    return sum(numbers)"
RIGHT = "def average(numbers):\n    return sum(numbers) / len(numbers)"
BROKEN = "def average(numbers):\n    return sum(numbers) / length(numbers)"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A lab of the test's own, in which nothing runs."""
    monkeypatch.setenv("KIT_HOME", str(tmp_path))
    yield tmp_path
    lab.down()


@pytest.fixture
def student() -> Student:
    return Student()


def test_an_exercise_begins_with_all_gaps_open(student: Student) -> None:
    exercise = student.exercise()
    assert exercise.progress == "0 of 7 gaps"
    assert repr(exercise).splitlines()[:2] == ["19_exercise_tweets: 0 of 7 gaps", "○ Gap 1, create the topic: open"]
    assert exercise._repr_html_().count("<tr") == 7


def test_a_cell_that_has_not_run_is_not_attempted(student: Student) -> None:
    outcome = student.exercise("practice").check(1)
    assert isinstance(outcome, NotAttempted)
    assert "there is no average yet" in outcome.parts["to do"]


def test_a_gap_as_it_was_handed_out_is_not_attempted(student: Student) -> None:
    outcome = student.run(UNFILLED).exercise("practice").check(1)
    assert isinstance(outcome, NotAttempted)
    assert outcome.parts["to do"] == "return the mean of the numbers"
    assert not outcome.ok


def test_a_bare_notimplementederror_is_not_attempted_either(student: Student) -> None:
    student.run("def average(numbers):\n    raise NotImplementedError")
    assert isinstance(student.exercise("practice").check(1), NotAttempted)


def test_a_wrong_answer_hears_what_was_expected_what_came_and_on_what(student: Student) -> None:
    outcome = student.run(WRONG).exercise("practice").check(1)
    assert isinstance(outcome, NotYetRight)
    assert outcome.parts["expected"] == "2"
    assert outcome.parts["got"] == "6"
    assert outcome.parts["on"] == "average([1, 2, 3])"
    assert repr(outcome).splitlines() == [
        "✘ Gap 1, average: not yet right · 0 of 1 gap",
        "expected: 2",
        "got:      6",
        "on:       average([1, 2, 3])",
        "next:     the mean is the sum, divided by how many there are",
    ]


def test_a_crash_shows_the_students_own_line_and_no_traceback_of_the_check(student: Student) -> None:
    outcome = student.run(BROKEN).exercise("practice").check(1)
    assert isinstance(outcome, Crashed)
    assert outcome.parts["error"] == "NameError: name 'length' is not defined"
    assert outcome.parts["line"] == "line 2 of the cell (in average): return sum(numbers) / length(numbers)"
    assert "kit/" not in repr(outcome)
    assert "Traceback" not in repr(outcome)


@pytest.mark.parametrize(
    ("code", "kind", "fragment"),
    [
        ("while True: pass", NotYetRight, "a loop that does not end"),
        ("import sys; sys.exit()", Crashed, "leave out sys.exit()"),
        ("pass", NotYetRight, "None: does it return anything?"),
        ("x = x + 1; return x", Crashed, "give the name a value"),
        ("return average(numbers)", Crashed, "RecursionError"),
    ],
)
def test_what_would_end_or_hang_a_program_is_an_outcome_like_others(
    student: Student, code: str, kind: type, fragment: str
) -> None:
    exercise = student.run(f"def average(numbers):\n    {code}").exercise("practice")
    outcome = exercise.check(1)
    assert isinstance(outcome, kind)
    assert fragment in repr(outcome)
    assert student.run(RIGHT).namespace
    assert exercise.check(1).ok  # the next check works


def test_a_name_that_stands_for_something_else_is_told(student: Student) -> None:
    outcome = student.run("average = 3.5").exercise("practice").check(1)
    assert isinstance(outcome, NotYetRight)
    assert outcome.parts["got"] == "average is 3.5"


def test_a_renamed_function_is_told(student: Student) -> None:
    outcome = student.run(RIGHT.replace("average", "averages")).exercise("practice").check(1)
    assert isinstance(outcome, NotYetRight)
    assert (outcome.parts["expected"], outcome.parts["got"]) == ("the name average", "averages")


def test_boxes_are_safe_to_show_whatever_a_student_writes(student: Student) -> None:
    outcome = student.run("def average(n):\n    return '<script>alert(1)</script>'").exercise("practice").check(1)
    assert "<script>" not in outcome._repr_html_()
    assert "&lt;script&gt;" in outcome._repr_html_()


# ---- progress ------------------------------------------------------------------------------------------------------


def test_progress_survives_a_restart_and_says_so(student: Student) -> None:
    assert student.run(RIGHT).exercise("practice").check(1).headline.endswith("1 of 1 gap")
    after = Student().exercise("practice")
    assert after.progress == "1 of 1 gap"
    assert "passed, before this kernel started" in repr(after)
    after.reset()
    assert after.progress == "0 of 1 gap"


def test_code_that_changed_after_its_check_is_noticed(student: Student) -> None:
    exercise = student.run(RIGHT).exercise("practice")
    exercise.check(1)
    assert "passed, and changed since" not in repr(student.run(RIGHT) and exercise)
    student.run(WRONG)
    assert "passed, and changed since" in repr(exercise)
    exercise.check(1)
    assert exercise.progress == "0 of 1 gap"


def test_finish_says_all_passed_only_of_the_code_as_it_is_now(student: Student) -> None:
    exercise = student.run(RIGHT).exercise("practice")
    assert "All done: 1 of 1 gap passed" in repr(exercise.finish())  # it checks what has not been checked
    student.run(WRONG)
    with pytest.raises(ExerciseError, match="gap 1: not yet right"):
        exercise.finish()
    with pytest.raises(ExerciseError, match="fill gap 1"):
        exercise.finish()
    student.run(RIGHT)
    assert isinstance(exercise.finish(), Passed)


def test_passed_in_an_earlier_kernel_is_not_passed_in_this_one(student: Student) -> None:
    student.run(RIGHT).exercise("practice").check(1)
    with pytest.raises(ExerciseError, match="gap 1: not attempted"):
        Student().exercise("practice").finish()


# ---- hints and solutions -------------------------------------------------------------------------------------------


def test_hints_come_one_by_one_and_the_third_leads_to_the_solution(student: Student) -> None:
    exercise = student.exercise("practice")
    cards = [exercise.hint(1) for _ in range(4)]
    assert [card.headline[-6:] for card in cards] == ["1 of 3", "2 of 3", "3 of 3", "3 of 3"]
    assert "exercise.solution(1)" in repr(cards[3])
    assert len({repr(card) for card in cards}) == 3


@pytest.mark.parametrize("gap", range(1, 8))
def test_each_gap_has_three_hints_and_a_solution_with_its_reason(student: Student, gap: int) -> None:
    exercise = student.exercise()
    assert "after the hints" in repr(exercise.solution(gap))
    assert len({repr(exercise.hint(gap)) for _ in range(3)}) == 3
    solution = exercise.solution(gap)
    assert dict(solution.lines)["code"]
    assert len(dict(solution.lines)["why"]) > 80


@pytest.mark.parametrize("gap", [0, 8, -1, "1", None, 1.5])
def test_a_gap_that_is_not_there_is_refused(student: Student, gap: object) -> None:
    exercise = student.exercise()
    for call in (exercise.check, exercise.hint, exercise.solution):
        with pytest.raises(ConfigError, match="a gap from 1 to 7"):
            call(gap)  # type: ignore[arg-type]


def test_an_exercise_that_is_not_there_is_refused(student: Student) -> None:
    with pytest.raises(ConfigError, match="19_exercise_tweets"):
        exercises.load("18", {})
    with pytest.raises(ConfigError, match="globals"):
        exercises.load(19, None)  # type: ignore[arg-type]


# ---- can't be checked now ------------------------------------------------------------------------------------------


def test_without_a_broker_a_gap_cannot_be_checked_and_nothing_is_started() -> None:
    exercise = Student(source_of(19)).exercise()  # its first cell starts the lab
    lab.down()
    outcome = exercise.check(1)
    assert isinstance(outcome, CannotCheck)
    assert "kit up" in outcome.parts["next"]
    assert [row.state for row in lab.status()] == ["stopped", "stopped"]
    assert exercise.progress == "0 of 7 gaps"


def test_a_broker_that_dies_during_the_check_is_nobodys_fault(home: Path) -> None:
    here = lab.up("kafka")
    student = Student(source_of(19), {"kill": lambda: here.kafka.kill(1)})
    student.run("def make_producer(servers):\n    kill()\n    return None")
    outcome = student.exercise().check(2)
    assert isinstance(outcome, CannotCheck)
    assert "kit up" in outcome.parts["next"]
    lab.up("kafka")
    assert isinstance(Student(source_of(19)).exercise().check(2), NotAttempted)


def test_a_broker_that_restarts_during_the_check_is_nobodys_fault_either(home: Path) -> None:
    here = lab.up("kafka")
    student = Student(source_of(19), {"restart": lambda: here.kafka.restart(1)})
    student.run("def make_producer(servers):\n    restart()\n    return None")
    outcome = student.exercise().check(2)
    assert isinstance(outcome, CannotCheck)
    assert "meanwhile" in outcome.parts["got"]
    assert "again" in outcome.parts["next"]


def test_a_gap_that_needs_another_says_which(home: Path) -> None:
    lab.up("kafka")
    student = Student(source_of(19))
    student.run("class TweetActor(TweetActor):\n    def on_receive(self, tweet):\n        self.send(*to_record(tweet))")
    student.run("TweetActor.__init__ = TweetActor.__mro__[1].__init__")
    outcome = student.exercise().check(4)
    assert isinstance(outcome, CannotCheck)
    assert outcome.parts["next"] == "fill gap 3 first"


def test_a_fault_of_the_check_is_not_put_on_the_student(student: Student, monkeypatch: pytest.MonkeyPatch) -> None:
    exercise = student.run(RIGHT).exercise("practice")
    monkeypatch.setattr("kit.exercises._context.CheckContext.named", lambda *_: 1 / 0)
    outcome = exercise.check(1)
    assert isinstance(outcome, CannotCheck)
    assert "not your fault" in outcome.parts["next"]
    assert isinstance(outcome.error, ZeroDivisionError)
    assert "Traceback" not in repr(outcome)
