"""Spans around the work, told to a collector by OTLP.

Off unless OTEL_EXPORTER_OTLP_ENDPOINT is set: then OpenTelemetry is not even imported, and all that happens is what
trace_context does: a traceparent is passed on. The rest of the chassis asks `active()` and does not know which it is.

    __init__    what the chassis asks for; the answer without a collector
    settings    the standard variables
    spans       the answer with one: what calls' spans say besides, and spans around events
    grpc_spans  spans of calls, served and made, by gRPC's OpenTelemetry instrumentation
    export      what is recorded, and how it leaves: sampled, in batches, and without what errors say
    libraries   spans of asyncpg, pymongo and httpx, by theirs
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from services.chassis import trace_context

if TYPE_CHECKING:
    import grpc

    from services.chassis.events import Event, OutgoingRecord
    from services.chassis.pipeline.exchange import Step
    from services.chassis.policy import MethodPolicyView
    from services.chassis.tracing.settings import TracingSettings

Note = Callable[[str], None]
"""Told what became of an event."""


class Tracing:
    """Without a collector: the trace is passed on, and nobody records it."""

    def server_interceptors(self) -> Sequence[grpc.aio.ServerInterceptor]:
        """What a server needs so that calls are spans."""
        return ()

    def client_interceptors(self) -> Sequence[grpc.aio.ClientInterceptor]:
        """What a channel needs so that calls are spans, and carry the trace."""
        return ()

    def around_call(self, method: MethodPolicyView, proceed: Step) -> Step:
        """A method's outermost step: what its span says of each call. Composed once, at start."""
        return proceed

    def to_service(self) -> AbstractContextManager[str]:
        """Around a call to another service; gives the traceparent to send along where the call is no span."""
        return _traceparent()

    def sending(self, record: OutgoingRecord) -> AbstractContextManager[OutgoingRecord]:
        """Around handing an event to the broker; gives the record to send."""
        return _as_it_is(record)

    def handling(self, event: Event, group: str) -> AbstractContextManager[Note]:
        """Around all tries to take effect of an event: what is done inside belongs to the event's trace."""
        return _following(event)

    async def finish(self, at_most: float) -> None:
        """Tell the collector what is left, within so many seconds."""


def active() -> Tracing:
    """What this process does about traces."""
    return _active


def configure(service: str, settings: TracingSettings) -> None:
    """Record spans from now on, if the environment names a collector. Call once, before anything is composed."""
    global _active
    if settings.traces_go_to is not None:
        from services.chassis.tracing import spans  # costs memory, and every call some time: only where it is wanted

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
    """Nobody records."""
