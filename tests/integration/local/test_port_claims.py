"""Ports that outgoing connections may have taken, on real sockets."""

import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from local.part import Group, Part
from local.port_claims import kept_from_outgoing_connections, listened_to, taken_ports
from local.ports import HOST
from local.stack import Stack

OFFSET = 14690
"""gRPC's ports with it are outside the range for outgoing connections of all systems, unless configured otherwise."""
ALONE = (("grpc.so_reuseport", 0),)
"""As our services listen."""
PARTS = [Part("user", Group.SERVICES, command=(), ready=None, ports=("user-grpc",))]


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path, OFFSET)


@pytest.fixture
def outgoing(stack: Stack) -> Iterator[socket.socket]:
    """A connection to somebody else, from the port that a part needs."""
    with socket.socket() as server, socket.socket() as connection:
        server.bind((HOST, 0))
        server.listen()
        connection.bind((HOST, stack.port("user-grpc")))
        # Closed by a reset: nothing is kept for a minute.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.connect(server.getsockname())
        yield connection


def test_the_port_of_an_outgoing_connection_is_waited_for(
    stack: Stack, outgoing: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    closing = threading.Timer(2, outgoing.close)
    closing.start()
    assert taken_ports(stack, PARTS) == []
    closing.join()
    assert f"outgoing connections: {stack.port('user-grpc')}" in capsys.readouterr().out


def test_an_outgoing_connection_is_nothing_left_behind(stack: Stack, outgoing: socket.socket) -> None:
    assert outgoing.getsockname()[1] == stack.port("user-grpc")
    assert listened_to(stack, PARTS) == []


def test_somebody_who_listens_is_named_at_once(stack: Stack) -> None:
    with socket.socket() as holder:
        holder.bind((HOST, stack.port("user-grpc")))
        holder.listen()
        for found in (taken_ports(stack, PARTS), listened_to(stack, PARTS)):
            (line,) = found
            assert line.startswith(f"port {stack.port('user-grpc')}, which user needs, is taken by ")


def test_a_kept_port_is_its_services_and_nobody_elses(stack: Stack) -> None:
    address = stack.address("user-grpc")
    with kept_from_outgoing_connections(stack, PARTS):
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind((HOST, stack.port("user-grpc")))
        server = grpc.server(ThreadPoolExecutor(1), options=ALONE)
        assert server.add_insecure_port(address) == stack.port("user-grpc")
        server.start()
        with grpc.insecure_channel(address) as channel:
            grpc.channel_ready_future(channel).result(timeout=30)
        server.stop(None)
