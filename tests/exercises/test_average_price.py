"""Exercise 2: each misconception hears its sentence, each right way passes, and a check leaves nothing behind."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from kit import exercises, spark, topics, views
from kit.exercises import CannotCheck, NotAttempted, Source, source_of
from kit.servers import lab
from tests.exercises.average_price import ANSWERS
from tests.exercises.misconceptions import Answer, Right, Wrong, cell_of
from tests.exercises.tools import Student, assert_hears, cases, give, scaffold_of

EXERCISE = 29
TEN = {
    "processing time for event time": "that is processing time",
    "no watermark with append": "there is no watermark",
    "complete into Cassandra": "complete gives all windows",
    "average of averages": "an average of averages",
    "seconds for milliseconds": "milliseconds, taken for seconds",
    "window start for window end": "where the windows start",
    "one partition key for all": "all symbols share one partition",
    "an upsert that is none": "IF NOT EXISTS does not",
    "a shared checkpoint": "a shared checkpoint",
    "collect() in foreachBatch": "collect()",
}


@pytest.fixture(scope="module")
def source() -> Source:
    return source_of(EXERCISE)


@pytest.fixture(scope="module")
def handed_out(tmp_path_factory: pytest.TempPathFactory, source: Source) -> Iterator[Student]:
    """A student who has run all cells, and filled none; one lab and one Spark session for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KIT_HOME", str(tmp_path_factory.mktemp("average-price")))
        student = Student()
        try:
            for code in scaffold_of(source):
                student.run(code.replace('kit.up("feeds", ', "kit.up("))
            yield student
        finally:
            spark.stop()
            if "session" in student.namespace:
                student.namespace["session"].shutdown()
            lab.down()


@pytest.fixture
def student(handed_out: Student, source: Source) -> Student:
    """A student who has filled all gaps."""
    student = Student(namespace=handed_out.namespace)
    for gap in ANSWERS:
        student.run(cell_of(source, gap))
    return student


def _left(student: Student) -> tuple[list[str], list[str], list[Any]]:
    """Topics and keyspaces of checks, and queries that run."""
    spaces = views.query(student.namespace["session"], "SELECT keyspace_name FROM system_schema.keyspaces")
    return (
        [name for name in topics.describe()["topic"] if name.startswith("check-")],
        [name for name in spaces["keyspace_name"] if name.startswith("check_")],
        list(student.namespace["spark"].streams.active),
    )


@pytest.fixture(scope="module")
def one_keyspace(handed_out: Student) -> Iterator[ExitStack]:
    """Until it is closed, checks of gaps 6 and 7 share a keyspace: to make and drop one takes longer than the rest."""
    with ExitStack() as shared:
        write, query = (handed_out.exercise(EXERCISE).gaps[gap - 1].check.__globals__ for gap in (6, 7))
        made, sessions = query["keyspace"], list[Any]()

        def emptied(context: Any, *tables: str) -> Any:
            if not tables:
                return made(context)
            if not sessions or sessions[-1].is_shutdown:
                sessions.append(made(shared, *tables))
            for row in sessions[-1].execute("SELECT DISTINCT symbol FROM avg_price"):
                sessions[-1].execute("DELETE FROM avg_price WHERE symbol = %s", [row.symbol])
            return sessions[-1]

        patch = shared.enter_context(pytest.MonkeyPatch.context())
        for names in (write, query):
            patch.setitem(names, "keyspace", emptied)
        yield shared


@pytest.mark.parametrize(("gap", "answer"), cases(ANSWERS))
def test_an_answer_hears_what_helps(
    gap: int, answer: Answer, student: Student, source: Source, one_keyspace: ExitStack
) -> None:
    give(student, source, gap, answer)
    assert_hears(student.exercise(EXERCISE).check(gap), answer)


def test_after_all_of_them_each_solution_passes_and_nothing_is_left(student: Student, one_keyspace: ExitStack) -> None:
    one_keyspace.close()
    settings = dict(student.namespace["spark"].conf.getAll)
    assert "All done: 7 of 7 gaps passed" in repr(student.exercise(EXERCISE).finish())
    assert dict(student.namespace["spark"].conf.getAll) == settings
    assert _left(student) == ([], [], [])


@pytest.mark.parametrize("gap", ANSWERS)
def test_a_gap_as_it_was_handed_out_says_what_is_to_be_done(gap: int, handed_out: Student, source: Source) -> None:
    outcome = handed_out.exercise(EXERCISE).check(gap)
    assert type(outcome) is NotAttempted
    assert outcome.parts["to do"] == source.gap(gap)[0].todo


@pytest.mark.parametrize("gap", ANSWERS)
def test_each_gap_has_misconceptions_right_ways_three_hints_and_a_reason(gap: int, source: Source) -> None:
    wrong = [one for one in ANSWERS[gap] if isinstance(one, Wrong)]
    right = [one for one in ANSWERS[gap] if isinstance(one, Right)]
    assert len(wrong) >= 12
    assert len(right) >= 3
    assert len({one.name for one in ANSWERS[gap]}) == len(wrong) + len(right)
    exercise = exercises.load(EXERCISE, {})
    exercise.reset()
    assert len({repr(exercise.hint(gap)) for _ in range(3)}) == 3
    assert exercise.solution(gap).parts["code"]
    assert len(exercise.solution(gap).parts["why"]) > 80
    lines = {line.strip() for region in source.regions for line in region.solution.splitlines() if len(line) > 30}
    assert not [line for line in lines for one in wrong if line in one.hears]


@pytest.mark.parametrize(("name", "sentence"), TEN.items())
def test_the_ten_that_students_meet_most_are_among_them(name: str, sentence: str) -> None:
    known = [one for some in ANSWERS.values() for one in some if isinstance(one, Wrong)]
    assert [one for one in known if sentence in one.hears], name


def test_without_cassandra_the_table_cannot_be_checked_and_nothing_is_started(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIT_HOME", str(tmp_path))
    outcome = Student(namespace={"create_table": print}).exercise(EXERCISE).check(5)
    assert type(outcome) is CannotCheck
    assert "kit up cassandra" in outcome.parts["next"]
    assert {row.state for row in lab.status()} == {"stopped"}
