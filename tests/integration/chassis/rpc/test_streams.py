"""Answers that are streams: what the pipeline does for them, and every way in which they end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import grpc
import pytest

from services.chassis.app import App
from services.chassis.rpc.streams import MOST_A_CALLER
from tests.integration.chassis.rpc.conftest import (
    Lab,
    logged_in_calls,
    refusal_of,
    running,
    settings_for,
    unpack,
    until,
    until_serving,
)
from tests.integration.chassis.rpc.credentials import ServiceKeys, UserKeys
from tests.integration.chassis.rpc.lab_contract import LAB, lab_pb2, lab_pb2_grpc
from tests.integration.chassis.rpc.lab_service import CATALOGUE, SECRET, LabRpc

Probe = lab_pb2.Probe
STATUS = grpc.StatusCode


def signed_in(lab: Lab, **claims: Any) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {lab.users.token(**claims)}"),)


async def texts(stream: Any) -> list[str]:
    """All messages of a stream, to its end."""
    found = []
    while (answer := await stream.read()) is not grpc.aio.EOF:
        found.append(answer.text)
    return found


@asynccontextmanager
async def open_stream(lab: Lab, metadata: Any = (), **probe: Any) -> AsyncIterator[Any]:
    """A stream that has sent its one message and stays open; cancelled at the end."""
    stream = lab.stub.Stream(Probe(text="stay", number=1, **probe), metadata=metadata)
    try:
        assert (await stream.read()).text == "0"
        yield stream
    finally:
        stream.cancel()


async def ended(stream: Any) -> Any:
    """How the rest of a stream went wrong."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async with asyncio.timeout(30):
            await texts(stream)
    return unpack(caught.value)


async def metrics(lab: Lab) -> str:
    async with aiohttp.ClientSession() as http, http.get(f"{lab.admin}/metrics") as response:
        return await response.text()


async def test_a_stream_is_sent_in_order_and_ends_well(lab: Lab, log: list[str]) -> None:
    assert await texts(lab.stub.Stream(Probe(number=3))) == ["0", "1", "2"]
    (line,) = await logged_in_calls(log, 1)
    assert (line["rpc"], line["code"], line["messages"]) == ("/lab.v1.LabService/Stream", "OK", 3)
    assert lab.rpc.log[-1] == "stream ended"


async def test_an_empty_stream_ends_well(lab: Lab) -> None:
    assert await texts(lab.stub.Stream(Probe())) == []


async def test_how_long_it_was_open_is_no_latency(lab: Lab) -> None:
    async with open_stream(lab):
        assert 'argosy_streams_open{rpc="/lab.v1.LabService/Stream"} 1.0' in await metrics(lab)
    await until(lambda: "stream ended" in lab.rpc.log)
    found = await metrics(lab)
    assert 'argosy_streams_open{rpc="/lab.v1.LabService/Stream"} 0.0' in found
    assert 'route="/lab/stream"' not in found
    assert 'argosy_calls_total{client_app="web-app",code="CANCELLED",rpc="/lab.v1.LabService/Stream"}' in found


@pytest.mark.parametrize("probe", [Probe(text="x" * 21), Probe(text="refuse")])
async def test_a_refusal_before_the_first_message_is_one_answer(lab: Lab, probe: Any) -> None:
    stream = lab.stub.Stream(probe)
    assert (await ended(stream)).reason in ("INVALID_ARGUMENT", "NOT_FOUND")
    assert not await stream.initial_metadata()  # over REST: a status, not a 200 with nothing in it


async def test_who_may_not_call_gets_no_message(lab: Lab) -> None:
    refusal = await refusal_of(lab.stub.ShortStream(Probe(number=1)).read())
    assert refusal.code is STATUS.UNAUTHENTICATED
    assert not lab.rpc.calls


@pytest.mark.parametrize("text", ["break", "other"])
async def test_a_failure_in_the_middle_reveals_no_details(lab: Lab, text: str) -> None:
    stream = lab.stub.Stream(Probe(text=text, number=2))
    assert [(await stream.read()).text for _ in range(2)] == ["0", "1"]
    error = await ended(stream)
    assert (error.code, error.message) == (STATUS.INTERNAL, "internal error")
    assert SECRET not in str(error)
    assert lab.rpc.log[-1] == "stream ended"


async def test_a_client_that_hangs_up_ends_the_handler(lab: Lab) -> None:
    async with open_stream(lab):
        assert "stream ended" not in lab.rpc.log
    await until(lambda: "stream ended" in lab.rpc.log)


async def test_a_reader_that_does_not_read_is_not_written_to_for_ever(lab: Lab) -> None:
    padding = {"padding": "100000"}
    stream = lab.stub.Stream(Probe(text="stay", number=10_000, labels=padding))
    await stream.read()
    seen = -1
    while seen != len(lab.rpc.log):  # until it stands still
        seen = len(lab.rpc.log)
        await asyncio.sleep(0.5)
    stream.cancel()
    assert seen < 1_000
    await until(lambda: "stream ended" in lab.rpc.log)


async def test_a_stream_that_reaches_its_deadline_ends_with_ok(lab: Lab) -> None:
    stream = lab.stub.ShortStream(Probe(text="stay", number=1), metadata=signed_in(lab))
    assert await texts(stream) == ["0"]
    assert await stream.code() is STATUS.OK


async def test_a_stream_without_a_message_in_its_time_was_too_slow(lab: Lab) -> None:
    stream = lab.stub.ShortStream(Probe(text="stay"), metadata=signed_in(lab))
    assert (await ended(stream)).code is STATUS.DEADLINE_EXCEEDED


async def test_it_ends_with_its_callers_session_and_no_other_does(lab: Lab) -> None:
    async with (
        open_stream(lab, signed_in(lab, sid="session-1")) as mine,
        open_stream(lab, signed_in(lab, sid="session-2")) as others,
        open_stream(lab) as nobodys,
    ):
        lab.app.revocations.session_ended("session-1")
        error = await ended(mine)
        assert (error.code, error.message) == (STATUS.UNAUTHENTICATED, "the session has ended; sign in again")
        assert not others.done()
        assert not nobodys.done()


async def test_it_ends_when_its_callers_token_expires(lab: Lab) -> None:
    nearly = int(time.time()) - 3  # clocks may differ by five seconds
    async with open_stream(lab, signed_in(lab, exp=nearly)) as stream:
        error = await ended(stream)
    assert (error.code, error.message) == (STATUS.UNAUTHENTICATED, "the access token has expired; sign in again")


async def test_one_caller_has_so_many_and_another_has_them_too(lab: Lab) -> None:
    ada, bob = signed_in(lab), signed_in(lab, sub="3d2f7c1e-0c4b-4f8e-9f43-5a1de0a7b402")
    streams = [lab.stub.Stream(Probe(text="stay", number=1), metadata=ada) for _ in range(MOST_A_CALLER)]
    for stream in streams:
        await stream.read()
    error = await ended(lab.stub.Stream(Probe(text="stay", number=1), metadata=ada))
    assert (error.code, error.reason) == (STATUS.RESOURCE_EXHAUSTED, "RESOURCE_EXHAUSTED")
    assert len(lab.rpc.calls) == MOST_A_CALLER
    async with open_stream(lab, bob):
        pass

    streams[0].cancel()
    await until(lambda: lab.rpc.log.count("stream ended") == 2)  # Bob's and one of Ada's
    async with open_stream(lab, ada):
        pass
    for stream in streams:
        stream.cancel()


async def test_a_drain_ends_streams_first_and_lets_calls_finish(services: ServiceKeys) -> None:
    app, rpc, stop = App("lab", settings_for(services, "lab"), user_keys=UserKeys()), LabRpc(), asyncio.Event()
    app.serve(LAB, rpc)
    task = asyncio.create_task(app.run_until(CATALOGUE, stop))
    await until_serving(app)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{app.grpc_port}") as channel:
        stub = lab_pb2_grpc.LabServiceStub(channel)
        stream = stub.Stream(Probe(text="stay", number=1))
        await stream.read()
        slow = asyncio.ensure_future(stub.Slow(Probe(number=1)))
        await until(lambda: "slow began" in rpc.log)
        stop.set()
        error = await ended(stream)
        assert (error.code, error.retry_seconds) == (STATUS.UNAVAILABLE, 1)
        assert (await slow).text == "done"
    async with asyncio.timeout(30):
        await task
    assert rpc.log.index("stream ended") < rpc.log.index("work done")


async def test_while_it_drains_no_stream_begins(services: ServiceKeys) -> None:
    app, rpc = App("lab", settings_for(services, "lab"), user_keys=UserKeys()), LabRpc()
    app.serve(LAB, rpc)
    async with running(app), grpc.aio.insecure_channel(f"127.0.0.1:{app.grpc_port}") as channel:
        app._streams.close()
        error = await ended(lab_pb2_grpc.LabServiceStub(channel).Stream(Probe(number=1)))
    assert error.code is STATUS.UNAVAILABLE
    assert not rpc.log
