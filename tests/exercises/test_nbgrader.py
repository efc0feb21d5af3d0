"""nbgrader takes the exercises as they are handed out: one graded cell, which passes when all gaps do."""

import copy
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.nbgraderformat.v3 import MetadataValidatorV3

from kit.exercises import Source, sources
from kit.servers.cassandra import CassandraCluster
from kit.servers.kafka import KafkaCluster

SOURCES = sources()
each = pytest.mark.parametrize("source", SOURCES, ids=[source.name for source in SOURCES])


def written(source: Source, folder: Path, *, filled: bool) -> str:
    """The file of an exercise, solved or as handed out, without the cells that run what the gaps make."""
    made = copy.deepcopy(source.exercise)
    solved = {cell.id: cell.source for cell in source.notebook.cells if filled and source.gaps_of(cell.id)}
    code = [cell for cell in made.cells if cell.cell_type == "code"]
    made.cells = [cell for cell in code if not {"goal", "checks-gap"} & set(cell.metadata.get("tags", ()))]
    for cell in made.cells:
        cell.source = solved.get(cell.id, cell.source).replace("kit.up()", 'kit.up("kafka")').replace('"feeds", ', "")
    path = folder / f"{source.name}-{'solved' if filled else 'open'}.ipynb"
    nbformat.write(made, path)
    return path.name


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, bool], str]:
    """What one `nbgrader validate` says of all exercises, solved and as handed out, on one lab."""
    folder = tmp_path_factory.mktemp("nbgrader")
    files = {(one.name, filled): written(one, folder, filled=filled) for one in SOURCES for filled in (True, False)}
    home = folder / "home"
    env = {**os.environ, "KIT_HOME": str(home), "KIT_KAFKA_PORT": "0", "KIT_FEEDS_PORT": "0", "KIT_CASSANDRA_PORT": "0"}
    argv = [sys.executable, "-m", "nbgrader", "validate", *files.values()]
    try:
        done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=230, check=False)
    finally:
        KafkaCluster(home).stop()
        CassandraCluster(home).stop()
    assert done.returncode == 0, done.stderr
    parts = re.split("(?=Success!|VALIDATION FAILED)", done.stdout)[1:]
    return dict(zip(files, parts, strict=True))


@each
def test_the_metadata_are_what_nbgrader_wants(source: Source) -> None:
    MetadataValidatorV3().validate_nb(source.exercise)
    cells = {cell.id: cell for cell in source.exercise.cells}
    assert {cell.metadata.nbgrader.grade_id for cell in cells.values()} == cells.keys()
    (graded,) = [cell for cell in cells.values() if cell.metadata.nbgrader.grade]
    assert graded.source == "exercise.finish()"
    assert (graded.metadata.nbgrader.points, graded.metadata.nbgrader.locked) == (1, True)
    solutions = [name for name, cell in cells.items() if cell.metadata.nbgrader.solution]
    assert solutions == [name for name in cells if source.gaps_of(name)]


@pytest.mark.timeout(240)
@each
@pytest.mark.parametrize(
    ("filled", "words"),
    [
        (True, ["Success! Your notebook passes all the tests."]),
        (False, ["VALIDATION FAILED ON 1 CELL(S)!", "exercise.finish()", "gap 1: not attempted"]),
    ],
)
def test_nbgrader_passes_a_solved_exercise_and_fails_another_in_its_last_check_alone(
    source: Source, answers: dict[tuple[str, bool], str], filled: bool, words: list[str]
) -> None:
    answer = answers[source.name, filled]
    assert [word for word in words if word not in answer] == []
