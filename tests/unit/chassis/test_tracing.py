"""Spans around calls and events; what is recorded of them, and what is never told."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

import grpc
import pytest
from opentelemetry import trace
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from pydantic import ValidationError

from argosy.event.v1 import order_events_pb2
from argosy.order.v1 import order_pb2
from argosy.user.v1 import user_pb2
from services.chassis import clock, events, policy, trace_context, tracing
from services.chassis.call import User
from services.chassis.pipeline.exchange import Exchange
from services.chassis.tracing.export import Discreet, sampler
from services.chassis.tracing.settings import TracingSettings
from services.chassis.tracing.spans import Recording
from tests.unit.chassis.test_pipeline import Context

T = TypeVar("T")
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNSAMPLED = PARENT[:-1] + "0"
CREATE = policy.read(order_pb2.DESCRIPTOR.services_by_name["OrderService"]).methods["CreateOrder"]
REGISTER = policy.read(user_pb2.DESCRIPTOR.services_by_name["UserService"]).methods["Register"]


class Recorder:
    """A Recording whose spans are looked at."""

    def __init__(self, **settings: Any) -> None:
        self.told = InMemorySpanExporter()
        provider = TracerProvider(sampler=sampler(TracingSettings(**settings)), shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(Discreet(self.told)))
        self.tracer = provider.get_tracer("a library's")
        self.recording = Recording(provider)

    def spans(self) -> list[ReadableSpan]:
        return sorted(self.told.get_finished_spans(), key=lambda span: span.start_time or 0)


async def alone(work: Callable[[], Awaitable[T]]) -> T:
    """In a task of its own, as calls are: what it leaves in the context ends with it."""

    async def do() -> T:
        return await work()

    return await asyncio.create_task(do())


def called(recorder: Recorder, status: grpc.StatusCode, **metadata: str) -> Callable[[], Awaitable[Exchange]]:
    async def answer(exchange: Exchange) -> bytes:
        exchange.caller = User("a-user", frozenset(), "a-session", "web-app")
        exchange.status = status
        with recorder.recording.to_service(REGISTER) as sent:
            exchange.reason = sent
        return b"12345"

    async def call() -> Exchange:
        exchange = Exchange(b"1234567", Context(**metadata))
        await recorder.recording.around_call(CREATE, answer)(exchange)
        return exchange

    return call


async def test_a_call_is_a_span_of_its_callers_trace_and_what_it_calls_a_span_of_it() -> None:
    recorder = Recorder()
    exchange = await alone(called(recorder, grpc.StatusCode.OK, traceparent=PARENT))
    server, client = recorder.spans()
    assert (server.name, server.kind) == ("argosy.order.v1.OrderService/CreateOrder", SpanKind.SERVER)
    assert server.parent is not None
    assert (server.parent.trace_id, server.parent.span_id) == (int(PARENT[3:35], 16), int(PARENT[36:52], 16))
    assert server.attributes is not None
    assert server.attributes["user.id"] == "a-user"
    assert server.attributes["rpc.request.body.size"] == 7
    assert server.attributes["rpc.response.body.size"] == 5
    assert server.attributes["http.route"] == "/api/v1/orders"
    assert client.parent == server.context
    assert client.context is not None
    # What is logged, stored and sent along names the spans that others will find.
    assert exchange.traceparent == f"{PARENT[:35]}-{server.context.span_id:016x}-01"
    assert exchange.reason == f"{PARENT[:35]}-{client.context.span_id:016x}-01"


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (grpc.StatusCode.OK, StatusCode.UNSET),
        (grpc.StatusCode.INVALID_ARGUMENT, StatusCode.UNSET),
        (grpc.StatusCode.UNAVAILABLE, StatusCode.ERROR),
        (grpc.StatusCode.INTERNAL, StatusCode.ERROR),
    ],
)
async def test_only_our_own_failures_are_errors(status: grpc.StatusCode, told: StatusCode) -> None:
    recorder = Recorder()
    await alone(called(recorder, status))
    server = recorder.spans()[0]
    assert server.status.status_code is told
    assert server.attributes is not None
    assert server.attributes["rpc.grpc.status_code"] == status.value[0]
    assert server.parent is None


async def test_a_caller_who_records_nothing_is_followed_and_nothing_is_recorded() -> None:
    recorder = Recorder()
    exchange = await alone(called(recorder, grpc.StatusCode.OK, traceparent=UNSAMPLED))
    assert recorder.spans() == []
    assert trace_context.trace_id(exchange.traceparent) == trace_context.trace_id(UNSAMPLED)
    assert exchange.traceparent.endswith("-00")


async def test_of_traces_that_begin_here_as_many_are_recorded_as_is_set() -> None:
    none = Recorder(otel_traces_sampler="parentbased_traceidratio", otel_traces_sampler_arg=0.0)
    await alone(called(none, grpc.StatusCode.OK))
    assert none.spans() == []
    await alone(called(none, grpc.StatusCode.OK, traceparent=PARENT))
    assert len(none.spans()) == 2
    half = Recorder(otel_traces_sampler="parentbased_traceidratio", otel_traces_sampler_arg=0.5)
    for _ in range(200):
        await alone(called(half, grpc.StatusCode.OK))
    assert 0 < len(half.spans()) < 400


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
        exchange = Exchange(b"", Context(traceparent=traceparent))
        await alone(lambda exchange=exchange: recorder.recording.around_call(CREATE, answer)(exchange))  # type: ignore[misc]
        with recorder.recording.handling(arrived(a_record(traceparent)), "a-group"):
            seen.append(is_instrumentation_enabled())
    assert seen == [True, True, False, False]
    assert is_instrumentation_enabled()


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


def test_what_errors_say_is_not_told() -> None:
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
    told = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(told, schedule_delay_millis=3_600_000))
    provider.get_tracer("a test").start_span("work").end()
    assert told.get_finished_spans() == ()
    await Recording(provider).finish(at_most=30)
    assert [span.name for span in told.get_finished_spans()] == ["work"]


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
    with off.sending(record) as sent:
        assert sent is record
    with trace_context.using(PARENT), off.to_service(CREATE) as traceparent:
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
