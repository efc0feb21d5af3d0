"""A student's path through an exercise: open it, fail, take a hint, fix it, pass, come back later."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator

from kit.exercises import source_of
from tests.browser.lab import LabPage, RunningLab

pytestmark = pytest.mark.browser

NAME = "19_exercise_tweets.ipynb"
WRONG = '''def to_record(tweet):
    return tweet.user, f"{tweet.fetched_ms},{tweet.user},{tweet.text}"'''


@pytest.fixture(scope="module")
def places() -> dict[str, int]:
    """Where each cell stands, by its id."""
    return {cell.id: number for number, cell in enumerate(source_of(19).exercise.cells)}


@pytest.fixture(scope="module")
def solved() -> dict[str, str]:
    """The cells of the solution, by their ids."""
    return {cell.id: cell.source for cell in source_of(19).notebook.cells}


@pytest.fixture(scope="module")
def student(browser: Browser, jupyter: RunningLab) -> Iterator[LabPage]:
    """One tab for the whole path; the tests go on where the one before has ended."""
    page = LabPage(browser, jupyter).open(NAME)
    yield page
    page.run("exercise.reset()")
    page.close()


def _type(page: LabPage, cell: int, code: str) -> Locator:
    """Write code over what is in a cell, as a person does: click, select all, type."""
    found = page.cell(cell)
    found.locator(".cm-content").click()
    page.page.keyboard.press("ControlOrMeta+a")
    page.page.keyboard.insert_text(code)
    return found


def _run(page: LabPage, *cells: int) -> str:
    """Run cells one after the other; what the last one shows."""
    for cell in cells:
        page.select(cell)
        page.run_selected()
    return page.output(cells[-1]).first.inner_text()


def test_run_all_goes_to_the_end_and_each_check_says_what_to_do(student: LabPage, places: dict[str, int]) -> None:
    student.run_all()
    for number, cell in enumerate(("19-06", "19-09", "19-14", "19-17", "19-18", "19-21", "19-24"), 1):
        shown = student.output(places[cell]).first.inner_text()
        assert shown.startswith(f"○ Gap {number}")
        assert "not attempted" in shown
    assert "Gap 3, to_record: return the user and a CSV line" in student.output(places["19-13"]).first.inner_text()
    student.cell(places["19-12"])
    student.screenshot("exercise_unfilled")
    assert student.errors() == []
    assert student.complaints == []
    assert student.strangers == []


def test_a_wrong_answer_gets_a_box_that_says_what_is_wrong(student: LabPage, places: dict[str, int]) -> None:
    _type(student, places["19-12"], WRONG)
    shown = _run(student, places["19-12"], places["19-14"])
    assert "✘ Gap 3, to_record: not yet right" in shown
    assert "one line of CSV, for the row ['1767623400123', 'bo', 'calm, they said']" in shown
    assert "Python's csv module knows the rules" in shown
    student.screenshot("exercise_wrong")


def test_a_hint_helps_and_the_right_answer_passes(
    student: LabPage, places: dict[str, int], solved: dict[str, str]
) -> None:
    assert "hint 1 of 3" in student.run("exercise.hint(3)").inner_text()
    _type(student, places["19-12"], solved["19-12"])
    assert "✔ Gap 3, to_record: passed · 1 of 7 gaps" in _run(student, places["19-12"], places["19-14"])
    student.screenshot("exercise_passed")


def test_a_locked_cell_runs_but_cannot_be_written_in_or_deleted(student: LabPage, places: dict[str, int]) -> None:
    before = student.source(places["19-11"])
    _type(student, places["19-11"], "class Tweet: pass")
    assert student.source(places["19-11"]) == before
    student.select(places["19-11"])
    student.page.evaluate("jupyterapp.commands.execute('notebook:delete-cell')")
    assert student.source(places["19-11"]) == before
    assert "passed" in _run(student, places["19-11"], places["19-14"])


def test_progress_is_there_after_a_restart_of_the_kernel(student: LabPage, places: dict[str, int]) -> None:
    student.restart()
    shown = _run(student, places["19-03"])
    assert "1 of 7 gaps" in shown
    assert "passed, before this kernel started" in shown
    student.screenshot("exercise_progress")


def test_all_filled_in_all_pass_and_the_list_is_live(
    student: LabPage, places: dict[str, int], solved: dict[str, str]
) -> None:
    source = source_of(19)
    for cell in {region.cell for region in source.regions}:
        _type(student, places[cell], solved[cell])
    student.run_all()
    assert "All done: 7 of 7 gaps passed" in student.output(places["19-30"]).first.inner_text()
    items = student.output(places["19-26"]).locator("li")
    assert items.count() == 20
    assert student.errors() == ["no error: " + solved[cell] for cell in ("19-13", "19-26", "19-28", "19-30")]
    assert student.complaints == []
    assert student.strangers == []
    student.cell(places["19-26"])
    student.screenshot("exercise_live")
    student.theme("JupyterLab Dark")
    student.cell(places["19-17"])
    student.screenshot("exercise_dark")
    student.theme("JupyterLab Light")
