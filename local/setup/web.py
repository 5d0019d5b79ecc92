"""The steps that build the web app. node and npm are Python packages of the lock, so the machine needs neither."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from local.paths import BIN, ROOT
from local.progress import run
from local.setup.packages import LOCK
from local.setup.step import Step

APP = ROOT / "web" / "app"
_CONTRACT = (ROOT / "buf.yaml", ROOT / "proto" / "argosy")
_PACKAGES = (".npmrc", "package.json", "package-lock.json")
_MADE = frozenset({"dist", "gen", "node_modules"})
"""The folders that npm and the build write."""


def steps() -> tuple[Step, ...]:
    """Both steps, in order: they need the Python packages and the third-party protos."""
    return (
        Step("web-packages", "Packages of the web app", _packages, _locked, (APP / "node_modules",)),
        Step("web-app", "Web app", _app, _sources, (APP / "dist" / "index.html",)),
    )


def _packages(log: IO[str]) -> None:
    """Install exactly what package-lock.json lists; every file must match its hash. Scripts of packages do not run."""
    _npm(log, "ci", "--ignore-scripts")


def _app(log: IO[str]) -> None:
    _npm(log, "run", "build")


def _npm(log: IO[str], *arguments: str) -> None:
    """Raises CommandFailed. Programs of .venv come first: another node of the machine is not used."""
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath)])
    run([str(BIN / "npm"), *arguments], log, APP, dict(os.environ) | {"PATH": path})


def _locked() -> Iterator[Path | str]:
    yield LOCK
    yield from (APP / name for name in _PACKAGES)


def _sources() -> Iterator[Path | str]:
    """What the app is built from: its own files, its packages, and the contract."""
    yield LOCK
    for root in (APP, *_CONTRACT):
        yield from _files(root)


def _files(path: Path) -> Iterator[Path]:
    """A file, or the files of a folder, without those that are made."""
    if path.is_file():
        yield path
    elif path.name not in _MADE:
        for inner in sorted(path.iterdir()):
            yield from _files(inner)
