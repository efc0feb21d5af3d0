"""In a real kernel: cells run out of order, changed, renamed, removed, broken; each check says what is the matter."""

from collections.abc import Iterator
from types import SimpleNamespace

import nbformat
import pytest
from nbclient import NotebookClient

from kit.exercises import source_of
from kit.exercises._kernel import Runs
from kit.servers import lab

_SCAFFOLD, _TWEET = "19-03", "19-11"


class Kernel:
    """A kernel, and the cells of exercise 1 as they were handed out and solved."""

    def __init__(self, client: NotebookClient) -> None:
        source = source_of(19)
        self.client = client
        self.given = {cell.id: cell.source for cell in source.exercise.cells}
        self.solved = {cell.id: cell.source for cell in source.notebook.cells}

    def fill_gap_3(self) -> None:
        self.run(self.given[_TWEET])
        self.run(self.solved["19-12"])

    def run(self, code: str) -> str:
        """What the cell gives: its value as text, or the name of its error."""
        cell = nbformat.v4.new_code_cell(code)
        self.client.nb.cells.append(cell)
        self.client.execute_cell(cell, len(self.client.nb.cells) - 1)
        last = cell.outputs[-1] if cell.outputs else {}
        return str(last.get("ename") or last.get("data", {}).get("text/plain", ""))


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One kernel on one lab for all tests; each begins with the cells it needs."""
    notebook = nbformat.v4.new_notebook()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KIT_HOME", str(tmp_path_factory.mktemp("kernel")))
        client = NotebookClient(notebook, timeout=60, kernel_name="python3", allow_errors=True)
        try:
            with client.setup_kernel():
                kernel = Kernel(client)
                kernel.run(kernel.given[_SCAFFOLD])
                yield kernel
        finally:
            lab.down()


def test_a_check_above_its_gap_is_not_attempted(kernel: Kernel) -> None:
    assert kernel.run("exercise.check(1)").startswith("○ Gap 1")


def test_a_cell_that_was_left_out_or_removed_is_named(kernel: Kernel) -> None:
    kernel.run(kernel.solved["19-12"])
    kernel.run("del io")
    answer = kernel.run("exercise.check(3)")
    assert answer.startswith("⏸ Gap 3")
    assert "import csv" in answer
    assert "it has not run in this kernel" in answer
    kernel.run(kernel.given[_SCAFFOLD])


def test_a_locked_cell_that_was_changed_is_not_compared(kernel: Kernel) -> None:
    kernel.run(kernel.given[_TWEET].replace("user: str", "user: 'str'"))
    assert kernel.run("exercise.check(3)").startswith("✔ Gap 3")


def test_a_name_of_the_notebook_that_stands_for_another_thing_is_told(kernel: Kernel) -> None:
    kernel.fill_gap_3()
    kernel.run("csv = 'a line'")
    answer = kernel.run("exercise.check(3)")
    assert answer.startswith("⏸ Gap 3")
    assert "csv as the notebook has it" in answer
    kernel.run(kernel.given[_SCAFFOLD])


def test_all_in_order_passes(kernel: Kernel) -> None:
    kernel.fill_gap_3()
    assert kernel.run("exercise.check(3)").startswith("✔ Gap 3")


def test_a_cell_with_a_syntax_error_is_not_judged_by_what_ran_before(kernel: Kernel) -> None:
    kernel.fill_gap_3()
    assert kernel.run(kernel.solved["19-12"].replace("(tweet):", "(tweet:")) == "SyntaxError"
    answer = kernel.run("exercise.check(3)")
    assert answer.startswith("⚡ Gap 3")
    assert "line 1 of the cell: def to_record(tweet:" in answer


def test_a_cell_that_names_its_function_anew_is_not_judged_by_what_ran_before() -> None:
    texts = ["", "def f(x):\n    return 1", "x = 1", "def g(x):\n    return 1"]
    runs = Runs({})
    runs._shell = SimpleNamespace(history_manager=SimpleNamespace(input_hist_raw=texts))
    runs._ids = {1: "a", 2: "b", 3: "a"}
    assert runs.renamed("f") == "g"
    runs._ids[3] = "c"  # another cell: the old version is still wanted
    assert runs.renamed("f") == ""


def test_an_old_version_under_another_name_in_another_cell_does_no_harm(kernel: Kernel) -> None:
    kernel.fill_gap_3()
    kernel.run("def to_record_old(tweet):\n    return None\n\nold = to_record")
    assert kernel.run("exercise.check(3)").startswith("✔ Gap 3")


def test_a_cell_with_a_magic_is_a_cell_like_others(kernel: Kernel) -> None:
    kernel.fill_gap_3()
    kernel.run("%%time\n" + kernel.solved["19-12"])
    assert kernel.run("exercise.check(3)").startswith("✔ Gap 3")


def test_a_gap_of_one_cell_is_the_way_it_ran_last(kernel: Kernel) -> None:
    kernel.run(kernel.solved["19-05"])
    assert kernel.run("exercise.check(1)").startswith("✔ Gap 1")
    kernel.run(kernel.given["19-05"])
    assert kernel.run("exercise.check(1)").startswith("○ Gap 1")


def test_a_kernel_that_lost_its_names_says_so_in_pythons_words(kernel: Kernel) -> None:
    kernel.run("del exercise")
    assert kernel.run("exercise.check(1)") == "NameError"
    kernel.run(kernel.given[_SCAFFOLD])
    assert kernel.run("exercise.check(1)").startswith("○ Gap 1")


def test_what_a_student_prints_in_a_gap_is_below_the_check(kernel: Kernel) -> None:
    cell = nbformat.v4.new_code_cell("exercise.check(1)")
    kernel.run("def create_topic(name):\n    print('asked for', name[:6])\n    topics.create(name, partitions=3)")
    kernel.client.nb.cells.append(cell)
    kernel.client.execute_cell(cell, len(kernel.client.nb.cells) - 1)
    assert "asked for check-" in cell.outputs[0].text
