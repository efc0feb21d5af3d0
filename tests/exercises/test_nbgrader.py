"""nbgrader takes the exercises as they are handed out: one graded cell, which passes when all gaps do."""

import copy
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.nbgraderformat.v3 import MetadataValidatorV3

from kit.exercises import Source, sources
from kit.servers.cassandra import CassandraCluster
from kit.servers.feeds import FeedServer
from kit.servers.kafka import KafkaCluster

SOURCES = sources()
each = pytest.mark.parametrize("source", SOURCES, ids=[source.name for source in SOURCES])


def validated(source: Source, folder: Path, *, filled: bool) -> str:
    """What `nbgrader validate` says of an exercise, without the cells that run what the gaps make."""
    made = copy.deepcopy(source.exercise)
    solved = {cell.id: cell.source for cell in source.notebook.cells if filled and source.gaps_of(cell.id)}
    code = [cell for cell in made.cells if cell.cell_type == "code"]
    made.cells = [cell for cell in code if not {"goal", "checks-gap"} & set(cell.metadata.get("tags", ()))]
    for cell in made.cells:
        cell.source = solved.get(cell.id, cell.source).replace("kit.up()", 'kit.up("kafka")')
    path, home = folder / "exercise.ipynb", folder / "home"
    nbformat.write(made, path)
    env = {**os.environ, "KIT_HOME": str(home), "KIT_KAFKA_PORT": "0", "KIT_FEEDS_PORT": "0", "KIT_CASSANDRA_PORT": "0"}
    argv = [sys.executable, "-m", "nbgrader", "validate", path.name]
    try:
        done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=150, check=False)
    finally:
        FeedServer(home).stop()
        KafkaCluster(home).stop()
        CassandraCluster(home).stop()
    assert done.returncode == 0, done.stderr
    return done.stdout


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
    source: Source, tmp_path: Path, filled: bool, words: list[str]
) -> None:
    answer = validated(source, tmp_path, filled=filled)
    assert [word for word in words if word not in answer] == []
