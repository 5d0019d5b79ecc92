"""The limit of connections of one client address."""

from __future__ import annotations

import ipaddress
import socket
from collections import Counter

import pytest

from edge.connections import Client, ConnectionLimit, client_of, open_connections

ANN, BOB = ipaddress.IPv4Address("192.0.2.1"), ipaddress.IPv4Address("192.0.2.2")


def limit_of(most: int, *counts: Counter[Client]) -> ConnectionLimit:
    given = iter(counts)
    return ConnectionLimit(8080, most, lambda _: next(given))


def test_a_client_has_so_many_connections_and_others_have_theirs() -> None:
    limit = limit_of(3, Counter[Client]({ANN: 2, BOB: 1}))
    assert [limit.admits(str(ANN)) for _ in range(3)] == [True, True, False]
    assert limit.admits(str(BOB))


def test_a_count_includes_the_connection_that_is_asked_about() -> None:
    assert limit_of(2, Counter[Client]({ANN: 2})).admits(str(ANN))
    assert not limit_of(2, Counter[Client]({ANN: 3})).admits(str(ANN))


@pytest.mark.parametrize(
    ("address", "client"),
    [("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("2001:db8::1:2:3:4", "2001:db8::/64")],
)
def test_an_ipv6_client_is_its_network(address: str, client: str) -> None:
    assert str(client_of(address)) == client


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_the_kernel_counts_what_is_open(family: socket.AddressFamily, host: str) -> None:
    with socket.create_server((host, 0), family=family) as server:
        port = server.getsockname()[1]
        clients = [socket.create_connection((host, port)) for _ in range(3)]
        assert open_connections(port) == {client_of(host): 3}
        for client in clients:
            client.close()
