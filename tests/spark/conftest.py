"""One Spark session for the room: it is started again after a test that has killed it."""

from collections.abc import Iterator
from typing import Any

import pytest

from kit import spark


@pytest.fixture(scope="session")
def _stopped_at_the_end() -> Iterator[None]:
    yield
    spark.stop()


@pytest.fixture
def session(_stopped_at_the_end: None) -> Any:
    return spark.session()
