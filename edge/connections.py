"""Limits the open connections of one client address, as Envoy's rate limit service for new connections.

Envoy limits connections only all together, so one address could take all of them. It can ask a service about each new
connection, but does not report closed ones. So the number of open connections comes from the kernel (Linux only;
without /proc/net, every connection passes).
"""

from __future__ import annotations

import ipaddress
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import message_factory, text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool

Client = ipaddress.IPv4Address | ipaddress.IPv6Network
Count = Callable[[int], Counter[Client]]

_SERVICE = "envoy.service.ratelimit.v3.RateLimitService"
_OK, _OVER_LIMIT = 1, 2
_FRESH_SECONDS = 0.25
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_ESTABLISHED = "01"
_IPV6_PREFIX = 64
"""A customer usually has a whole /64 network."""

# The part of envoy/service/ratelimit/v3/rls.proto that is used here.
_PROTO = """
name: "ratelimit.proto" package: "envoy.service.ratelimit.v3" syntax: "proto3"
message_type { name: "Entry" field { name: "value" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL } }
message_type { name: "Descriptor" field { name: "entries" number: 1 type: TYPE_MESSAGE label: LABEL_REPEATED
  type_name: ".envoy.service.ratelimit.v3.Entry" } }
message_type { name: "RateLimitRequest" field { name: "descriptors" number: 2 type: TYPE_MESSAGE label: LABEL_REPEATED
  type_name: ".envoy.service.ratelimit.v3.Descriptor" } }
message_type { name: "RateLimitResponse" field { name: "code" number: 1 type: TYPE_INT32 label: LABEL_OPTIONAL } }
"""


class ConnectionLimit:
    """Decides about each new connection to one port."""

    def __init__(self, port: int, most: int, count: Count | None = None) -> None:
        """`most`: the maximum of open connections of one IPv4 address or IPv6 /64 network."""
        self._port = port
        self._most = most
        self._count = count or open_connections
        self._open: Counter[Client] = Counter()
        self._counted_at = float("-inf")

    def admits(self, address: str) -> bool:
        """Whether a new connection from this address may stay."""
        now = time.monotonic()
        if now - self._counted_at > _FRESH_SECONDS:
            self._open = self._count(self._port)  # the new connection is among them
            self._counted_at = now
        else:
            self._open[client_of(address)] += 1
        return self._open[client_of(address)] <= self._most


def serve(limit: ConnectionLimit, socket: Path) -> grpc.Server:
    """Start a server on a Unix socket that Envoy asks about each new connection. `stop(None)` ends it."""
    pool = DescriptorPool()
    pool.Add(text_format.Parse(_PROTO, FileDescriptorProto()))
    request_class, response_class = (
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"envoy.service.ratelimit.v3.{name}"))
        for name in ("RateLimitRequest", "RateLimitResponse")
    )

    def should_rate_limit(request: Any, _: grpc.ServicerContext) -> Any:
        admitted = all(limit.admits(entry.value) for one in request.descriptors for entry in one.entries)
        return response_class(code=_OK if admitted else _OVER_LIMIT)

    handler = grpc.unary_unary_rpc_method_handler(
        should_rate_limit, request_class.FromString, response_class.SerializeToString
    )
    # One thread: a count is valid for those who wait, too.
    server = grpc.server(ThreadPoolExecutor(1, "connections"))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(_SERVICE, {"ShouldRateLimit": handler})])
    server.add_insecure_port(f"unix:{socket}")
    server.start()
    return server


def client_of(address: str) -> Client:
    """The client that an address belongs to. Raises ValueError if it is no address."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        return found.ipv4_mapped or ipaddress.IPv6Network((int(found), _IPV6_PREFIX), strict=False)
    return found


def open_connections(port: int) -> Counter[Client]:
    """The established connections to a local port, by client."""
    counted: Counter[Client] = Counter()
    for table in _TABLES:
        with suppress(OSError):
            counted.update(_clients(table.read_text(encoding="ascii"), port))
    return counted


def _clients(table: str, port: int) -> Iterator[Client]:
    suffix = f":{port:04X}"
    for line in table.splitlines()[1:]:
        _, local, remote, state, *_ = line.split()
        if state == _ESTABLISHED and local.endswith(suffix):
            yield client_of(_address(remote.partition(":")[0]))


def _address(text: str) -> str:
    """An address of /proc/net: words of 32 bits, in the byte order of the machine (little-endian)."""
    words = [bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8)]
    return str(ipaddress.ip_address(b"".join(words)))
