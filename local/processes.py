"""What runs on this machine, as far as a stack is concerned: who holds a port, and what a stack left behind."""

import os
import socket
from collections.abc import Iterable

import psutil

from local.part import Part
from local.ports import HOST
from local.stack import Stack
from local.supervisor_config import MARK

_PATIENCE_SECONDS = 10


def taken_ports(stack: Stack, parts: Iterable[Part]) -> list[str]:
    """One line for each port that a part needs and cannot have."""
    return [
        f"port {stack.port(name)}, which {part.name} needs, is taken{_by_whom(stack.port(name))}: "
        f"stop what holds it, or set ARGOSY_PORT_OFFSET to a number that is added to every port"
        for part in parts
        for name in part.ports
        if not _free(stack.port(name))
    ]


def end_leftovers(stack: Stack) -> int:
    """End processes of this stack whose supervisor is gone; returns how many there were."""
    leftovers = [process for process in psutil.process_iter() if _belongs(process, stack)]
    for process in leftovers:
        process.terminate()
    _, stubborn = psutil.wait_procs(leftovers, timeout=_PATIENCE_SECONDS)
    for process in stubborn:
        process.kill()
    psutil.wait_procs(stubborn, timeout=_PATIENCE_SECONDS)
    return len(leftovers)


def memory_bytes(pid: int) -> int:
    """Resident memory of a process, and what its descendants have for themselves; 0 when it is gone."""
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


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _by_whom(port: int) -> str:
    """` by NAME (pid N)` when the system tells us, else nothing."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,)
            if listens and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass
    return ""
