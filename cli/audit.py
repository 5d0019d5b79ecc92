"""Audit log of commands: the use cases log who did what; a command writes that log to stderr, its result to stdout."""

from __future__ import annotations

import getpass
import sys

from services.chassis.plain import logs


def operator() -> str:
    """The operator's name in the audit log: the operating system account, or its uid if it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user often has none
        return "unknown"


def begin() -> None:
    """Write the log of the use cases to stderr from now on, one JSON object per line."""
    logs.configure("cli", "info", lambda line: _write(f"{line}\n"))


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
