"""``make notebooks``: run the notebooks on a lab of their own, from top to bottom, and store what they print.

Then the exercises are made of the solutions.

python -m tests.notebooks.execute [notebooks/11_collect_quotes.ipynb …]
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDERS = ("notebooks", "solutions")
# A widget shows a picture only while its kernel lives; stored, it would show as an error. So its last state is stored.
_ASK_FOR_STILLS = """
from IPython.display import display
from ipywidgets.widgets.widget import _instances
stills = {name: one.still() for name, one in _instances.items() if hasattr(one, "still")}
display({"application/json": stills}, raw=True)
"""
_LIVE = "application/vnd.jupyter.widget-view+json"
ROOT = Path(__file__).parents[2]


def found() -> list[Path]:
    """The notebooks that are written by hand, in the order of their numbers: exercises as their solutions."""
    paths = [path for folder in FOLDERS for path in (ROOT / folder).glob("[0-9]*.ipynb")]
    made = {path.name for path in paths if path.parent.name == "solutions"}
    own = [path for path in paths if path.parent.name == "solutions" or path.name not in made]
    return sorted((path for path in own if "." not in path.stem), key=lambda path: path.name)  # no one's old exercise


def execute(path: Path) -> None:
    """Run one notebook where it stands, and write its outputs into it; the same run gives the same file."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(_ASK_FOR_STILLS))
    client = NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": path.parent}})
    client.execute()
    (stills,) = (out.data["application/json"] for out in notebook.cells.pop().outputs if "data" in out)
    notebook.metadata.pop("widgets", None)  # the state of widgets is large, and dead without its kernel
    for number, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
        cell.execution_count = number
        cell.metadata.pop("execution", None)  # the times at which it ran
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = number
            if _LIVE in output.get("data", {}):
                widget = output.data.pop(_LIVE)
                still = stills.get(widget["model_id"], {"text/plain": "(run the cell to use this)"})
                output.data, output.metadata = {**output.data, **still}, {}
    nbformat.write(notebook, path)


def main() -> None:
    paths = [Path(word).resolve() for word in sys.argv[1:]] or found()
    from kit import exercises
    from kit.servers import lab

    with tempfile.TemporaryDirectory(prefix="kit-notebooks-") as home:
        os.environ.update(KIT_HOME=home, KIT_KAFKA_PORT="0", KIT_FEEDS_PORT="0", KIT_CASSANDRA_PORT="0")
        try:
            for path in paths:
                began = time.monotonic()
                execute(path)
                print(f"{path.name}: {time.monotonic() - began:.0f} s", flush=True)
        finally:
            lab.down()
    for path in exercises.build(ROOT):
        print(f"{path.name}: made of its solution")


if __name__ == "__main__":
    main()
