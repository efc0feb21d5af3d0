"""No secret stands in a notebook or in what its cells have printed."""

from pathlib import Path

import nbformat
import pytest
from detect_secrets.core.scan import scan_file
from detect_secrets.settings import default_settings

_ROOT = Path(__file__).parents[2]
_NOTEBOOKS = sorted([*_ROOT.glob("notebooks/*.ipynb"), *_ROOT.glob("solutions/*.ipynb")])


def _found(notebook: Path, folder: Path) -> list[str]:
    """What looks like a secret in the code and in the text of outputs; pictures are noise to the scanner."""
    lines: list[str] = []
    for cell in nbformat.read(notebook, 4).cells:
        lines.append(cell.source)
        for output in cell.get("outputs", []):
            lines += [output.get("text", ""), *output.get("traceback", [])]
            lines += [str(data) for kind, data in output.get("data", {}).items() if not kind.startswith("image/")]
    copy = folder / "notebook.py"
    copy.write_text("\n".join(lines), "utf-8")
    with default_settings():
        return [
            f"{secret.type}: {copy.read_text('utf-8').splitlines()[secret.line_number - 1]}"
            for secret in scan_file(str(copy))
        ]


@pytest.mark.parametrize("notebook", _NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_and_its_outputs_hold_no_secret(notebook: Path, tmp_path: Path) -> None:
    assert _found(notebook, tmp_path) == []


@pytest.mark.parametrize(
    "printed",
    [
        "{'token': 'c9Qe7Jx2Lr0VbTz5Wm8KfYhA4uDnGsP3'}",
        'password = "four words in line"',
        "https://student:c9Qe7Jx2Lr0V@127.0.0.1",
    ],
)
def test_a_secret_that_a_cell_has_printed_would_be_found(printed: str, tmp_path: Path) -> None:
    shown = nbformat.v4.new_output("execute_result", {"text/plain": printed})
    for output in (shown, nbformat.v4.new_output("stream", text=printed)):
        notebook = tmp_path / "printed.ipynb"
        nbformat.write(
            nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("print(it)", outputs=[output])]), notebook
        )
        assert _found(notebook, tmp_path)
