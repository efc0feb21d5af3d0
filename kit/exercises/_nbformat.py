"""nbformat, imported more than a second sooner.

On the way to it jsonschema looks for a package that compiles the grammar of international web addresses (RFC 3987) when
it is imported. No notebook asks whether a text is such an address.
"""

import sys

sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None: as if it were not installed

import nbformat  # noqa: E402

__all__ = ["nbformat"]
