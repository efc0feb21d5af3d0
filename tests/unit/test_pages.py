"""The pages: links lead to files and notebooks that are there, and no output of a notebook has a secret."""

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

_ROOT = Path(__file__).parents[2]
_PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docker/README.md")


@pytest.mark.parametrize("name", _PAGES)
def test_each_link_to_a_file_leads_somewhere(name: str) -> None:
    page = _ROOT / name
    links = re.findall(r"\]\(([^)#:\s]+)[^):]*\)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_each_link_to_binder_opens_a_notebook_of_the_one_repository() -> None:
    links = re.findall(r"https://mybinder\.org/v2/[^)\s]+", (_ROOT / "README.md").read_text("utf-8"))
    assert len(links) >= 4
    repositories, notebooks = zip(*(link.split("?urlpath=lab/tree/") for link in links), strict=True)
    assert len(set(repositories)) == 1
    assert [name for name in notebooks if not (_ROOT / name).exists()] == []


def test_no_stored_output_of_a_notebook_has_a_secret(tmp_path: Path) -> None:
    """detect-secrets, on the text of all cells; pictures are random enough to look like keys."""
    for path in [*_ROOT.glob("notebooks/*.ipynb"), *_ROOT.glob("solutions/*.ipynb")]:
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            for output in cell.get("outputs", []):
                for kind in [kind for kind in output.get("data", {}) if kind.startswith(("image/", "application/"))]:
                    del output.data[kind]
        texts = [json.dumps(cell.get("outputs", []), indent=1) + "\n" + cell.source for cell in notebook.cells]
        (tmp_path / f"{path.parent.name}-{path.stem}.txt").write_text("\n".join(texts), "utf-8")
    (tmp_path / "planted.txt").write_text("aws_key = 'AKIAIOSFODNN7EXAMPLF'\n")
    argv = [Path(sys.executable).with_name("detect-secrets"), "scan", "--all-files", "--no-verify", "."]
    done = subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)["results"]
    assert {name: [one["line_number"] for one in many] for name, many in found.items()} == {"planted.txt": [1]}
