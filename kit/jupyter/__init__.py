"""What `kit lab` adds to JupyterLab: settings that keep it quiet."""

import os
from pathlib import Path

__all__ = ["environment"]

_HERE = Path(__file__).parent


def environment(inherited: dict[str, str]) -> dict[str, str]:
    """The environment in which JupyterLab finds the kit's settings."""
    path = os.pathsep.join([str(_HERE), *filter(None, [inherited.get("JUPYTER_CONFIG_PATH")])])
    return {**inherited, "JUPYTER_CONFIG_PATH": path}
