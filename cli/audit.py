"""Who did what: the services' use cases log it, a command's log goes to stderr, beside what it answers on stdout."""

from __future__ import annotations

import getpass
import sys

from services.chassis import logs


def operator() -> str:
    """Whom the audit line names: the account of the operating system, its number where it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user often has none
        return "unknown"


def begin() -> None:
    """From now on what use cases log is written to stderr, one JSON object a line."""
    logs.configure("cli", "info", lambda line: _write(f"{line}\n"))


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
