"""The gRPC server: binds handlers to contracts, and counts calls in flight."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

import grpc

from services.chassis import tracing
from services.chassis.rpc.contract import REQUEST_BYTES
from services.chassis.rpc.pipeline import Exchange, Parts, Step, compose
from services.chassis.rpc.pipeline.validation import ENVELOPE_BYTES
from services.chassis.rpc.policy import MethodPolicyView, ServicePolicyView

_LARGEST_ANSWER = 11 * 1024 * 1024  # the edge's limit is 10 MB; encoding adds some
_LARGEST_METADATA = 64 * 1024
"""The edge forwards at most 32 KiB of headers and adds its own; gRPC counts 32 bytes more for each header. Between its
two default limits, gRPC refuses a random share of calls, with an error that lists all headers."""
OPTIONS = (
    ("grpc.so_reuseport", 0),  # a port in use is an error; otherwise two processes would share its calls
    ("grpc.max_send_message_length", _LARGEST_ANSWER),
    ("grpc.max_metadata_size", _LARGEST_METADATA),
    ("grpc.absolute_max_metadata_size", _LARGEST_METADATA),
    # Clients may ping idle connections. By default, gRPC closes a connection with more than one ping in 300 s.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_permit_without_calls", 1),
)
_CREATED = (("x-http-code", "201"),)

Bound = Callable[[bytes, Any], Awaitable[bytes]]


class HandlerError(Exception):
    """A handler does not match its contract. Raised at start."""


class InFlight:
    """Counts calls until their handlers have finished, including cleanup.

    grpc.aio's `stop` returns before cancelled handlers have finished, but resources must stay open until then.
    """

    def __init__(self) -> None:
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()

    def enter(self) -> None:
        """Count a call that begins."""
        self._count += 1
        self._none.clear()

    def leave(self) -> None:
        """Count a call that has ended."""
        self._count -= 1
        if self._count == 0:
            self._none.set()

    async def none(self) -> None:
        """Wait until no call is in flight."""
        await self._none.wait()


def create(contracts: Collection[ServicePolicyView]) -> grpc.aio.Server:
    """Create a server for these contracts, with our options. Needs a running event loop.

    gRPC refuses a message over the largest limit of all rpcs before it reads it; each rpc's own limit follows
    (pipeline/validation.py).
    """
    sizes = [method.max_request_bytes for contract in contracts for method in contract.methods.values()]
    largest = max(sizes, default=REQUEST_BYTES) + ENVELOPE_BYTES
    return grpc.aio.server(
        options=(*OPTIONS, ("grpc.max_receive_message_length", largest)),
        interceptors=tracing.active().server_interceptors(),
    )


def listen(server: grpc.aio.Server, host: str, port: int) -> int:
    """Bind to an address and return the bound port. Raises OSError if it is in use."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        bound: int = server.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(f"cannot listen on {address}") from error
    return bound


def bind(
    server: grpc.aio.Server, contract: ServicePolicyView, handler: object, parts: Parts, in_flight: InFlight
) -> None:
    """Serve one proto service with one handler object. Raises HandlerError if they do not match."""
    methods = methods_of(contract, handler)
    handlers = {
        name: _handler(policy, _entry(policy, compose(policy, methods[name], parts), in_flight))
        for name, policy in contract.methods.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(contract.full_name, handlers),))


def methods_of(contract: ServicePolicyView, handler: object) -> Mapping[str, Callable[..., Any]]:
    """The handler's methods, one per rpc: coroutine functions; async generators for streams.

    Raises HandlerError for a missing or an extra method, and for one of the wrong kind.
    """
    found = {name: method for name, method in inspect.getmembers(handler, _may_serve) if not name.startswith("_")}
    problems = [f"lacks {name}" for name in contract.methods if name not in found]
    problems += [f"has {name}, which is no rpc" for name in found if name not in contract.methods]
    for name in found.keys() & contract.methods.keys():
        if inspect.isasyncgenfunction(found[name]) != contract.methods[name].streams:
            wanted = "must yield its answers" if contract.methods[name].streams else "must return one answer"
            problems.append(f"has {name}, which {wanted}")
    if problems:
        raise HandlerError(f"{type(handler).__name__} for {contract.full_name} {', '.join(problems)}")
    return found


def _may_serve(member: object) -> bool:
    return inspect.iscoroutinefunction(member) or inspect.isasyncgenfunction(member)


def _handler(method: MethodPolicyView, entry: Bound) -> grpc.RpcMethodHandler:
    make = grpc.unary_stream_rpc_method_handler if method.streams else grpc.unary_unary_rpc_method_handler
    return make(entry)


def _entry(method: MethodPolicyView, step: Step, in_flight: InFlight) -> Bound:
    """The function that grpc.aio calls, with and for bytes. The messages of a stream are sent by its step."""
    created = _CREATED if method.creates else ()

    async def enter(body: bytes, context: Any) -> bytes:
        in_flight.enter()
        try:
            exchange = Exchange(body, context)
            answer = await step(exchange)
            if metadata := (*created, *exchange.response_metadata):  # only on success: a failure must not have any
                await context.send_initial_metadata(metadata)
            return answer
        finally:
            in_flight.leave()

    return enter
