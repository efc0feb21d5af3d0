"""One file from which the kit installs itself without a network: `kit bundle FILE`, then `make lab BUNDLE=FILE`.

A bundle is a tar archive: a manifest (for which systems and Pythons, and the SHA-256 of each file), the repository as
`pipeline-kit/`, then `wheels/` and `jars/`. pip downloads the wheels of `requirements.lock`, each with its hash. Where
there is only a source (PySpark), pip builds a wheel of it, and the lock beside the wheels has that one's hash, too.

`make` unpacks before anything is installed, so this module imports nothing but Python and `kit.errors`::

    python3 -m kit.bundle unpack FILE FOLDER     # checks the whole archive; leaves FOLDER/wheels and FOLDER/jars
    .venv/bin/python -m kit.bundle jars FOLDER   # copies the jars to the cache folder
"""

import hashlib
import json
import platform
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

from kit.errors import BundleError, KitError

__all__ = ["PLATFORMS", "here", "keep_jars", "pack", "unpack"]

PLATFORMS = ("linux-x86_64", "linux-aarch64", "macos-arm64")
_MANIFEST, _LOCK, _REPOSITORY = "manifest.json", "requirements.lock", "pipeline-kit"
_BUILT = ("pyspark",)  # of pure Python, and only their source is on PyPI
_AT_ONCE = 12  # requirements that one pip downloads: an interrupt loses no more
_GLIBC, _MACOS = 28, (14, 0)  # the oldest systems that a bundle is good for: glibc 2.28, macOS 14


def here() -> tuple[str, str]:
    """This machine, as a manifest names it: ``("linux-x86_64", "3.11")``."""
    system = {"Linux": "linux", "Darwin": "macos"}.get(platform.system(), platform.system().lower())
    libc, number = platform.libc_ver()
    if system == "linux" and (libc != "glibc" or int(number.split(".")[1]) < _GLIBC):
        system = "linux without glibc 2.28"
    return f"{system}-{platform.machine()}", "{}.{}".format(*sys.version_info)


def pack(file: Path, *, root: Path, platforms: Sequence[str] = (), pythons: Sequence[str] = ()) -> None:
    """Make a bundle of the clone at `root`. What an interrupted call has downloaded is kept beside `file`, and used.

    `platforms` and `pythons` are those of the machines that will install it, such as ``["macos-arm64"], ["3.12"]``;
    default: this machine's. `BundleError`: one is not known, a wheel cannot be had, or the disk is full.
    """
    platforms, pythons = platforms or here()[:1], pythons or here()[1:]
    for wrong in [*(set(platforms) - set(PLATFORMS)), *(one for one in pythons if not re.fullmatch(r"3\.1[1-9]", one))]:
        names = f"platforms out of {', '.join(PLATFORMS)}, and Pythons from 3.11 on"
        raise BundleError(names, got=repr(wrong), todo="correct --platform or --python")
    parts = file.with_name(file.name + ".parts")
    try:
        (parts / "wheels").mkdir(parents=True, exist_ok=True)
        members = {f"{_REPOSITORY}/{path.relative_to(root).as_posix()}": path for path in _tracked(root)} | _jars()
        _download(root / _LOCK, parts, [(system, python) for system in platforms for python in pythons])
        locked = (root / _LOCK).read_text("utf-8")
        for name in _BUILT:
            locked = _build(name, locked, parts)
        (parts / _LOCK).write_text(locked, "utf-8")
        wheels = [path for path in sorted((parts / "wheels").iterdir()) if f"sha256:{_sha256(path)}" in locked]
        members |= {f"wheels/{path.name}": path for path in [*wheels, parts / _LOCK]}
        manifest = {"platforms": list(platforms), "pythons": list(pythons), "lock": _sha256(root / _LOCK)}
        _write(parts, manifest, members)
        (parts / "bundle.tar").replace(file)
        shutil.rmtree(parts)
    except OSError as error:
        todo = "free some disk space (3 GB), or choose another folder; what is downloaded is kept"
        raise BundleError(f"to write {file}", got=str(error), todo=todo) from error


def unpack(file: Path, folder: Path, *, root: Path) -> None:
    """Check a whole bundle, and take its wheels and jars out of it; `folder` is there only when all is well.

    `BundleError`: it is damaged (the message names the file), not whole, or for another machine or version of the kit.
    """
    draft = folder.with_name(folder.name + ".part")
    whole, again = f"a whole bundle in {file}", "copy it again from where it came, or make it again with `kit bundle`"
    for old in (draft, folder):
        shutil.rmtree(old, ignore_errors=True)
    try:
        with tarfile.open(file, "r:") as archive:
            manifest = json.load(archive.extractfile(_MANIFEST) or BytesIO())
            _refuse_another(manifest, root)
            missing = dict(manifest["files"])
            for member in (one for one in archive if one.isfile() and one.name != _MANIFEST):
                if _take(archive, member, draft) != missing.pop(member.name, None):
                    raise BundleError(whole, got=f"{member.name} in it is damaged", todo=again)
        if missing:
            raise BundleError(whole, got=f"no {min(missing)} in it", todo=again)
        draft.replace(folder)
    except (tarfile.TarError, ValueError, KeyError, TypeError) as error:
        raise BundleError(whole, got="a part of one, or another file", todo=again) from error
    except OSError as error:
        todo = "check the name, and that there is 1 GB of free disk space"
        raise BundleError(f"to unpack {file} into {folder}", got=str(error), todo=todo) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def keep_jars(folder: Path) -> None:
    """Copy an unpacked bundle's jars to the cache folder; each is held to the jars' lock when it is used."""
    from kit.config import settings

    cache = settings().cache / "jars"
    try:
        shutil.copytree(folder / "jars", cache, dirs_exist_ok=True)
    except OSError as error:
        todo = "free some disk space (200 MB), or set KIT_CACHE to a folder you can write to; then run make again"
        raise BundleError(f"to copy the jars to {cache}", got=str(error)[:200], todo=todo) from error


def _tracked(root: Path) -> list[Path]:
    """The files of the clone that git knows, as they are now."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True).stdout.decode()
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        todo = "run it in the folder that `git clone` made"
        raise BundleError("git, and a clone of the repository", got=f"no clone in {root}", todo=todo) from error
    return [root / name for name in listed.split("\0") if name and (root / name).exists()]


def _jars() -> dict[str, Path]:
    """All jars of the locks, those of other platforms too: they are few, and small."""
    from kit.config import settings
    from kit.servers import jars

    jars.fetch(*jars.LOCKS, everywhere=True)
    cache = settings().cache / "jars"
    paths = [jar.path(cache) for name in jars.LOCKS for jar in jars.locked(name, everywhere=True)]
    return {f"jars/{path.relative_to(cache).as_posix()}": path for path in paths}


def _download(lock: Path, parts: Path, targets: list[tuple[str, str]]) -> None:
    from rich.progress import Progress

    batches = []
    for system, python in targets:
        first, last = (_entries(lock, system, f"{python}.{patch}") for patch in ("0", "99"))
        # An entry may depend on the last number of the version, which is not known: those of the first and the last.
        for patch, entries in (("0", first), ("99", [entry for entry in last if entry not in first])):
            starts = range(0, len(entries), _AT_ONCE)
            batches += [(system, f"{python}.{patch}", entries[n : n + _AT_ONCE]) for n in starts]
    with Progress() as bar:
        for batch in bar.track(batches, description="wheels"):
            _pip(parts, *batch)


def _entries(lock: Path, system: str, python: str) -> list[str]:
    """The lock's entries for a machine, without their conditions: pip would ask the machine that it runs on."""
    from packaging.requirements import Requirement

    name, _, machine = system.partition("-")
    target = {"sys_platform": name.replace("macos", "darwin"), "platform_machine": machine, "os_name": "posix"}
    target |= {"python_version": python.rpartition(".")[0], "python_full_version": python}
    target |= {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
    found = []
    for entry in re.findall(r"^[a-z0-9](?:.*\\\n)*.*", lock.read_text("utf-8"), re.MULTILINE):
        first, _, hashes = entry.partition("\\\n")
        requirement = Requirement(first)
        if requirement.name in _BUILT:
            continue
        if requirement.marker is None or requirement.marker.evaluate(target):
            found.append(f"{first.partition(';')[0].strip()} \\\n{hashes}")
    return found


def _build(name: str, locked: str, parts: Path) -> str:
    """Build the wheel of a package, unless it is there; returns the lock with its hash."""
    (entry,) = re.findall(rf"^{name}==(?:.*\\\n)*.*\n", locked, re.MULTILINE)
    version, folder, built = entry.split("==")[1].split()[0], parts / "built", parts / "wheels"
    if not (found := list(built.glob(f"{name}-{version}-*.whl"))):
        # Its jars are compressed already: to do it again takes 12 s.
        quick = f'{entry.rstrip()} \\\n    --config-settings="--build-option=--compression=stored"\n'
        (parts / "entries.txt").write_text(quick, "utf-8")
        words = ["wheel", "--require-hashes", "--wheel-dir", str(folder), "-r", str(parts / "entries.txt")]
        _run(words, f"a wheel of {name}")
        found = [path.rename(built / path.name) for path in folder.glob("*.whl")]
    return locked.replace(entry, f"{entry.rstrip()} \\\n    --hash=sha256:{_sha256(found[0])}\n")


def _pip(parts: Path, system: str, python: str, entries: list[str]) -> None:
    from packaging.tags import mac_platforms

    name, _, machine = system.partition("-")
    linux = [f"manylinux_2_{minor}_{machine}" for minor in range(_GLIBC, 4, -1)] + [f"manylinux2014_{machine}"]
    tags = mac_platforms(_MACOS, machine) if name == "macos" else linux
    (parts / "entries.txt").write_text("\n".join(entries), "utf-8")
    words = ["download", "--only-binary=:all:", "--require-hashes", "--dest", str(parts / "wheels")]
    words += ["-r", str(parts / "entries.txt"), "--python-version", python]
    words += [word for tag in tags for word in ("--platform", tag)]
    _run(words, f"the wheels of the lock for {system}, Python {python}")


def _run(words: list[str], wanted: str) -> None:
    """Run pip. `BundleError`: it did not give what is wanted."""
    argv = [sys.executable, "-m", "pip", words[0], "--quiet", "--no-deps", *words[1:]]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["pip failed"]
        todo = "check the network connection and run it again: it goes on where it was"
        raise BundleError(wanted, got=lines[-1][:200], todo=todo)


def _write(parts: Path, manifest: dict[str, Any], members: dict[str, Path]) -> None:
    manifest["files"] = {name: _sha256(path) for name, path in members.items() if not path.is_symlink()}
    (parts / _MANIFEST).write_text(json.dumps(manifest, indent=1), "utf-8")
    with tarfile.open(parts / "bundle.tar", "w:") as archive:
        for name, path in ({_MANIFEST: parts / _MANIFEST} | members).items():
            archive.add(path, name, recursive=False)


def _refuse_another(manifest: dict[str, Any], root: Path) -> None:
    machine, python = here()
    for option, mine, theirs in (("platform", machine, manifest["platforms"]), ("python", python, manifest["pythons"])):
        if mine not in theirs:
            other = f"run make with PYTHON=python{theirs[-1]}, or " if option == "python" else ""
            todo = f"{other}make one with `kit bundle FILE --{option} {mine}`"
            raise BundleError(f"a bundle for {mine}", got=f"one for {', '.join(theirs)}", todo=todo)
    if manifest["lock"] != _sha256(root / _LOCK):
        todo = f"take the bundle's own: tar -xf FILE {_REPOSITORY}, then run make in that folder"
        raise BundleError(f"a bundle of this version of the kit, in {root}", got="one of another version", todo=todo)


def _take(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> str:
    """Read a file of the archive to its end, and keep it if it is to be installed. Returns its SHA-256."""
    path = PurePosixPath(member.name)
    kept = path.parts[0] in ("wheels", "jars") and ".." not in path.parts
    target = folder / path if kept else Path("/dev/null")
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, source = hashlib.sha256(), archive.extractfile(member)
    with target.open("wb") as output:
        while source is not None and (chunk := source.read(1 << 20)):
            digest.update(chunk)
            output.write(chunk)
    return digest.hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    try:
        if sys.argv[1] == "unpack":
            unpack(Path(sys.argv[2]), Path(sys.argv[3]), root=Path.cwd())
        else:
            keep_jars(Path(sys.argv[2]))
    except KitError as error:
        sys.exit(f"{type(error).__name__}: {error}")
