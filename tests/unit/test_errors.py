"""Errors are lessons: what was expected, what came, what to do; without the kit's own frames."""

import inspect
import pickle
import re
import textwrap
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

from kit import errors
from kit.errors import BadPayload, KitError, RateLimited, TopicError

_KINDS = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, KitError)]
_EXTRA = {RateLimited: {"retry_after": 2.0}, BadPayload: {"raw": b"<html>"}}


def _made(kind: type[KitError]) -> KitError:
    return kind("a topic", got="none", todo="create it", **_EXTRA.get(kind, {}))


@pytest.mark.parametrize("kind", _KINDS)
def test_every_error_shows_its_three_parts_in_order(kind: type[KitError]) -> None:
    error = _made(kind)
    assert str(error) == "expected a topic\ngot: none\nto do: create it"
    assert (error.expected, error.got, error.todo) == ("a topic", "none", "create it")
    assert kind.__doc__


def test_the_drawn_tree_is_the_real_tree() -> None:
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^    ([ │├└─]*)([A-Z]\w+)", line)
        if found:
            depth = (len(found[1]) + 3) // 4
            path[depth:] = [found[2]]
            drawn[found[2]] = path[depth - 1] if depth else "Exception"
    assert drawn == {kind.__name__: kind.__base__.__name__ for kind in _KINDS if kind.__base__}
    assert sorted(drawn) == errors.__all__


@pytest.mark.parametrize("kind", _KINDS)
def test_an_error_comes_whole_through_another_process(kind: type[KitError]) -> None:
    error = _made(kind)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), vars(copy)) == (kind, str(error), vars(error))


def test_a_notebook_shows_the_readers_own_line_and_none_of_the_kits(tmp_path: Path) -> None:
    code = """
        from kit.servers.kafka import KafkaCluster

        KafkaCluster("home", brokers=9)
    """
    plain = Config({"HistoryManager": {"enabled": False}})
    shell = InteractiveShell.instance(config=plain, ipython_dir=str(tmp_path))
    with capture_output() as shown:
        shell.run_cell(textwrap.dedent(code))
    InteractiveShell.clear_instance()
    lines = shown.stdout.strip().splitlines()
    assert len(lines) == 4
    assert lines[0] == 'ConfigError at line 3: KafkaCluster("home", brokers=9)'
    assert lines[1:] == ["expected 1 to 5 brokers", "got: 9", "to do: choose a number in that range"]


def test_an_error_raised_by_hand_shows_no_line_it_does_not_know() -> None:
    assert TopicError("a", got="b", todo="c")._render_traceback_() == ["TopicError", "expected a", "got: b", "to do: c"]
