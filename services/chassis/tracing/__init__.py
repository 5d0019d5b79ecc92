"""OpenTelemetry spans, exported to a collector by OTLP.

Tracing is on if OTEL_EXPORTER_OTLP_ENDPOINT is set. Otherwise OpenTelemetry is not imported, and trace_context only
propagates the traceparent. The rest of the chassis calls `active()`, which is the same interface in both cases.

    __init__    the interface, and the implementation without a collector
    settings    the standard variables
    spans       the implementation with a collector: attributes of calls' spans, spans of events
    grpc_spans  spans of served and made calls, by gRPC's OpenTelemetry instrumentation
    export      sampling and batched export, without error texts
    libraries   spans of asyncpg, pymongo and aiohttp, by their instrumentations
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from services.chassis.plain import trace_context

if TYPE_CHECKING:
    import grpc

    from services.chassis.bus.events import Event, OutgoingRecord
    from services.chassis.rpc.pipeline.exchange import Step
    from services.chassis.rpc.policy import MethodPolicyView
    from services.chassis.tracing.settings import TracingSettings

Note = Callable[[str], None]
"""Called with the result of an event."""


class Tracing:
    """Without a collector: propagates the trace context, records nothing."""

    def server_interceptors(self) -> Sequence[grpc.aio.ServerInterceptor]:
        """The interceptors that make spans of served calls."""
        return ()

    def client_interceptors(self) -> Sequence[grpc.aio.ClientInterceptor]:
        """The interceptors that make spans of a channel's calls and propagate the trace context."""
        return ()

    def around_call(self, method: MethodPolicyView, proceed: Step) -> Step:
        """The outermost step of a method: sets the attributes of each call's span."""
        return proceed

    def to_service(self) -> AbstractContextManager[str]:
        """Wraps a call to another service. Yields the traceparent to send if the call has no span."""
        return _traceparent()

    def sending(self, record: OutgoingRecord) -> AbstractContextManager[OutgoingRecord]:
        """Wraps sending an event to the broker. Yields the record to send."""
        return _as_it_is(record)

    def handling(self, event: Event, group: str) -> AbstractContextManager[Note]:
        """Wraps all attempts to apply an event. The work inside belongs to the event's trace."""
        return _following(event)

    async def finish(self, at_most: float) -> None:
        """Export the remaining spans, within `at_most` seconds."""


def active() -> Tracing:
    """The tracing of this process."""
    return _active


def configure(service: str, settings: TracingSettings) -> None:
    """Start recording if a collector is configured. Call once, before the pipeline is composed."""
    global _active
    if settings.traces_go_to is not None:
        from services.chassis.tracing import spans  # imported only if needed: it takes memory and time

        _active = spans.start(service, settings)


_active = Tracing()


@contextmanager
def _traceparent() -> Iterator[str]:
    yield trace_context.current_or_new()


@contextmanager
def _as_it_is(record: OutgoingRecord) -> Iterator[OutgoingRecord]:
    yield record


@contextmanager
def _following(event: Event) -> Iterator[Note]:
    with trace_context.using(event.traceparent):
        yield _nothing_to_note


def _nothing_to_note(_what: str) -> None:
    """Records nothing."""
