"""``python -m kit.spark``: fetch what Spark needs, and make its archive (a step of ``make install``)."""

import sys

from kit.errors import KitError
from kit.spark import prepare

if __name__ == "__main__":
    try:
        prepare()
    except KitError as error:
        sys.exit(f"{type(error).__name__}: {error}")
