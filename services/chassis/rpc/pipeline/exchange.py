"""The state of one call in the pipeline: the request, and the results of each step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, NoReturn, Protocol

import grpc
from google.protobuf.message import Message

from services.chassis.plain import trace_context
from services.chassis.rpc.call import Call, Service, User
from services.chassis.rpc.policy import MethodPolicyView


class Context(Protocol):
    """The part of grpc.aio's ServicerContext that the pipeline uses."""

    def invocation_metadata(self) -> Iterable[tuple[str, str | bytes]] | None:
        """The client's metadata."""

    def peer(self) -> str:
        """The remote end of the connection, as a gRPC address."""

    def time_remaining(self) -> float | None:
        """Seconds until the client's deadline. None: it has none."""

    async def write(self, message: bytes) -> None:
        """Send one message of a stream. Waits while the client does not read."""

    async def abort(
        self, code: grpc.StatusCode, details: str, trailing_metadata: tuple[tuple[str, str | bytes], ...]
    ) -> NoReturn:
        """End the call with an error status. Raises grpc.aio's AbortError."""


class Exchange:
    """The state of one call. Only the pipeline uses it; a handler receives a `Call`."""

    __slots__ = (
        "body",
        "caller",
        "cause",
        "client_app",
        "context",
        "deadline",
        "failure",
        "idempotency_key",
        "messages",
        "metadata",
        "reason",
        "request",
        "response_metadata",
        "sent",
        "status",
        "traceparent",
    )

    def __init__(self, body: bytes, context: Context) -> None:
        self.body = body
        self.context = context
        self.metadata: Mapping[str, Any] = dict(context.invocation_metadata() or ())
        self.traceparent = trace_context.accept(self.metadata.get(trace_context.HEADER))
        self.request: Message | None = None
        self.response_metadata: list[tuple[str, str]] = []
        self.caller: User | Service | None = None
        self.client_app = ""
        self.idempotency_key: str | None = None
        self.messages = 0  # sent by a stream
        self.sent = 0  # bytes sent by a stream
        self.deadline = 0.0
        self.status = grpc.StatusCode.OK
        self.reason = ""
        self.cause: BaseException | None = None
        self.failure: BaseException | None = None

    def call(self, method: MethodPolicyView) -> Call:
        """The call, as the handler receives it."""
        return Call(
            method,
            self.caller,
            self.idempotency_key,
            self.deadline,
            self.client_app,
            self.metadata,
            self.traceparent,
            self.metadata.get("x-client-address") or _host(self.context.peer()),
            self.response_metadata,
        )


Step = Callable[[Exchange], Awaitable[bytes]]
"""A step, including the steps nested in it. Returns the response's bytes."""


def _host(peer: str) -> str:
    """`ipv4:127.0.0.1:51234` and `ipv6:%5B::1%5D:51234` without scheme and port."""
    return peer.partition(":")[2].rpartition(":")[0].removeprefix("%5B").removesuffix("%5D")
