"""What is recorded, and how it leaves the process: sampled, in batches by a thread of its own, without what errors say.

A collector that is away costs nothing but the spans: what does not fit the queue (OTEL_BSP_MAX_QUEUE_SIZE) is dropped.
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
_SAFE_TO_TELL = ("exception.type", "exception.escaped")

_exported = Counter("argosy_spans_total", "Spans by what became of them: exported or lost.", ["result"])


def provider(service: str, settings: TracingSettings) -> TracerProvider:
    """Where spans of this process come from."""
    made = TracerProvider(sampler=sampler(settings), resource=_resource(service, settings), shutdown_on_exit=False)
    made.add_span_processor(BatchSpanProcessor(Discreet(_exporter(settings))))
    return made


def _exporter(settings: TracingSettings) -> OTLPSpanExporter:
    """To the collector directly: a proxy that the environment names is for the way out."""
    options: Any = (("grpc.enable_http_proxy", 0),)
    return OTLPSpanExporter(endpoint=settings.traces_go_to, channel_options=options)


def sampler(settings: TracingSettings) -> Sampler:
    """Which traces are recorded."""
    name = settings.otel_traces_sampler.removeprefix(_PARENT_BASED)
    share = TraceIdRatioBased(settings.otel_traces_sampler_arg)
    root = OfWork({"always_on": ALWAYS_ON, "always_off": ALWAYS_OFF, "traceidratio": share}[name])
    return ParentBased(root) if settings.otel_traces_sampler.startswith(_PARENT_BASED) else root


class OfWork(Sampler):
    """No trace begins with a query: those that belong to nobody's call are a loop looking for work, every second."""

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
        """The other sampler's decision about work; no to a client's span."""
        if kind is SpanKind.CLIENT:
            return SamplingResult(Decision.DROP)
        return self._decide.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """For the SDK's own log."""
        return f"OfWork({self._decide.get_description()})"


class Discreet(SpanExporter):
    """Leaves out what errors say: a database's repeats stored values, such as the address that is there already."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export them, without the texts."""
        result = self._exporter.export([discreet(span) for span in spans])
        told = "exported" if result is SpanExportResult.SUCCESS else "lost"
        _exported.labels(told).inc(len(spans))
        return result

    def shutdown(self) -> None:
        """Let go of the collector."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait for what is under way."""
        return self._exporter.force_flush(timeout_millis)


def discreet(span: ReadableSpan) -> ReadableSpan:
    """The span with an error's class alone: neither its text nor its stack."""
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
    kept = {name: value for name, value in (event.attributes or {}).items() if name in _SAFE_TO_TELL}
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
            # The name that the conventions had before, which dashboards still ask for.
            "deployment.environment": settings.deployment_environment,
        }
    )
