"""`kit exercises grade`: whatever students hand in, each gets what they earned, and nobody pays for anybody else."""

import copy
import csv
import io
import json
import os
import signal
import sys
import xml.etree.ElementTree as ET
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
from kit.exercises import source_of
from kit.grading import GapGrade, Grade, Limits
from kit.grading._lab import GradingLab
from kit.grading._notebook import handed, recognised, restored, steps
from kit.grading._report import Board, printable
from tests.processes import Kit
from tests.wait import wait_until

pytestmark = pytest.mark.timeout(300)

SOURCE = source_of(19)
FILE = "19_exercise_tweets.ipynb"
SETUP, TWEET, TO_RECORD, CHECK_2, CHECK_3, FINISH = "19-03", "19-11", "19-12", "19-09", "19-14", "19-30"
GAP_CELLS = [cell.id for cell in SOURCE.exercise.cells if SOURCE.gaps_of(cell.id)]
ALL = dict.fromkeys(range(1, 8), "passed")
SECRET = "s3cret-of-the-teacher"

# Each of these cells leaves the kernel alive, so all that comes after them is judged as it is. {notes} is a file.
SURVIVED = """
import sys; sys.exit()
---
exit()
---
while True: pass
---
while True: print("still waiting")
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
subprocess.Popen(["sleep", "600"], start_new_session=True)
---
topics.delete(*topics.describe()["topic"])
lab.kafka.kill(1)
---
kit.down()
---
import os
os.environ["KIT_HOME"] = "/nowhere"
exercise = print = globals = kit = exercises = None
"""
DEAF = "import time\nwhile True:\n    try:\n        time.sleep(1)\n    except KeyboardInterrupt:\n        pass"


def notebook(*, filled: bool = True, **cells: str) -> nbformat.NotebookNode:
    """The exercise, solved or as it is handed out. `cells`: other code, by id with an underscore for the hyphen."""
    made = copy.deepcopy(SOURCE.exercise)
    solved = {cell.id: cell.source for cell in SOURCE.notebook.cells}
    for cell in made.cells:
        if filled and SOURCE.gaps_of(cell.id):
            cell.source = "\n".join(line for line in solved[cell.id].splitlines() if "SOLUTION" not in line)
        cell.source = cells.get(f"c{cell.id.replace('-', '_')}", cell.source)
    return made


def with_cells(made: nbformat.NotebookNode, after: str, *codes: str) -> nbformat.NotebookNode:
    """The notebook with cells of the student's own below one of its cells."""
    at = [cell.id for cell in made.cells].index(after) + 1
    made.cells[at:at] = [nbformat.v4.new_code_cell(code) for code in codes]
    return made


def hand_in(folder: Path, made: nbformat.NotebookNode) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(made, folder / FILE)
    return folder / FILE


def survivor(notes: Path) -> nbformat.NotebookNode:
    """Does all that can be survived, and has tampered with the locked cells."""
    made = with_cells(notebook(), CHECK_3, *SURVIVED.format(notes=str(notes)).strip().split("\n---\n"))
    for cell in made.cells:
        if cell.id == TWEET:
            cell.source = cell.source.replace("user: str", "name: str")
    made.cells = [cell for cell in made.cells if cell.id not in (SETUP, CHECK_2)]
    made.metadata.kernelspec = {"name": "ir", "display_name": "R", "language": "R"}
    return made


def mixed() -> nbformat.NotebookNode:
    """Something of each kind."""
    made = notebook(
        c19_05=SOURCE.gap_cell(1),
        c19_08=notebook().cells[7].source.replace("def make_producer(servers):", "def make_producer(servers:"),
        c19_12='def to_record(tweet):\n    return tweet.user, f"{tweet.fetched_ms},{tweet.user},{tweet.text}"',
        c19_20="def start_actor(producer, topic, live, every):\n    return 1 / 0",
    )
    return with_cells(made, "19-23", "class TweetListener:\n    pass")


class Run:
    """One run of the command over a folder of all that students hand in, and what it wrote."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder, self.notes = root, root / "handed_in", root / "notes.txt"
        self.files = {
            "ana": survivor(self.notes),
            "bo": with_cells(notebook(), CHECK_3, "import os; os._exit(1)"),
            "cleo": with_cells(notebook(), CHECK_3, DEAF),
            "dan": mixed(),
            "zoe": notebook(),
        }
        for name, made in self.files.items():
            hand_in(self.folder / name, made)
        hand_in(self.folder / "zoe" / ".ipynb_checkpoints", notebook())
        for name, text in {"text": "hello", "empty": "", "list": "[1]", "dict": "{}", "[bold]": "?"}.items():
            (self.folder / f"{name}.ipynb").write_text(text)
        nbformat.write(nbformat.v4.new_notebook(), self.folder / "another.ipynb")
        self.before = self.bytes()
        theirs = {"KIT_FEEDS": "live", "KIT_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
        secrets = {"KIT_X_BEARER_TOKEN": SECRET}
        self.kit = Kit(root / "home", root, {"TMPDIR": str(root / "tmp"), **theirs, **secrets})
        (root / "tmp").mkdir()
        words = ["exercises", "grade", str(self.folder), str(root / "nowhere"), "--cell-seconds", "2"]
        self.done = self.kit.run(*words, "--memory", "1024", timeout=240)
        self.left = processes_in(root / "tmp")
        with (root / "grades.csv").open(encoding="utf-8", newline="") as file:
            self.rows = list(csv.DictReader(file))

    def bytes(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file()}

    def of(self, student: str, column: str = "outcome") -> dict[int, str]:
        """A column of the table, by gap."""
        return {int(row["gap"]): row[column] for row in self.rows if row["student"] == f"{student}/{FILE}"}

    def said_of(self, name: str) -> str:
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


def test_grading_was_done_so_the_command_succeeds_whatever_the_grades(run: Run) -> None:
    assert run.done.returncode == 0, run.done.stderr
    assert run.done.stderr == ""
    assert "written: grades.csv, grades.xml" in run.done.stdout


def test_a_student_who_has_solved_it_all_gets_all_whoever_came_before(run: Run) -> None:
    assert run.of("zoe") == ALL


def test_a_student_who_kills_the_broker_or_stops_the_lab_or_exits_harms_nobody_and_is_judged_as_well(run: Run) -> None:
    assert run.of("ana") == ALL


def test_cells_that_run_or_print_for_ever_are_ended_and_told(run: Run) -> None:
    table = " ".join(run.done.stdout.split())
    assert "(while True: pass) was interrupted: it ran for 2 s" in table
    assert '(while True: print("still waiting")) was interrupted' in table


@pytest.mark.skipif(sys.platform != "linux", reason="the system has no limit of data")
def test_memory_is_bounded(run: Run) -> None:
    assert "no memory" in run.notes.read_text()


def test_no_secret_and_no_setting_of_the_grader_reaches_a_kernel(run: Run) -> None:
    text = run.notes.read_text()
    assert SECRET not in text
    names = {line.partition("=")[0] for line in text.splitlines() if line.startswith("KIT_")}
    assert names <= {"KIT_HOME", "KIT_CACHE", "KIT_KAFKA_PORT", "KIT_FEEDS_PORT"}
    assert f"KIT_HOME={run.kit.home}\n" not in text


def test_locked_cells_that_were_changed_or_removed_are_restored_and_counted(run: Run) -> None:
    assert set(run.of("ana", "restored_cells").values()) == {"3"}
    assert set(run.of("zoe", "restored_cells").values()) == {"0"}


def test_if_the_kernel_dies_what_was_checked_counts_and_the_rest_says_in_which_cell(run: Run) -> None:
    assert run.of("bo") == {gap: "passed" if gap <= 3 else "crashed" for gap in range(1, 8)}
    assert "the kernel died in code cell 10 (import os; os._exit(1))" in run.of("bo", "message")[4]


def test_a_cell_that_is_deaf_to_interrupts_ends_its_own_kernel_only(run: Run) -> None:
    assert run.of("cleo") == {gap: "passed" if gap <= 3 else "crashed" for gap in range(1, 8)}
    assert "went on when it was interrupted (it ran for 2 s)" in run.of("cleo", "message")[7]


def test_each_gap_has_its_own_outcome_with_what_the_student_reads(run: Run) -> None:
    outcomes, messages = run.of("dan"), run.of("dan", "message")
    assert [outcomes[gap] for gap in (1, 2, 3)] == ["not attempted", "crashed", "not yet right"]
    assert [outcomes[gap] for gap in (4, 5, 6)] == ["passed", "passed", "crashed"]
    assert "give it three partitions" in messages[1]
    assert "SyntaxError" in messages[2]
    assert "a comma" in messages[3]
    assert "ZeroDivisionError" in messages[6]
    assert "gaps" not in messages[3].partition("\n")[0]  # the progress is the student's own business


def test_what_was_done_wrong_further_down_counts(run: Run) -> None:
    assert run.of("dan")[7] != "passed"


def test_what_is_no_notebook_or_no_exercise_is_a_row_with_the_reason(run: Run) -> None:
    for name in ("text", "empty", "list", "dict", "[bold]"):
        assert f"a Jupyter notebook in {name}.ipynb" in run.said_of(f"{name}.ipynb")
    assert "one of the exercises 19_exercise_tweets" in run.said_of("another.ipynb")
    assert run.said_of("nowhere") == "there is no such file or folder"


def test_jupyters_own_copies_are_left_out(run: Run) -> None:
    assert not [row for row in run.rows if "checkpoints" in row["student"]]


def test_the_files_of_the_students_are_as_they_were(run: Run) -> None:
    assert run.bytes() == run.before


def test_the_table_names_each_student_with_what_is_open(run: Run) -> None:
    lines = run.done.stdout.splitlines()
    (ana,) = [line.split() for line in lines if line.startswith("ana/")]
    (bo,) = [line.split() for line in lines if line.startswith("bo/")]
    assert ana[1:3] == ["7/7", "3"]
    assert bo[1:6] == ["3/7", "4,", "5,", "6,", "7"]
    assert any(line.startswith("[bold].ipynb") for line in lines)


def test_the_junit_file_says_the_same(run: Run) -> None:
    suites = {suite.name: suite for suite in JUnitXml.fromfile(str(run.root / "grades.xml"))}
    kinds = {}
    for case in suites[f"dan/{FILE}"]:
        kinds[case.name] = type(case.result[0]).__name__ if case.result else "passed"
    assert kinds["Gap 1, create the topic"] == "Skipped"
    assert kinds["Gap 2, the producer"] == "Error"
    assert kinds["Gap 3, to_record"] == "Failure"
    assert kinds["Gap 4, receive"] == "passed"
    assert suites[f"zoe/{FILE}"].failures == suites[f"zoe/{FILE}"].errors == 0
    assert suites[f"zoe/{FILE}"].tests == 7
    assert suites["text.ipynb"].errors == 1


def test_nothing_is_left_running_and_no_file_is_left_over(run: Run) -> None:
    assert run.left == []
    assert list((run.root / "tmp").iterdir()) == []
    assert [path.name for path in run.kit.home.iterdir()] == ["grading.lock"]
    assert not [path.name for path in run.root.iterdir() if path.name.endswith(".part")]


# ---- limits and interrupts ----------------------------------------------------------------------------------------


def test_a_notebook_that_takes_too_long_ends_and_says_where(tmp_path: Path) -> None:
    path = hand_in(tmp_path, with_cells(notebook(), SOURCE.exercise.cells[0].id, "import time\ntime.sleep(600)"))
    seen: list[int] = []
    [one] = grading.grade([path], limits=Limits(seconds=8, cell_seconds=60), each=lambda all_: seen.append(len(all_)))
    assert (one.student, one.passed, one.open) == (path.as_posix(), 0, list(range(1, 8)))
    assert {gap.outcome for gap in one.gaps} == {"crashed"}
    assert "the 8 s for the notebook were over in code cell 1 (import time)" in one.gaps[6].message
    assert seen == [1]


@pytest.mark.parametrize("moment", ["the broker is recorded", "the cell runs"])
def test_ctrl_c_ends_kernel_and_lab_and_keeps_what_was_written(tmp_path: Path, moment: str) -> None:
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    flag = tmp_path / "flag"
    code = f"open({str(flag)!r}, 'w').close()\n{DEAF}"
    hand_in(tmp_path / "in", with_cells(notebook(), SETUP, code))
    (tmp_path / "in" / "0.ipynb").write_text("garbage, and graded first")
    kit = Kit(tmp_path / "home", tmp_path, {"TMPDIR": str(tmp)})
    command = kit.start("exercises", "grade", "in")
    moments: dict[str, Callable[[], object]] = {
        "the broker is recorded": (tmp_path / "home/grading/run/kafka-1.json").exists,
        "the cell runs": flag.exists,
    }
    wait_until(lambda: command.poll() is not None or moments[moment](), timeout=40, what=moment)
    command.send_signal(signal.SIGINT)
    assert command.wait(20) == 130, kit.log.read_text()
    assert kit.log.read_text().endswith("stopped\n")
    assert processes_in(tmp) == []
    assert list(tmp.iterdir()) == []
    assert "a Jupyter notebook" in (tmp_path / "grades.csv").read_text("utf-8")


def test_a_grader_that_is_killed_leaves_no_server_behind(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    flag = tmp_path / "flag"
    hand_in(tmp_path / "in", with_cells(notebook(), SETUP, f"open({str(flag)!r}, 'w').close()\n{DEAF}"))
    command = Kit(tmp_path / "home", tmp_path, {"TMPDIR": str(tmp_path / "tmp")}).start("exercises", "grade", "in")
    wait_until(flag.exists, timeout=60, what="a kernel")
    command.kill()
    command.wait(10)
    wait_until(lambda: not processes_in(tmp_path / "tmp"), timeout=60, what="an end of kernel and servers")
    assert not (tmp_path / "home" / "grading").exists()


def test_two_grading_runs_at_once_do_not_share_a_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIT_HOME", str(tmp_path))
    with GradingLab(), pytest.raises(ConfigError, match="one grading run at a time"), GradingLab():
        pass


# ---- solved, each in its own way ----------------------------------------------------------------------------------


def code_of(made: nbformat.NotebookNode, cell: str) -> str:
    return str(next(one.source for one in made.cells if one.id == cell))


def merged() -> nbformat.NotebookNode:
    """As a program may leave it that knows no ids: all gaps and what is between them in one cell."""
    made = notebook()
    order = [cell.id for cell in made.cells]
    first, last = order.index("19-05"), order.index("19-23")
    code = [cell.source for cell in made.cells[first : last + 1] if cell.cell_type == "code"]
    made.cells[first : last + 1] = [nbformat.v4.new_code_cell("\n\n".join(code))]
    return made


def split() -> nbformat.NotebookNode:
    """Gap 4 and 5 in cells of their own."""
    made = notebook()
    head, _, tail = code_of(made, "19-16").partition("    def send(")
    at = [cell.id for cell in made.cells].index("19-16")
    more = f"class TweetActor(TweetActor):\n    def send({tail}"
    made.cells[at : at + 1] = [nbformat.v4.new_code_cell(head), nbformat.v4.new_code_cell(more)]
    return made


def timed() -> nbformat.NotebookNode:
    """Each gap below a magic; imports, old versions, a kind of Tweet and a question of the student's own."""
    code = {cell: code_of(notebook(), cell) for cell in GAP_CELLS}
    made = notebook(**{f"c{cell.replace('-', '_')}": f"%%time\n{text}" for cell, text in code.items()})
    with_cells(made, SETUP, code_of(made, SETUP).partition("lab =")[0] + "import math")
    with_cells(made, TWEET, "class Tweet(Tweet):\n    def __str__(self):\n        return self.text")
    with_cells(made, TO_RECORD, "old_to_record = to_record\ndef to_record_1(tweet):\n    return None")
    return with_cells(made, CHECK_3, "name = input('who? ')")


def unsolved() -> nbformat.NotebookNode:
    """Gap 1 asks the student, gap 3 has become text."""
    made = notebook(c19_05="def create_topic(name):\n    return input('name? ')")
    at = [cell.id for cell in made.cells].index(TO_RECORD)
    made.cells[at] = nbformat.v4.new_markdown_cell(made.cells[at].source, id=TO_RECORD)
    return made


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Grade]:
    """Solved notebooks, and one that is not, by the name of their folder; one run for all."""
    root = tmp_path_factory.mktemp("solved")
    for make in (merged, split, timed, unsolved):
        hand_in(root / "real" / make.__name__, make())
    hand_in(root / "real" / "__MACOSX" / "x", notebook())
    (root / "real" / "._19.ipynb").write_bytes(b"\0\5")
    (root / "links").mkdir()
    (root / "links" / "handed_in").symlink_to(root / "real", target_is_directory=True)
    (root / "real" / "round").symlink_to(root / "real", target_is_directory=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KIT_HOME", str(root / "home"))
        return {Path(one.student).parent.name: one for one in grading.grade([root / "links"])}


@pytest.mark.parametrize("name", ["merged", "split", "timed"])
def test_a_solved_notebook_is_solved_however_its_cells_stand(solved: dict[str, Grade], name: str) -> None:
    assert solved[name].open == [], [gap.message for gap in solved[name].gaps if not gap.ok]


def test_a_gap_that_became_markdown_or_asks_the_student_has_an_outcome(solved: dict[str, Grade]) -> None:
    asked, marked = solved["unsolved"].gaps[0], solved["unsolved"].gaps[2]
    assert (asked.outcome, marked.outcome) == ("crashed", "not attempted")
    assert "leave out input()" in asked.message


def test_a_folder_behind_a_link_is_graded_once_and_an_archives_extras_are_not(solved: dict[str, Grade]) -> None:
    assert len(solved) == 4


# ---- what is known before anything runs ----------------------------------------------------------------------------


def test_where_there_is_nothing_to_grade_the_command_says_so_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["grade", "empty", "nowhere"])
    assert done.exit_code == 1
    assert done.output.endswith("there was no notebook to grade\n")
    assert (tmp_path / "grades.csv").read_text("utf-8").count("not graded") == 2


def test_an_output_that_cannot_be_written_is_told_before_the_run_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_in(tmp_path / "in", notebook())
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["grade", "in", "--junit", "there/is/none.xml"])
    assert isinstance(done.exception, ConfigError)
    assert done.exception.expected == "to write there/is/none.xml"
    assert done.output == ""
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("paths", [("folder", "b"), ("a", "a"), ("a", os.devnull), ("file/a", "b")])
def test_outputs_are_files_in_folders_and_two(tmp_path: Path, paths: tuple[str, str]) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="to write"):
        grading.check_writable(*(tmp_path / path for path in paths))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


# ---- which notebook it is, and what of it is run ------------------------------------------------------------------


def test_a_name_that_two_students_share_is_told_with_its_folder(tmp_path: Path) -> None:
    paths = [hand_in(tmp_path / day / "ana", notebook()) for day in ("monday", "friday")]
    assert [one.student for one in handed([tmp_path])] == [f"friday/ana/{FILE}", f"monday/ana/{FILE}"]
    days = [tmp_path / "monday", tmp_path / "friday"]
    assert [one.student for one in handed(days)] == [path.as_posix() for path in paths]
    assert [one.path for one in handed([*days, paths[0]])] == paths


def test_the_exercise_is_what_the_metadata_say_or_else_the_name(tmp_path: Path) -> None:
    made = notebook()
    nbformat.write(made, tmp_path / "mine.ipynb")
    assert recognised(tmp_path / "mine.ipynb", [SOURCE])[1] is SOURCE
    made.metadata.kit = "?"
    nbformat.write(made, tmp_path / "19_exercise_tweets (1).ipynb")
    assert recognised(tmp_path / "19_exercise_tweets (1).ipynb", [SOURCE])[1] is SOURCE


def test_a_file_that_is_too_large_to_be_read_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / FILE).open("wb") as file:
        file.truncate(200_000_000)
    with pytest.raises(ExerciseError, match="got: 200 MB"):
        recognised(tmp_path / FILE, [SOURCE])


def test_a_name_is_told_without_what_a_terminal_or_xml_cannot_take(tmp_path: Path) -> None:
    (tmp_path / "a\x1b[31m.ipynb").touch()
    (tmp_path / os.fsdecode(b"b\xff.ipynb")).touch()
    assert [one.student for one in handed([tmp_path])] == ["a�[31m.ipynb", "b�.ipynb"]


@pytest.mark.parametrize("lost", ["ids", "ids and metadata"])
def test_a_notebook_that_went_through_another_program_is_known_again(tmp_path: Path, lost: str) -> None:
    made = notebook()
    made.nbformat_minor = 4
    for cell in made.cells:
        del cell["id"]
        cell.metadata = {} if "metadata" in lost else cell.metadata
    (tmp_path / FILE).write_text(json.dumps(made), "utf-8")
    cells, count = restored(recognised(tmp_path / FILE, [SOURCE])[0], SOURCE)
    gaps = 0 if "metadata" not in lost else 6  # filled, and nothing says what they were
    assert count == 0
    assert len(cells) == len(SOURCE.exercise.cells)
    assert sum(not ours for _, ours in cells) == gaps


def test_a_locked_cell_that_is_gone_comes_after_the_one_it_came_after() -> None:
    made = with_cells(notebook(), CHECK_3, "mine = 1")
    order = [cell.id for cell in made.cells]
    for gone in ([SETUP], [order[0]], [TWEET, FINISH], order[-3:], [cell.id for cell in SOURCE.exercise.cells]):
        student = copy.deepcopy(made)
        student.cells = [cell for cell in student.cells if cell.id not in gone]
        cells, count = restored(student, SOURCE)
        locked = [cell.id for cell in SOURCE.exercise.cells if cell.metadata.nbgrader.locked]
        assert [cell.id for cell, _ in cells if cell.id in locked] == locked
        assert count == len(set(gone) & set(locked))
        assert [cell.source for cell, ours in cells if not ours] == ["mine = 1"]


def test_gaps_and_cells_that_are_free_are_left_as_the_student_has_them() -> None:
    cells, count = restored(notebook(c19_12="def to_record(tweet): ...", c19_26="every = 1"), SOURCE)
    sources = {cell.id: cell.source for cell, _ in cells}
    assert (count, sources["19-12"], sources["19-26"]) == (0, "def to_record(tweet): ...", "every = 1")


def test_the_grader_checks_where_the_notebook_does_and_leaves_the_pipeline_out() -> None:
    made = with_cells(notebook(), CHECK_3, "exercise.check(1)", "# of my own\n\nx = 1")
    todo = steps(restored(made, SOURCE)[0])
    assert [step.gap for step in todo if step.gap] == [1, 2, 3, 4, 5, 6, 7]
    assert "code cell 11 (x = 1)" in [step.what for step in todo]
    assert "exercise.check(1)" in [step.code for step in todo]  # the student's own
    assert not [step for step in todo if "listener.sample" in step.code or "finish()" in step.code]


# ---- what is written ----------------------------------------------------------------------------------------------

STRANGE = Grade("ü/[red]\x1b.ipynb", "19", (GapGrade(1, "a <title>", "crashed", 'new\nline, "quote", <tag> & 🚀'),))


def test_csv_gives_back_whatever_a_message_says(tmp_path: Path) -> None:
    grading.write_csv([STRANGE], tmp_path / "g.csv")
    with (tmp_path / "g.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["student"], row["message"]) == (STRANGE.student, STRANGE.gaps[0].message)


def test_junit_can_be_read_whatever_a_message_says(tmp_path: Path) -> None:
    grade = Grade("ana", "19", (GapGrade(1, "t", "crashed", printable("a\x00b\x1b[31m\ud800 <&🚀")),))
    grading.write_junit([grade], tmp_path / "g.xml")
    error = ET.parse(tmp_path / "g.xml").find(".//error")
    assert error is not None
    assert error.get("message") == "a�b�[31m� <&🚀"


def test_a_file_that_cannot_be_written_is_an_error_of_the_kit(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="to write"):
        grading.write_csv([STRANGE], tmp_path / "file" / "g.csv")


def test_a_board_takes_any_name_and_leaves_no_thread(no_thread_left: None) -> None:
    console = Console(record=True, width=100, file=io.StringIO())
    with Board(console, 2) as board:
        board.begin("[red]ana")
        board.add(Grade("[red]ana", "19", problem="[/] no notebook"))
    assert "[red]ana" in console.export_text()
