"""Sampling and export of spans: in batches, by a separate thread, without error texts.

If the collector is unavailable, spans that do not fit into the queue (OTEL_BSP_MAX_QUEUE_SIZE) are dropped. Calls are
not affected.
"""

from __future__ import annotations

import socket
import uuid
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, SpanKind, Status, TraceState
from opentelemetry.util.types import Attributes
from prometheus_client import Counter

from services.chassis.tracing.settings import TracingSettings

_PARENT_BASED = "parentbased_"
_EXPORTED_ATTRIBUTES = ("exception.type", "exception.escaped")

_exported = Counter("argosy_spans_total", "Spans by result: exported or lost.", ["result"])


def provider(service: str, settings: TracingSettings) -> TracerProvider:
    """The tracer provider of this process."""
    made = TracerProvider(sampler=sampler(settings), resource=_resource(service, settings), shutdown_on_exit=False)
    made.add_span_processor(BatchSpanProcessor(Discreet(_exporter(settings))))
    return made


def _exporter(settings: TracingSettings) -> OTLPSpanExporter:
    """The exporter. It ignores the environment's proxy, which is for outbound traffic."""
    options: Any = (("grpc.enable_http_proxy", 0),)
    return OTLPSpanExporter(endpoint=settings.traces_go_to, channel_options=options)


def sampler(settings: TracingSettings) -> Sampler:
    """The sampler that the settings define."""
    name = settings.otel_traces_sampler.removeprefix(_PARENT_BASED)
    share = TraceIdRatioBased(settings.otel_traces_sampler_arg)
    root = OfWork({"always_on": ALWAYS_ON, "always_off": ALWAYS_OFF, "traceidratio": share}[name])
    return ParentBased(root) if settings.otel_traces_sampler.startswith(_PARENT_BASED) else root


class OfWork(Sampler):
    """Never starts a trace with a client span: a query without a parent belongs to a polling loop."""

    def __init__(self, decide: Sampler) -> None:
        self._decide = decide

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """DROP for a client span, otherwise the wrapped sampler's decision."""
        if kind is SpanKind.CLIENT:
            return SamplingResult(Decision.DROP)
        return self._decide.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """The description for the SDK's log."""
        return f"OfWork({self._decide.get_description()})"


class Discreet(SpanExporter):
    """Exports spans without error texts, because a database's may contain stored values, such as an address."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export spans without error texts."""
        result = self._exporter.export([discreet(span) for span in spans])
        outcome = "exported" if result is SpanExportResult.SUCCESS else "lost"
        _exported.labels(outcome).inc(len(spans))
        return result

    def shutdown(self) -> None:
        """Shut down the wrapped exporter."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the wrapped exporter."""
        return self._exporter.force_flush(timeout_millis)


def discreet(span: ReadableSpan) -> ReadableSpan:
    """The span with the classes of errors, but without their texts and stacks."""
    if not span.events and not span.status.description:
        return span
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=span.attributes,
        events=[_discreet_event(event) for event in span.events],
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _discreet_event(event: Event) -> Event:
    kept = {name: value for name, value in (event.attributes or {}).items() if name in _EXPORTED_ATTRIBUTES}
    return Event(event.name, kept, event.timestamp)


def _resource(service: str, settings: TracingSettings) -> Resource:
    return Resource.create(
        {
            "service.name": service,
            "service.namespace": "argosy",
            "service.version": metadata.version("argosy"),
            "service.instance.id": str(uuid.uuid4()),
            "host.name": socket.gethostname(),
            "deployment.environment.name": settings.deployment_environment,
            # The older name, which dashboards still use.
            "deployment.environment": settings.deployment_environment,
        }
    )
