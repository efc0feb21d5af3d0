"""Writing the notebooks that students get, and bringing one back."""

from datetime import UTC, datetime
from pathlib import Path

from kit.errors import ExerciseError
from kit.exercises._load import source_of
from kit.exercises._progress import Progress
from kit.exercises._source import Source, notebook_text, solutions, sources

__all__ = ["build", "restore", "target"]


def target(source: Source) -> Path:
    """The notebook that is made of a solution."""
    return source.path.parent.parent / "notebooks" / source.path.name


def build(root: Path | None = None, *, write: bool = True) -> list[Path]:
    """Make each exercise of its solution.

    Parameters
    ----------
    root
        The folder with notebooks/ and solutions/; default: that of this clone.
    write
        False: only look.

    Returns
    -------
    list of Path
        The notebooks that were not as they should be.

    Raises
    ------
    ExerciseError
        A solution is not marked as it should be. Nothing was written.
    """
    made = [(target(source), notebook_text(source.exercise)) for source in sources(_in(root))]
    stale = [(path, text) for path, text in made if not path.is_file() or path.read_text("utf-8") != text]
    if write:
        for path, text in stale:
            path.write_text(text, "utf-8")
    return [path for path, _ in stale]


def restore(name: str | int, root: Path | None = None) -> tuple[Path, Path | None]:
    """Bring an exercise back as it was handed out, and forget which gaps have passed.

    Returns
    -------
    tuple
        The notebook, and where the old one is kept; None if it had not been touched.

    Raises
    ------
    ConfigError
        There is no such exercise.
    ExerciseError
        The folder cannot be written to; the old notebook is where it was.
    """
    source = source_of(name, _in(root))
    path, text = target(source), notebook_text(source.exercise)
    kept: Path | None = None
    fresh = path.with_suffix(".new")
    try:
        fresh.write_text(text, "utf-8")  # whole, before the old one moves
        if path.exists() and path.read_bytes() != text.encode():
            kept = _free(path)
            path.rename(kept)
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        todo = "make the folder writable, or free some space"
        raise ExerciseError(f"to write {path.name}", got=str(error), todo=todo) from error
    Progress(source.name).reset()
    return path, kept


def _free(path: Path) -> Path:
    """A name beside the notebook that nothing has."""
    stamp = f"{datetime.now(UTC).astimezone():%Y%m%d-%H%M%S}"
    again = ("", *(f"-{number}" for number in range(2, 1000)))
    names = (path.with_name(f"{path.stem}.old-{stamp}{more}.ipynb") for more in again)
    return next(name for name in names if not name.exists())


def _in(root: Path | None) -> Path:
    return root / "solutions" if root else solutions()
