"""Which Pythons set-up takes: those that all packages have wheels for, and beside a `.venv` the one that made it."""

import platform
import sys
from pathlib import Path

from local.paths import VENV

OLDEST = (3, 11)
NEWEST = (3, 14)
"""The newest that every locked package has a wheel for: `make check` holds the locks to it."""


def fingerprint() -> str:
    """What decides which packages fit: the same for every patch of a version."""
    return f"{platform.python_implementation()} {_text(sys.version_info[:2])} {platform.machine()}"


def refusal(venv: Path = VENV, this: tuple[int, int] = sys.version_info[:2]) -> str | None:
    """Why this Python cannot be taken, and what to do, in one line; None when it can.

    A second Python of the same version changes nothing in `.venv`, and may go on with it.
    """
    if this > NEWEST:
        fitting = f"python{_text(NEWEST)}"
        return (
            f"Python {_text(this)} is newer than Argosy's packages: "
            f"install one from {_text(OLDEST)} to {_text(NEWEST)}, and name it: make PYTHON={fitting} setup"
        )
    maker = made_by(venv)
    if maker is None or maker == this:
        return None
    return (
        f"{venv.name} was made by Python {_text(maker)}, and this is Python {_text(this)}: "
        f"name the other one (make PYTHON=python{_text(maker)} …), or delete {venv.name} to set up anew with this one"
    )


def made_by(venv: Path) -> tuple[int, int] | None:
    """The version (major, minor) of the Python that made an environment; None when there is none yet."""
    try:
        lines = (venv / "pyvenv.cfg").read_text().splitlines()
    except FileNotFoundError:
        return None
    settings = dict(line.replace(" ", "").split("=", 1) for line in lines if "=" in line)
    major, minor, *_ = settings["version"].split(".")
    return int(major), int(minor)


def _text(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
