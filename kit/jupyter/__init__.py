"""What `kit lab` adds to JupyterLab: its defaults, and BokehJS from this machine.

`jupyter_bokeh` draws with the BokehJS that a cell has put into the page, by default from a network. Here the server
hands out the files that come with the bokeh package, and a small lab extension loads them when the page opens.
"""

from pathlib import Path
from typing import Any

__all__ = ["environment"]

_HERE = Path(__file__).parent


def environment(inherited: dict[str, str]) -> dict[str, str]:
    """The environment in which JupyterLab finds the kit's configuration and its extensions."""
    import os

    paths = {"JUPYTER_CONFIG_PATH": _HERE, "JUPYTER_PATH": _HERE}
    joined = {name: os.pathsep.join([str(path), *filter(None, [inherited.get(name)])]) for name, path in paths.items()}
    return {**inherited, **joined}


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "kit.jupyter"}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Hand out BokehJS under ``<base url>/kit/bokeh/``."""
    import bokeh
    from jupyter_server.utils import url_path_join
    from tornado.web import StaticFileHandler

    files = Path(bokeh.__file__).parent / "server" / "static" / "js"
    route = url_path_join(server.web_app.settings["base_url"], r"kit/bokeh/(bokeh[\w-]*\.min\.js)")
    server.web_app.add_handlers(".*$", [(route, StaticFileHandler, {"path": str(files)})])
