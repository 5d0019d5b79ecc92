"""Checks that a stack's ports are free, and reserves them while it starts.

A port without a listener may still belong to an outgoing connection: systems assign ephemeral ports from 32768 or 49152
up, which include gRPC's usual ones, and keep them for a minute after the connection has ended (RFC 9293, TIME-WAIT).
"""

import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

import psutil

from local.part import Part
from local.ports import HOST
from local.stack import Stack

_FIRST_OUTGOING = 32768
_PATIENCE_SECONDS = 65
_PAUSE_SECONDS = 0.5


def taken_ports(stack: Stack, parts: Iterable[Part]) -> list[str]:
    """One line for each port that a part needs and cannot have. Waits for ports of ending connections."""
    needs = {stack.port(name): part.name for part in parts for name in part.ports}
    deadline = time.monotonic() + _PATIENCE_SECONDS
    announced = False
    while True:
        taken = [port for port in needs if not _free(port)]
        listened_to = _listeners()
        if not taken or any(port in listened_to for port in taken) or time.monotonic() > deadline:
            return [_line(port, needs[port], listened_to) for port in taken]
        if not announced:
            print(f"Waiting for ports of outgoing connections: {', '.join(map(str, taken))}", flush=True)
            announced = True
        time.sleep(_PAUSE_SECONDS)


def listened_to(stack: Stack, parts: Iterable[Part]) -> list[str]:
    """One line for each port of a part that has a listener."""
    listeners = _listeners()
    needs = {stack.port(name): part.name for part in parts for name in part.ports}
    return [_line(port, part, listeners) for port, part in needs.items() if port in listeners]


@contextmanager
def kept_from_outgoing_connections(stack: Stack, parts: Iterable[Part]) -> Iterator[None]:
    """Reserve the ports of these parts: they are bound without listening, so that no connection gets them."""
    with ExitStack() as kept:
        for port in (stack.port(name) for part in parts for name in part.ports):
            if port >= _FIRST_OUTGOING:
                holder = kept.enter_context(_socket())
                _binds(holder, port)
        yield


def _socket() -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made


def _binds(holder: socket.socket, port: int) -> bool:
    try:
        holder.bind((HOST, port))
    except OSError:
        return False
    return True


def _free(port: int) -> bool:
    with _socket() as probe:
        return _binds(probe, port)


def _listeners() -> dict[int, int | None]:
    """Port → process id, as far as the system reports it."""
    try:
        found = psutil.net_connections("tcp")
    except psutil.Error:  # some systems report it to administrators only
        return {}
    return {one.laddr.port: one.pid for one in found if one.laddr and one.status == psutil.CONN_LISTEN}


def _line(port: int, part: str, listeners: dict[int, int | None]) -> str:
    return (
        f"port {port}, which {part} needs, is taken{_by_whom(listeners.get(port))}: "
        "stop the process that uses it, or set ARGOSY_PORT_OFFSET to a number that is added to every port"
    )


def _by_whom(pid: int | None) -> str:
    try:
        return f" by {psutil.Process(pid).name()} (pid {pid})" if pid else ""
    except psutil.Error:
        return ""
