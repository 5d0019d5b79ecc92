"""Builds the image of the Dockerfile: `python -m local.image build`.

It needs no image registry: the Dockerfile's base image is built once from Debian packages and kept.
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
_NOT_COPIED = frozenset({"__pycache__", "node_modules"})
_UNREAD = tuple(f"/usr/share/{name}/*" for name in ("doc", "man", "locale"))
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CERTIFICATES = "/etc/ssl/certs"
"""The host's CA certificates: a proxy with its own authority may stand in front of the package index."""


def build() -> int:
    """Build the image and its test container, unless nothing has changed. Returns the exit code."""
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
    """The files and folders of ours that the Dockerfile copies."""
    lines = [line.split()[1:-1] for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("COPY ")]
    return [source for line in lines if not line[0].startswith("--from=") for source in line]


def missing() -> Iterator[str]:
    """Each missing prerequisite, with advice."""
    if os.geteuid() != 0:
        yield "building and starting the image here requires root; with Docker, any user may: docker build ."
    for program in ("buildah", "mmdebstrap"):
        if shutil.which(program) is None:
            yield f"{program} is not on the PATH: install it (Debian: apt-get install {program})"


def buildah(*arguments: str) -> list[str]:
    """A buildah command with its own storage."""
    storage = ["--root", str(_STORAGE), "--runroot", str(_SHARE / "run"), "--storage-driver", "vfs"]
    return ["env", "BUILDAH_ISOLATION=chroot", "buildah", *storage, *arguments]


def inside(*command: str, volume: str | None = None) -> list[str]:
    """A command that runs in the container as the image's user; `volume` is an additional mount (source:target)."""
    options = [] if volume is None else ["--volume", volume]
    return buildah("run", *options, CONTAINER, "--", *command)


def _megabytes() -> int:
    listing = buildah("images", "--format", "{{.Size}}", IMAGE)
    number, unit = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split()
    return round(float(number) * {"MB": 1, "GB": 1000}[unit])


def _contents() -> Iterator[Path]:
    """Every file that influences the image."""
    yield from (ROOT / "Dockerfile", ROOT / ".dockerignore")
    for source in map(ROOT.joinpath, copied()):
        files = source.rglob("*") if source.is_dir() else [source]
        yield from sorted(file for file in files if file.is_file() and _NOT_COPIED.isdisjoint(file.parts))


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
    """Import the base image under the name that the Dockerfile uses."""
    work = "argosy-image-base"
    run(buildah("from", "--name", work, "scratch"), log, ROOT)
    run(buildah("add", work, str(_BASE_FILES), "/"), log, ROOT)
    run(buildah("run", work, "--", "ln", "-s", "/usr/bin/python3", "/usr/local/bin/python"), log, ROOT)
    run(buildah("config", "--env", f"PATH={_PATH}", work), log, ROOT)
    run(buildah("commit", "--rm", work, BASE), log, ROOT)
