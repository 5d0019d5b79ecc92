"""Converts OTLP spans to their stored form: one flat object each."""

from collections.abc import Iterable, Iterator
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, Status

Kept = dict[str, Any]
"""traceId, spanId, parentSpanId ("" at the root), name, kind, service, start and end (Unix nanoseconds), status,
attributes, events (their names and attributes)."""


def kept(groups: Iterable[ResourceSpans]) -> Iterator[Kept]:
    """Every span of an export."""
    for group in groups:
        service = attributes(group.resource.attributes).get("service.name", "unknown")
        for scope in group.scope_spans:
            for span in scope.spans:
                yield _kept(span, str(service))


def attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """OTLP attributes as plain values."""
    return {pair.key: _plain(pair.value) for pair in pairs}


def _kept(span: Span, service: str) -> Kept:
    return {
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        "parentSpanId": span.parent_span_id.hex(),
        "name": span.name,
        "kind": Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        "service": service,
        "start": span.start_time_unix_nano,
        "end": span.end_time_unix_nano,
        "status": Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_").lower(),
        "statusMessage": span.status.message,
        "attributes": attributes(span.attributes),
        "events": [{"name": event.name, "attributes": attributes(event.attributes)} for event in span.events],
    }


def _plain(value: AnyValue) -> Any:
    which = value.WhichOneof("value")
    if which == "array_value":
        return [_plain(item) for item in value.array_value.values]
    if which == "kvlist_value":
        return attributes(value.kvlist_value.values)
    if which == "bytes_value":
        return value.bytes_value.hex()
    return getattr(value, which) if which else None
