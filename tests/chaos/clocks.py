"""The clock of each instance, which can be set while it runs: libfaketime reads how far off it is from a file.

The monotonic clock, by which timeouts go, stays right, as when somebody sets the time of a machine.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from local.stack import Stack

_SHARED_MEMORY = Path("/dev/shm")
_CACHED_SECONDS = 1
"""How soon an instance sees that its clock was set."""


def impossible() -> str:
    """Why clocks cannot be set on this machine; empty where they can."""
    here = f"{sys.platform} {platform.machine()}"
    return "" if here == "linux x86_64" else f"the package libfaketime has its library for Linux on x86-64, not {here}"


def environment(stack: Stack, instance: str) -> Mapping[str, str]:
    """What an instance is started with so that its clock can be set."""
    if impossible():
        return {}
    return {
        "LD_PRELOAD": str(_library()),
        "FAKETIME_TIMESTAMP_FILE": str(_file(stack, instance)),
        "FAKETIME_CACHE_DURATION": str(_CACHED_SECONDS),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def set_clock(stack: Stack, instance: str, seconds: int) -> None:
    """Let the instance's clock be so far ahead of the machine's, or behind it. It lasts over restarts."""
    file = _file(stack, instance)
    file.parent.mkdir(exist_ok=True)
    unfinished = file.with_suffix(".new")
    unfinished.write_text(f"{seconds:+d}\n")
    unfinished.replace(file)


def sweep() -> None:
    """Delete what the library has left in shared memory for processes of ours that were killed."""
    for left in _SHARED_MEMORY.glob("*faketime_*"):
        with contextlib.suppress(FileNotFoundError):  # another run was faster
            if left.stat().st_uid == os.getuid() and not psutil.pid_exists(int(left.name.rpartition("_")[2])):
                left.unlink()


def _file(stack: Stack, instance: str) -> Path:
    return stack.data.resolve() / "clocks" / instance


def _library() -> Path:
    # Importing the package would change the clock of this process.
    found = importlib.util.find_spec("libfaketime")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"
