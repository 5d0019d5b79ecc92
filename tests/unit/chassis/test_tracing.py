"""Spans around calls and events; what is recorded of them, and what is never exported."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import grpc
import pytest
from aiohttp import web
from opentelemetry import trace
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from pydantic import ValidationError

from argosy.event.v1 import order_events_pb2
from argosy.order.v1 import order_pb2
from services.chassis import tracing
from services.chassis.bus import events
from services.chassis.plain import clock, trace_context
from services.chassis.rpc import policy
from services.chassis.rpc.pipeline.exchange import Exchange
from services.chassis.tracing.export import Discreet, provider, sampler
from services.chassis.tracing.grpc_spans import WithinGrpc
from services.chassis.tracing.settings import TracingSettings
from services.chassis.tracing.spans import Recording
from tests.unit.chassis.test_pipeline import Context

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNSAMPLED = PARENT[:-1] + "0"
CREATE = policy.read(order_pb2.DESCRIPTOR.services_by_name["OrderService"]).methods["CreateOrder"]


class Recorder:
    """A Recording whose spans are looked at."""

    def __init__(self, **settings: Any) -> None:
        self.exporter = InMemorySpanExporter()
        made = TracerProvider(sampler=sampler(TracingSettings(**settings)), shutdown_on_exit=False)
        made.add_span_processor(SimpleSpanProcessor(Discreet(self.exporter)))
        self.tracer = made.get_tracer("a library's")
        self.recording = Recording(made)

    def spans(self) -> list[ReadableSpan]:
        return sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time or 0)


def test_of_traces_that_begin_here_as_many_are_recorded_as_is_set() -> None:
    def work(recorder: Recorder, traceparent: str | None = None) -> None:
        parent = WithinGrpc().extract({"traceparent": traceparent} if traceparent else {})
        with recorder.tracer.start_as_current_span("work", parent, SpanKind.SERVER):
            pass

    none = Recorder(otel_traces_sampler="parentbased_traceidratio", otel_traces_sampler_arg=0.0)
    work(none)
    assert none.spans() == []
    work(none, PARENT)
    assert len(none.spans()) == 1
    half = Recorder(otel_traces_sampler="parentbased_traceidratio", otel_traces_sampler_arg=0.5)
    for _ in range(200):
        work(half)
    assert 0 < len(half.spans()) < 200


async def test_no_trace_begins_with_a_query() -> None:
    recorder = Recorder()
    with recorder.tracer.start_as_current_span("SELECT", kind=SpanKind.CLIENT):
        pass
    assert recorder.spans() == []
    with (
        recorder.tracer.start_as_current_span("work", kind=SpanKind.CONSUMER),
        recorder.tracer.start_as_current_span("SELECT", kind=SpanKind.CLIENT),
    ):
        pass
    assert [span.name for span in recorder.spans()] == ["work", "SELECT"]


async def test_what_is_not_recorded_costs_libraries_nothing() -> None:
    recorder, seen = Recorder(), []

    async def answer(_: Exchange) -> bytes:
        seen.append(is_instrumentation_enabled())
        return b""

    for traceparent in (PARENT, UNSAMPLED):
        parent = WithinGrpc().extract({"traceparent": traceparent})
        with recorder.tracer.start_as_current_span("call", parent, SpanKind.SERVER):
            await recorder.recording.around_call(CREATE, answer)(Exchange(b"", Context()))
        with recorder.recording.handling(arrived(a_record(traceparent)), "a-group"):
            seen.append(is_instrumentation_enabled())
    assert seen == [True, True, False, False]
    assert is_instrumentation_enabled()


def test_a_trace_is_passed_on_within_grpc_and_to_no_outsider() -> None:
    recorder = Recorder()
    with recorder.tracer.start_as_current_span("work", kind=SpanKind.SERVER) as span:
        outside: list[Any] = [{}, web.Response().headers]
        for carrier in outside:
            WithinGrpc().inject(carrier)
        within = grpc.aio.Metadata(("traceparent", PARENT))
        WithinGrpc().inject(within)
    assert [dict(carrier) for carrier in outside] == [{}, {}]
    trace_id = trace_context.trace_id(str(within["traceparent"]))
    assert trace_id == f"{span.get_span_context().trace_id:032x}"


def test_spans_have_the_attributes_of_the_deployment() -> None:
    named: dict[str, Any] = {"otel_exporter_otlp_endpoint": "http://127.0.0.1:1", "deployment_environment": "staging"}
    made = provider("order", TracingSettings(**named))
    attributes = made.resource.attributes
    made.shutdown()
    assert attributes["deployment.environment.name"] == attributes["deployment.environment"] == "staging"
    assert attributes["service.name"] == "order"


def a_record(traceparent: str) -> events.OutgoingRecord:
    return events.encode(
        order_events_pb2.OrderCreated(order_id="an-order"),
        id=UUID(int=7),
        source="/argosy/order",
        time=clock.now(),
        subject="an-order",
        key="an-order",
        traceparent=traceparent,
    )


def arrived(record: events.OutgoingRecord) -> events.Event:
    class Incoming:
        topic, partition, offset = record.topic, 0, 0
        key, value, headers = record.key, record.value, record.headers

    return events.Registry.of_package().decode(Incoming())


def test_an_event_goes_from_its_cause_by_its_sender_to_who_takes_it() -> None:
    recorder = Recorder()
    with recorder.recording.sending(a_record(PARENT)) as sent:
        pass
    with recorder.recording.handling(arrived(sent), "a-group") as note:
        assert trace_context.trace_id(trace_context.current() or "") == trace_context.trace_id(PARENT)
        note("handled")
    producer, consumer = recorder.spans()
    assert (producer.name, producer.kind) == ("send order-events", SpanKind.PRODUCER)
    assert (consumer.name, consumer.kind) == ("process order-events", SpanKind.CONSUMER)
    assert producer.parent is not None
    assert f"{producer.parent.span_id:016x}" == PARENT[36:52]
    assert consumer.parent is not None
    assert producer.context is not None
    assert consumer.parent.span_id == producer.context.span_id
    assert consumer.attributes is not None
    assert consumer.attributes["messaging.kafka.message.key"] == "an-order"
    assert consumer.attributes["argosy.event.type"] == "ORDER_CREATED"
    assert [name for name, _ in sent.headers].count("traceparent") == 1
    assert dict(sent.headers).keys() == dict(a_record(PARENT).headers).keys()


def test_an_event_that_is_not_recorded_is_sent_as_it_is() -> None:
    recorder = Recorder()
    record = a_record(UNSAMPLED)
    with recorder.recording.sending(record) as sent:
        assert sent is record
    assert recorder.spans() == []


def test_a_dead_letter_is_an_error() -> None:
    recorder = Recorder()
    with recorder.recording.handling(arrived(a_record(PARENT)), "a-group") as note:
        note("dead_lettered")
    assert recorder.spans()[0].status.status_code is StatusCode.ERROR


def test_messages_of_errors_are_not_exported() -> None:
    recorder = Recorder()
    with (
        recorder.tracer.start_as_current_span("work", kind=SpanKind.SERVER),
        pytest.raises(ValueError, match="canary"),
        recorder.tracer.start_as_current_span("INSERT", kind=SpanKind.CLIENT),
    ):
        raise ValueError("Key (email)=(canary@example.org) already exists.")
    insert = recorder.spans()[1]
    assert insert.status.status_code is StatusCode.ERROR
    assert [dict(event.attributes or {})["exception.type"] for event in insert.events] == ["ValueError"]
    assert "canary" not in insert.to_json()


async def test_the_end_waits_for_the_collector_but_not_for_ever() -> None:
    class Stuck(SpanExporter):
        release = threading.Event()

        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            return SpanExportResult.SUCCESS

        def shutdown(self) -> None:
            self.release.wait(60)

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(Stuck()))
    try:
        async with asyncio.timeout(30):
            await Recording(provider).finish(at_most=0.05)
    finally:
        Stuck.release.set()


async def test_the_last_spans_leave_at_the_end() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=3_600_000))
    provider.get_tracer("a test").start_span("work").end()
    assert exporter.get_finished_spans() == ()
    await Recording(provider).finish(at_most=30)
    assert [span.name for span in exporter.get_finished_spans()] == ["work"]


def test_without_a_collector_opentelemetry_is_not_even_imported() -> None:
    code = (
        "import sys, services.payment.__main__, services.order.__main__\n"
        "from services.chassis import tracing\n"
        "from services.chassis.tracing.settings import TracingSettings\n"
        "tracing.configure('payment', TracingSettings())\n"
        "assert type(tracing.active()) is tracing.Tracing\n"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], env={}, check=False).returncode == 0


def test_without_a_collector_steps_and_records_stay_what_they_are() -> None:
    async def answer(_: Exchange) -> bytes:
        return b""

    off, record = tracing.Tracing(), a_record(PARENT)
    assert off.around_call(CREATE, answer) is answer
    assert (off.server_interceptors(), off.client_interceptors()) == ((), ())
    with off.sending(record) as sent:
        assert sent is record
    with trace_context.using(PARENT), off.to_service() as traceparent:
        assert traceparent == PARENT
    with off.handling(arrived(record), "a-group"):
        assert trace_context.current() == PARENT
    assert not trace.get_current_span().is_recording()


def test_bad_settings_are_refused() -> None:
    bad: dict[str, Any] = {
        "otel_exporter_otlp_endpoint": "nowhere",
        "otel_traces_sampler": "x",
        "otel_traces_sampler_arg": 2,
    }
    with pytest.raises(ValidationError) as caught:
        TracingSettings(**bad, otel_exporter_otlp_protocol="http/json")  # type: ignore[arg-type]
    assert {error["loc"][0] for error in caught.value.errors()} == {*bad, "otel_exporter_otlp_protocol"}
    assert TracingSettings().traces_go_to is None
    empty: dict[str, Any] = {"otel_exporter_otlp_endpoint": ""}
    assert TracingSettings(**empty).traces_go_to is None
    named: dict[str, Any] = {"otel_exporter_otlp_endpoint": "http://collector:4317"}
    assert TracingSettings(**named).traces_go_to is not None
    assert TracingSettings(**named, otel_sdk_disabled=True).traces_go_to is None
