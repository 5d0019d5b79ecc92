"""Limits of concurrent calls: a few over the limit wait, more are refused at once, and other rpcs are not affected."""

from __future__ import annotations

import asyncio

import aiohttp
import grpc

from tests.integration.chassis.rpc.conftest import Lab, refusal_of, until
from tests.integration.chassis.rpc.lab_contract import lab_pb2

Probe = lab_pb2.Probe


async def test_a_call_over_the_limit_is_refused_before_it_begins(lab: Lab) -> None:
    held = [asyncio.ensure_future(lab.stub.Slow(Probe(number=4))) for _ in range(6)]
    try:
        await until(lambda: len(lab.rpc.calls) == 4)
        refusal = await refusal_of(lab.stub.Slow(Probe(number=0)))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
        assert len(lab.rpc.calls) == 4
        await lab.stub.Anyone(Probe())
    finally:
        for call in held:
            call.cancel()
        await asyncio.gather(*held, return_exceptions=True)
    async with aiohttp.ClientSession() as http, http.get(f"{lab.admin}/metrics") as response:
        metrics = await response.text()
    assert 'argosy_calls_refused_total{reason="OVERLOADED",rpc="/lab.v1.LabService/Slow"}' in metrics


async def test_a_call_that_ends_makes_room(lab: Lab) -> None:
    for _ in range(3):
        await asyncio.gather(*(lab.stub.Slow(Probe(number=0)) for _ in range(6)))


async def test_a_call_that_waits_in_vain_is_refused(lab: Lab) -> None:
    held = [asyncio.ensure_future(lab.stub.Slow(Probe(number=4))) for _ in range(4)]
    try:
        await until(lambda: len(lab.rpc.calls) == 4)
        refusal = await refusal_of(lab.stub.Slow(Probe(number=0)))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
        assert len(lab.rpc.calls) == 4
    finally:
        for call in held:
            call.cancel()
        await asyncio.gather(*held, return_exceptions=True)
