"""Kafka → Spark → Cassandra, with each of the three killed while quotes come: the rows are those of a batch."""

import random
from collections.abc import Iterator

import pytest

from tests.faults.pipeline import KINDS, Pipeline

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    seed = random.randrange(10**6)
    print("seed", seed)  # shown where a test fails: `python -m tests.faults --seed N` kills at the same moments
    with Pipeline(tmp_path_factory.mktemp("pipeline"), seed) as pipeline:
        yield pipeline


@pytest.mark.parametrize("kind", KINDS)  # once; `python -m tests.faults` kills ten times
def test_the_rows_equal_a_batch_whatever_is_killed(kind: str, pipeline: Pipeline) -> None:
    print(pipeline.kill(kind))
