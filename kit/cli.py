"""The command `kit`: up, down, status, doctor, lab, demo, bundle, reset, exercises."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

import kit
from kit import exercise_commands
from kit.errors import ConfigError, KitError
from kit.jupyter import environment
from kit.servers.interrupts import stop_at_the_first, uninterrupted
from kit.terminal import write_signs_as_ascii

__all__ = ["app", "main"]

app = typer.Typer(
    help="A real data pipeline on your machine: Kafka, its feeds and its notebooks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(exercise_commands.app, name="exercises")
_out = Console()
_err = Console(stderr=True)
_PAGE_SECONDS = 30.0
_START = "notebooks/00_start_here.ipynb"


def main() -> NoReturn:
    """Run the command line. An error of the kit is shown in four lines; Ctrl-C needs no explanation."""
    write_signs_as_ascii()
    stop_at_the_first()
    try:
        code = app(prog_name="kit", standalone_mode=False)  # a typer.Exit comes back as its code; Ctrl-C as 130
    except KitError as error:
        _err.print(f"[bold red]{type(error).__name__}[/]", highlight=False)
        _err.print(str(error), markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except Exception as error:  # typer's own: a wrong option or command, which it words well
        show = getattr(error, "show", None)
        if show is None:
            raise
        show(file=sys.stderr)  # else click writes UTF-8 where the terminal has ASCII
        sys.exit(getattr(error, "exit_code", 2))
    if code == 130:
        _err.print("stopped")
    sys.exit(code or 0)


@app.command()
def up(
    servers: Annotated[
        list[str] | None, typer.Argument(help="kafka, feeds, … (default: those that do not wait for a demand)")
    ] = None,
    brokers: Annotated[
        int | None, typer.Option(min=1, max=5, help="Kafka brokers (default: KIT_BROKERS, else 1)")
    ] = None,
) -> None:
    """Start the lab's servers, or those that are named; what runs already is left as it is."""
    if brokers is not None:
        os.environ["KIT_BROKERS"] = str(brokers)
    kit.up(*servers or ())
    _print_status()


@app.command()
def down() -> None:
    """Stop every server the lab started. Topics and their records stay."""
    kit.down()
    _out.print("all servers stopped")


@app.command()
def status() -> None:
    """Show each server: state, address, memory."""
    _print_status()


@app.command()
def doctor() -> None:
    """Check this machine, one line a check, each with its fix."""
    checkup = kit.doctor()
    _out.print(repr(checkup), markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(0 if checkup.ok else 1)


@app.command()
def reset(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask")] = False,
) -> None:
    """Stop the servers and delete all topics and records: the next `kit up` starts from nothing."""
    if not yes:
        typer.confirm("Delete every topic and record of this lab?", abort=True)
    kit.reset()
    _out.print("the lab is empty; `kit up` starts it again")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(context: typer.Context) -> None:
    """Open JupyterLab on a running lab. Ctrl-C stops both. Further options go to JupyterLab (--no-browser, --port)."""
    from kit import prepare

    _require_home()
    ran_before = {row.name for row in kit.status() if row.state == "running"}
    try:
        with _jupyterlab(context.args) as jupyter:  # ends before the servers do: a kernel could start them again
            kit.up()
            _print_status()
            with suppress(subprocess.TimeoutExpired):  # the page comes first
                jupyter.wait(_PAGE_SECONDS)
            with prepare.beside():
                jupyter.wait()
    finally:
        if ran_before:
            _out.print(f"left running, as before: {', '.join(sorted(ran_before))} (`kit down` stops them)")
        else:
            kit.down()
            _out.print("all servers stopped")
    raise typer.Exit(jupyter.returncode if jupyter.returncode not in (None, -signal.SIGINT) else 0)


@app.command()
def demo(
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="how long to collect")] = 15.0,
    speed: Annotated[float, typer.Option(min=0.1, max=200, help="trading days replayed a second")] = 10.0,
) -> None:
    """Collect real quotes and tweets, pass them on to Spark, Cassandra and a model, and prove each count."""
    from kit.demo import run

    raise typer.Exit(0 if run(_out, seconds=seconds, speed=speed) else 1)


@app.command()
def bundle(
    file: Annotated[Path, typer.Argument(help="where the bundle goes")],
    platform: Annotated[list[str] | None, typer.Option(help="linux-x86_64, linux-aarch64, macos-arm64")] = None,
    python: Annotated[list[str] | None, typer.Option(help="3.11, 3.12, …")] = None,
) -> None:
    """Pack the kit into one file, which installs it without a network: `make lab BUNDLE=FILE`.

    It is for machines like this one, or for those that the options name; each may come more than once."""
    from kit.bundle import pack

    pack(file.absolute(), root=Path.cwd(), platforms=platform or (), pythons=python or ())
    _out.print(f"{file}: {file.stat().st_size / 1e6:,.0f} MB", markup=False, highlight=False)


def _print_status() -> None:
    table = Table("server", "state", "address", "pid", "memory", box=None, pad_edge=False)
    for row in kit.status():
        colour = "green" if row.state in ("running", "external", "live") else "dim"
        memory = f"{row.memory / 1e6:.0f} MB" if row.memory else ""
        table.add_row(row.name, f"[{colour}]{row.state}[/]", row.address, str(row.pid or ""), memory)
    _out.print(table)


def _require_home() -> None:
    """JupyterLab keeps its connection files below the user's home, and its own error does not say what to do."""
    from jupyter_core.paths import jupyter_runtime_dir

    try:
        folder = Path(jupyter_runtime_dir())
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
    except (OSError, RuntimeError) as error:
        raise ConfigError("a home that can be written", got=str(error), todo="export HOME=$(mktemp -d)") from error


@contextmanager
def _jupyterlab(options: list[str]) -> "Iterator[subprocess.Popen[bytes]]":
    """JupyterLab in the foreground, ended with the block."""
    start = Path.cwd() / _START
    defaults = []
    if start.exists():  # part of the address that JupyterLab prints, for those whose browser is elsewhere
        defaults += [f"--ServerApp.root_dir={start.parent}", f"--LabApp.default_url=/lab/tree/{start.name}"]
    if os.geteuid() == 0:  # as in a container, which has no other user
        defaults += ["--ServerApp.allow_root=True"]
    argv = [sys.executable, "-m", "kit.jupyter", *defaults, *options]
    env = environment(dict(os.environ))
    jupyter: subprocess.Popen[bytes] | None = None
    try:
        with uninterrupted():
            jupyter = subprocess.Popen(argv, env=env)
        yield jupyter
    finally:
        # On Ctrl-C JupyterLab gets the signal, too; it saves, ends its kernels, and leaves.
        if jupyter is not None and jupyter.poll() is None:
            jupyter.terminate()
            try:
                jupyter.wait(10)
            except subprocess.TimeoutExpired:
                jupyter.kill()
                jupyter.wait()


if __name__ == "__main__":
    main()
