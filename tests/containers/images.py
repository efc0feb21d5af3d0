"""Images without Docker and without an image registry: Debian's `buildah`, on a base that `mmdebstrap` makes.

Binder's Dockerfile is repo2docker's own, but for what it takes from elsewhere: instead of its base image and of conda's
packages there are Debian's Python 3.11 and the same packages from PyPI.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["Builder", "binder_dockerfile"]

_BASE = "debian:bookworm-slim"  # the name in FROM; what stands for it is made here
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_TRUST = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
)  # for a machine behind a proxy with a certificate of its own
# repo2docker's environment.py-3.11.yml, as PyPI has it.
_JUPYTER = "ipywidgets jupyter-offlinenotebook jupyter-resource-usage jupyterhub jupyterlab notebook"
_HEAD = f"""\
FROM {_BASE}
RUN apt-get -qq update && apt-get -qq install -y --no-install-recommends ca-certificates python3 python3-venv \\
    && rm -rf /var/lib/apt/lists/* && useradd --create-home --uid 1000 --shell /bin/bash jovyan
ENV USER=jovyan NB_USER=jovyan NB_UID=1000 HOME=/home/jovyan KERNEL_PYTHON_PREFIX=/srv/conda/envs/notebook
ENV PATH=/srv/conda/envs/notebook/bin:$PATH
RUN python3 -m venv /srv/conda/envs/notebook && /srv/conda/envs/notebook/bin/python -m pip install --quiet {_JUPYTER} \\
    && chown -R jovyan:jovyan /srv/conda
"""
# As conda does it: the pip part goes into a file beside environment.yml.
_UPDATE = """\
RUN sed -n 's/^ *- \\(-r .*\\)/\\1/p' .binder/environment.yml >.binder/condaenv.txt \\
    && python -m pip install --quiet --no-cache-dir --upgrade --requirement .binder/condaenv.txt
"""


def binder_dockerfile(root: Path) -> str:
    """The Dockerfile by which Binder would build the repository, from where its files are copied on."""
    argv = [Path(sys.executable).with_name("jupyter-repo2docker"), "--no-build", "--debug"]
    argv += ["--user-id=1000", "--user-name=jovyan", "."]
    done = subprocess.run(argv, cwd=root, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    text = done.stdout
    body = text[text.index("# Allow target path repo is cloned") : text.index("# Add entrypoint")]
    body, updates = re.subn(
        r"RUN TIMEFORMAT=[^\n]*\n[^\n]*env update.*?\n'\n", lambda _: _UPDATE, body, flags=re.DOTALL
    )
    assert updates == 1, text
    return _HEAD + body


class Builder:
    """Builds images in a folder of its own; `remove` deletes all of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._env = {**os.environ, "STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}

    def make_base(self) -> None:
        """A minimal Debian under the name of the official image, with the certificates that this machine trusts."""
        tar = self.folder / "base.tar"
        if not tar.exists():
            options = ["--variant=minbase", "--include=ca-certificates", '--aptopt=Acquire::Check-Valid-Until "false"']
            subprocess.run(["mmdebstrap", "--quiet", *options, "bookworm", tar], check=True)
        container = self._buildah("from", "scratch")
        self._buildah("add", "--quiet", container, str(tar), "/")
        self._buildah("copy", "--quiet", container, _CERTIFICATES, _CERTIFICATES)
        for name in _TRUST:
            self._buildah("config", "--env", f"{name}={_CERTIFICATES}", container)
        self._buildah("commit", "--quiet", "--rm", container, _BASE)

    def build(self, name: str, dockerfile: str, context: Path) -> None:
        """Build an image; what it prints goes to this program's standard error."""
        file = self.folder / f"{name}.Dockerfile"
        file.write_text(dockerfile, "utf-8")
        argv = ["bud", "--pull-never", "--format", "docker", "--file", str(file), "--tag", name, str(context)]
        subprocess.run(self._argv(*argv), env=self._env, check=True, stdout=sys.stderr)

    def root(self, name: str) -> Path:
        """The file system of a container of the image."""
        return Path(self._buildah("mount", self._buildah("from", "--pull-never", name)))

    def remove(self) -> None:
        """Delete all images and containers."""
        subprocess.run(self._argv("umount", "--all"), env=self._env, check=False, capture_output=True)
        subprocess.run(self._argv("rm", "--all"), env=self._env, check=False, capture_output=True)
        shutil.rmtree(self.folder / "storage", ignore_errors=True)

    def _argv(self, *words: str) -> list[str]:
        storage, run = self.folder / "storage", self.folder / "run"
        return ["buildah", "--root", str(storage), "--runroot", str(run), *words]

    def _buildah(self, *words: str) -> str:
        done = subprocess.run(self._argv(*words), env=self._env, check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout.strip()
