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
from kit.servers.feeds import FeedServer
from kit.servers.kafka import KafkaCluster

SOURCES = sources()
each = pytest.mark.parametrize("source", SOURCES, ids=[source.name for source in SOURCES])


def filled(source: Source) -> nbformat.NotebookNode:
    """The exercise with the gaps as the solution has them."""
    made = copy.deepcopy(source.exercise)
    solved = {cell.id: cell.source for cell in source.notebook.cells}
    for cell in made.cells:
        if source.gaps_of(cell.id):
            cell.source = solved[cell.id]
    return made


def validated(made: nbformat.NotebookNode, folder: Path) -> str:
    """What `nbgrader validate` says of a notebook, run on a lab of its own."""
    path, home = folder / "exercise.ipynb", folder / "home"
    nbformat.write(made, path)
    env = {**os.environ, "KIT_HOME": str(home), "KIT_KAFKA_PORT": "0", "KIT_FEEDS_PORT": "0"}
    argv = [sys.executable, "-m", "nbgrader", "validate", path.name]
    try:
        done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=150, check=False)
    finally:
        FeedServer(home).stop()
        KafkaCluster(home).stop()
    assert done.returncode == 0, done.stderr
    return done.stdout


def graded(source: Source) -> list[nbformat.NotebookNode]:
    return [cell for cell in source.exercise.cells if cell.metadata.nbgrader.grade]


@each
def test_the_metadata_are_valid_in_nbgraders_own_eyes(source: Source) -> None:
    MetadataValidatorV3().validate_nb(source.exercise)


@each
def test_each_cell_has_an_id_of_its_own_for_nbgrader(source: Source) -> None:
    ids = [cell.metadata.nbgrader.grade_id for cell in source.exercise.cells]
    assert len(ids) == len(set(ids))
    assert all(cell.metadata.nbgrader.schema_version == 3 for cell in source.exercise.cells)


@each
def test_the_last_check_is_what_is_graded_with_one_point(source: Source) -> None:
    (cell,) = graded(source)
    assert cell.source == "exercise.finish()"
    assert (cell.metadata.nbgrader.points, cell.metadata.nbgrader.locked) == (1, True)


@each
def test_what_students_fill_in_is_what_nbgrader_calls_a_solution(source: Source) -> None:
    solutions = [cell.id for cell in source.exercise.cells if cell.metadata.nbgrader.solution]
    assert solutions == [cell.id for cell in source.exercise.cells if source.gaps_of(cell.id)]


@pytest.mark.timeout(240)
@each
def test_nbgrader_says_that_a_solved_exercise_passes(source: Source, tmp_path: Path) -> None:
    assert "Success! Your notebook passes all the tests." in validated(filled(source), tmp_path)


@pytest.mark.timeout(240)
@each
def test_nbgrader_says_that_an_unfilled_exercise_fails_in_its_last_check_alone(source: Source, tmp_path: Path) -> None:
    said = validated(source.exercise, tmp_path)
    assert "VALIDATION FAILED ON 1 CELL(S)!" in said
    assert "exercise.finish()" in said
    assert "gap 1: not attempted" in said
