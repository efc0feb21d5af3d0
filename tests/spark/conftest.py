"""One Spark session for all tests of a process: it is started again after a test that has killed it."""

from typing import Any

import pytest

from kit import spark


@pytest.fixture
def session() -> Any:
    return spark.session()
