"""``make containers``: Binder and the Docker image, really built, and run as Binder runs them; and a newcomer's way
from a clone to the first live plot, with a network and without. Root, on Debian.

python -m tests.containers [binder | docker | newcomer]

Builds with a network, runs without one; prints seconds, memory and sizes. Takes some GB of disk while it runs.
"""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tests.containers.images import Builder, binder_dockerfile

_ROOT = Path(__file__).parents[2]
_TOOLS = {"buildah": "buildah", "mmdebstrap": "mmdebstrap", "unshare": "util-linux", "setpriv": "util-linux"}
# A day is a session: Binder ends one that is not used, and the brokers that day 1 has added with it.
_DAYS = {
    day: sorted(path.name for path in (_ROOT / "notebooks").glob(f"[{decades}]*.ipynb"))
    for day, decades in (("day 1", "01"), ("day 2", "2"))
}
_LIMIT = 2 << 30
_PORT = 8888
# Where the repository is, the environment, the command. BinderHub starts JupyterLab by its own command, not `kit lab`:
# https://github.com/jupyterhub/binderhub, helm-chart/binderhub/values.yaml
_HOME, _LAB = "/home/student/pipeline-kit", ["kit", "lab", "--no-browser", "--ip=0.0.0.0"]
_PLACES = {
    "binder": (
        "/home/jovyan",
        {"HOME": "/home/jovyan", "PATH": "/srv/conda/envs/notebook/bin"},
        [".binder/start", "jupyter-lab", "--ip=0.0.0.0"],
    ),
    "docker": (_HOME, {"HOME": "/home/student", "PATH": f"{_HOME}/.venv/bin"}, _LAB),
}


def main() -> None:
    missing = sorted({package for tool, package in _TOOLS.items() if not shutil.which(tool)})
    if os.geteuid() != 0 or missing:
        sys.exit(f"containers: needs root and {', '.join(_TOOLS)}: apt-get install {' '.join(missing)}")
    names = sys.argv[1:] or [*_PLACES, "newcomer"]
    if images := [name for name in names if name in _PLACES]:
        with tempfile.TemporaryDirectory(prefix="kit-containers-") as folder:
            builder = Builder(Path(folder))
            try:
                build(builder, images)
            finally:
                builder.remove()
    if "newcomer" in names:
        from tests.containers import newcomer

        newcomer.walk()


def build(builder: Builder, names: list[str]) -> None:
    """Build each image and run it in a process of its own that has no network."""
    context = builder.folder / "context"
    copy_clone(context / "src")
    builder.make_base()
    images = {
        "binder": (binder_dockerfile(_ROOT), context),
        "docker": ((_ROOT / "docker/Dockerfile").read_text("utf-8"), context / "src"),
    }
    for name in names:
        dockerfile, folder = images[name]
        began = time.monotonic()
        builder.build(name, dockerfile, folder)
        root = builder.root(name)
        size = int(subprocess.run(["du", "-sb", root], check=True, capture_output=True, text=True).stdout.split()[0])
        print(f"{name}: built in {time.monotonic() - began:.0f} s, {size / 1e6:,.0f} MB", flush=True)
        subprocess.run(
            ["unshare", "-n", sys.executable, "-m", "tests.containers", "run", name, root], cwd=_ROOT, check=True
        )


def copy_clone(folder: Path) -> None:
    """The files that git knows, as they are now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=_ROOT, check=True, capture_output=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if os.path.lexists(_ROOT / name):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(_ROOT / name, folder / name, follow_symlinks=False)


def run(name: str, root: Path) -> None:
    """Run the notebooks of each day in a container that was started for it."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with suppress(OSError):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # the container has the first one
    for day, notebooks in _DAYS.items():
        _run_day(name, root, day, notebooks)


def _run_day(name: str, root: Path, day: str, notebooks: list[str]) -> None:
    """Start the container, open the notebooks in a browser, run them, and print what it took."""
    from tests.browser.lab import LabPage, RunningLab, chromium
    from tests.containers.sandbox import Group, running
    from tests.wait import wait_until

    token = secrets.token_hex(16)
    place, env, argv = _PLACES[name]
    env = {**env, "JUPYTER_TOKEN": token, "LANG": "C.UTF-8", "PATH": f"{env['PATH']}:/usr/local/bin:/usr/bin:/bin"}
    argv = [
        "sh",
        "-c",
        f'cd {place} && exec "$@"',
        "sh",
        *argv,
        f"--port={_PORT}",
        "--LabApp.expose_app_in_browser=True",
    ]
    log, group, began = Path(tempfile.mkstemp(suffix=".log")[1]), Group(_LIMIT), time.monotonic()
    folder = "notebooks/" if name == "binder" else ""
    try:
        with running(root, argv, env=env, group=group, log=log) as process, chromium() as browser:
            url = f"http://127.0.0.1:{_PORT}/lab/tree/{folder}{notebooks[0]}?token={token}"
            lab = RunningLab(process, url, root, root, log)
            _until_served(url, process, log)
            print(f"{name}, {day}: Jupyter answers after {time.monotonic() - began:.1f} s", flush=True)
            for notebook in notebooks:
                page = LabPage(browser, lab).open(f"{folder}{notebook}")
                if notebook == notebooks[0]:
                    print(f"{name}, {day}: the page can be used after {time.monotonic() - began:.1f} s", flush=True)
                started = time.monotonic()
                page.run_all(timeout=600)
                seconds = time.monotonic() - started
                print(f"{name}: {notebook} {seconds:.0f} s, peak {group.peak / 1e6:,.0f} MB", flush=True)
                assert not page.errors(), page.errors()
                assert not page.complaints, page.complaints
                page.close()
                # One that is not of these very jars is passed over without a word: the server starts more slowly.
                wait_until(
                    lambda: all(len(names) == 2 for names in group.archives().values()),
                    what=f"Java processes with two archives, not {group.archives()}",
                )
            assert group.archives()
            assert group.killed() == 0
        print(f"{name}, {day}: peak memory {group.peak / 1e6:,.0f} MB of {_LIMIT / 1e6:,.0f} MB", flush=True)
    except BaseException:
        print(log.read_text(errors="replace")[-5000:], file=sys.stderr)
        raise
    finally:
        group.close()
        log.unlink(missing_ok=True)


def _until_served(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until the page is served."""
    import requests

    from tests.wait import wait_until

    def served() -> bool:
        assert process.poll() is None, log.read_text()
        with suppress(requests.ConnectionError):
            return requests.get(url, timeout=10).ok
        return False

    wait_until(served, timeout=120, what="Jupyter to answer")


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:  # in the process without a network
        run(sys.argv[2], Path(sys.argv[3]))
    else:
        main()
