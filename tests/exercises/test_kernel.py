"""In a real kernel: cells run out of order, changed, renamed, removed, broken; each check says what is the matter."""

from collections.abc import Iterator
from contextlib import nullcontext
from types import SimpleNamespace

import nbformat
import pytest
from nbclient import NotebookClient

from kit.exercises import CheckContext, source_of
from kit.exercises._kernel import Runs
from kit.exercises._outcomes import Ended
from kit.servers import lab

_SCAFFOLD, _TWEET, _GAP_3 = "19-03", "19-11", "19-12"


class Kernel:
    """A kernel, and the cells of exercise 1 as they were handed out and solved."""

    def __init__(self, client: NotebookClient) -> None:
        source = source_of(19)
        self.client = client
        self.given = {cell.id: cell.source for cell in source.exercise.cells}
        self.solved = {cell.id: cell.source for cell in source.notebook.cells}

    def run(self, *codes: str) -> str:
        """What the last cell gives: its value as text, or what it printed, or the name of its error."""
        for code in codes:
            made = nbformat.v4.new_code_cell(code)
            self.client.nb.cells.append(made)
            self.client.execute_cell(made, len(self.client.nb.cells) - 1)
        last = made.outputs[-1] if made.outputs else {}
        return str(last.get("ename") or last.get("text") or last.get("data", {}).get("text/plain", ""))


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One kernel on one lab for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KIT_HOME", str(tmp_path_factory.mktemp("kernel")))
        client = NotebookClient(nbformat.v4.new_notebook(), timeout=60, kernel_name="python3", allow_errors=True)
        try:
            with client.setup_kernel():
                kernel = Kernel(client)
                kernel.run(kernel.given[_SCAFFOLD].replace("kit.up()", 'kit.up("kafka")'))
                yield kernel
        finally:
            lab.down()


@pytest.fixture(autouse=True)
def filled(kernel: Kernel) -> None:
    """Each test begins with gap 3 filled."""
    kernel.run("import csv, io", kernel.given[_TWEET])
    kernel.run(kernel.solved[_GAP_3])


@pytest.mark.parametrize(
    ("codes", "answer", "says"),
    [
        (["x = 1"], "✔", "passed"),
        (["del io"], "⚡", "has its cell run?"),
        (["csv = 'a line'"], "⚡", "still what its cell made it?"),
        (["def to_record_old(tweet):\n    return None\n\nold = to_record"], "✔", "passed"),
        (["class Tweet(Tweet):\n    pass"], "✔", "passed"),
        (["%%time\ndef to_record(tweet):\n    return 1"], "✘", "not yet right"),
        (["def to_record(tweet)\n    return 1"], "⚡", "line 1 of the cell: def to_record(tweet)"),
        (["def to_record(tweet):\n    return input()"], "⚡", "leave out input()"),
        (["def to_record(tweet):\n    import getpass\n    return getpass.getpass()"], "⚡", "leave out input()"),
        (["def to_record(tweet):\n    return exit()"], "⚡", "leave out sys.exit() and exit()"),
        (["def to_record(tweet):\n    breakpoint()"], "✘", "not yet right"),
        (["del to_record, to_record_old"], "○", "there is no to_record yet"),
        (["del exercise"], "NameError", ""),
    ],
)
def test_whatever_ran_before_the_check_says_what_is_the_matter(
    kernel: Kernel, codes: list[str], answer: str, says: str
) -> None:
    given = kernel.run(*codes, "exercise.check(3)")
    assert given.startswith(answer)
    assert says in given
    kernel.run('exercise = exercises.load("19_exercise_tweets", globals())')


@pytest.mark.parametrize(("ids", "newest"), [({1: "a", 2: "b", 3: "a"}, 3), ({1: "a", 2: "b", 3: "c"}, 1), ({}, 1)])
def test_a_cell_that_names_its_function_anew_is_not_judged_by_what_ran_before(ids: dict[int, str], newest: int) -> None:
    texts = ["", "def f(x):\n    return 1", "x = 1", "def g(x):\n    return 1"]
    runs = Runs({})
    runs._shell = SimpleNamespace(history_manager=SimpleNamespace(input_hist_raw=texts), transform_cell=str)
    runs._ids = ids
    assert runs.newest("f") == texts[newest]
    with CheckContext({}) as context, pytest.raises(Ended) if newest == 3 else nullcontext() as ended:
        runs.check("f", context)
    if ended is not None:
        assert ended.value.outcome.parts["got"] == "g"


def test_a_gap_is_the_way_its_cell_ran_last(kernel: Kernel) -> None:
    kernel.run("exercise.check(3)")
    assert "✔ Gap 3, to_record: passed\n" in kernel.run("exercise")
    kernel.run(kernel.given[_GAP_3])
    assert "◐ Gap 3, to_record: passed, and changed since: check it again" in kernel.run("exercise")
    assert kernel.run("exercise.check(3)").startswith("○ Gap 3")


def test_what_a_student_prints_in_a_gap_is_below_the_check(kernel: Kernel) -> None:
    kernel.run("def create_topic(name):\n    print('asked for', name[:6])\n    topics.create(name, partitions=3)")
    kernel.run("exercise.check(1)")
    assert "asked for check-" in kernel.client.nb.cells[-1].outputs[0].text
