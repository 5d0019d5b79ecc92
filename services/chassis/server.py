"""The gRPC port: binds contracts to handlers, and knows how many calls are in flight."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc

from services.chassis import tracing
from services.chassis.pipeline import Exchange, Parts, Step, compose
from services.chassis.policy import MethodPolicyView, ServicePolicyView

_LARGEST_MESSAGE = 11 * 1024 * 1024  # the edge takes bodies of 10 MB; here is room for what encoding adds
_OPTIONS = (
    ("grpc.so_reuseport", 0),  # a port that is taken is an error, not half of the calls
    ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
    ("grpc.max_send_message_length", _LARGEST_MESSAGE),
    # Clients may ping idle connections; by default a ping more often than every 300 s costs them the connection.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_permit_without_calls", 1),
)
_CREATED = (("x-http-code", "201"),)

Bound = Callable[[bytes, Any], Awaitable[bytes]]


class HandlerError(Exception):
    """A handler does not fit its contract. Found at start."""


class InFlight:
    """Counts calls from their first line to their last `finally`.

    grpc.aio's own `stop` returns before cancelled handlers have finished; what they use must stay until then.
    """

    def __init__(self) -> None:
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()

    def enter(self) -> None:
        """A call begins."""
        self._count += 1
        self._none.clear()

    def leave(self) -> None:
        """A call has ended."""
        self._count -= 1
        if self._count == 0:
            self._none.set()

    async def none(self) -> None:
        """Return when no call is in flight."""
        await self._none.wait()


def create() -> grpc.aio.Server:
    """A server with our options. Inside a running loop."""
    return grpc.aio.server(options=_OPTIONS, interceptors=tracing.active().server_interceptors())


def listen(server: grpc.aio.Server, host: str, port: int) -> int:
    """Bind; the port that was bound. Raises OSError when it is taken."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        bound: int = server.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(f"cannot listen on {address}") from error
    return bound


def bind(
    server: grpc.aio.Server, contract: ServicePolicyView, handler: object, parts: Parts, in_flight: InFlight
) -> None:
    """Serve one proto service by one handler object. Raises HandlerError when they do not fit."""
    methods = methods_of(contract, handler)
    handlers = {
        name: _handler(policy, _entry(policy, compose(policy, methods[name], parts), in_flight))
        for name, policy in contract.methods.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(contract.full_name, handlers),))


def methods_of(contract: ServicePolicyView, handler: object) -> Mapping[str, Callable[..., Any]]:
    """The handler's methods, one an rpc: coroutine functions, and async generators where the answer is a stream.

    Raises HandlerError for a missing or an extra one, and for one of the wrong kind.
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
    """What grpc.aio calls: bytes in, bytes out; parsing is validation's concern. A stream's are out by then."""

    async def enter(body: bytes, context: Any) -> bytes:
        in_flight.enter()
        try:
            answer = await step(Exchange(body, context))
            if method.creates:  # only now: a failure must stay free of initial metadata
                await context.send_initial_metadata(_CREATED)
            return answer
        finally:
            in_flight.leave()

    return enter
