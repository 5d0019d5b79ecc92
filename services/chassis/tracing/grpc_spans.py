"""Spans of gRPC calls by its OpenTelemetry instrumentation, with fixes for its deficiencies.

The instrumentation makes a span for each call that is served or made. As of 0.66, it needs these fixes:

- It uses the global propagator, also for HTTP clients. Ours handles gRPC metadata only, so that external parties
  (Stripe, over HTTP) do not receive trace ids.
- It records `abort`, which raises an exception, as a failure. We hide the exception from it.
- It does not support handlers that write a stream's messages themselves. We wrap them as async generators.
- The span of a cancelled call is OK if the call was served, and never ends if it was made. spans.py sets the status and
  ends it.
- Span names begin with a slash, and the span of a failed client call has no `error.type`. We set both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import grpc
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.grpc import aio_client_interceptors, aio_server_interceptor, filters
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Span, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

STATUS = "rpc.grpc.status_code"

_CODES = {code.value[0]: code for code in grpc.StatusCode}
_OURS = filters.negate(filters.service_prefix("grpc."))
"""Excludes health and reflection, which are polled every few seconds."""

_made: ContextVar[list[Span] | None] = ContextVar("spans of a call that is being made", default=None)

Handler = Callable[[bytes, Any], Awaitable[bytes]]


class WithinGrpc(TextMapPropagator):
    """The W3C propagator for gRPC metadata only: only our own services receive the trace context."""

    def __init__(self) -> None:
        self._w3c = TraceContextTextMapPropagator()

    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> Context:
        """The trace context of the caller."""
        return self._w3c.extract(carrier, context, getter)

    def inject(
        self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        """Set the trace context in gRPC metadata. Does nothing for other carriers."""
        if isinstance(carrier, grpc.aio.Metadata):
            self._w3c.inject(carrier, context, setter)

    @property
    def fields(self) -> set[str]:
        """The headers that it sets."""
        return self._w3c.fields


def prepare() -> None:
    """Propagate the trace context by gRPC only."""
    propagate.set_global_textmap(WithinGrpc())


def server_interceptors(provider: trace.TracerProvider) -> Sequence[grpc.aio.ServerInterceptor]:
    """The instrumentation's interceptor, and inside it the one that adapts handlers."""
    spans = aio_server_interceptor(provider, filter_=_OURS)  # type: ignore[no-untyped-call]
    return spans, _AdaptHandlers()


def client_interceptors(provider: trace.TracerProvider) -> Sequence[grpc.aio.ClientInterceptor]:
    """The instrumentation's interceptors. They make a span only inside a recorded span."""
    interceptors: Sequence[grpc.aio.ClientInterceptor] = aio_client_interceptors(  # type: ignore[no-untyped-call]
        provider, filter_=_within_what_is_recorded, request_hook=_on_request, response_hook=_on_response
    )
    return interceptors


@contextmanager
def always_ended() -> Iterator[None]:
    """Wraps a call that is made. If it raises and the instrumentation has not ended its span, ends it as a failure."""
    spans: list[Span] = []
    token = _made.set(spans)
    try:
        yield
    except BaseException as error:
        for span in spans:
            if span.is_recording():
                fail(span, type(error).__qualname__)
                span.end()
        raise
    finally:
        _made.reset(token)


def fail(span: Span, error_type: str) -> None:
    """Set a span's status to ERROR, with the attribute `error.type`."""
    span.set_attribute("error.type", error_type)
    span.set_status(StatusCode.ERROR)


class _AdaptHandlers(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Adapts handlers to the instrumentation: they neither raise AbortError nor write messages."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """The adapted handler."""
        handler: Any = await continuation(handler_call_details)
        if handler is None or not _OURS(handler_call_details):
            return handler
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(_generator(handler.unary_stream))
        return grpc.unary_unary_rpc_method_handler(_not_aborting(handler.unary_unary))


def _not_aborting(handle: Handler) -> Handler:
    """Hide AbortError. gRPC has already aborted the call and ignores the response."""

    async def handled(body: bytes, context: Any) -> bytes:
        try:
            return await handle(body, context)
        except grpc.aio.AbortError:
            return b""

    return handled


def _generator(handle: Handler) -> Callable[[bytes, Any], AsyncIterator[bytes]]:
    """Wrap a handler that writes its messages itself as a generator that yields none."""
    handle = _not_aborting(handle)

    async def generated(body: bytes, context: Any) -> AsyncIterator[bytes]:
        await handle(body, context)
        nothing: tuple[bytes, ...] = ()
        for message in nothing:
            yield message

    return generated


def _within_what_is_recorded(_: object) -> bool:
    return trace.get_current_span().is_recording()


def _on_request(span: Span, _request: object) -> None:
    if isinstance(span, ReadableSpan):  # it is recorded
        span.update_name(span.name.removeprefix("/"))
        spans = _made.get()
        if spans is not None:
            spans.append(span)


def _on_response(span: Span, _details: object) -> None:
    status = dict(span.attributes or {}).get(STATUS) if isinstance(span, ReadableSpan) else None
    if status:
        span.set_attribute("error.type", _CODES[status].name)
