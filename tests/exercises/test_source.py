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
        metadata = {"tags": tags[number]} if tags and number in tags else {}
        made.append(new(source.removeprefix("#md "), id=f"29-{number:02d}", metadata=metadata))
    path = folder / "solutions" / f"{name}.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=made), path)
    return path


def cell_of(path: Path) -> str:
    return str(Source(path).exercise.cells[0].source)


def test_a_gap_becomes_a_line_that_raises_what_to_do_and_the_rest_stays(tmp_path: Path) -> None:
    path = write(tmp_path, f"import math\n\n{GAP}\n\n\nHALF = 0.5  # after it")
    assert cell_of(path) == (
        'import math\n\ndef double(x):\n    """Twice x."""\n'
        '    raise NotImplementedError("Gap 1, double: return twice x")\n\n\nHALF = 0.5  # after it'
    )
    (region,) = Source(path).regions
    assert (region.number, region.title, region.todo) == (1, "double", "return twice x")
    assert region.solution == "return 2 * x"


def test_two_pieces_of_one_gap_each_raise_their_own_sentence(tmp_path: Path) -> None:
    code = f"{GAP}\n\n\n{GAP.replace('double', 'twice', 1).replace('return twice x', 'the same again', 1)}"
    source = Source(write(tmp_path, code))
    assert [region.todo for region in source.gap(1)] == ["return twice x", "the same again"]
    assert source.exercise.cells[0].source.count("raise NotImplementedError") == 2


@pytest.mark.parametrize("text", [r'say "a\b"', "é 🚀 \t'", "{0} %s"])
def test_every_character_of_a_sentence_arrives_as_it_is(tmp_path: Path, text: str) -> None:
    namespace: dict[str, object] = {}
    exec(cell_of(write(tmp_path, GAP.replace("return twice x", text, 1))), namespace)
    with pytest.raises(NotImplementedError) as raised:
        namespace["double"](1)  # type: ignore[operator]
    assert str(raised.value) == f"Gap 1, double: {text}"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    ### END SOLUTION", ""),
        ("    ### BEGIN SOLUTION\n", ""),
        ("    return 2", "    ### BEGIN SOLUTION\n    return 2"),
        ("# Gap 1, double: return twice x", "# here"),
        ("# Gap 1, double: return twice x", "# Gap one, double: return"),
        ("return twice x\n", "return twice x\n\n"),
    ],
)
def test_a_marker_in_the_wrong_place_is_named_with_its_cell(tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(ExerciseError, match="cell 29-01: a stray ### "):
        Source(write(tmp_path, "1 + 1", GAP.replace(old, new)))


@pytest.mark.parametrize(("cell", "numbers"), [(GAP.replace("Gap 1", "Gap 2"), r"\[2\]"), ("1 + 1", r"\[\]")])
def test_gaps_are_numbered_as_they_come(tmp_path: Path, cell: str, numbers: str) -> None:
    with pytest.raises(ExerciseError, match=numbers):
        Source(write(tmp_path, cell))


@pytest.mark.parametrize("content", [None, b"", b"hello", b"{}", b'{"cells": 3}', b"\xff\xfe", b"[1, 2]"])
def test_what_is_no_notebook_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "29_exercise_x.ipynb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ExerciseError, match=r"a Jupyter notebook in 29_exercise_x.ipynb"):
        Source(path)


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


def test_the_same_solution_makes_the_same_bytes_and_links_lead_from_where_they_are(tmp_path: Path) -> None:
    path = write(tmp_path, "#md Back: [14](../notebooks/14_actors.ipynb)", GAP, "%time double(2)")
    assert cell_of(path) == "Back: [14](14_actors.ipynb)"
    assert notebook_text(Source(path).exercise) == notebook_text(Source(path).exercise)
    nbformat.validate(Source(path).exercise)


@pytest.mark.parametrize("name", [29, "29", "29_exercise_sums", "29_exercise_sums.ipynb"])
def test_an_exercise_is_found_by_its_number_or_its_name(tmp_path: Path, name: str | int) -> None:
    write(tmp_path, GAP)
    assert source_of(name, tmp_path / "solutions").name == "29_exercise_sums"
    with pytest.raises(ConfigError, match="29_exercise_sums"):
        source_of(28, tmp_path / "solutions")


def test_the_solutions_are_where_we_are_or_where_the_kit_is(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, GAP)
    monkeypatch.chdir(tmp_path / "notebooks")
    assert solutions() == tmp_path / "solutions"
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert (solutions().parent / "kit").is_dir()
    monkeypatch.setattr("kit.exercises._source.__file__", str(tmp_path / "lib" / "kit" / "exercises" / "_source.py"))
    with pytest.raises(ConfigError, match="the installed package has no exercises\nto do: cd to the clone"):
        solutions()


def test_an_exercise_without_checks_names_the_file_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, GAP)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"checks of the 1 gaps of 29_exercise_sums\ngot: 0\n.*exercise_sums\.py"):
        exercises.load(29, {})


def test_building_writes_what_is_not_up_to_date_and_says_what(tmp_path: Path) -> None:
    write(tmp_path, GAP)
    made = tmp_path / "notebooks" / "29_exercise_sums.ipynb"
    assert exercises.build(tmp_path, write=False) == [made]
    assert not made.exists()
    assert exercises.build(tmp_path) == [made]
    assert exercises.build(tmp_path) == []
    made.write_text("scribble", "utf-8")
    assert exercises.build(tmp_path, write=False) == [made]
    write(tmp_path, "1 + 1", name="39_exercise_none")  # one that is wrong leaves all as they are
    with pytest.raises(ExerciseError, match="39_exercise_none"):
        exercises.build(tmp_path)
    assert made.read_text("utf-8") == "scribble"


def test_an_exercise_comes_back_and_the_old_one_is_kept_beside_it(tmp_path: Path) -> None:
    write(tmp_path, GAP)
    (made,) = exercises.build(tmp_path)
    fresh = made.read_bytes()
    assert exercises.restore(29, tmp_path) == (made, None)  # untouched: nothing to keep
    made.unlink()
    assert exercises.restore(29, tmp_path) == (made, None)
    works = "a week of work", "another"  # within the same second
    kept = []
    for work in works:
        made.write_text(work, "utf-8")
        kept.append(exercises.restore(29, tmp_path)[1])
        assert made.read_bytes() == fresh
    assert tuple(path.read_text("utf-8") for path in kept if path) == works
    assert {made, *kept} == set(made.parent.iterdir())
    assert all(path and path.name.startswith("29_exercise_sums.old-") for path in kept)


def test_a_folder_that_cannot_be_written_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, GAP)
    (made,) = exercises.build(tmp_path)
    made.write_text("a week of work", "utf-8")

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.open", full)
    with pytest.raises(ExerciseError, match="No space left"):
        exercises.restore(29, tmp_path)
    assert [path.read_text("utf-8") for path in made.parent.iterdir()] == ["a week of work"]
