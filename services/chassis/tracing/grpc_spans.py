"""Spans of gRPC's calls, by its OpenTelemetry instrumentation, and what is mended around it.

The instrumentation makes a span for each call that is served or made. It does not fit us in some points, as of 0.66:

- It takes the trace from the global propagator and passes it on by the same. Ours serves gRPC's metadata alone, so that
  no outsider (Stripe, over HTTP) is told a trace.
- A refusal ends a handler by an exception of gRPC's own (`abort`), which it records as a failure: hidden from it.
- It does not understand a handler that writes a stream's messages itself: given to it as an async generator.
- A call that is cancelled ends as if it had gone well when served, and never when made: told and ended by spans.py.
- Names of spans begin with a slash; a failed client's span has no `error.type`.
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
"""Health and reflection are asked every few seconds, and belong to nobody's request."""

_made: ContextVar[list[Span] | None] = ContextVar("spans of a call that is being made", default=None)

Handler = Callable[[bytes, Any], Awaitable[bytes]]


class WithinGrpc(TextMapPropagator):
    """W3C's, given to nobody but those who are called by gRPC: our own services."""

    def __init__(self) -> None:
        self._w3c = TraceContextTextMapPropagator()

    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> Context:
        """The trace that a caller says it belongs to."""
        return self._w3c.extract(carrier, context, getter)

    def inject(
        self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        """Write the trace into gRPC's metadata, in place of what is there; into anything else nothing."""
        if isinstance(carrier, grpc.aio.Metadata):
            self._w3c.inject(carrier, context, setter)

    @property
    def fields(self) -> set[str]:
        """The headers that it writes."""
        return self._w3c.fields


def prepare() -> None:
    """Make the trace go on within gRPC, and nowhere else."""
    propagate.set_global_textmap(WithinGrpc())


def server_interceptors(provider: trace.TracerProvider) -> Sequence[grpc.aio.ServerInterceptor]:
    """For a server whose calls are spans: the instrumentation's, and within it what it cannot take as it is."""
    spans = aio_server_interceptor(provider, filter_=_OURS)  # type: ignore[no-untyped-call]
    return spans, _Palatable()


def client_interceptors(provider: trace.TracerProvider) -> Sequence[grpc.aio.ClientInterceptor]:
    """For a channel whose calls are spans, where they belong to work that is recorded."""
    interceptors: Sequence[grpc.aio.ClientInterceptor] = aio_client_interceptors(  # type: ignore[no-untyped-call]
        provider, filter_=_within_what_is_recorded, request_hook=_begun, response_hook=_over
    )
    return interceptors


@contextmanager
def ended_in_any_case() -> Iterator[None]:
    """Around a call that is made: its span ends as a failure when the instrumentation forgets it."""
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
    """Mark a span as an error of that kind."""
    span.set_attribute("error.type", error_type)
    span.set_status(StatusCode.ERROR)


class _Palatable(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Gives the instrumentation handlers that neither abort nor write."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """The method's handler, as the instrumentation can take it."""
        handler: Any = await continuation(handler_call_details)
        if handler is None or not _OURS(handler_call_details):
            return handler
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(_generator(handler.unary_stream))
        return grpc.unary_unary_rpc_method_handler(_not_aborting(handler.unary_unary))


def _not_aborting(handle: Handler) -> Handler:
    """gRPC knows that the call was aborted, and takes no answer then."""

    async def handled(body: bytes, context: Any) -> bytes:
        try:
            return await handle(body, context)
        except grpc.aio.AbortError:
            return b""

    return handled


def _generator(handle: Handler) -> Callable[[bytes, Any], AsyncIterator[bytes]]:
    """A generator of nothing: the handler has written everything when it ends."""
    handle = _not_aborting(handle)

    async def generated(body: bytes, context: Any) -> AsyncIterator[bytes]:
        await handle(body, context)
        nothing: tuple[bytes, ...] = ()
        for message in nothing:
            yield message

    return generated


def _within_what_is_recorded(_: object) -> bool:
    return trace.get_current_span().is_recording()


def _begun(span: Span, _request: object) -> None:
    if isinstance(span, ReadableSpan):  # one that is recorded
        span.update_name(span.name.removeprefix("/"))
        spans = _made.get()
        if spans is not None:
            spans.append(span)


def _over(span: Span, _details: object) -> None:
    status = dict(span.attributes or {}).get(STATUS) if isinstance(span, ReadableSpan) else None
    if status:
        span.set_attribute("error.type", _CODES[status].name)
