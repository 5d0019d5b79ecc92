"""Installs exactly the packages of a lock: nothing is resolved or built, and every file must match a listed hash.

Set-up uses it for `.venv`, and the Dockerfile for the image: `python -m local.setup.packages DIRECTORY` creates an
environment with the packages of `requirements.runtime.lock` only, without an installer.
"""

import sys
import tempfile
from pathlib import Path
from typing import IO

from local.paths import ROOT
from local.progress import CommandFailed, run
from local.setup.lock import locked

LOCK = ROOT / "requirements.lock"
RUNTIME_LOCK = ROOT / "requirements.runtime.lock"
# Without --no-deps pip would resolve extras such as coverage[toml]; a source package would resolve build dependencies.
_AS_LOCKED = ("--no-deps", "--only-binary=:all:", "--require-hashes", "-r")


def pip(python: Path) -> list[str]:
    """The command line prefix of an environment's pip."""
    return [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input"]


def install_installer(python: Path, lock: Path, log: IO[str]) -> None:
    """Replace an environment's bundled pip by the locked one.

    Raises CommandFailed, and NotLocked if the lock lists no pip.
    """
    with tempfile.TemporaryDirectory() as scratch:
        only_pip = Path(scratch, "installer.lock")
        only_pip.write_text("\n".join(locked("pip", lock)) + "\n")
        run([*pip(python), "install", *_AS_LOCKED, str(only_pip)], log, ROOT)


def install(python: Path, lock: Path, log: IO[str], into: Path | None = None) -> None:
    """Install the locked packages with the pip of `python`, there or into another environment. Raises CommandFailed."""
    elsewhere = [] if into is None else ["--python", str(into)]
    run([*pip(python), *elsewhere, "install", *_AS_LOCKED, str(lock)], log, ROOT)


def main(directory: str) -> int:
    """Create the environment of the image; returns the exit code."""
    environment, log = Path(directory), sys.stdout
    try:
        with tempfile.TemporaryDirectory() as scratch:
            run([sys.executable, "-m", "venv", scratch], log, ROOT)
            python = Path(scratch, "bin", "python")
            install_installer(python, LOCK, log)
            run([sys.executable, "-m", "venv", "--without-pip", str(environment)], log, ROOT)
            install(python, RUNTIME_LOCK, log, environment)
    except CommandFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
