"""Reads `requirements.lock`, which lists every Python package with its version and hashes."""

import re
from pathlib import Path


class NotLocked(Exception):
    """The lock does not list a package that set-up needs."""


def locked(package: str, lock: Path) -> list[str]:
    """The lines of one package: `name==version` and its hashes. Raises NotLocked if it is not listed."""
    lines = lock.read_text().splitlines()
    first = next((at for at, line in enumerate(lines) if line.startswith(f"{package}==")), None)
    if first is None:
        raise NotLocked(f"{lock.name} does not list {package}")
    rest = lines[first + 1 :]
    hashes = next((at for at, line in enumerate(rest) if not re.match(r"\s+--hash=", line)), len(rest))
    return [lines[first], *rest[:hashes]]
