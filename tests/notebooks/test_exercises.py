"""Each exercise is what its solution makes of it, and does what an exercise should: wait to be filled, say where."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from kit.exercises import Source
from kit.exercises._build import target
from kit.exercises._source import notebook_text
from kit.servers import lab
from tests.notebooks.execute import ROOT

SOLUTIONS = sorted((ROOT / "solutions").glob("[0-9]*.ipynb"))
each_exercise = pytest.mark.parametrize("path", SOLUTIONS, ids=[path.stem for path in SOLUTIONS])


@pytest.fixture(scope="module", params=SOLUTIONS, ids=[path.stem for path in SOLUTIONS])
def unfilled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    """An exercise as it is handed out, run from top to bottom, as "Run All Cells" does it."""
    notebook = nbformat.read(target(Source(request.param)), as_version=4)
    home = tmp_path_factory.mktemp("unfilled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KIT_HOME", str(home))
        try:
            place = {"metadata": {"path": str(ROOT / "notebooks")}}
            NotebookClient(notebook, timeout=60, kernel_name="python3", resources=place).execute()
        finally:
            lab.down()
    return notebook


def _code(notebook: nbformat.NotebookNode, tag: str) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", ())]


def test_there_is_an_exercise() -> None:
    assert "19_exercise_tweets" in [path.stem for path in SOLUTIONS]


@each_exercise
def test_it_is_byte_for_byte_what_its_solution_makes(path: Path) -> None:
    source = Source(path)
    assert target(source).read_text("utf-8") == notebook_text(source.exercise)


@each_exercise
def test_no_line_of_the_solution_is_in_it(path: Path) -> None:
    source = Source(path)
    text = "\n".join(cell.source for cell in source.exercise.cells)
    assert "SOLUTION" not in text
    assert [region.solution for region in source.regions if region.solution in text] == []


@each_exercise
def test_each_cell_has_the_id_that_it_has_in_the_solution(path: Path) -> None:
    source = Source(path)
    assert [cell.id for cell in source.exercise.cells] == [cell.id for cell in source.notebook.cells]


@each_exercise
def test_what_is_not_to_be_filled_is_locked_and_yet_runs(path: Path) -> None:
    source = Source(path)
    free = {cell.id for cell in _code(source.notebook, "free")}
    for cell in source.exercise.cells:
        assert cell.metadata.deletable is False
        assert cell.metadata.get("editable", True) == (cell.id in free or bool(source.gaps_of(cell.id))), cell.source


@each_exercise
def test_a_gap_is_one_line_to_replace(path: Path) -> None:
    code = [cell.source for cell in Source(path).exercise.cells if cell.cell_type == "code"]
    lines = [line for source in code for line in source.splitlines() if "NotImplementedError" in line]
    assert len(lines) == len(Source(path).regions)
    assert all(re.search(r'raise NotImplementedError\("Gap \d+, [^:]+: .+"\)$', line) for line in lines), lines


def test_unfilled_each_check_gives_the_message_of_its_own_gap(unfilled: nbformat.NotebookNode) -> None:
    checks = _code(unfilled, "checks-gap")
    source = Source(ROOT / "solutions" / f"{unfilled.metadata.kit.exercise}.ipynb")
    said = [cell.outputs[0].data["text/plain"] for cell in checks]
    for number, text in enumerate(said, 1):
        region = source.gap(number)[0]
        assert text.startswith(f"○ Gap {number}, {region.title}: not attempted")
        assert region.todo in text
    assert len(said) == len({region.number for region in source.regions})


def test_unfilled_nothing_fails_but_gaps_and_the_last_word(unfilled: nbformat.NotebookNode) -> None:
    errors = [
        (cell, output)
        for cell in unfilled.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "error"
    ]
    names = [output.ename for _, output in errors]
    assert names == ["NotImplementedError"] * (len(names) - 1) + ["ExerciseError"]
    assert all(output.evalue.startswith("Gap ") for _, output in errors[:-1])
    assert all("raises-exception" in cell.metadata.tags for cell, _ in errors)


def test_unfilled_a_gap_that_is_called_raises_its_own_message(unfilled: nbformat.NotebookNode) -> None:
    """Whichever gap a cell needs first; so a student who runs it reads what to do next."""
    for cell in _code(unfilled, "raises-exception"):
        (error,) = [output for output in cell.outputs if output.output_type == "error"]
        assert error.evalue.startswith(("Gap ", "expected all"))
