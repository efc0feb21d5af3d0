"""`kit bundle`: what is in one, what installs from it without a network, and what is refused."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from kit import bundle
from kit.errors import BundleError
from tests.processes import Kit

_ROOT = Path(__file__).parents[2]
_NAMES = {
    "plain": "plain-1.0-py3-none-any.whl",
    "linux": "native-2.0-cp311-cp311-manylinux_2_17_x86_64.whl",
    "macos": "native-2.0-cp311-cp311-macosx_11_0_arm64.whl",
    "old": "patch-1.0-py3-none-any.whl",
    "new": "patch-2.0-py3-none-any.whl",
}
_BUILT = "source-1.0-py2.py3-none-any.whl"
_MACHINE = ("linux-x86_64", "3.11")


def _in_namespace(*kinds: str) -> bool:
    return subprocess.run(["unshare", *kinds, "true"], capture_output=True, check=False).returncode == 0


no_network = pytest.mark.skipif(
    not (shutil.which("unshare") and _in_namespace("-n")), reason="this user may not switch the network off"
)
no_space = pytest.mark.skipif(
    not (shutil.which("unshare") and _in_namespace("-m") and os.geteuid() == 0),
    reason="only root may mount a full disk",
)


def _wheel(folder: Path, file: str) -> str:
    """Make a wheel with one module; returns its SHA-256."""
    name, version = file.split("-")[:2]
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / file, "w") as wheel:
        wheel.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return hashlib.sha256((folder / file).read_bytes()).hexdigest()


_BACKEND = """\
import zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name, info = "source-1.0-py2.py3-none-any.whl", "source-1.0.dist-info"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr("source.py", f"OPTIONS = {config_settings!r}\\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: source\\nVersion: 1.0\\n")
        tags = "Tag: py2-none-any\\nTag: py3-none-any\\n"
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\\nGenerator: tests\\nRoot-Is-Purelib: true\\n{tags}")
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""


def _source(folder: Path) -> str:
    """Make a source of a package, as PySpark's is, that builds itself; returns its SHA-256."""
    files = {
        "PKG-INFO": "Metadata-Version: 2.1\nName: source\nVersion: 1.0\n",
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": _BACKEND,
    }
    with tarfile.open(folder / "source-1.0.tar.gz", "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"source-1.0/{name}")
            member.size = len(text.encode())
            archive.addfile(member, BytesIO(text.encode()))
    return hashlib.sha256((folder / "source-1.0.tar.gz").read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a clone, an index of wheels, a jar, and a bundle of them."""
    made = tmp_path_factory.mktemp("made")
    for name in ("clone", "index"):
        (made / name).mkdir()
    digests = {key: f"    --hash=sha256:{_wheel(made / 'index', file)}" for key, file in _NAMES.items()}
    (made / "clone" / "requirements.lock").write_text(
        f"native==2.0 \\\n{digests['linux']} \\\n{digests['macos']}\n    # via kit\n"
        f"patch==1.0 ; python_full_version < '3.11.5' \\\n{digests['old']}\n"
        f"patch==2.0 ; python_full_version >= '3.11.5' \\\n{digests['new']}\n"
        f"plain==1.0 ; sys_platform != 'win32' \\\n{digests['plain']}\n"
        f"source==1.0 \\\n    --hash=sha256:{_source(made / 'index')}\n    # via kit\n"
        f"never==1.0 ; sys_platform == 'win32' \\\n    --hash=sha256:{'0' * 64}\n"
    )
    (made / "clone" / "notebook.ipynb").write_text("{}")
    (made / "clone" / "link").symlink_to("notebook.ipynb")
    subprocess.run(["git", "init", "-q", made / "clone"], check=True)
    subprocess.run(["git", "-C", made / "clone", "add", "."], check=True)
    (made / "clone" / "untracked").write_text("a secret")
    (made / "one.jar").write_bytes(b"jar" * 100_000)
    with pytest.MonkeyPatch.context() as patch:
        _replace_surroundings(patch, made)
        bundle.pack(made / "kit.tar", root=made / "clone")
    return made


def _replace_surroundings(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setenv("PIP_NO_INDEX", "1")
    patch.setenv("PIP_FIND_LINKS", str(folder / "index"))
    patch.setattr(bundle, "_jars", lambda: {"jars/org/one.jar": folder / "one.jar"})
    patch.setattr(bundle, "here", lambda: _MACHINE)
    patch.setattr(bundle, "_BUILT", ("source",))


@pytest.fixture
def clone(_made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a lock of small packages; pip finds them in `index`, and nowhere else."""
    shutil.copytree(_made, tmp_path, symlinks=True, dirs_exist_ok=True)
    (tmp_path / "kit.tar").unlink()
    _replace_surroundings(monkeypatch, tmp_path)
    return tmp_path / "clone"


@pytest.fixture
def packed(_made: Path, clone: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(_made / "kit.tar", tmp_path))


def _names(file: Path) -> list[str]:
    with tarfile.open(file) as archive:
        return archive.getnames()


def test_a_bundle_holds_the_tracked_files_the_wheels_of_this_machine_and_the_jars(packed: Path) -> None:
    repository = [f"pipeline-kit/{name}" for name in ("link", "notebook.ipynb", "requirements.lock")]
    wheels = sorted(f"wheels/{name}" for name in (*map(_NAMES.get, ("linux", "old", "new", "plain")), _BUILT))
    assert _names(packed) == ["manifest.json", *repository, "jars/org/one.jar", *wheels, "wheels/requirements.lock"]
    assert not packed.with_name("kit.tar.parts").exists()


def test_a_bundle_for_other_machines_holds_their_wheels(clone: Path, tmp_path: Path) -> None:
    bundle.pack(tmp_path / "kit.tar", root=clone, platforms=["macos-arm64", "linux-x86_64"], pythons=["3.11"])
    wheels = [name for name in _names(tmp_path / "kit.tar") if name.startswith("wheels/native")]
    assert wheels == [f"wheels/{_NAMES['macos']}", f"wheels/{_NAMES['linux']}"]


@no_network
def test_pip_installs_from_an_unpacked_bundle_without_a_network(packed: Path, clone: Path, tmp_path: Path) -> None:
    folder, target = tmp_path / "bundle", tmp_path / "installed"
    bundle.unpack(packed, folder, root=clone)
    assert sorted(path.name for path in folder.iterdir()) == ["jars", "wheels"]
    pip = ["unshare", "-n", sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    lock = folder / "wheels" / "requirements.lock"
    entries = re.findall(r"(?m)^(?:plain|source)==.*\\\n(?:    --.*\n)+", lock.read_text())
    (tmp_path / "entries.txt").write_text("".join(entries))
    env = {**os.environ, "PIP_FIND_LINKS": str(folder / "wheels")}
    argv = [*pip, "--target", target, "--require-hashes", "-r", tmp_path / "entries.txt"]
    subprocess.run(argv, env=env, check=True, timeout=60)
    assert (target / "plain.py").read_text() == "VERSION = '1.0'\n"
    # A wheel of what has none was built once, and quickly: without compressing again what is compressed.
    assert (target / "source.py").read_text() == "OPTIONS = {'--build-option': '--compression=stored'}\n"


def test_the_jars_go_to_the_cache_beside_those_that_are_there(
    packed: Path, clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIT_CACHE", str(tmp_path / "cache"))
    other = tmp_path / "cache" / "jars" / "org" / "other.jar"
    other.parent.mkdir(parents=True)
    other.touch()
    bundle.unpack(packed, tmp_path / "bundle", root=clone)
    bundle.keep_jars(tmp_path / "bundle")
    assert sorted(path.name for path in other.parent.iterdir()) == ["one.jar", "other.jar"]


def test_a_cache_that_cannot_take_the_jars_is_an_error_that_names_the_setting(
    packed: Path, clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle.unpack(packed, tmp_path / "bundle", root=clone)
    for cache in (packed, packed / "below", Path("/proc/kit")):
        monkeypatch.setenv("KIT_CACHE", str(cache))
        with pytest.raises(BundleError, match=f"to copy the jars to {cache}") as caught:
            bundle.keep_jars(tmp_path / "bundle")
        assert "set KIT_CACHE to a folder you can write to; then run make again" in caught.value.todo


def test_an_interrupted_bundle_is_resumed(clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "index"
    monkeypatch.setattr(bundle, "_AT_ONCE", 1)
    file, kept = tmp_path / "kit.tar", tmp_path / "kit.tar.parts" / "wheels" / _NAMES["linux"]
    (index / _NAMES["plain"]).rename(tmp_path / "away")
    with pytest.raises(BundleError, match="it goes on where it was") as caught:
        bundle.pack(file, root=clone)
    assert "plain==1.0" in caught.value.got
    assert not file.exists()
    downloaded = kept.stat().st_mtime
    (tmp_path / "away").rename(index / _NAMES["plain"])
    half = kept.with_name(_NAMES["old"])
    half.write_bytes(half.read_bytes()[:100])  # what a kill leaves
    bundle.pack(file, root=clone)
    with tarfile.open(file) as archive:
        assert archive.getmember(f"wheels/{_NAMES['linux']}").mtime == downloaded
    bundle.unpack(file, tmp_path / "bundle", root=clone)


# ---- what is refused ----------------------------------------------------------------------------------------------


def _flip(name: str) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        with tarfile.open(file) as archive:
            member = archive.getmember(name)
        content = bytearray(file.read_bytes())
        content[member.offset_data + member.size // 2] ^= 1
        file.write_bytes(content)

    return damage


def _cut(part: float) -> Callable[[Path], None]:
    return lambda file: os.truncate(file, int(file.stat().st_size * part))


def _rewritten(change: Callable[[tarfile.TarFile, tarfile.TarFile], None]) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        draft = file.with_suffix(".new")
        with tarfile.open(file) as old, tarfile.open(draft, "w") as new:
            change(old, new)
        draft.replace(file)

    return damage


def _without_the_jar(old: tarfile.TarFile, new: tarfile.TarFile) -> None:
    for member in old:
        if member.name != "jars/org/one.jar":
            new.addfile(member, old.extractfile(member))


def _with_a_stranger(old: tarfile.TarFile, new: tarfile.TarFile) -> None:
    for member in old:
        new.addfile(member, old.extractfile(member))
    new.addfile(tarfile.TarInfo("wheels/../../outside"))


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (_flip(f"wheels/{_NAMES['plain']}"), f"wheels/{_NAMES['plain']} in it is damaged"),
        (_flip("jars/org/one.jar"), "jars/org/one.jar in it is damaged"),
        (_flip("pipeline-kit/requirements.lock"), "pipeline-kit/requirements.lock in it is damaged"),
        (_rewritten(_without_the_jar), "no jars/org/one.jar in it"),
        (_rewritten(_with_a_stranger), "wheels/../../outside in it is damaged"),
        (_cut(0.9), "a part of one, or another file"),
        (_cut(0.5), "a part of one, or another file"),
        (_cut(0.001), "a part of one, or another file"),
        (_cut(0), "a part of one, or another file"),
        (lambda file: file.write_text("no archive\n" * 1000), "a part of one, or another file"),
        (_rewritten(lambda _, new: new.add(__file__, "manifest.json")), "a part of one, or another file"),
        (lambda file: file.unlink(), "No such file"),
        (lambda file: (file.unlink(), file.mkdir()), "Is a directory"),
    ],
)
def test_a_damaged_bundle_is_refused_by_name(
    packed: Path, clone: Path, tmp_path: Path, damage: Callable[[Path], None], named: str
) -> None:
    damage(packed)
    with pytest.raises(BundleError) as caught:
        bundle.unpack(packed, tmp_path / "bundle", root=clone)
    assert named in caught.value.got
    assert "kit.tar" in caught.value.expected
    assert {path.name for path in tmp_path.iterdir()} <= {"clone", "index", "kit.tar", "one.jar"}


@pytest.mark.parametrize(
    ("machine", "todo"),
    [
        (("macos-arm64", "3.11"), "`kit bundle FILE --platform macos-arm64`"),
        (("linux-aarch64", "3.11"), "`kit bundle FILE --platform linux-aarch64`"),
        (("linux-x86_64", "3.13"), "PYTHON=python3.11, or make one with `kit bundle FILE --python 3.13`"),
    ],
)
def test_a_bundle_of_another_machine_is_refused(
    packed: Path, clone: Path, monkeypatch: pytest.MonkeyPatch, machine: tuple[str, str], todo: str
) -> None:
    monkeypatch.setattr(bundle, "here", lambda: machine)
    with pytest.raises(BundleError, match=r"one for (linux-x86_64|3.11)\n") as caught:
        bundle.unpack(packed, clone / "bundle", root=clone)
    assert todo in caught.value.todo


def test_a_bundle_of_another_version_of_the_kit_is_refused(packed: Path, clone: Path, tmp_path: Path) -> None:
    (clone / "requirements.lock").write_text("plain==3.0\n")
    with pytest.raises(BundleError, match="another version") as caught:
        bundle.unpack(packed, tmp_path / "bundle", root=clone)
    assert "tar -xf FILE pipeline-kit" in caught.value.todo


def test_a_linux_without_a_usable_libc_is_none_that_a_bundle_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    for libc, name in ((("glibc", "2.36"), "linux-x86_64"), (("glibc", "2.17"), None), (("", ""), None)):
        monkeypatch.setattr("platform.libc_ver", lambda libc=libc: libc)
        assert bundle.here()[0] == (name or "linux without glibc 2.28-x86_64")


@pytest.mark.parametrize(
    ("platform", "python"), [("windows-x86_64", "3.11"), ("linux-x86_64", "3.9"), ("linux-x86_64", "new")]
)
def test_an_unknown_machine_cannot_be_packed_for(clone: Path, tmp_path: Path, platform: str, python: str) -> None:
    with pytest.raises(BundleError, match="correct --platform or --python"):
        bundle.pack(tmp_path / "kit.tar", root=clone, platforms=[platform], pythons=[python])


def test_a_folder_that_is_no_clone_cannot_be_packed(clone: Path, tmp_path: Path) -> None:
    shutil.rmtree(clone / ".git")
    with pytest.raises(BundleError, match="no clone in"):
        bundle.pack(tmp_path / "kit.tar", root=clone)


def test_a_folder_that_cannot_be_written_is_named(clone: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"to write .*one.jar/kit.tar"):
        bundle.pack(tmp_path / "one.jar" / "kit.tar", root=clone)


@no_space
def test_a_full_disk_is_told_and_leaves_nothing(packed: Path, clone: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    code = f"from kit import bundle; bundle.here = lambda: {_MACHINE}; from pathlib import Path; "
    code += f"bundle.unpack(Path({str(packed)!r}), Path('disk/bundle'), root=Path({str(clone)!r}))"
    script = f'mount -t tmpfs -o size=100k none disk && {sys.executable} -c "$0"; ls disk'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "No space left on device" in done.stderr
    assert "1 GB of free disk space" in done.stderr
    assert done.stdout == ""


def test_make_refuses_a_bundle_that_is_not_there(tmp_path: Path) -> None:
    for name in ("Makefile", "requirements.lock", "pyproject.toml", "kit"):
        (tmp_path / name).symlink_to(_ROOT / name)
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True
    )  # in a tenth of the time
    make = ["make", "install", "BUNDLE=away.tar", f"PYTHON={os.path.realpath(sys.executable)}"]
    done = subprocess.run(make, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[0].startswith("BundleError: expected to unpack away.tar into .venv/bundle")
    assert done.returncode == 2


def test_the_command_says_what_is_wrong_in_its_options(kit: Kit) -> None:
    done = kit.call("bundle", "kit.tar", "--platform", "amiga")
    assert (done.returncode, json.dumps("amiga") in done.stderr.replace("'", '"')) == (1, True)
