"""Spans of calls, served and made, on a real server: by gRPC's instrumentation, and right where it alone is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry import propagate
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from local.ports import free_port
from services.chassis import tracing
from services.chassis.plain import trace_context
from services.chassis.rpc import policy
from services.chassis.rpc.client import ServiceChannel
from services.chassis.rpc.service_tokens import ServiceTokenSigner
from services.chassis.tracing import grpc_spans
from services.chassis.tracing.export import Discreet, sampler
from services.chassis.tracing.settings import TracingSettings
from services.chassis.tracing.spans import Recording
from tests.integration.chassis.rpc.conftest import Lab, refusal_of, until
from tests.integration.chassis.rpc.lab_contract import INTERNAL, lab_pb2, lab_pb2_grpc
from tests.integration.chassis.rpc.lab_service import SECRET

Probe = lab_pb2.Probe
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNSAMPLED = PARENT[:-1] + "0"


@dataclass
class Recorder:
    """What this process exports to its collector."""

    exporter: InMemorySpanExporter
    provider: TracerProvider

    async def spans(self, count: int) -> list[ReadableSpan]:
        """So many spans and no more, by when they began: a server's ends a moment after its answer has left."""
        await until(lambda: len(self.exporter.get_finished_spans()) >= count)
        found = sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time or 0)
        assert len(found) == count, [span.name for span in found]
        return found


@pytest.fixture(autouse=True)
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """Before the lab's server is made, as in a process whose environment names a collector."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=sampler(TracingSettings()), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(Discreet(exporter)))
    monkeypatch.setattr(tracing, "_active", Recording(provider))
    before = propagate.get_global_textmap()
    grpc_spans.prepare()
    yield Recorder(exporter, provider)
    propagate.set_global_textmap(before)


@pytest.fixture
async def friend(lab: Lab) -> AsyncIterator[Any]:
    """A stub such as the service `friend` would have."""
    async with calling(lab, lab.app.grpc_port) as channel:
        yield lab_pb2_grpc.LabInternalServiceStub(channel)


class calling:  # noqa: N801 - reads as a function
    """A channel of the service `friend`'s to a port."""

    def __init__(self, lab: Lab, port: int) -> None:
        signer = ServiceTokenSigner("friend", lab.services.private["friend"])
        self._channel = ServiceChannel(f"127.0.0.1:{port}", policy.read(INTERNAL), signer)

    async def __aenter__(self) -> ServiceChannel:
        await self._channel.start()
        return self._channel

    async def __aexit__(self, *_: object) -> None:
        await self._channel.stop()


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def exceptions(span: ReadableSpan) -> list[Any]:
    return [dict(event.attributes or {})["exception.type"] for event in span.events]


async def test_a_call_is_a_span_of_its_callers_trace(lab: Lab, recorder: Recorder) -> None:
    metadata = (("authorization", f"Bearer {lab.users.token(sub='ada')}"), ("traceparent", PARENT))
    await lab.stub.SignedIn(Probe(text="four"), metadata=metadata)
    (span,) = await recorder.spans(1)
    assert (span.name, span.kind) == ("lab.v1.LabService/SignedIn", SpanKind.SERVER)
    assert span.parent is not None
    assert (span.parent.trace_id, span.parent.span_id) == (int(PARENT[3:35], 16), int(PARENT[36:52], 16))
    assert attributes_of(span)["rpc.system"] == "grpc"
    assert (attributes_of(span)["rpc.service"], attributes_of(span)["rpc.method"]) == ("lab.v1.LabService", "SignedIn")
    assert (attributes_of(span)["user.id"], attributes_of(span)["user.action"]) == ("ada", "SignedIn")
    assert attributes_of(span)["http.request.body.size"] == len(Probe(text="four").SerializeToString())
    assert attributes_of(span)["http.response.body.size"] == len(lab_pb2.Answer(text="SignedIn").SerializeToString())
    assert attributes_of(span)["rpc.grpc.status_code"] == 0
    assert span.status.status_code is StatusCode.UNSET
    # What is logged, stored and sent along names the span that others will find.
    assert span.context is not None
    (_, call) = lab.rpc.calls[0]
    assert call.traceparent == f"{PARENT[:35]}-{span.context.span_id:016x}-01"


@pytest.mark.parametrize(
    ("rpc", "text", "status", "recorded"),
    [
        ("Misbehave", "domain", grpc.StatusCode.FAILED_PRECONDITION, None),
        ("Create", "refuse", grpc.StatusCode.NOT_FOUND, None),
        ("SignedIn", "", grpc.StatusCode.UNAUTHENTICATED, None),
        ("Misbehave", "private", grpc.StatusCode.INTERNAL, ["PrivateFailure"]),
        ("Misbehave", "unavailable", grpc.StatusCode.UNAVAILABLE, ["ConnectionError"]),
        ("Misbehave", "hang", grpc.StatusCode.DEADLINE_EXCEEDED, []),
    ],
)
async def test_only_our_own_failures_are_errors(
    lab: Lab, recorder: Recorder, rpc: str, text: str, status: grpc.StatusCode, recorded: list[str] | None
) -> None:
    """`recorded`: the exceptions in an error's span; None: the error is not ours."""
    refusal = await refusal_of(getattr(lab.stub, rpc)(Probe(text=text)))
    assert refusal.code is status
    (span,) = await recorder.spans(1)
    assert attributes_of(span)["rpc.grpc.status_code"] == status.value[0]
    assert attributes_of(span)["argosy.reason"] == refusal.reason
    assert span.status.status_code is (StatusCode.UNSET if recorded is None else StatusCode.ERROR)
    assert attributes_of(span).get("error.type") == (None if recorded is None else status.name)
    assert [name.rpartition(".")[2] for name in exceptions(span)] == (recorded or [])
    assert SECRET not in span.to_json()
    assert not span.status.description


async def test_a_stream_is_one_span_to_its_end(lab: Lab, recorder: Recorder) -> None:
    answers = [answer async for answer in lab.stub.Stream(Probe(number=3))]
    assert [answer.text for answer in answers] == ["0", "1", "2"]
    (span,) = await recorder.spans(1)
    assert attributes_of(span)["http.response.body.size"] == sum(len(answer.SerializeToString()) for answer in answers)
    assert span.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize(
    ("text", "status", "error"),
    [("refuse", grpc.StatusCode.NOT_FOUND, False), ("break", grpc.StatusCode.INTERNAL, True)],
)
async def test_a_failed_stream_has_the_status_of_its_cause(
    lab: Lab, recorder: Recorder, text: str, status: grpc.StatusCode, error: bool
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in lab.stub.Stream(Probe(number=1, text=text)):
            pass
    assert caught.value.code() is status
    (span,) = await recorder.spans(1)
    assert attributes_of(span)["rpc.grpc.status_code"] == status.value[0]
    assert (span.status.status_code is StatusCode.ERROR) == error
    assert bool(span.events) == error


async def test_a_stream_that_its_reader_leaves_is_cancelled_and_no_error(lab: Lab, recorder: Recorder) -> None:
    stream = lab.stub.Stream(Probe(number=1, text="stay"))
    assert (await stream.read()).text == "0"
    stream.cancel()
    (span,) = await recorder.spans(1)
    assert attributes_of(span)["rpc.grpc.status_code"] == grpc.StatusCode.CANCELLED.value[0]
    assert span.status.status_code is StatusCode.UNSET
    assert lab.rpc.log[-1] == "stream ended"


async def test_a_call_that_its_caller_leaves_is_cancelled_and_no_error(lab: Lab, recorder: Recorder) -> None:
    call = lab.stub.Slow(Probe(number=30))
    await until(lambda: "slow began" in lab.rpc.log)
    call.cancel()
    (span,) = await recorder.spans(1)
    assert attributes_of(span)["rpc.grpc.status_code"] == grpc.StatusCode.CANCELLED.value[0]
    assert span.status.status_code is StatusCode.UNSET


async def test_what_a_service_calls_belongs_to_its_work(lab: Lab, friend: Any, recorder: Recorder) -> None:
    with recorder.provider.get_tracer("a test").start_as_current_span("work", kind=SpanKind.SERVER):
        await friend.Internal(Probe())
    work, client, server = await recorder.spans(3)
    assert (client.name, client.kind) == ("lab.v1.LabInternalService/Internal", SpanKind.CLIENT)
    assert client.parent == work.context
    assert server.parent is not None
    assert client.context is not None
    assert server.parent.span_id == client.context.span_id
    assert attributes_of(server)["argosy.caller"] == "friend"
    assert "user.action" not in attributes_of(server)
    assert client.status.status_code is StatusCode.UNSET


async def test_a_call_that_fails_is_an_error_of_the_one_who_made_it(lab: Lab, recorder: Recorder) -> None:
    async with calling(lab, free_port()) as nowhere:
        stub = lab_pb2_grpc.LabInternalServiceStub(nowhere)
        work = recorder.provider.get_tracer("a test").start_as_current_span("work", kind=SpanKind.SERVER)
        with work, pytest.raises(grpc.aio.AioRpcError):
            await stub.Internal(Probe())
    client = (await recorder.spans(2))[1]
    assert (client.status.status_code, attributes_of(client)["error.type"]) == (StatusCode.ERROR, "UNAVAILABLE")
    assert not client.status.description


async def test_a_call_that_is_given_up_ends_its_span(lab: Lab, friend: Any, recorder: Recorder) -> None:
    with recorder.provider.get_tracer("a test").start_as_current_span("work", kind=SpanKind.SERVER):
        call = asyncio.create_task(friend.Internal(Probe(number=30)))
        await until(lambda: lab.internal_rpc.calls)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    client = (await recorder.spans(3))[1]
    assert client.kind is SpanKind.CLIENT
    assert (client.status.status_code, attributes_of(client)["error.type"]) == (StatusCode.ERROR, "CancelledError")


async def test_work_of_nobodys_makes_no_span_and_passes_its_trace_on(lab: Lab, friend: Any, recorder: Recorder) -> None:
    with trace_context.using(PARENT):
        await friend.Internal(Probe())
    (server,) = await recorder.spans(1)
    assert server.kind is SpanKind.SERVER
    assert server.parent is not None
    assert f"{server.parent.span_id:016x}" == PARENT[36:52]


async def test_a_caller_who_records_nothing_is_followed_and_nothing_is_recorded(lab: Lab, recorder: Recorder) -> None:
    await lab.stub.Anyone(Probe(), metadata=(("traceparent", UNSAMPLED),))
    (_, call) = lab.rpc.calls[0]
    assert trace_context.trace_id(call.traceparent) == trace_context.trace_id(UNSAMPLED)
    assert call.traceparent.endswith("-00")
    await lab.stub.Anyone(Probe(), metadata=(("traceparent", PARENT),))
    await recorder.spans(1)


async def test_probes_are_no_calls(lab: Lab, recorder: Recorder) -> None:
    await health_pb2_grpc.HealthStub(lab.channel).Check(health_pb2.HealthCheckRequest())
    await lab.stub.Anyone(Probe())
    (span,) = await recorder.spans(1)
    assert span.name == "lab.v1.LabService/Anyone"
