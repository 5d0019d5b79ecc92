"""Calls from one service to another: token, deadline, trace and retries, as the contract has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from local.ports import free_port
from services.chassis.plain import deadlines, trace_context
from services.chassis.plain.errors import FieldViolation
from services.chassis.rpc import policy
from services.chassis.rpc.call import Service
from services.chassis.rpc.client import ServiceChannel
from services.chassis.rpc.refusals import Refusal, refusal_of
from services.chassis.rpc.service_tokens import ServiceTokenSigner
from tests.integration.chassis.rpc.conftest import Lab, unpack
from tests.integration.chassis.rpc.lab_contract import INTERNAL, lab_pb2, lab_pb2_grpc

Probe = lab_pb2.Probe


@pytest.fixture
async def friend(lab: Lab) -> AsyncIterator[Any]:
    """A stub such as the service `friend` would have; made before it is started, as in a `__main__`."""
    signer = ServiceTokenSigner("friend", lab.services.private["friend"])
    channel = ServiceChannel(f"127.0.0.1:{lab.app.grpc_port}", policy.read(INTERNAL), signer)
    stub = lab_pb2_grpc.LabInternalServiceStub(channel)
    await channel.start()
    yield stub
    await channel.stop()


async def test_a_call_carries_the_calling_service_and_the_trace(lab: Lab, friend: Any) -> None:
    traceparent = trace_context.new()
    with trace_context.using(traceparent):
        answer = await friend.Internal(Probe())

    assert answer.text == "Internal"
    ((_, call),) = lab.internal_rpc.calls
    assert call.caller == Service("friend")
    assert call.traceparent == traceparent


async def test_a_read_that_fails_on_its_way_is_repeated(lab: Lab, friend: Any) -> None:
    assert (await friend.Flaky(Probe())).text == "Flaky"
    assert len(lab.internal_rpc.calls) == 3


async def test_it_is_retried_no_more_often_than_the_contract_allows(lab: Lab, friend: Any) -> None:
    lab.internal_rpc.failures = 100
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await friend.Flaky(Probe())
    assert unpack(caught.value).code is grpc.StatusCode.UNAVAILABLE
    assert len(lab.internal_rpc.calls) == 3


async def test_a_service_that_fails_all_the_time_is_not_asked_twice_for_each_call(lab: Lab, friend: Any) -> None:
    lab.internal_rpc.failures = 10_000
    for _ in range(50):
        with pytest.raises(grpc.aio.AioRpcError):
            await friend.Flaky(Probe())
    assert 50 < len(lab.internal_rpc.calls) <= 50 + 10


async def test_what_may_not_be_repeated_is_not(lab: Lab, friend: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await friend.FlakyOnce(Probe())
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert len(lab.internal_rpc.calls) == 1


@pytest.mark.parametrize("how", ["the call's deadline", "the caller's wish"])
async def test_a_call_has_no_more_time_than_is_left(lab: Lab, friend: Any, how: str) -> None:
    async def within_a_call() -> None:
        if how == "the call's deadline":
            deadlines.enter(asyncio.get_running_loop().time() + 0.3)
            await friend.Internal(Probe(number=60))
        else:
            await friend.Internal(Probe(number=60), timeout=0.3)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asyncio.create_task(within_a_call())
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    ((_, call),) = lab.internal_rpc.calls
    assert call.deadline - asyncio.get_running_loop().time() < 0.3


async def test_a_service_that_starts_later_is_found(lab: Lab) -> None:
    signer = ServiceTokenSigner("friend", lab.services.private["friend"])
    port = free_port()
    channel = ServiceChannel(f"127.0.0.1:{port}", policy.read(INTERNAL), signer)
    stub = lab_pb2_grpc.LabInternalServiceStub(channel)
    await channel.start()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.FlakyOnce(Probe())
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE

    async def answer(_body: bytes, _context: Any) -> bytes:
        return bytes(lab_pb2.Answer(text="late").SerializeToString())

    late = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    handlers = {"FlakyOnce": grpc.unary_unary_rpc_method_handler(answer)}
    late.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(INTERNAL.full_name, handlers),))
    late.add_insecure_port(f"127.0.0.1:{port}")
    await late.start()
    try:
        async with asyncio.timeout(10):
            while True:
                try:
                    assert (await stub.FlakyOnce(Probe())).text == "late"
                    break
                except grpc.aio.AioRpcError:
                    await asyncio.sleep(0.05)
    finally:
        await channel.stop()
        await late.stop(None)


async def test_what_another_service_refused_with_can_be_read(lab: Lab) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await lab.stub.Misbehave(Probe(text="domain"))
    assert refusal_of(caught.value) == Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "OUT_OF_PATIENCE",
        "no patience left",
        [FieldViolation("orderLines[1].quantity", "must be at most 3")],
    )

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await lab.channel.unary_unary("/lab.v1.LabService/Nothing")(b"")
    refusal = refusal_of(caught.value)
    assert (refusal.code, refusal.reason, refusal.violations) == (grpc.StatusCode.UNIMPLEMENTED, "", [])
