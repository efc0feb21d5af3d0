"""Binder, Docker, Codespaces, conda: their tools accept the files. `make containers` builds and runs them."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import ComposeSpecification

from kit.config import Settings, settings
from kit.servers import cassandra
from kit.servers.jars import locked
from tests.containers.images import binder_dockerfile
from tests.wait import wait_until

_ROOT = Path(__file__).parents[2]
_BIN = Path(sys.executable).parent
_COMPOSE = yaml.safe_load((_ROOT / "docker/compose.yaml").read_text("utf-8"))
_BROKERS = {name: one["environment"] for name, one in _COMPOSE["services"].items() if name.startswith("kafka")}


# ---- Binder and conda ---------------------------------------------------------------------------------------------


def test_repo2docker_takes_the_environment_and_runs_both_scripts() -> None:
    text = binder_dockerfile(_ROOT)
    assert "COPY --chown=1000:1000 src/" in text
    assert text.count("RUN ./.binder/postBuild\n") == 1
    assert 'ENV R2D_ENTRYPOINT="${REPO_DIR}/.binder/start"' in text


@pytest.mark.parametrize("name", ["environment.yml", "requirements.lock"])
def test_binder_has_the_same_environment_and_lock_as_conda(name: str) -> None:
    """A `.binder` folder hides the files beside it; pip looks for the lock beside environment.yml."""
    assert (_ROOT / ".binder" / name).resolve() == _ROOT / name


@pytest.mark.parametrize("name", ["postBuild", "start"])
def test_a_script_of_binder_can_be_run_and_ends_at_its_first_error(name: str) -> None:
    script = _ROOT / ".binder" / name
    assert script.stat().st_mode & stat.S_IXUSR
    assert "set -e" in script.read_text("utf-8")
    subprocess.run(["bash", "-n", script], check=True)


def test_start_gives_way_to_jupyter_at_once_and_brings_the_lab_up_beside_it(tmp_path: Path) -> None:
    slow, called = tmp_path / "kit", tmp_path / "called"
    slow.write_text(f'#!/bin/sh\necho "$$ $@" >{called}.part && mv {called}.part {called} && exec sleep 60\n')
    slow.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path), "JUPYTER_CONFIG_PATH": "/elsewhere"}
    command = [_ROOT / ".binder/start", "sh", "-c", 'echo "$0 $1 $JUPYTER_CONFIG_PATH $$"', "a b", "c"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as started:
        answer, _ = started.communicate(timeout=20)
    wait_until(called.exists, what="the lab to be started")
    pid, words = called.read_text().split()
    os.kill(int(pid), signal.SIGKILL)
    assert words == "up"
    assert answer == f"a b c {_ROOT / 'kit/jupyter'}:/elsewhere {started.pid}\n"  # the same process: signals arrive


def test_the_pip_part_of_the_environment_is_the_lock_and_has_a_hash_for_each_package() -> None:
    environment = yaml.safe_load((_ROOT / "environment.yml").read_text("utf-8"))
    assert environment["dependencies"] == ["python=3.11", "pip", {"pip": ["-r requirements.lock"]}]
    entries = re.findall(r"^[a-z0-9](?:.*\\\n)*.*", (_ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE)
    assert len(entries) > 100
    assert all(re.search(r"^\s+--hash=sha256:[0-9a-f]{64}", entry, re.MULTILINE) for entry in entries)


def test_pip_finds_nothing_to_change_where_the_lock_is_installed() -> None:
    """What conda does with the pip part, on an environment that has it: pip reads all of it, and needs no network."""
    (step,) = yaml.safe_load((_ROOT / "environment.yml").read_text("utf-8"))["dependencies"][2]["pip"]
    argv = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", "--no-deps", *step.split()]
    done = subprocess.run(argv, cwd=_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Would install" not in done.stdout


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """The Python of an environment with nothing in it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "fresh"], check=True)
    return tmp_path / "fresh/bin/python"


def test_the_steps_for_conda_make_an_environment_in_which_the_lab_is_ready(fresh: Path, tmp_path: Path) -> None:
    """By uv, as `make` does: out of its cache it needs no network. `make containers` takes the steps by pip."""
    (step,) = yaml.safe_load((_ROOT / "environment.yml").read_text("utf-8"))["dependencies"][2]["pip"]
    lock = (_ROOT / "requirements.lock").read_text("utf-8")
    most = tmp_path / "most.lock"  # without uv: `make` installs it by pip, so it is not in its own cache
    most.write_text(re.sub(r"(?m)^uv==.*\n(?:\s.*\n)*", "", lock))
    assert step == "-r requirements.lock"
    quick = ["--config-settings-package", "pyspark:--build-option=--compression=stored"]  # the wheel that `make` built
    for words in (["sync", "--require-hashes", *quick, most], ["install", "--no-deps", "--editable", "."]):
        argv = [_BIN / "uv", "pip", *words, "--quiet", "--offline", "--python", fresh]
        done = subprocess.run(argv, cwd=_ROOT, capture_output=True, text=True, check=False)
        if "network was disabled" in done.stderr:
            pytest.skip("uv has not kept all packages of the lock in its cache: `make install` brings them")
        assert done.returncode == 0, done.stderr
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    env |= {"KIT_HOME": str(tmp_path / "home"), "KIT_CACHE": str(settings().cache)}
    doctor = [fresh.with_name("kit"), "doctor"]
    done = subprocess.run(doctor, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# ---- Docker -------------------------------------------------------------------------------------------------------


def test_hadolint_has_nothing_against_the_dockerfile() -> None:
    done = subprocess.run([_BIN / "hadolint", _ROOT / "docker/Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_image_has_an_ordinary_user_a_health_check_and_no_secret() -> None:
    text = (_ROOT / "docker/Dockerfile").read_text("utf-8")
    last = text[text.rindex("\nFROM") :]
    assert re.findall(r"^USER (.*)", last, re.MULTILINE) == ["1000:1000"]
    assert "HEALTHCHECK" in last
    assert "make install" in text
    assert not re.search(r"token|password|secret", re.sub(r"(?m)^#.*", "", text), re.IGNORECASE)
    assert {".git", ".venv"} <= set((_ROOT / ".dockerignore").read_text("utf-8").split())


def test_the_compose_file_holds_to_the_specification() -> None:
    ComposeSpecification.model_validate(_COMPOSE)


def test_only_jupyterlab_can_be_reached_from_outside_of_the_compose_file_and_only_from_this_machine() -> None:
    published = {name: one["ports"] for name, one in _COMPOSE["services"].items() if "ports" in one}
    assert published == {"lab": ["127.0.0.1:8888:8888"]}
    assert _COMPOSE["services"]["lab"]["environment"]["JUPYTER_TOKEN"].startswith("${JUPYTER_TOKEN:?")


def test_the_lab_of_the_compose_file_uses_its_brokers_and_its_cassandra(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = _COMPOSE["services"]["lab"]
    for name in (name for name in lab["environment"] if name.startswith("KIT_")):
        monkeypatch.setenv(name, lab["environment"][name])
    servers = Settings().kafka_bootstrap_servers
    assert servers == ",".join(f"{name}:9092" for name in _BROKERS)
    assert cassandra.of_settings(Settings()).contact_points == [("cassandra", 9042)]
    assert lab["depends_on"] == {
        name: {"condition": "service_healthy"} for name in _COMPOSE["services"] if name != "lab"
    }


def test_the_servers_are_of_the_versions_that_the_lab_has_and_answer_before_it_starts() -> None:
    services = {name: one for name, one in _COMPOSE["services"].items() if name != "lab"}
    (kafka,) = [jar.version for jar in locked("kafka") if jar.artifact == "kafka-clients"]
    (node,) = [jar.version for jar in locked("cassandra") if jar.artifact == "cassandra-all"]
    images = dict.fromkeys(_BROKERS, f"apache/kafka:{kafka}") | {"cassandra": f"cassandra:{node}"}
    assert {name: one["image"] for name, one in services.items()} == images
    assert all("healthcheck" in one and "mem_limit" in one for one in services.values())


@pytest.mark.parametrize("name", [".binder/postBuild", "docker/Dockerfile", ".devcontainer/devcontainer.json"])
def test_what_is_built_once_has_every_jar_and_every_archive(name: str) -> None:
    """All call the same step; `make install` takes its first part, and `kit lab` the rest."""
    assert "python -m kit.prepare" in (_ROOT / name).read_text("utf-8")
    assert "kit.prepare --first" in (_ROOT / "Makefile").read_text("utf-8")


# ---- Codespaces ---------------------------------------------------------------------------------------------------

_DEVCONTAINER: dict[str, Any] = {  # of the specification's schema, what is used here: https://containers.dev
    "type": "object",
    "required": ["name", "build", "onCreateCommand", "hostRequirements"],
    "additionalProperties": False,
    "properties": {
        **{name: {"type": "string"} for name in ("name", "onCreateCommand", "postStartCommand", "remoteUser")},
        "remoteEnv": {"type": "object", "additionalProperties": {"type": "string"}},
        "overrideCommand": {"type": "boolean"},
        "build": {"type": "object", "required": ["dockerfile"], "additionalProperties": {"type": "string"}},
        "customizations": {"type": "object"},
        "hostRequirements": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "cpus": {"type": "integer", "minimum": 1},
                "memory": {"type": "string", "pattern": r"^\d+(tb|gb|mb|kb)$"},
            },
        },
    },
}


def test_the_devcontainer_file_holds_to_its_schema_and_opens_what_is_there() -> None:
    import jsonschema

    devcontainer = json.loads((_ROOT / ".devcontainer/devcontainer.json").read_text("utf-8"))
    jsonschema.validate(devcontainer, _DEVCONTAINER)
    assert (_ROOT / ".devcontainer" / devcontainer["build"]["dockerfile"]).is_file()
    assert all((_ROOT / name).exists() for name in devcontainer["customizations"]["codespaces"]["openFiles"])
