"""`kit exercises grade`: each notebook that students hand in gets its own grades, whatever the others contain."""

import asyncio
import copy
import csv
import io
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import psutil
import pytest
from junitparser import JUnitXml
from rich.console import Console
from typer.testing import CliRunner

from kit import grading
from kit.errors import ConfigError, ExerciseError
from kit.exercise_commands import app
from kit.exercises import Source, source_of
from kit.grading import Grade, Limits
from kit.grading._notebook import Step, find, read, steps
from kit.grading._report import printable
from kit.servers.process import Process
from tests.processes import Kit
from tests.wait import wait_until

pytestmark = pytest.mark.timeout(300)

TWEETS = source_of(19)
FILE = "29_exercise_small.ipynb"
SECRET = "s3cret-of-the-teacher"

# A small exercise, which needs no server: three gaps, each a function that returns its number.
GAP = """def {name}():
    # Gap {number}, {name}: return {number}
    ### BEGIN SOLUTION
    return {number}
    ### END SOLUTION"""
CHECKS = """from kit.exercises import Gap, plain

def _gap(number, name):
    def check(context):
        got = plain(context.call(context.named(name)))
        if got != number:
            context.wrong(str(number), got=got, advice=f"return {number}")
    return Gap(names=(name,), check=check, hints=("1", "2", "3"), why="")

GAPS = (_gap(1, "one"), _gap(2, "two"), _gap(3, "three"))
"""
NAMES = ("one", "two", "three")

# Each of these cells leaves the kernel alive, so the gaps are judged as if it was not there. {notes} is a file.
SURVIVED = """
import sys; sys.exit()
---
exit()
---
while True: pass
---
while True: print("still waiting")
---
print("x" * 50_000_000)
---
name = input("who? ")
---
import sys
try:
    x = "a" * 10**10 if sys.platform == "linux" else 1 / 0
except (MemoryError, ZeroDivisionError) as error:
    open({notes!r}, "a").write("no memory\\n")
---
import os
open({notes!r}, "a").writelines(f"{{name}}={{value}}\\n" for name, value in os.environ.items())
---
import subprocess
subprocess.Popen(["sleep", "600"])
---
topics.delete(*topics.describe()["topic"])
lab.kafka.kill(1)
---
kit.down()
---
import os
os.environ["KIT_HOME"] = "/nowhere"
os.chdir("/")
exercise = print = globals = kit = exercises = None
"""
DEAF = "import time\nwhile True:\n    try:\n        time.sleep(1)\n    except KeyboardInterrupt:\n        pass"


def write_small_exercise(root: Path) -> Source:
    """Write the small exercise into solutions/ of a folder."""
    cells = [nbformat.v4.new_code_cell("from kit import exercises", id="setup")]
    for number, name in enumerate(NAMES, 1):
        cells.append(nbformat.v4.new_code_cell(GAP.format(number=number, name=name), id=name))
        tags = {"tags": ["checks-gap"]}
        cells.append(nbformat.v4.new_code_cell(f"exercise.check({number})", id=f"check-{number}", metadata=tags))
    cells.append(nbformat.v4.new_code_cell("exercise.finish()", id="finish", metadata={"tags": ["finish"]}))
    cells[0].source += "\nexercise = exercises.load(29, globals())"
    (root / "solutions" / "checks").mkdir(parents=True)
    (root / "solutions" / "checks" / "exercise_small.py").write_text(CHECKS)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), root / "solutions" / FILE)
    return Source(root / "solutions" / FILE)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return write_small_exercise(tmp_path_factory.mktemp("small"))


def notebook(source: Source, **codes: str) -> nbformat.NotebookNode:
    """The exercise, solved. `codes`: other code, by the cell's id."""
    made = copy.deepcopy(source.exercise)
    solved = {cell.id: cell.source for cell in source.notebook.cells}
    for cell in made.cells:
        if source.gaps_of(cell.id):
            cell.source = "\n".join(line for line in solved[cell.id].splitlines() if "SOLUTION" not in line)
        cell.source = codes.get(cell.id, cell.source)
    return made


def with_cells(made: nbformat.NotebookNode, after: str, *codes: str) -> nbformat.NotebookNode:
    """The notebook with cells of the student's own below one of its cells."""
    at = [cell.id for cell in made.cells].index(after) + 1
    made.cells[at:at] = [nbformat.v4.new_code_cell(code) for code in codes]
    return made


def hand_in(folder: Path, made: nbformat.NotebookNode, name: str = FILE) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(made, folder / name)
    return folder / name


def survivor(notes: Path) -> nbformat.NotebookNode:
    """Exercise 1 with all that can be survived, and with locked cells that were changed or removed."""
    made = with_cells(notebook(TWEETS), "19-14", *SURVIVED.format(notes=str(notes)).strip().split("\n---\n"))
    made.cells = [cell for cell in made.cells if cell.id not in ("19-03", "19-09")]
    next(cell for cell in made.cells if cell.id == "19-11").source = "class Tweet: pass"
    made.metadata.kernelspec = {"name": "ir", "display_name": "R", "language": "R"}
    return made


def mixed(small: Source) -> nbformat.NotebookNode:
    """Something wrong, something that crashes, and a gap that became text."""
    made = notebook(small, one="def one():\n    return 0", two="def two():\n    return input('? ')")
    at = [cell.id for cell in made.cells].index("three")
    made.cells[at] = nbformat.v4.new_markdown_cell(made.cells[at].source, id="three")
    return made


def rearranged(small: Source) -> nbformat.NotebookNode:
    """Gaps in one cell below a magic, no ids, imports twice, an old version kept."""
    made = notebook(small)
    code = "\n\n".join(cell.source for cell in made.cells if cell.id in NAMES)
    made.cells = [cell for cell in made.cells if cell.id not in NAMES]
    with_cells(made, "setup", made.cells[0].source, f"%%time\n{code}", "old_one = one\ndef one_1():\n    return 2")
    for cell in made.cells:
        del cell["id"]
    made.nbformat_minor = 4
    return made


class Run:
    """One run of the command over a folder of all that students hand in, and what it wrote."""

    def __init__(self, root: Path) -> None:
        small = write_small_exercise(root)
        self.root, self.folder, self.notes, self.tmp = root, root / "handed_in", root / "notes.txt", root / "tmp"
        made = {
            "ana": survivor(self.notes),
            "bo": with_cells(
                notebook(small), "check-1", "import os, subprocess; subprocess.Popen(['sleep', '600']); os._exit(1)"
            ),
            "cleo": with_cells(notebook(small), "check-1", DEAF),
            "dan": mixed(small),
            "eve": rearranged(small),
        }
        nbformat.write(made.pop("ana"), hand_in(self.folder / "ana", notebook(TWEETS), TWEETS.path.name))
        for name, one in made.items():
            hand_in(root / "elsewhere" if name == "eve" else self.folder / name, one)
        (self.folder / "eve").symlink_to(root / "elsewhere", target_is_directory=True)
        (self.folder / "round").symlink_to(self.folder, target_is_directory=True)
        hand_in(self.folder / "dan" / ".ipynb_checkpoints", notebook(small))
        hand_in(self.folder / "__MACOSX", notebook(small), "._x.ipynb")
        for name, text in {"text": "hello", "empty": "", "list": "[1]", "dict": "{}", "[bold]": "?"}.items():
            (self.folder / f"{name}.ipynb").write_text(text)
        nbformat.write(nbformat.v4.new_notebook(), self.folder / "another.ipynb")
        (root / "solutions" / TWEETS.path.name).symlink_to(TWEETS.path)
        for name in ("exercise_tweets", "judging.py"):
            (root / "solutions" / "checks" / name).symlink_to(TWEETS.path.parent / "checks" / name)
        self.before = self.bytes()
        self.tmp.mkdir()
        self.kit = Kit(root / "home", root, {"TMPDIR": str(self.tmp), "KIT_X_BEARER_TOKEN": SECRET})
        words = ["exercises", "grade", str(self.folder), str(root / "nowhere"), "--cell-seconds", "2"]
        self.done = self.kit.run(*words, "--memory", "1024", timeout=240)
        self.left = processes_in(self.tmp)
        with (root / "grades.csv").open(encoding="utf-8", newline="") as file:
            self.rows = list(csv.DictReader(file))

    def bytes(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file()}

    def of(self, student: str, column: str = "outcome") -> list[str]:
        """A column of the table, in the order of the gaps."""
        return [row[column] for row in self.rows if row["student"].startswith(f"handed_in/{student}/") and row["gap"]]

    def reason(self, name: str) -> str:
        (row,) = [row for row in self.rows if row["student"].endswith(name)]
        assert (row["gap"], row["outcome"]) == ("", "not graded")
        return row["message"]


def processes_in(tmp: Path) -> list[psutil.Process]:
    """The processes of a run: those with its folder for temporary files."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TMPDIR") == str(tmp) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("grading"))


# ---- one run over all of them -------------------------------------------------------------------------------------


def test_the_command_succeeds_when_the_grading_is_done_whatever_the_grades(run: Run) -> None:
    assert run.done.returncode == 0, run.done.stderr
    assert run.done.stderr == ""
    assert "written: grades.csv, grades.xml" in run.done.stdout


@pytest.mark.parametrize(
    ("student", "outcomes"),
    [
        ("ana", ["passed"] * 7),  # although it ended the lab, the broker and its own cells
        ("bo", ["passed", "crashed", "crashed"]),
        ("cleo", ["passed", "crashed", "crashed"]),
        ("dan", ["not yet right", "crashed", "not attempted"]),
        ("eve", ["passed"] * 3),  # behind a link
    ],
)
def test_each_student_has_an_outcome_for_each_gap(run: Run, student: str, outcomes: list[str]) -> None:
    assert run.of(student) == outcomes, run.of(student, "message")


@pytest.mark.parametrize(
    ("student", "gap", "text"),
    [
        ("bo", 2, "the kernel died in code cell 4 (import os, subprocess;"),
        ("cleo", 3, "code cell 4 (import time) went on when it was interrupted after 2 s"),
        ("dan", 1, "got:      0"),
        ("dan", 2, "leave out input()"),
    ],
)
def test_a_gap_has_what_the_student_reads_or_why_it_could_not_be_checked(
    run: Run, student: str, gap: int, text: str
) -> None:
    assert text in run.of(student, "message")[gap - 1]


@pytest.mark.parametrize(
    "remark",
    [
        "(while True: pass) was interrupted: it ran for 2 s",
        '(while True: print("still waiting")) was interrupted',
        "locked cells restored: 2",
    ],
)
def test_a_remark_says_what_was_interrupted_or_restored(run: Run, remark: str) -> None:
    assert all(remark in text for text in run.of("ana", "remarks"))
    assert remark in " ".join(run.done.stdout.split())


@pytest.mark.skipif(sys.platform != "linux", reason="the system has no limit of data")
def test_memory_is_limited(run: Run) -> None:
    assert "no memory" in run.notes.read_text()


def test_no_secret_of_the_grader_reaches_a_kernel(run: Run) -> None:
    assert f"KIT_HOME={run.kit.home}\n" in run.notes.read_text()
    assert SECRET not in run.notes.read_text()


@pytest.mark.parametrize("name", ["text", "empty", "list", "dict", "[bold]"])
def test_what_is_no_notebook_is_a_row_with_the_reason(run: Run, name: str) -> None:
    assert f"a Jupyter notebook in {name}.ipynb" in run.reason(f"{name}.ipynb")
    assert any(line.startswith(f"handed_in/{name}.ipynb") for line in run.done.stdout.splitlines())


def test_what_is_no_exercise_or_does_not_exist_is_a_row_with_the_reason(run: Run) -> None:
    assert "one of the exercises 19_exercise_tweets, 29_exercise_small" in run.reason("another.ipynb")
    assert "No such file" in run.reason("nowhere")


def test_copies_of_jupyterlab_and_of_archives_are_left_out(run: Run) -> None:
    assert len({row["student"] for row in run.rows}) == 5 + 6 + 1


def test_the_files_of_the_students_are_as_they_were(run: Run) -> None:
    assert run.bytes() == run.before


def test_the_table_names_each_student_with_what_is_open(run: Run) -> None:
    lines = run.done.stdout.splitlines()
    assert [line.split()[1:4] for line in lines if "/bo/" in line] == [["1/3", "2,", "3"]]
    assert [line.split()[1] for line in lines if "/ana/" in line] == ["7/7"]


def test_the_junit_file_has_the_same_outcomes(run: Run) -> None:
    suites = {suite.name: suite for suite in JUnitXml.fromfile(str(run.root / "grades.xml"))}
    kinds = {case.name: type(case.result[0]).__name__ for case in suites[f"handed_in/dan/{FILE}"]}
    assert kinds == {"Gap 1, one": "Failure", "Gap 2, two": "Error", "Gap 3, three": "Skipped"}
    eve = suites[f"handed_in/eve/{FILE}"]
    assert (eve.tests, eve.failures, eve.errors) == (3, 0, 0)
    assert suites["handed_in/text.ipynb"].errors == 1


def test_a_lab_that_the_grader_has_started_is_stopped_and_no_file_is_left(run: Run) -> None:
    assert run.left == []
    assert list(run.tmp.iterdir()) == []
    assert run.kit.running() == []
    assert not list(run.root.glob(".*.part"))


# ---- limits and interrupts ----------------------------------------------------------------------------------------


def test_a_notebook_that_takes_too_long_ends_with_the_cell_as_the_reason(
    small: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small.path.parent.parent)
    monkeypatch.setattr("kit.servers.lab.up", lambda: None)  # the exercise needs no server
    path = hand_in(tmp_path, with_cells(notebook(small), "setup", "import time\ntime.sleep(600)"))
    seen: list[str] = []
    grades = asyncio.run(
        grading.grade([path], limits=Limits(seconds=2), each=lambda _, progress: seen.append(progress))
    )
    assert [(one.student, one.outcome) for one in grades] == [(FILE, "crashed")] * 3
    assert "the 2 s for the notebook were over in code cell 2 (import time)" in grades[2].message
    assert seen == ["1 of 1 notebooks"]


@pytest.mark.parametrize("moment", ["the broker is recorded", "the cell runs"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_grader_that_ends_leaves_no_kernel_and_no_server_that_kit_status_does_not_know(
    tmp_path: Path, moment: str, number: signal.Signals
) -> None:
    small, tmp, flag = write_small_exercise(tmp_path), tmp_path / "tmp", tmp_path / "flag"
    tmp.mkdir()
    hand_in(tmp_path / "in", with_cells(notebook(small), "setup", f"open({str(flag)!r}, 'w').close()\n{DEAF}"))
    (tmp_path / "in" / "0.ipynb").write_text("garbage, and graded first")
    kit = Kit(tmp_path / "home", tmp_path, {"TMPDIR": str(tmp)})
    command = kit.start("exercises", "grade", "in")
    moments: dict[str, Callable[[], object]] = {
        "the broker is recorded": (kit.home / "run/kafka-1.json").exists,
        "the cell runs": flag.exists,
    }
    wait_until(lambda: command.poll() is not None or moments[moment](), timeout=40, what=moment)
    command.send_signal(number)
    code = command.wait(20)

    def unknown() -> list[psutil.Process]:
        known = {process.pid for process in Process.all(kit.home)}
        return [process for process in processes_in(tmp) if process.pid not in known]

    wait_until(lambda: not unknown(), timeout=15, what="an end of all but the lab's servers")
    if number == signal.SIGINT:
        assert code == 130, kit.log.read_text()
        assert kit.log.read_text().endswith("stopped\n")
        assert kit.running() == []
        assert list(tmp.iterdir()) == []
        assert "a Jupyter notebook" in (tmp_path / "grades.csv").read_text("utf-8")
    assert kit.stop() == []


# ---- what is known before anything runs ----------------------------------------------------------------------------


def test_where_there_is_nothing_to_grade_the_command_says_so_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["grade", "empty", "nowhere"])
    assert done.exit_code == 1
    assert done.output.endswith("there was no notebook to grade\n")
    text = (tmp_path / "grades.csv").read_text("utf-8")
    assert text.count("not graded") == 2
    assert "Is a directory" in text


@pytest.mark.parametrize("paths", [("folder", "b"), ("a", "a"), ("a", os.devnull), ("file/a", "b"), ("there/is", "b")])
def test_an_output_that_cannot_be_written_is_an_error_before_the_run_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paths: tuple[str, str]
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["grade", "folder", "--csv", paths[0], "--junit", paths[1]])
    assert isinstance(done.exception, ConfigError)
    assert done.exception.expected.startswith("to write ")
    assert "not graded" not in "".join(path.read_text() for path in tmp_path.iterdir() if path.is_file())


def test_results_of_an_earlier_run_stay_until_there_are_new_ones(tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_text("of yesterday")
    grading.write([], tmp_path / "g.csv", tmp_path / "g.xml")
    assert (tmp_path / "g.csv").read_text() == "of yesterday"


# ---- which notebook it is, and what of it is run ------------------------------------------------------------------


def test_students_whose_files_have_the_same_name_are_told_apart_by_the_folder(small: Source, tmp_path: Path) -> None:
    paths = [hand_in(tmp_path / day / "ana", notebook(small)) for day in ("friday", "monday")]
    for places in ([tmp_path], [tmp_path / "friday", tmp_path / "monday"], [*paths, paths[0]]):
        assert [name.split("/")[-3:] for name in find(places)] == [["friday", "ana", FILE], ["monday", "ana", FILE]]


def test_the_exercise_is_what_the_metadata_say_or_else_the_name(small: Source, tmp_path: Path) -> None:
    made = notebook(small)
    assert read(hand_in(tmp_path, made, "mine.ipynb"), [small])[1] is small
    made.metadata.kit = "?"
    assert read(hand_in(tmp_path, made, "29_exercise_small (1).ipynb"), [small])[1] is small


def test_a_file_that_is_too_large_to_be_read_is_not_read(small: Source, tmp_path: Path) -> None:
    with (tmp_path / FILE).open("wb") as file:
        file.truncate(200_000_000)
    with pytest.raises(ExerciseError, match="got: 200 MB"):
        read(tmp_path / FILE, [small])


def codes(todo: list[Step]) -> list[str]:
    return [step.code for step in todo]


@pytest.mark.parametrize("lost", ["ids", "ids and metadata"])
def test_a_notebook_that_went_through_another_program_is_known_again(small: Source, tmp_path: Path, lost: str) -> None:
    made = notebook(small)
    made.nbformat_minor = 4
    for cell in made.cells:
        del cell["id"]
        cell.metadata = {} if "metadata" in lost else cell.metadata
    (tmp_path / FILE).write_text(json.dumps(made), "utf-8")
    assert steps(read(tmp_path / FILE, [small])[0], small)[1] == []


@pytest.mark.parametrize("gone", [["setup"], ["setup", "check-1"], ["finish"], ["setup", *NAMES, "check-1"]])
def test_a_locked_cell_that_is_gone_comes_after_the_one_it_came_after(small: Source, gone: list[str]) -> None:
    made = with_cells(notebook(small), "check-3", "mine = 1")
    expected = [code for code in codes(steps(made, small)[0]) if not any(f"def {name}(" in code for name in gone)]
    made.cells = [cell for cell in made.cells if cell.id not in gone]
    todo, remarks = steps(made, small)
    assert codes(todo) == expected
    assert remarks == (["locked cells restored: 1"] if "setup" in gone else [])


def test_locked_cells_are_as_handed_out_and_all_others_as_the_student_has_them(small: Source) -> None:
    made = with_cells(
        notebook(small, setup="", one="def one(): ..."), "check-1", "exercise.check(9)", "# mine\n\nx = 1"
    )
    todo, remarks = steps(made, small)
    assert codes(todo) == [
        small.exercise.cells[0].source,
        "def one(): ...",
        "exercise.check(9)",
        "# mine\n\nx = 1",
        *(cell.source for cell in made.cells if cell.id in NAMES[1:]),
    ]
    assert remarks == ["locked cells restored: 1"]
    assert [step.gaps for step in todo] == [[], [1], [], [], [2], [3]]


def test_the_cells_that_run_the_whole_pipeline_are_left_out() -> None:
    assert not [code for code in codes(steps(notebook(TWEETS), TWEETS)[0]) if "listener.sample" in code]


# ---- what is written ----------------------------------------------------------------------------------------------


def test_csv_and_junit_give_back_whatever_a_message_says(tmp_path: Path) -> None:
    text = printable('a\x00b\x1b[31m\ud800 <&🚀\rnew\nline, "quote", ' + "x" * 9000)
    assert text.startswith('a�b�[31m� <&🚀�new\nline, "quote", x')
    assert len(text) == 4001
    grading.write([Grade("ü/[red]", "29", 1, "a <title>", "crashed", text)], tmp_path / "g.csv", tmp_path / "g.xml")
    with (tmp_path / "g.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["student"], row["message"]) == ("ü/[red]", text)
    (suite,) = JUnitXml.fromfile(str(tmp_path / "g.xml"))
    (case,) = suite
    assert case.result[0].message.split() == text.split()


def test_the_table_takes_any_name() -> None:
    console = Console(record=True, width=100, file=io.StringIO())
    console.print(grading.table([Grade("[red]ana", message="[/] no notebook")], "1 of 1"))
    text = console.export_text()
    assert "[red]ana" in text
    assert "[/] no notebook" in text
