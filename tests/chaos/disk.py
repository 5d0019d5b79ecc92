"""PostgreSQL on a small file system of its own, which can be made full: a tmpfs whose size is set while it is used."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from local import data
from local.files import make_private_directory
from local.stack import Stack

_SIZE = 2 << 30
_TRIES = 20
_PAGE = os.sysconf("SC_PAGE_SIZE")


def impossible() -> str:
    """Why a file system cannot be mounted on this machine; empty where it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "it takes Linux and root to mount a file system"
    return ""


def mount(stack: Stack) -> None:
    """Give PostgreSQL's data a file system of its own. Raises CalledProcessError where the system does not allow it."""
    data.claim(stack)
    home = make_private_directory(_home(stack))
    _run("mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=700", "argosy-chaos", str(home))


def unmount(stack: Stack) -> None:
    """Take it away, with all that is on it; what still runs there keeps it until its end."""
    if os.path.ismount(_home(stack)):
        _run("umount", "--lazy", str(_home(stack)))


def fill(stack: Stack) -> None:
    """No space is left, to a page. Raises CalledProcessError where what is written meanwhile leaves no time for it."""
    for _ in range(_TRIES - 1):
        with contextlib.suppress(subprocess.CalledProcessError):  # more has been written since it was measured
            _resize(stack, _used(stack) + _PAGE)
            return
    _resize(stack, _used(stack) + _PAGE)


def _used(stack: Stack) -> int:
    found = os.statvfs(_home(stack))
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def relieve(stack: Stack) -> None:
    """There is space again."""
    if os.path.ismount(_home(stack)):
        _resize(stack, _SIZE)


def _resize(stack: Stack, size: int) -> None:
    _run("mount", "-o", f"remount,size={size}", str(_home(stack)))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def _home(stack: Stack) -> Path:
    return stack.data.resolve() / "postgres"
