"""What the READMEs name is there: files, headings, commands, and each line of `kit doctor`."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from kit.servers.doctor import doctor

_ROOT = Path(__file__).parents[2]
_PAGES = [_ROOT / "README.md", _ROOT / "docker/README.md", _ROOT / "CONTRIBUTING.md"]
_TEXTS = {page: page.read_text("utf-8") for page in _PAGES}
_BINDER = re.findall(r"^\[(binder[\w-]*)\]: (\S+)$", _TEXTS[_PAGES[0]], re.MULTILINE)


def _prose(page: Path) -> str:
    return re.sub(r"^```.*?^```", "", _TEXTS[page], flags=re.DOTALL | re.MULTILINE)


def _anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub names them in an address."""
    headings = re.findall(r"^#+ (.*)", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _links() -> list[tuple[Path, str]]:
    return [(page, link) for page in _PAGES for link in re.findall(r"\]\(([^)\s]+)\)", _prose(page))]


@pytest.mark.parametrize(("page", "link"), [(page, link) for page, link in _links() if "://" not in link])
def test_a_link_leads_to_a_file_and_a_heading_that_are_there(page: Path, link: str) -> None:
    name, _, anchor = link.partition("#")
    target = page.parent / name if name else page
    assert target.exists()
    assert not anchor or anchor in _anchors(target)


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(_ROOT)))
def test_each_link_that_is_named_elsewhere_in_the_page_is_defined_there(page: Path) -> None:
    used = set(re.findall(r"\]\[([\w-]+)\]", _prose(page)))
    assert used == set(re.findall(r"^\[([\w-]+)\]: ", _TEXTS[page], re.MULTILINE))


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(_ROOT)))
def test_a_link_to_the_outside_world_is_encrypted(page: Path) -> None:
    assert [link for link in re.findall(r"http://[^\s)>\"'`]+", _prose(page)) if "127.0.0.1" not in link] == []


def test_binder_opens_notebooks_that_are_there_and_the_repository_is_named_in_one_place() -> None:
    assert _BINDER
    for _, address in _BINDER:
        (path,) = parse_qs(urlsplit(address).query)["urlpath"]
        assert (_ROOT / path.removeprefix("lab/tree/")).is_file()
    named = [line for text in _TEXTS.values() for line in text.splitlines() if "OWNER/REPOSITORY" in line]
    end = _TEXTS[_PAGES[0]].rstrip().splitlines()[-len(named) :]
    assert named == end


def test_the_readme_leads_to_every_notebook() -> None:
    linked = {link for page, link in _links() if page == _PAGES[0] and link.startswith("notebooks/")}
    assert {f"notebooks/{path.name}" for path in (_ROOT / "notebooks").glob("*.ipynb")} == linked


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(_ROOT)))
def test_each_make_target_that_is_named_is_there(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (_ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", _TEXTS[page], re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(_ROOT)))
def test_each_kit_command_that_is_named_is_there(page: Path) -> None:
    from kit.cli import app

    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    commands |= {group.name for group in app.registered_groups if group.name}
    named = set(re.findall(r"(?:^|`|/)kit ([a-z]+)", _TEXTS[page], re.MULTILINE))
    assert named <= commands


@pytest.mark.parametrize("page", _PAGES[:2], ids=lambda page: str(page.relative_to(_ROOT)))
def test_each_folder_and_file_that_is_named_is_there(page: Path) -> None:
    """Names in backticks that have a slash, and begin with a folder of this repository."""
    folders = {path.name for path in _ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    named = [name for name in re.findall(r"`([\w.*-]+/[\w./*-]*)`", _prose(page)) if name.split("/")[0] in folders]
    assert [name for name in named if "NN_" not in name and not list(_ROOT.glob(name.rstrip("/")))] == []


def test_troubleshooting_has_each_line_of_the_doctor() -> None:
    start = _TEXTS[_PAGES[0]].index("## Troubleshooting")
    rows = re.findall(r"^\| ([^|]+) \|", _TEXTS[_PAGES[0]][start:], re.MULTILINE)
    listed = {name for row in rows for name in row.split(", ")}
    assert {re.sub(r"-\d+$", "", check.name) for check in doctor()} <= listed  # a server has a line for each process
