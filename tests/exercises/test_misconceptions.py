"""The checks teach: who thinks so hears that sentence, and whoever is right passes, however it was written."""

import re
import threading
import time
from collections.abc import Iterator

import pykka
import pytest
from kafka import KafkaConsumer

from kit.exercises import CannotCheck, Crashed, NotAttempted, NotYetRight, Outcome, Passed, Source, source_of
from kit.servers import clients, lab
from tests.exercises.answers import HARMFUL, RIGHT, WRONG
from tests.exercises.answers.harmful import Harm
from tests.exercises.answers.right import Correct
from tests.exercises.answers.wrong import Mistake
from tests.exercises.misconceptions import ANSWERS, Answer, Right, Wrong, cell_of
from tests.exercises.tools import Student, assert_hears, cases, give, scaffold_of
from tests.wait import wait_until

SECONDS = 30.0


@pytest.fixture(scope="module")
def source() -> Source:
    return source_of(19)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaConsumer]:
    """Who looks which topics there are, in a lab of this module's own; without feeds, for no check listens to them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KIT_HOME", str(tmp_path_factory.mktemp("misconceptions")))
        with clients.consumer(lab.up("kafka").kafka.bootstrap_servers) as reader:
            yield reader
        lab.down()


@pytest.fixture(scope="module")
def handed_out(reader: KafkaConsumer, source: Source) -> Student:
    """Who has run all cells, and filled none."""
    student = Student()
    for code in scaffold_of(source):
        student.run(code.replace("kit.up()", 'kit.up("kafka")'))
    return student


@pytest.fixture
def student(handed_out: Student, source: Source) -> Iterator[Student]:
    """Who has filled all gaps."""
    student = Student(namespace=handed_out.namespace)
    for gap in ANSWERS:
        student.run(cell_of(source, gap))
    yield student
    for own in student.namespace.values():
        if isinstance(own, pykka.ActorRef):
            own.stop()


@pytest.fixture
def nothing_left(
    reader: KafkaConsumer, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> Iterator[set[threading.Thread]]:
    """A check leaves no thread, actor, topic or traceback behind. The set takes threads that may stay."""
    before, may_stay = set(threading.enumerate()), set[threading.Thread]()
    yield may_stay
    assert not [record for record in caplog.get_records("call") if record.exc_info]
    assert "Traceback" not in capsys.readouterr().err
    wait_until(lambda: not pykka.ActorRegistry.get_all(), what="an end of all actors")
    wait_until(lambda: not _threads(before | may_stay), what=f"an end of all threads ({threading.enumerate()})")
    assert not {name for name in reader.topics() if name.startswith("check-")}


def _threads(known: set[threading.Thread]) -> list[threading.Thread]:
    """Those that run; but for the plots' one, which ends by itself when there has been nothing to draw for a while."""
    return [thread for thread in threading.enumerate() if thread not in known and thread.name != "kit-plots"]


@pytest.mark.parametrize(("gap", "answer"), cases(ANSWERS))
def test_an_answer_hears_what_helps(
    gap: int, answer: Answer, nothing_left: set[threading.Thread], student: Student, source: Source
) -> None:
    give(student, source, gap, answer)
    outcome = student.exercise().check(gap)
    if answer.leaves:
        nothing_left.update(threading.enumerate())
    assert_hears(outcome, answer)
    assert Student(namespace=student.namespace).run(cell_of(source, 3)).exercise().check(3).ok  # the next check works


@pytest.mark.parametrize("gap", ANSWERS)
def test_a_wrong_answer_has_one_sentence_that_says_what_to_do(gap: int) -> None:
    wrong = [answer for answer in ANSWERS[gap] if isinstance(answer, Wrong)]
    assert all(answer.hears for answer in wrong)
    assert len({answer.hears for answer in wrong}) >= 6  # and they are different ones


@pytest.mark.parametrize("gap", ANSWERS)
def test_a_gap_as_it_was_handed_out_says_what_is_to_be_done(gap: int, handed_out: Student, source: Source) -> None:
    outcome = handed_out.exercise().check(gap)
    assert type(outcome) is NotAttempted
    assert outcome.parts["to do"] == source.gap(gap)[0].todo


@pytest.mark.parametrize("gap", ANSWERS)
def test_a_gap_whose_cell_has_not_run_is_not_taken_for_another(gap: int, student: Student) -> None:
    exercise = student.exercise()
    owner = exercise.gaps[gap - 1].names[0].partition(".")[0]
    del student.namespace[owner]
    outcome = exercise.check(gap)
    assert type(outcome) is NotAttempted
    assert outcome.parts["to do"] == f"there is no {owner} yet"


def test_a_class_that_was_made_in_several_steps_is_one_class(nothing_left: object, student: Student) -> None:
    student.run("class TweetActor(TweetActor):\n    pass\n\nclass TweetListener(TweetListener):\n    pass")
    exercise = student.exercise()
    assert all(exercise.check(gap).ok for gap in (4, 5, 6, 7))


def test_after_all_of_them_each_solution_passes(nothing_left: object, student: Student) -> None:
    exercise = student.exercise()
    assert [exercise.check(gap).kind for gap in ANSWERS] == ["passed"] * len(ANSWERS)


@pytest.mark.parametrize("gap", ANSWERS)
def test_each_gap_has_its_misconceptions_and_its_right_ways(gap: int, record_property: object) -> None:
    wrong = sum(isinstance(answer, Wrong) for answer in ANSWERS[gap])
    right = sum(isinstance(answer, Right) for answer in ANSWERS[gap])
    print(f"gap {gap}: {wrong} misconceptions, {right} right answers")
    assert wrong >= 6
    assert right >= 3
    assert len({answer.name for answer in ANSWERS[gap]}) == wrong + right


def _check(student: Student, source: Source, given: Correct | Mistake | Harm) -> Outcome:
    whole = not isinstance(given, Harm) and given.whole
    give(student, source, given.gap, Answer(given.name, given.code, given.second, given.before, whole=whole))
    return student.exercise().check(given.gap)


def _names(given: list[Correct] | list[Mistake] | list[Harm]) -> list[str]:
    return [f"gap {one.gap}: {one.name}" for one in given]


@pytest.mark.parametrize("right", RIGHT, ids=_names(RIGHT))
def test_a_right_answer_of_another_kind_passes(
    right: Correct, nothing_left: set[threading.Thread], student: Student, source: Source
) -> None:
    outcome = _check(student, source, right)
    assert outcome.ok, outcome


@pytest.mark.parametrize("wrong", WRONG, ids=_names(WRONG))
def test_a_wrong_answer_is_refused_with_a_sentence_that_points_at_the_mistake(
    wrong: Mistake, nothing_left: set[threading.Thread], student: Student, source: Source
) -> None:
    outcome = _check(student, source, wrong)
    nothing_left.update(threading.enumerate())
    assert isinstance(outcome, NotYetRight | Crashed), outcome
    sentence = f"{outcome.parts.get('got', '')}\n{outcome.parts.get('next', '')}"
    assert re.search(wrong.points, sentence, re.IGNORECASE), outcome


@pytest.mark.parametrize("gap", ANSWERS)
def test_what_to_do_next_hands_over_no_line_of_the_solution(gap: int, student: Student, source: Source) -> None:
    lines = {line.strip() for region in source.regions for line in region.solution.splitlines() if len(line) > 25}
    for answer in ANSWERS[gap]:
        if isinstance(answer, Wrong):
            assert not [line for line in lines if line in answer.hears]


@pytest.mark.parametrize("harm", HARMFUL, ids=_names(HARMFUL))
def test_an_answer_that_could_break_a_check_has_an_outcome_and_the_next_check_works(
    harm: Harm, student: Student, source: Source
) -> None:
    began = time.monotonic()
    outcome = _check(student, source, harm)
    assert outcome.kind in {kind.kind for kind in (Passed, NotAttempted, NotYetRight, Crashed, CannotCheck)}
    assert "in the check" not in outcome.parts.get("got", ""), outcome
    assert time.monotonic() - began < SECONDS
    after = Student(namespace=student.namespace)
    after.run(cell_of(source, 3))
    assert after.exercise().check(3).ok
