"""Spans of our own: around calls, calls to other services, and events on their way.

Not by gRPC's instrumentation: the pipeline is one composed function (an interceptor costs ten times as much), and it
alone knows who calls and what the status means. Not by aiokafka's: an event belongs to the trace of what made it
true, which the outbox keeps, and not to the relay's loop that happens to send it.

Names and attributes are OpenTelemetry's conventions for rpc and messaging. Nothing of a request or an event is told but
ids and sizes, so nothing that the contract marks as `debug_redact` can be.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

import grpc
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, Sampler
from opentelemetry.trace import Span, SpanContext, SpanKind, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from services.chassis import trace_context
from services.chassis.call import Service, User, request_id_of
from services.chassis.events import Event, OutgoingRecord, header, type_of
from services.chassis.pipeline.exchange import Exchange, Step
from services.chassis.policy import MethodPolicyView
from services.chassis.tracing import Note, Tracing, export, libraries
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
"""What is an error of the server's, by the conventions: a client's mistake is none."""
_WELL = ("handled", "skipped")


def start(service: str, settings: TracingSettings) -> Tracing:
    """Record from now on, in this process."""
    provider = export.provider(service, settings)
    libraries.instrument(provider)
    trace_context.decide_sampling(_decider(provider.sampler))
    return Recording(provider)


class Recording(Tracing):
    """With a collector."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("argosy")

    def around_call(self, method: MethodPolicyView, proceed: Step) -> Step:
        """A server's span; who calls, what came of it and the sizes are told at its end."""
        name, attributes = method.path[1:], _rpc(method)

        async def traced(exchange: Exchange) -> bytes:
            span = self._tracer.start_span(name, _w3c.extract(exchange.metadata), SpanKind.SERVER, attributes)
            exchange.traceparent = _traceparent(span.get_span_context())
            if not span.is_recording():
                with suppress_instrumentation():  # saves the libraries the making of spans that nobody keeps
                    return await proceed(exchange)
            otel_context.attach(trace.set_span_in_context(span))  # for this task, which ends with the call
            size = 0
            try:
                answer = await proceed(exchange)
                size = len(answer)
                return answer
            finally:
                _tell_call(span, exchange, size or exchange.sent)
                span.end()

        return traced

    @contextmanager
    def to_service(self, method: MethodPolicyView) -> Iterator[str]:
        """A client's span, where the present work is recorded."""
        if not trace.get_current_span().is_recording():
            yield trace_context.current_or_new()
            return
        span = self._tracer.start_span(method.path[1:], None, SpanKind.CLIENT, _rpc(method))
        try:
            with trace.use_span(span, record_exception=False, set_status_on_exception=False):
                yield _traceparent(span.get_span_context())
            _tell_status(span, grpc.StatusCode.OK, frozenset())
        except grpc.aio.AioRpcError as refusal:
            _tell_status(span, refusal.code(), _EVERY_FAILURE)
            raise
        except BaseException as error:
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(StatusCode.ERROR)
            raise
        finally:
            span.end()

    @contextmanager
    def sending(self, record: OutgoingRecord) -> Iterator[OutgoingRecord]:
        """A producer's span within the trace of what made the event true; consumers go on from it."""
        parent = _w3c.extract({_HEADER: header(record.headers, _HEADER) or ""})
        span = self._tracer.start_span(f"send {record.topic}", parent, SpanKind.PRODUCER, _message(record))
        try:
            yield _carrying(record, span) if span.is_recording() else record
        except BaseException as error:
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(StatusCode.ERROR)
            raise
        finally:
            span.end()

    @contextmanager
    def handling(self, event: Event, group: str) -> Iterator[Note]:
        """A consumer's span: from the first try to the last."""
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
        """Flush, in a thread that nobody waits for when the collector does not answer."""
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


_EVERY_FAILURE = frozenset(grpc.StatusCode) - {grpc.StatusCode.OK}


def _rpc(method: MethodPolicyView) -> dict[str, AttributeValue]:
    return {
        "rpc.system": "grpc",
        "rpc.service": method.service,
        "rpc.method": method.name,
        "http.request.method": method.verb,
        "http.route": method.route,
    }


def _tell_call(span: Span, exchange: Exchange, size: int) -> None:
    span.set_attribute("rpc.request.body.size", len(exchange.body))
    span.set_attribute("rpc.response.body.size", size)
    span.set_attribute("argosy.request_id", request_id_of(exchange.metadata, exchange.traceparent))
    if isinstance(exchange.caller, User):
        span.set_attribute("user.id", exchange.caller.id)
        span.set_attribute("argosy.client_app", exchange.caller.client_app)
    elif isinstance(exchange.caller, Service):
        span.set_attribute("argosy.caller", exchange.caller.name)
    if exchange.reason:
        span.set_attribute("argosy.reason", exchange.reason)
    _tell_status(span, exchange.status, _OUR_FAULT)


def _tell_status(span: Span, status: grpc.StatusCode, errors: frozenset[grpc.StatusCode]) -> None:
    span.set_attribute("rpc.grpc.status_code", status.value[0])
    if status in errors:
        span.set_attribute("error.type", status.name)
        span.set_status(StatusCode.ERROR)


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
    """The record, as sent by this span."""
    others = tuple((name, value) for name, value in record.headers if name != _HEADER)
    return replace(record, headers=(*others, (_HEADER, _traceparent(span.get_span_context()).encode())))


def _traceparent(span: SpanContext) -> str:
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags & TraceFlags.SAMPLED:02x}"


def _decider(sampler: Sampler) -> trace_context.Decide:
    """Whether a trace that begins outside any span (a sweeper's find) is recorded."""

    def decide(trace_id: int) -> bool:
        decision = sampler.should_sample(Context(), trace_id, "", SpanKind.INTERNAL).decision
        return decision is Decision.RECORD_AND_SAMPLE

    return decide
