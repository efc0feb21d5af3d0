"""``python -m tests.browser.chromium``: make sure that there is a Chromium for the browser tests.

The first of these that runs: one on the PATH, Debian's package (as root), the one that Playwright fetches.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain

__all__ = ["executable", "provide"]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
_PACKAGES = ("chromium", "fonts-noto-color-emoji")  # the second for the signs that the kit's tables show


def executable() -> str | None:
    """The path of a Chromium that runs, or None. Names on the PATH come before Playwright's own."""
    found = (path for name in _NAMES if (path := shutil.which(name)))
    return next(filter(_runs, chain(found, _playwrights())), None)


def provide() -> str | None:
    """The path of a Chromium; installs one if there is none. None when that is not possible."""
    return executable() or (_by_apt() and executable()) or (_by_playwright() and executable()) or None


def _runs(path: str) -> bool:
    """Whether it says its version: a stub that only tells how to install it (Ubuntu's) does not."""
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _playwrights() -> Iterator[str]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    yield path


def _by_apt() -> bool:
    if not shutil.which("apt-get") or not _is_root():
        return False
    _quietly("apt-get", "-qq", "update")  # one source of several may fail, and the package still be there
    return _quietly("apt-get", "-qq", "install", "-y", "--no-install-recommends", *_PACKAGES)


def _by_playwright() -> bool:
    return _quietly(sys.executable, "-m", "playwright", "install", "--with-deps" if _is_root() else "", "chromium")


def _is_root() -> bool:
    return os.geteuid() == 0


def _quietly(*argv: str) -> bool:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(list(filter(None, argv)), env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return done.returncode == 0


if __name__ == "__main__":
    path = provide()
    if path is None:
        sys.exit(
            "browser: Chromium is missing and could not be installed: install Chromium or Chrome, or check the network "
            "connection (as root on Debian: apt-get install chromium), then run make again"
        )
    print(f"browser: {path}")
