"""The command `kit` with a state folder of its own; afterwards nothing of it runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes import Kit


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    with _ended(Kit(tmp_path / "home", tmp_path)) as command:
        yield command


@pytest.fixture(scope="module")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    folder = tmp_path_factory.mktemp("lab")
    with _ended(Kit(folder / "home", folder)) as command:
        yield command


@pytest.fixture
def up(_shared: Kit) -> Kit:
    """A lab that runs, one for all tests of a file: a test may stop or kill what it wants, the next has it up again."""
    started = _shared.call("up")
    assert started.returncode == 0, started.stderr
    assert {"feeds", "kafka-1"} <= set(_shared.running())
    return _shared


@contextmanager
def _ended(command: Kit) -> Iterator[Kit]:
    yield command
    left = command.stop()
    assert not left, f"`kit down` left running: {left}"
