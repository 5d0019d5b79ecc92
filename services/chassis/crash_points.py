"""Named places at which a process can be made to die, for tests of what a crash leaves behind.

`reach("relay.acknowledged")` stands between two effects. A shared mechanism composes the name with what it is used for:
`reach("call", "ReserveStock", "answered")` is the point `call.ReserveStock.answered`.

A point does nothing unless the environment variable ARGOSY_CRASH_POINTS names a directory. Then it notes that it was
reached (the file NAME.reached). If it is armed (the file NAME.armed), it removes that file and kills the process with
SIGKILL, as the loss of a machine would.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

VARIABLE = "ARGOSY_CRASH_POINTS"
_directory = os.environ.get(VARIABLE)


def reach(*name: str) -> None:
    """Note that the process is at this point, its name in parts; die here if the point is armed."""
    if _directory:
        _reach(Path(_directory), ".".join(name))


def _reach(directory: Path, name: str) -> None:
    (directory / f"{name}.reached").touch()
    try:
        (directory / f"{name}.armed").unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
