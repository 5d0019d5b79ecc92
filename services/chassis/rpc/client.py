"""gRPC clients for other services of ours, configured from the contract.

Each call carries this service's token and the trace context. Its timeout is the smaller of the rpc's deadline and the
time the current call has left. gRPC retries repeatable rpcs with backoff.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf.message import Message

from services.chassis import tracing
from services.chassis.plain import deadlines, trace_context, transient
from services.chassis.plain.crash_points import reach
from services.chassis.plain.errors import Unavailable
from services.chassis.rpc.policy import MethodPolicyView, ServicePolicyView
from services.chassis.rpc.service_tokens import ServiceTokenSigner

_OPTIONS = (
    # The environment's proxy is for outbound traffic (Stripe). These calls carry our tokens and must not use it.
    ("grpc.enable_http_proxy", 0),
    # Reconnect within seconds, not minutes, after a dependency was unavailable.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Detect a connection whose peer disappeared without closing it.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
)
_MOST_ATTEMPTS = 5  # gRPC's upper limit
_RETRIES_PER_CALL = 0.1
"""Retries are at most so many of the calls that succeed, so that they do not overload a failing service."""
_RETRY_TOKENS = 20
"""Half of it is what may fail at once before the limit applies. https://github.com/grpc/proposal/blob/master/A6-client-retries.md"""

_RETRIED = ("UNAVAILABLE", "CANCELLED")
"""CANCELLED: gRPC in the other service answers so to calls that it has not begun when it stops, or after 30 s."""

_PASSING = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
    }
)


def passes(error: BaseException) -> bool:
    """Whether the error is a failed call to another service that may succeed later."""
    code = getattr(error, "code", None) if isinstance(error, grpc.RpcError) else None
    return callable(code) and code() in _PASSING


transient.register_test(passes)


@contextmanager
def unavailable_without_answer() -> Iterator[None]:
    """Raises Unavailable for a call that failed with any status."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise Unavailable from error


class ServiceChannel:
    """The part of a gRPC channel that a generated stub uses; also a Resource (resource.py).

    A stub can be created before the event loop runs. `start` opens the channel but does not wait for the other service,
    which may start later.
    """

    def __init__(self, target: str, contract: ServicePolicyView, signer: ServiceTokenSigner) -> None:
        self.name = f"client-{contract.full_name}"
        self._target = target
        self._contract = contract
        self._signer = signer
        self._channel: grpc.aio.Channel | None = None

    async def start(self) -> None:
        """Open the channel. It connects at the first call."""
        options = (*_OPTIONS, ("grpc.service_config", json.dumps(service_config(self._contract))))
        spans = tracing.active().client_interceptors()
        self._channel = grpc.aio.insecure_channel(self._target, options=options, interceptors=spans)

    async def stop(self) -> None:
        """Close the channel."""
        if self._channel is not None:
            await self._channel.close()

    async def check(self) -> None:
        """Never fails: each call reports an unavailable service by itself."""

    def unary_unary(
        self,
        path: str,
        request_serializer: Callable[[Any], bytes],
        response_deserializer: Callable[[bytes], Any],
        _registered_method: bool = False,
    ) -> Callable[..., Awaitable[Any]]:
        """A callable for one rpc; generated stubs call this."""
        method = self._contract.methods[path.rpartition("/")[2]]
        connected: grpc.aio.UnaryUnaryMultiCallable | None = None

        async def call(request: Message, *, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - a stub's own
            nonlocal connected
            if connected is None:
                connected = self._connected(path, request_serializer, response_deserializer)
            with tracing.active().to_service() as traceparent:
                metadata = (
                    ("authorization", f"Bearer {self._signer.token(self._contract.owner)}"),
                    (trace_context.HEADER, traceparent),
                )
                reach("call", method.name, "before")
                answer = await connected(request, timeout=_timeout_of(method, timeout), metadata=metadata)
                reach("call", method.name, "answered")
                return answer

        return call

    def _connected(self, path: str, serialize: Any, deserialize: Any) -> grpc.aio.UnaryUnaryMultiCallable:
        if self._channel is None:
            raise RuntimeError(f"{self.name} was called before the app started it")
        return self._channel.unary_unary(path, serialize, deserialize)


def service_config(contract: ServicePolicyView) -> dict[str, Any]:
    """gRPC's service config (timeouts and retries) from the contract. https://github.com/grpc/grpc/blob/master/doc/service_config.md"""
    return {
        "methodConfig": [_method_config(method, contract.read_retries) for method in contract.methods.values()],
        "retryThrottling": {"maxTokens": _RETRY_TOKENS, "tokenRatio": _RETRIES_PER_CALL},
    }


def _method_config(method: MethodPolicyView, retries: int) -> dict[str, Any]:
    config: dict[str, Any] = {
        "name": [{"service": method.service, "method": method.name}],
        "timeout": f"{method.timeout:.3f}s",
    }
    if method.is_repeatable and retries > 0:
        config["retryPolicy"] = {
            "maxAttempts": min(retries + 1, _MOST_ATTEMPTS),
            "initialBackoff": "0.05s",
            "maxBackoff": "0.5s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": _RETRIED,
        }
    return config


def _timeout_of(method: MethodPolicyView, asked: float | None) -> float:
    return deadlines.within(method.timeout if asked is None else min(asked, method.timeout))
