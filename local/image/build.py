"""Builds the image of the Dockerfile: `python -m local.image build`.

No registry of images is asked: what the Dockerfile begins with is made of Debian's packages, once, and kept.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from cli.version import VERSION
from local.paths import ROOT, VENV
from local.progress import run
from local.setup.making import make
from local.setup.step import Step

IMAGE = f"argosy:{VERSION}"
CONTAINER = "argosy-image-test"
_SHARE = VENV / "share" / "image"
_STORAGE = _SHARE / "storage"
_LOG = VENV / "image.log"
BASE = "docker.io/library/python:3.11-slim"
_BASE_FILES = _SHARE / "base.tar"
_SUITE = "bookworm"
_PACKAGES = "python3,python3-venv,ca-certificates"
_UNREAD = tuple(f"/usr/share/{name}/*" for name in ("doc", "man", "locale"))
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CERTIFICATES = "/etc/ssl/certs"
"""The machine's own: between it and the package index may stand somebody that only it knows."""


def build() -> int:
    """Make the image, and of it the container that is tested, unless nothing has changed; returns the exit code."""
    for line in missing():
        print(line, file=sys.stderr)
        return 1
    base = Step("image-base", "Debian's Python", _make_base, lambda: [_SUITE, _PACKAGES], (_BASE_FILES,), minutes=1)
    image = Step("image", f"Image {IMAGE}", _build, lambda: [_SUITE, _PACKAGES, IMAGE, *_contents()], (_STORAGE,))
    if not make((base, image), _LOG):
        return 1
    print(f"{IMAGE}: {_megabytes()} MB")
    return 0


def copied() -> list[str]:
    """What the Dockerfile copies of ours: files and folders."""
    lines = [line.split()[1:-1] for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("COPY ")]
    return [source for line in lines if not line[0].startswith("--from=") for source in line]


def missing() -> Iterator[str]:
    """What has to be there and is not, with what to do."""
    if os.geteuid() != 0:
        yield "the image is built and started by root here; with Docker, anybody may: docker build ."
    for program in ("buildah", "mmdebstrap"):
        if shutil.which(program) is None:
            yield f"{program} is not on the PATH: install it (Debian: apt-get install {program})"


def buildah(*arguments: str) -> list[str]:
    """A command of buildah's, on a storage of our own."""
    storage = ["--root", str(_STORAGE), "--runroot", str(_SHARE / "run"), "--storage-driver", "vfs"]
    return ["env", "BUILDAH_ISOLATION=chroot", "buildah", *storage, *arguments]


def inside(*command: str, volume: str | None = None) -> list[str]:
    """A command that runs in the container as the image's own user; `volume` is what it sees besides, and where."""
    options = [] if volume is None else ["--volume", volume]
    return buildah("run", *options, CONTAINER, "--", *command)


def _megabytes() -> int:
    listing = buildah("images", "--format", "{{.Size}}", IMAGE)
    number, unit = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split()
    return round(float(number) * {"MB": 1, "GB": 1000}[unit])


def _contents() -> Iterator[Path]:
    """Every file that decides what is in the image."""
    yield from (ROOT / "Dockerfile", ROOT / ".dockerignore")
    for source in map(ROOT.joinpath, copied()):
        files = source.rglob("*") if source.is_dir() else [source]
        yield from sorted(file for file in files if file.is_file() and "__pycache__" not in file.parts)


def _make_base(log: IO[str]) -> None:
    made = _BASE_FILES.with_suffix(".new.tar")
    made.parent.mkdir(parents=True, exist_ok=True)
    less = [f"--dpkgopt=path-exclude={path}" for path in _UNREAD]
    run(["mmdebstrap", "--variant=minbase", f"--include={_PACKAGES}", *less, _SUITE, str(made)], log, ROOT)
    made.replace(_BASE_FILES)


def _build(log: IO[str]) -> None:
    run(buildah("rm", "--all"), log, ROOT)
    _import_base(log)
    options = ["--pull=false", "--network", "host", "--volume", f"{_CERTIFICATES}:{_CERTIFICATES}:ro"]
    run(buildah("bud", *options, "--tag", IMAGE, "."), log, ROOT)
    run(buildah("rmi", "--prune", "--force"), log, ROOT)
    run(buildah("from", "--pull=false", "--name", CONTAINER, f"localhost/{IMAGE}"), log, ROOT)


def _import_base(log: IO[str]) -> None:
    """Put the base where the Dockerfile looks for it."""
    work = "argosy-image-base"
    run(buildah("from", "--name", work, "scratch"), log, ROOT)
    run(buildah("add", work, str(_BASE_FILES), "/"), log, ROOT)
    run(buildah("run", work, "--", "ln", "-s", "/usr/bin/python3", "/usr/local/bin/python"), log, ROOT)
    run(buildah("config", "--env", f"PATH={_PATH}", work), log, ROOT)
    run(buildah("commit", "--rm", work, BASE), log, ROOT)
