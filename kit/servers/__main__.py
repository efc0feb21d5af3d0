"""``python -m kit.servers``: fetch what the servers need (the last step of ``make install``)."""

import subprocess
import sys

from kit.errors import KitError
from kit.servers import lab

if __name__ == "__main__":
    try:
        lab.prepare()
    except KitError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except (OSError, subprocess.CalledProcessError) as error:  # of the class archive
        sys.exit(f"{error}: free some disk space, or set KIT_CACHE to a folder you can write to")
    except KeyboardInterrupt:
        sys.exit("stopped; run it again and it goes on where it was")
