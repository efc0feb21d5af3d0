"""A terminal that lacks signs like ✓ and →: the commands write them in ASCII, and none ends with a traceback."""

from pathlib import Path

import pytest

import kit as package
from kit.terminal import SIGNS
from tests.processes import Kit

ENCODINGS = ("ascii", "latin-1", "cp1252", "cp437", "koi8-r", "shift_jis", "utf-8")
COMMANDS = (
    (("doctor",), 0, "state folder"),
    (("status",), 0, "kafka"),
    (("down",), 0, "all servers stopped"),
    (("--help",), 0, "doctor"),
    (("up", "--help"), 0, "Kafka brokers"),
    (("exercises", "--help",), 0, "grade"),
    (("exercises", "build", "--check"), 0, "up to date"),
    (("exercises", "reset", "→ é 🚀"), 1, "to do: "),
    (("fly→",), 2, "Try 'kit --help'"),
)  # fmt: skip


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_command_can_be_read_in_every_encoding(kit: Kit, encoding: str) -> None:
    for words, code, text in COMMANDS:
        shown = kit.call(*words, encoding=encoding)
        both = shown.stdout + shown.stderr
        assert shown.returncode == code, both
        assert text in both
        assert "Traceback" not in both


def test_grading_can_be_read_in_ascii(kit: Kit) -> None:
    shown = kit.run("exercises", "grade", "nowhere →", PYTHONIOENCODING="ascii")
    assert (shown.returncode, shown.stderr) == (1, "")
    assert "there was no notebook to grade" in shown.stdout


@pytest.mark.parametrize(
    "env",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
    ids=["PYTHONIOENCODING", "LC_ALL"],
)
def test_doctor_in_ascii_marks_what_is_well_and_what_is_not(kit: Kit, env: dict[str, str]) -> None:
    shown = kit.run("doctor", KIT_CACHE=str(kit.cwd / "empty"), **env)
    assert (shown.returncode, shown.stderr) == (1, "")
    assert {line[:3] for line in shown.stdout.splitlines()} == {"ok ", "!! "}
    wrong = [line for line in shown.stdout.splitlines() if line.startswith("!! ")]
    assert [line.rpartition(" -> ")[2] for line in wrong] == ["run `make install` with a network connection"] * 3


def test_a_setting_in_letters_that_the_terminal_lacks_is_shown_by_their_codes(kit: Kit) -> None:
    shown = kit.call("status", encoding="ascii", KIT_BROKERS="zwölf")
    assert shown.stderr.splitlines()[2] == r"got: 'zw\xf6lf'"


def test_each_sign_of_the_kit_has_a_form_in_ascii() -> None:
    root = Path(package.__file__).parent
    paths = [*root.glob("*.py"), *root.glob("servers/*.py"), *root.glob("exercises/*.py"), *root.glob("grading/*.py")]
    signs = {sign for path in paths for sign in path.read_text("utf-8") if not sign.isascii() and not sign.isalpha()}
    written = {sign: sign.encode("ascii", SIGNS).decode() for sign in signs if ord(sign) < 0x10000}
    assert [sign for sign, text in written.items() if "\\" in text] == []
