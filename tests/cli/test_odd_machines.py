"""Machines that are not as usual: a user without a name, a home that is read-only or missing, one CPU, little memory, a
port that is taken. The lab works, or one message says what to do.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from kit.config import settings
from kit.servers import memory
from tests.containers.sandbox import Group
from tests.processes import Kit
from tests.wait import wait_until

# An ordinary user of whom the system knows no name, as a container has that is started with `--user 12345`. He has the
# files of the user who runs the tests, for in a namespace of users the one stands for the other.
_NO_NAME = ("unshare", "--user", "--map-user=12345", "--map-group=12345", "--")
_EXPORT = "export HOME=$(mktemp -d)"


def _runs(*argv: str) -> bool:
    return bool(shutil.which(argv[0])) and subprocess.run(argv, capture_output=True, check=False).returncode == 0


no_name = pytest.mark.skipif(
    not _runs(*_NO_NAME, "true"), reason="this system has no namespaces of users for everybody"
)


@pytest.fixture
def nameless(kit: Kit) -> Kit:
    """The command run by that user. He may only read his home; the jars are where they are for these tests."""
    home = kit.cwd / "read-only"
    home.mkdir(mode=0o555)
    return replace(kit, before=_NO_NAME, env={"HOME": str(home), "KIT_CACHE": str(settings().cache)})


def _without(kit: Kit, *names: str) -> Kit:
    """The same, where these variables are not set."""
    return replace(kit, before=(*kit.before, "env", *(f"--unset={name}" for name in names)))


@no_name
def test_the_lab_works_for_a_user_without_a_name_whose_home_is_read_only_on_one_cpu(nameless: Kit) -> None:
    cpu = min(os.sched_getaffinity(0))
    # In one shell, and so in one namespace: a process may not look into those of another.
    script = 'test "$(id -u)" = 12345; ! id -un; for word in up doctor down; do "$@" $word; done'
    whole = replace(nameless, before=(*nameless.before, "sh", "-ec", script, "sh"))
    done = whole.run(prepare=lambda: os.sched_setaffinity(0, {cpu}))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout
    assert len(re.findall(r"^✓ (?:feeds|kafka-1) +running ", done.stdout, re.MULTILINE)) == 2
    assert done.stdout.endswith("all servers stopped\n")


@no_name
@pytest.mark.parametrize("words", [["up"], ["down"], ["status"], ["reset", "--yes"], ["lab", "--no-browser"]])
def test_no_home_at_all_is_an_error_with_the_command_that_makes_one(nameless: Kit, words: list[str]) -> None:
    shown = _without(nameless, "HOME", "KIT_HOME", "KIT_CACHE").run(*words)
    name, expected, got, todo = shown.stderr.splitlines()
    assert (shown.returncode, shown.stdout, name) == (1, "", "ConfigError")
    assert expected.startswith("expected a ")
    assert "home" in got
    assert todo == f"to do: {_EXPORT}"


@no_name
def test_doctor_names_a_missing_home_beside_its_other_checks(nameless: Kit) -> None:
    shown = _without(nameless, "HOME", "KIT_HOME", "KIT_CACHE").run("doctor")
    lines = shown.stdout.splitlines()
    assert (shown.returncode, shown.stderr) == (1, "")
    assert {line[:8] for line in lines if line.startswith("✓")} >= {"✓ Python", "✓ packag"}
    assert all(line.endswith(f"→ {_EXPORT}") for line in lines if line.startswith("✗"))


@no_name
@pytest.mark.parametrize("missing", [[], ["HOME"]])
def test_jupyterlab_is_not_started_where_it_could_not_write_its_files(nameless: Kit, missing: list[str]) -> None:
    shown = _without(nameless, *missing, *(name for name in os.environ if name.startswith("JUPYTER"))).run("lab")
    assert (shown.returncode, shown.stdout) == (1, "")
    assert shown.stderr.splitlines()[::3] == ["ConfigError", f"to do: {_EXPORT}"]
    assert nameless.processes() == []


@no_name
def test_the_folders_of_a_home_that_is_empty_are_made(kit: Kit) -> None:
    empty = kit.cwd / "empty"
    empty.mkdir()
    xdg = [name for name in os.environ if name.startswith("XDG_")]
    fresh = _without(replace(kit, before=_NO_NAME, env={"HOME": str(empty)}), "KIT_HOME", "KIT_CACHE", *xdg)
    shown = fresh.run("doctor").stdout
    assert re.search(r"^✓ state folder +~/.local/state/pipeline-kit,", shown, re.MULTILINE)
    assert re.search(r"^✓ cache folder +~/.cache/pipeline-kit,", shown, re.MULTILINE)
    assert re.search(r"^✗ jars .*→ run `make install` with a network connection$", shown, re.MULTILINE)


def test_a_cache_that_cannot_take_the_class_archive_is_an_error_that_names_the_setting(kit: Kit) -> None:
    cache = kit.cwd / "cache"
    cache.mkdir()
    (cache / "jars").symlink_to(settings().cache / "jars")
    (cache / "archives").write_text("no folder")
    argv = [sys.executable, "-m", "kit.prepare"]
    env = {**os.environ, "KIT_CACHE": str(cache), "KIT_HOME": str(kit.home)}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.endswith("free some disk space, or set KIT_CACHE to a folder you can write to")


@contextmanager
def _limited(size: int) -> Iterator[Group]:
    try:
        group = Group(size)
    except OSError as error:
        pytest.skip(f"this user may not limit memory: {error}")
    try:
        yield group
    finally:
        group.close()


@pytest.mark.parametrize(("size", "server"), [(110, "the feeds"), (230, "1 Kafka broker")])
def test_a_limit_of_memory_below_what_a_server_needs_is_an_error_before_it_starts(
    kit: Kit, size: int, server: str
) -> None:
    with _limited(size << 20) as group:
        up = kit.run("up", prepare=group.enter)
        assert (kit.processes(), group.killed()) == ([], 0)
    assert up.returncode == 1, up.stdout
    name, expected, got, todo = up.stderr.splitlines()
    assert name == "NotEnoughMemory"
    assert re.fullmatch(rf"expected \d+ MB of free memory for {server}", expected)
    assert int(re.findall(r"\d+", got)[0]) < int(re.findall(r"\d+", expected)[0]) < memory.available() >> 20
    assert "`kit down`" in todo


def test_jupyterlab_takes_the_next_port_when_its_own_is_taken_and_prints_its_address(kit: Kit, broker: str) -> None:
    own = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")
    env = {"KIT_KAFKA_BOOTSTRAP_SERVERS": broker, "KIT_FEEDS": "live"} | {name: str(kit.cwd / name) for name in own}
    taken = int(broker.rpartition(":")[2])
    lab = kit.start("lab", "--no-browser", f"--port={taken}", **env)
    try:
        found = wait_until(
            lambda: re.search(r"http://127\.0\.0\.1:(\d+)/lab\S*\?token=\S+\n", kit.log.read_text()),
            timeout=30,
            what="JupyterLab up",
        )
        assert int(found[1]) != taken
    finally:
        lab.terminate()
        lab.wait(30)
