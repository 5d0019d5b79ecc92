"""Limits of concurrent calls: a few over the limit wait, more are refused at once, and other rpcs are not affected."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import grpc

from tests.integration.chassis.rpc.conftest import Lab, refusal_of, until
from tests.integration.chassis.rpc.lab_contract import lab_pb2

Probe = lab_pb2.Probe


@contextlib.asynccontextmanager
async def held(lab: Lab, count: int) -> AsyncIterator[None]:
    """So many calls at once, of which four have begun."""
    calls = [asyncio.ensure_future(lab.stub.Slow(Probe(number=4))) for _ in range(count)]
    try:
        await until(lambda: len(lab.rpc.calls) == 4)
        yield
    finally:
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)


async def a_call_is_refused(lab: Lab) -> None:
    """One more is refused, and has not begun."""
    refusal = await refusal_of(lab.stub.Slow(Probe(number=0)))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
    assert len(lab.rpc.calls) == 4


async def test_a_call_over_the_limit_is_refused_before_it_begins(lab: Lab) -> None:
    async with held(lab, 6):
        await a_call_is_refused(lab)
        await lab.stub.Anyone(Probe())
    async with aiohttp.ClientSession() as http, http.get(f"{lab.admin}/metrics") as response:
        metrics = await response.text()
    assert 'argosy_calls_refused_total{reason="OVERLOADED",rpc="/lab.v1.LabService/Slow"}' in metrics


async def test_a_call_that_ends_makes_room(lab: Lab) -> None:
    for _ in range(3):
        await asyncio.gather(*(lab.stub.Slow(Probe(number=0)) for _ in range(6)))


async def test_a_call_that_waits_in_vain_is_refused(lab: Lab) -> None:
    async with held(lab, 4):
        await a_call_is_refused(lab)
