"""Processes of a stack: ends leftovers, and measures memory."""

import os

import psutil

from local.stack import Stack
from local.supervisor_config import MARK

_PATIENCE_SECONDS = 10


def end_leftovers(stack: Stack) -> int:
    """End processes of this stack whose supervisor is gone. Returns their number."""
    leftovers = [process for process in psutil.process_iter() if _belongs(process, stack)]
    for process in leftovers:
        process.terminate()
    _, stubborn = psutil.wait_procs(leftovers, timeout=_PATIENCE_SECONDS)
    for process in stubborn:
        process.kill()
    psutil.wait_procs(stubborn, timeout=_PATIENCE_SECONDS)
    return len(leftovers)


def memory_bytes(pid: int) -> int:
    """Resident memory of a process plus the unshared memory of its descendants, bytes; 0 if it is gone."""
    try:
        process = psutil.Process(pid)
        return int(process.memory_info().rss + sum(child.memory_full_info().uss for child in process.children(True)))
    except psutil.Error:
        return 0


def _belongs(process: psutil.Process, stack: Stack) -> bool:
    if process.pid == os.getpid():
        return False
    try:
        return bool(process.environ().get(MARK) == str(stack.data))
    except (psutil.Error, OSError):
        return False
