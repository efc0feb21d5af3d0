"""The public names: sorted, there, and all there is."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import kit

_ROOT = Path(kit.__file__).parent
_PACKAGES = sorted(f"kit.{path.parent.name}" for path in _ROOT.glob("*/__init__.py"))
_MODULES = sorted(
    ".".join(("kit", *path.relative_to(_ROOT).with_suffix("").parts))
    for path in _ROOT.rglob("*.py")
    if path.name not in ("__init__.py", "__main__.py")
)


@pytest.mark.parametrize("name", kit.__all__)
def test_every_name_of_the_kit_is_there(name: str) -> None:
    assert getattr(kit, name) is not None


def test_the_kits_names_are_sorted_and_no_other_is_shown() -> None:
    assert kit.__all__ == sorted(kit.__all__)
    assert dir(kit) == kit.__all__
    assert set(kit._HOME) <= set(kit.__all__)
    for name, home in kit._HOME.items():
        assert name in import_module(home).__all__


def test_an_unknown_name_gives_an_error_with_the_known_names() -> None:
    with pytest.raises(AttributeError, match="'kit' has no attribute 'nothing'; it has KitError, collect_quotes"):
        _ = kit.nothing


@pytest.mark.parametrize("name", _MODULES)
def test_what_a_module_exports_is_there(name: str) -> None:
    module = import_module(name)
    assert [missing for missing in getattr(module, "__all__", ()) if not hasattr(module, missing)] == []


@pytest.mark.parametrize("name", _PACKAGES)
def test_a_package_exports_all_that_it_imports_sorted(name: str) -> None:
    package = import_module(name)
    exported = list(getattr(package, "__all__", ()))
    public = {
        key
        for key, value in vars(package).items()
        if not key.startswith("_") and str(getattr(value, "__module__", "")).startswith("kit")
    }
    assert exported == sorted(public)


def test_importing_the_kit_imports_nothing_heavy() -> None:
    names = "{'pandas', 'kafka', 'pykka', 'bokeh', 'psutil', 'pydantic'}"
    code = f"import sys, kit; print(*{names} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert shown.stdout.strip() == ""
