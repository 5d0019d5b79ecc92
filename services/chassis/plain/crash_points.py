"""Crash points: named places in the code where tests can kill the process.

`reach("relay.acknowledged")` is called between two effects. Shared code composes the name of several parts:
`reach("call", "ReserveStock", "answered")` is the point `call.ReserveStock.answered`.

A point does nothing unless the environment variable ARGOSY_CRASH_POINTS names a directory. In that case it creates the
file NAME.reached there. If the file NAME.armed exists, it removes that file and kills the process with SIGKILL.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

VARIABLE = "ARGOSY_CRASH_POINTS"
_directory = os.environ.get(VARIABLE)


def reach(*name: str) -> None:
    """Record that the process has reached the point `name` (joined by dots). Kill the process if the point is armed."""
    if _directory:
        _reach(Path(_directory), ".".join(name))


def _reach(directory: Path, name: str) -> None:
    (directory / f"{name}.reached").touch()
    try:
        (directory / f"{name}.armed").unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
