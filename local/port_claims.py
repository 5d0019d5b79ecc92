"""Whether a stack can have its ports, and keeping them for it while it starts.

A port that nobody listens on may be an outgoing connection's all the same: systems take ports for those from 32768 or
49152 up, gRPC's usual ones among them, and keep them for a minute after the connection has ended (RFC 9293, TIME-WAIT).
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
    """One line for each port that a part needs and cannot have. One of a connection that ends is waited for."""
    needs = {stack.port(name): part.name for part in parts for name in part.ports}
    deadline = time.monotonic() + _PATIENCE_SECONDS
    told = False
    while True:
        taken = [port for port in needs if not _free(port)]
        listened_to = _listeners()
        if not taken or any(port in listened_to for port in taken) or time.monotonic() > deadline:
            return [_line(port, needs[port], listened_to) for port in taken]
        if not told:
            print(f"Waiting for outgoing connections to leave: {', '.join(map(str, taken))}", flush=True)
            told = True
        time.sleep(_PAUSE_SECONDS)


def listened_to(stack: Stack, parts: Iterable[Part]) -> list[str]:
    """One line for each port of a part that somebody listens on."""
    listeners = _listeners()
    needs = {stack.port(name): part.name for part in parts for name in part.ports}
    return [_line(port, part, listeners) for port, part in needs.items() if port in listeners]


@contextmanager
def kept_from_outgoing_connections(stack: Stack, parts: Iterable[Part]) -> Iterator[None]:
    """No connection gets a port of these parts: it is bound, and not listened on, so that they may still have it."""
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
    """Port → process id, where the system tells us."""
    try:
        found = psutil.net_connections("tcp")
    except psutil.Error:  # some systems tell it administrators alone
        return {}
    return {one.laddr.port: one.pid for one in found if one.laddr and one.status == psutil.CONN_LISTEN}


def _line(port: int, part: str, listeners: dict[int, int | None]) -> str:
    return (
        f"port {port}, which {part} needs, is taken{_by_whom(listeners.get(port))}: "
        "stop what holds it, or set ARGOSY_PORT_OFFSET to a number that is added to every port"
    )


def _by_whom(pid: int | None) -> str:
    try:
        return f" by {psutil.Process(pid).name()} (pid {pid})" if pid else ""
    except psutil.Error:
        return ""
