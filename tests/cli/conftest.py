"""The command `kit` with a state folder of its own; afterwards nothing of it runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import Kit


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    command = Kit(tmp_path / "home", tmp_path)
    yield command
    left = command.stop()
    assert not left, f"`kit down` left running: {left}"
