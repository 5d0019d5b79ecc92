"""The supported Python versions: those with wheels of all packages; an existing `.venv` requires its own version."""

import platform
import sys
from pathlib import Path

from local.paths import VENV

OLDEST = (3, 11)
NEWEST = (3, 14)
"""The newest version with wheels of every locked package; `make check` verifies that."""


def fingerprint() -> str:
    """What determines compatible packages; equal for all patch releases of a version."""
    return f"{platform.python_implementation()} {_text(sys.version_info[:2])} {platform.machine()}"


def refusal(venv: Path = VENV, this: tuple[int, int] = sys.version_info[:2]) -> str | None:
    """Why this Python cannot be used, and what to do, in one line; None if it can be used.

    Another Python of the same version is accepted, because it changes nothing in `.venv`.
    """
    if this > NEWEST:
        fitting = f"python{_text(NEWEST)}"
        return (
            f"Python {_text(this)} is newer than Argosy's packages: "
            f"install one from {_text(OLDEST)} to {_text(NEWEST)}, and select it: make PYTHON={fitting} setup"
        )
    maker = made_by(venv)
    if maker is None or maker == this:
        return None
    return (
        f"{venv.name} was created by Python {_text(maker)}, but this is Python {_text(this)}: "
        f"select the other one (make PYTHON=python{_text(maker)} …), or delete {venv.name} to set up with this one"
    )


def made_by(venv: Path) -> tuple[int, int] | None:
    """The version (major, minor) of the Python that created an environment; None if there is none yet."""
    try:
        lines = (venv / "pyvenv.cfg").read_text().splitlines()
    except FileNotFoundError:
        return None
    settings = dict(line.replace(" ", "").split("=", 1) for line in lines if "=" in line)
    major, minor, *_ = settings["version"].split(".")
    return int(major), int(minor)


def _text(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
