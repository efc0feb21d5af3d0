"""JupyterLab, as ``python -m jupyterlab`` starts it, but more than a second sooner."""

import sys

# When it is imported, jsonschema looks for a package that compiles the grammar of international web addresses
# (RFC 3987). That takes more than a second, and nothing of JupyterLab asks whether a text is such an address.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None: as if it were not installed

from jupyterlab.labapp import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
