"""A solution notebook is read, or refused with the cell that is wrong; and what is made of it is always the same."""

from pathlib import Path

import nbformat
import pytest

from kit import exercises
from kit.errors import ConfigError, ExerciseError
from kit.exercises import Source, solutions, source_of
from kit.exercises._source import notebook_text

GAP = '''def double(x):
    """Twice x."""
    # Gap 1, double: return twice x
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION'''


def write(folder: Path, *cells: str, name: str = "29_exercise_sums", tags: dict[int, list[str]] | None = None) -> Path:
    """A project with one solution."""
    (folder / "solutions").mkdir(exist_ok=True)
    (folder / "notebooks").mkdir(exist_ok=True)
    made = []
    for number, source in enumerate(cells):
        new = nbformat.v4.new_markdown_cell if source.startswith("#md ") else nbformat.v4.new_code_cell
        cell = new(source.removeprefix("#md "))
        cell.id = f"29-{number:02d}"
        if tags and number in tags:
            cell.metadata["tags"] = tags[number]
        made.append(cell)
    path = folder / "solutions" / f"{name}.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=made), path)
    return path


def test_a_gap_becomes_a_line_that_raises_what_to_do(tmp_path: Path) -> None:
    source = Source(write(tmp_path, GAP))
    assert source.exercise.cells[0].source == (
        'def double(x):\n    """Twice x."""\n    raise NotImplementedError("Gap 1, double: return twice x")'
    )
    (region,) = source.regions
    assert (region.number, region.title, region.todo) == (1, "double", "return twice x")
    assert region.solution == "return 2 * x"


def test_what_stands_around_a_gap_stays(tmp_path: Path) -> None:
    code = f"import math\n\n{GAP}\n\n\nHALF = 0.5  # after it"
    made = Source(write(tmp_path, code)).exercise.cells[0].source
    assert made.startswith("import math\n\ndef double(x):")
    assert made.endswith("\n\n\nHALF = 0.5  # after it")


def test_two_pieces_of_one_gap_each_raise_their_own_sentence(tmp_path: Path) -> None:
    code = f"{GAP}\n\n\n{GAP.replace('double', 'twice', 1).replace('return twice x', 'the same again', 1)}"
    source = Source(write(tmp_path, code))
    assert [region.todo for region in source.gap(1)] == ["return twice x", "the same again"]
    assert source.exercise.cells[0].source.count("raise NotImplementedError") == 2


def test_a_sentence_over_two_lines_is_one_and_a_long_one_is_broken(tmp_path: Path) -> None:
    long = "# Gap 1, double: return twice x, whatever x is,\n    # be it a number, a text or a list of anything at all"
    made = Source(write(tmp_path, GAP.replace("# Gap 1, double: return twice x", long))).exercise.cells[0].source
    namespace: dict[str, object] = {}
    exec(made, namespace)
    with pytest.raises(
        NotImplementedError, match=r"^Gap 1, double: return twice x, whatever x is, be it a number, a text"
    ):
        namespace["double"](1)  # type: ignore[operator]
    assert max(map(len, made.splitlines())) <= 84


def test_quotes_and_backslashes_in_a_sentence_arrive_as_they_are(tmp_path: Path) -> None:
    made = Source(write(tmp_path, GAP.replace("return twice x", r'say "a\b"', 1))).exercise.cells[0].source
    namespace: dict[str, object] = {}
    exec(made, namespace)
    with pytest.raises(NotImplementedError) as raised:
        namespace["double"](1)  # type: ignore[operator]
    assert str(raised.value) == r'Gap 1, double: say "a\b"'


@pytest.mark.parametrize(
    ("cell", "got"),
    [
        (GAP.replace("    ### END SOLUTION", ""), "a beginning without an end"),
        (GAP.replace("    ### BEGIN SOLUTION\n", ""), "an end without a beginning"),
        (GAP.replace("    return 2", "    ### BEGIN SOLUTION\n    return 2"), "a second beginning before an end"),
        (GAP.replace("# Gap 1, double: return twice x", "# here"), "no line above it that names the gap"),
        (GAP.replace("# Gap 1, double: return twice x", "# Gap one, double: return"), "no line above it"),
    ],
)
def test_a_marker_in_the_wrong_place_is_told_with_its_cell(tmp_path: Path, cell: str, got: str) -> None:
    with pytest.raises(ExerciseError, match=f"cell 29-01: {got}"):
        Source(write(tmp_path, "1 + 1", cell))


def test_gaps_are_numbered_as_they_come(tmp_path: Path) -> None:
    with pytest.raises(ExerciseError, match=r"\[2\]"):
        Source(write(tmp_path, GAP.replace("Gap 1", "Gap 2")))
    with pytest.raises(ExerciseError, match=r"\[\]"):
        Source(write(tmp_path, "1 + 1"))


@pytest.mark.parametrize("content", [b"", b"hello", b"{}", b'{"cells": 3}', b"\xff\xfe", b"[1, 2]"])
def test_what_is_no_notebook_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "29_exercise_x.ipynb"
    path.write_bytes(content)
    with pytest.raises(ExerciseError, match=r"a Jupyter notebook in 29_exercise_x.ipynb"):
        Source(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExerciseError, match="FileNotFoundError"):
        Source(tmp_path / "29_exercise_x.ipynb")


def test_outputs_go_but_those_that_show_the_goal(tmp_path: Path) -> None:
    path = write(tmp_path, "1 + 1", GAP, "2 + 2", tags={2: ["goal", "tries-gap"]})
    notebook = nbformat.read(path, as_version=4)
    for number, cell in enumerate(notebook.cells, 1):
        cell.execution_count = number
        cell.outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "4"}, execution_count=number)]
    nbformat.write(notebook, path)
    plain, gap, goal = Source(path).exercise.cells
    assert (plain.outputs, gap.outputs) == ([], [])
    assert goal.outputs[0].data["text/plain"] == "4"
    assert goal.outputs[0].execution_count is None
    assert goal.metadata.tags == ["goal", "raises-exception"]


def test_links_lead_from_where_the_exercise_is(tmp_path: Path) -> None:
    text = "#md Back: [14](../notebooks/14_actors.ipynb)"
    assert Source(write(tmp_path, text, GAP)).exercise.cells[0].source == "Back: [14](14_actors.ipynb)"


def test_the_same_solution_makes_the_same_bytes(tmp_path: Path) -> None:
    path = write(tmp_path, "#md Hello", GAP, "double(2)")
    assert notebook_text(Source(path).exercise) == notebook_text(Source(path).exercise)
    nbformat.validate(Source(path).exercise)


def test_the_scaffold_is_what_locked_cells_define(tmp_path: Path) -> None:
    cells = ("import math\nfrom os import path as p", GAP, "check(1)", "HALF = 0.5\nclass A:\n    pass")
    source = Source(write(tmp_path, *cells, tags={2: ["checks-gap"]}))
    assert {name: first for name, (_, first) in source.scaffold.items()} == {
        "math": "import math",
        "p": "import math",
        "A": "HALF = 0.5",
    }


# ---- finding, building and bringing back ---------------------------------------------------------------------------


def test_an_exercise_is_found_by_its_number_or_its_name(tmp_path: Path) -> None:
    write(tmp_path, GAP)
    for name in (29, "29", "29_exercise_sums", "29_exercise_sums.ipynb"):
        assert source_of(name, tmp_path / "solutions").name == "29_exercise_sums"
    with pytest.raises(ConfigError, match="29_exercise_sums"):
        source_of(28, tmp_path / "solutions")


def test_the_solutions_are_where_we_are_or_where_the_kit_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, GAP)
    monkeypatch.chdir(tmp_path / "notebooks")
    assert solutions() == tmp_path / "solutions"
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert (solutions().parent / "kit").is_dir()


def test_building_writes_what_is_not_up_to_date_and_says_what(tmp_path: Path) -> None:
    write(tmp_path, GAP)
    made = tmp_path / "notebooks" / "29_exercise_sums.ipynb"
    assert exercises.build(tmp_path, write=False) == [made]
    assert not made.exists()
    assert exercises.build(tmp_path) == [made]
    assert exercises.build(tmp_path) == []
    made.write_text("scribble", "utf-8")
    assert exercises.build(tmp_path, write=False) == [made]


def test_a_solution_that_is_wrong_leaves_all_exercises_as_they_are(tmp_path: Path) -> None:
    write(tmp_path, GAP)
    write(tmp_path, "1 + 1", name="39_exercise_none")
    with pytest.raises(ExerciseError, match="39_exercise_none"):
        exercises.build(tmp_path)
    assert not list((tmp_path / "notebooks").iterdir())


def test_an_exercise_comes_back_and_the_old_one_is_kept_beside_it(tmp_path: Path) -> None:
    write(tmp_path, GAP)
    (made,) = exercises.build(tmp_path)
    fresh = made.read_bytes()
    made.write_text("a week of work", "utf-8")
    path, kept = exercises.restore(29, tmp_path)
    assert (path, path.read_bytes()) == (made, fresh)
    assert kept is not None
    assert kept.parent == made.parent
    assert kept.name.startswith("29_exercise_sums.old-")
    assert kept.read_text("utf-8") == "a week of work"
    made.write_text("another", "utf-8")  # within the same second, perhaps
    _, again = exercises.restore(29, tmp_path)
    assert again is not None
    assert kept.read_text("utf-8") == "a week of work"
    assert again.read_text("utf-8") == "another"


def test_nothing_is_kept_of_an_exercise_that_nobody_touched_or_that_was_deleted(tmp_path: Path) -> None:
    write(tmp_path, GAP)
    (made,) = exercises.build(tmp_path)
    assert exercises.restore(29, tmp_path) == (made, None)
    made.unlink()
    assert exercises.restore(29, tmp_path) == (made, None)
    assert made.exists()
    assert [path.name for path in made.parent.iterdir()] == [made.name]


def test_a_folder_that_cannot_be_written_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, GAP)
    (made,) = exercises.build(tmp_path)
    made.write_text("a week of work", "utf-8")

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(ExerciseError, match="No space left"):
        exercises.restore(29, tmp_path)
    assert made.read_text("utf-8") == "a week of work"
    assert [path.name for path in made.parent.iterdir()] == [made.name]
