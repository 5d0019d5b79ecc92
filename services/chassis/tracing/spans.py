"""Attributes of calls' spans, and the spans of events.

gRPC's instrumentation makes the spans of calls (grpc_spans.py). This module adds what only the pipeline knows: the
caller and the meaning of the status. It makes the spans of events itself: an event belongs to the trace of its change,
which the outbox stores, not to the relay's loop.

Names and attributes follow OpenTelemetry's conventions for rpc and messaging. Of requests and events, spans contain
only ids and sizes, so never a field that the contract marks as `debug_redact`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

import grpc
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, Sampler
from opentelemetry.trace import Span, SpanContext, SpanKind, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from services.chassis.bus.events import Event, OutgoingRecord, header, type_of
from services.chassis.plain import trace_context
from services.chassis.rpc.call import Service, User, request_id_of
from services.chassis.rpc.contract import Access
from services.chassis.rpc.pipeline.exchange import Exchange, Step
from services.chassis.rpc.policy import MethodPolicyView
from services.chassis.tracing import Note, Tracing, export, grpc_spans, libraries
from services.chassis.tracing.settings import TracingSettings

_w3c = TraceContextTextMapPropagator()
_HEADER = trace_context.HEADER
_OUR_FAULT = frozenset(
    (
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    )
)
"""Server errors, by the conventions. Client errors do not fail a server span."""
_WELL = ("handled", "skipped")


def start(service: str, settings: TracingSettings) -> Tracing:
    """Start recording in this process."""
    provider = export.provider(service, settings)
    libraries.instrument(provider)
    grpc_spans.prepare()
    trace_context.decide_sampling(_decider(provider.sampler))
    return Recording(provider)


class Recording(Tracing):
    """With a collector: records and exports spans."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("argosy")

    def server_interceptors(self) -> Sequence[grpc.aio.ServerInterceptor]:
        """Make a span of each served call."""
        return grpc_spans.server_interceptors(self._provider)

    def client_interceptors(self) -> Sequence[grpc.aio.ClientInterceptor]:
        """Make a span of each call to another service, if the current span is recorded."""
        return grpc_spans.client_interceptors(self._provider)

    def around_call(self, method: MethodPolicyView, proceed: Step) -> Step:
        """Set the caller, the result and the sizes as attributes of the call's span, at its end."""

        async def traced(exchange: Exchange) -> bytes:
            span = trace.get_current_span()
            exchange.traceparent = _traceparent(span.get_span_context())
            if not span.is_recording():
                with suppress_instrumentation():  # the libraries need not make spans that are dropped
                    return await proceed(exchange)
            size = 0
            try:
                answer = await proceed(exchange)
                size = len(answer)
                return answer
            finally:
                _describe_call(span, method, exchange, size or exchange.sent)

        return traced

    @contextmanager
    def to_service(self) -> Iterator[str]:
        """Wraps a call that is made. If it has a span, the span's traceparent replaces the yielded one."""
        with grpc_spans.always_ended():
            yield trace_context.current_or_new()

    @contextmanager
    def sending(self, record: OutgoingRecord) -> Iterator[OutgoingRecord]:
        """A producer span in the trace of the event's change. It is the parent of consumers' spans."""
        parent = _w3c.extract({_HEADER: header(record.headers, _HEADER) or ""})
        span = self._tracer.start_span(f"send {record.topic}", parent, SpanKind.PRODUCER, _message(record))
        try:
            yield _carrying(record, span) if span.is_recording() else record
        except BaseException as error:
            span.record_exception(error)
            grpc_spans.fail(span, type(error).__qualname__)
            raise
        finally:
            span.end()

    @contextmanager
    def handling(self, event: Event, group: str) -> Iterator[Note]:
        """A consumer span, from the first attempt to the last."""
        parent = _w3c.extract({_HEADER: event.traceparent})
        span = self._tracer.start_span(f"process {event.topic}", parent, SpanKind.CONSUMER, _consumed(event, group))

        def note(what: str) -> None:
            span.set_attribute("argosy.event.result", what)
            if what not in _WELL:
                span.set_status(StatusCode.ERROR)

        recording: AbstractContextManager[object] = (
            trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False)
            if span.is_recording()
            else suppress_instrumentation()
        )
        with recording, trace_context.using(_traceparent(span.get_span_context())):
            yield note

    async def finish(self, at_most: float) -> None:
        """Flush in a daemon thread, which is abandoned if the collector does not answer in time."""
        done = asyncio.Event()
        loop = asyncio.get_running_loop()

        def flush() -> None:
            self._provider.shutdown()
            loop.call_soon_threadsafe(done.set)

        threading.Thread(target=flush, name="flush-spans", daemon=True).start()
        try:
            async with asyncio.timeout(at_most):
                await done.wait()
        except TimeoutError:
            return


def _describe_call(span: Span, method: MethodPolicyView, exchange: Exchange, size: int) -> None:
    span.update_name(method.path[1:])
    span.set_attributes(
        {
            "http.request.method": method.verb or "GRPC",
            "http.route": method.route or method.path,
            "http.request.body.size": len(exchange.body),
            "http.response.body.size": size,
            "argosy.request_id": request_id_of(exchange.metadata, exchange.traceparent),
        }
    )
    if method.access is not Access.INTERNAL:
        span.set_attribute("user.action", method.name)
    if isinstance(exchange.caller, User):
        span.set_attribute("user.id", exchange.caller.id)
        span.set_attribute("argosy.client_app", exchange.caller.client_app)
    elif isinstance(exchange.caller, Service):
        span.set_attribute("argosy.caller", exchange.caller.name)
    if exchange.reason:
        span.set_attribute("argosy.reason", exchange.reason)
    span.set_attribute(grpc_spans.STATUS, exchange.status.value[0])
    if exchange.status in _OUR_FAULT:
        grpc_spans.fail(span, exchange.status.name)
        failure = exchange.failure or exchange.cause
        if failure is not None:
            span.record_exception(failure)


def _message(record: OutgoingRecord) -> dict[str, AttributeValue]:
    return {
        "messaging.system": "kafka",
        "messaging.operation.type": "send",
        "messaging.operation.name": "send",
        "messaging.destination.name": record.topic,
        "messaging.kafka.message.key": (record.key or b"").decode(errors="replace"),
        "messaging.message.body.size": len(record.value or b""),
        "argosy.event.type": type_of(record.headers) or "",
    }


def _consumed(event: Event, group: str) -> dict[str, AttributeValue]:
    return {
        "messaging.system": "kafka",
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "messaging.destination.name": event.topic,
        "messaging.destination.partition.id": str(event.partition),
        "messaging.consumer.group.name": group,
        "messaging.kafka.message.key": event.key,
        "messaging.kafka.offset": event.offset,
        "messaging.message.id": str(event.id),
        "argosy.event.type": event.type,
    }


def _carrying(record: OutgoingRecord, span: Span) -> OutgoingRecord:
    """The record with this span's traceparent."""
    others = tuple((name, value) for name, value in record.headers if name != _HEADER)
    return replace(record, headers=(*others, (_HEADER, _traceparent(span.get_span_context()).encode())))


def _traceparent(span: SpanContext) -> str:
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags & TraceFlags.SAMPLED:02x}"


def _decider(sampler: Sampler) -> trace_context.Decide:
    """The sampling decision for traces that start outside any span, such as in a sweeper."""

    def decide(trace_id: int) -> bool:
        decision = sampler.should_sample(Context(), trace_id, "", SpanKind.INTERNAL).decision
        return decision is Decision.RECORD_AND_SAMPLE

    return decide
