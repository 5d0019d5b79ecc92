"""A process of its own: how it starts while the user service is away, and how it stops."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from aiohttp import web
from grpc_health.v1 import health_pb2, health_pb2_grpc

from local.ports import free_port
from tests.integration.chassis.rpc.conftest import refusal_of
from tests.integration.chassis.rpc.credentials import ServiceKeys, UserKeys
from tests.integration.chassis.rpc.lab_contract import lab_pb2, lab_pb2_grpc

_ROOT = Path(__file__).parents[4]


class LabProcess:
    """A running lab process and what it has written so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.lines: list[str] = []
        self._reader = asyncio.create_task(self._read())
        self.grpc_port = 0
        self.admin_port = 0

    async def _read(self) -> None:
        assert self._process.stdout
        async for line in self._process.stdout:
            self.lines.append(line.decode().rstrip())

    async def until(self, text: str) -> str:
        """The first line with that text."""
        async with asyncio.timeout(20):
            while True:
                for line in self.lines:
                    if text in line:
                        return line
                if self._reader.done():
                    raise AssertionError(f"ended without {text!r}: {self.lines}")
                await asyncio.sleep(0.01)

    def stop_reading(self) -> None:
        """Close the process' standard output at this end."""
        transport: Any = self._process._transport  # type: ignore[attr-defined]
        transport.get_pipe_transport(1).close()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def ended(self) -> int:
        async with asyncio.timeout(20):
            await self._reader
            return await self._process.wait()

    async def end(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self.ended()

    def position(self, text: str) -> int:
        return next(index for index, line in enumerate(self.lines) if text in line)


Start = Callable[..., Coroutine[Any, Any, LabProcess]]


@pytest.fixture
def users() -> UserKeys:
    return UserKeys()


@pytest.fixture
async def jwks(users: UserKeys) -> AsyncIterator[tuple[web.AppRunner, str]]:
    """A user service's JWKS address, not listening yet."""
    app = web.Application()

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response(users.jwks())

    app.router.add_get("/jwks.json", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    yield runner, f"http://127.0.0.1:{free_port()}/jwks.json"
    await runner.cleanup()


async def _listen(runner: web.AppRunner, url: str) -> None:
    await web.TCPSite(runner, "127.0.0.1", int(url.split(":")[2].split("/")[0])).start()


@pytest.fixture
async def start(services: ServiceKeys, jwks: tuple[web.AppRunner, str]) -> AsyncIterator[Start]:
    started: list[LabProcess] = []

    async def start(**environment: str) -> LabProcess:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.integration.chassis.rpc.lab_service",
            cwd=_ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env={
                "PATH": os.environ["PATH"], "PYTHONPATH": f"{_ROOT}:{_ROOT / 'generated' / 'python'}",
                "GRPC_PORT": "0", "ADMIN_PORT": "0", "JWKS_URL": jwks[1],
                "SERVICE_KEY_FILE": str(services.key_file("lab")), "SERVICE_KEYS_FILE": str(services.public_file),
                "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "REVOCATIONS_PATIENCE_SECONDS": "0",
                "DRAIN_GRACE_SECONDS": "10", "DRAIN_SETTLE_SECONDS": "0.3", **environment,
            },
        )  # fmt: skip
        lab = LabProcess(process)
        started.append(lab)
        listening = lab_line(await lab.until('"listening"'))
        lab.grpc_port, lab.admin_port = listening["grpc_port"], listening["admin_port"]
        return lab

    yield start
    for lab in started:
        await lab.end()


def lab_line(line: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(line)
    return parsed


async def test_a_process_says_what_each_thread_is_doing(start: Start) -> None:
    lab = await start()
    lab.signal(signal.SIGUSR1)
    await lab.until("(most recent call first)")
    await lab.until('app.py", line')
    lab.signal(signal.SIGTERM)
    assert await lab.ended() == 0


async def _health(lab: LabProcess) -> tuple[int, list[str]]:
    url = f"http://127.0.0.1:{lab.admin_port}/health"
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        return response.status, (await response.json())["failing"]


async def _until_serving(lab: LabProcess) -> None:
    async with asyncio.timeout(20):
        while (await _health(lab))[0] != 200:
            await asyncio.sleep(0.02)


async def test_it_waits_for_the_keys_of_a_user_service_that_starts_later(
    start: Start, jwks: tuple[web.AppRunner, str], users: UserKeys
) -> None:
    lab = await start()
    headers = (("authorization", f"Bearer {users.token()}"),)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{lab.grpc_port}") as channel:
        stub = lab_pb2_grpc.LabServiceStub(channel)
        await lab.until('"waiting_for_resource"')
        assert await _health(lab) == (503, ["jwks"])
        refusal = await refusal_of(stub.SignedIn(lab_pb2.Probe(), metadata=headers))
        assert (refusal.code, refusal.retry_seconds) == (grpc.StatusCode.UNAVAILABLE, 1)

        await _listen(*jwks)
        await _until_serving(lab)
        assert (await stub.SignedIn(lab_pb2.Probe(), metadata=headers)).text == "SignedIn"
    lines = [lab_line(line) for line in lab.lines]
    assert len([line for line in lines if line["event"] == "waiting_for_resource"]) == 1  # not one a try
    answered = [line for line in lines if line["event"] == "call"]
    assert [line["code"] for line in answered] == ["UNAVAILABLE", "OK"]
    assert all(len(line["trace_id"]) == 32 and line["service"] == "lab" and line["time"] for line in answered)


async def test_it_can_be_ended_while_it_waits(start: Start) -> None:
    lab = await start(
        DRAIN_SETTLE_SECONDS="60", DRAIN_GRACE_SECONDS="60"
    )  # nobody has been sent here yet: nothing to settle
    await lab.until('"waiting_for_resource"')
    async with grpc.aio.insecure_channel(f"127.0.0.1:{lab.grpc_port}") as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        lab.signal(signal.SIGTERM)
        assert await lab.ended() == 0
    assert "resource stopped" in lab.lines


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_calls_in_flight_finish_before_anything_is_taken_away(
    start: Start, jwks: tuple[web.AppRunner, str], number: signal.Signals
) -> None:
    await _listen(*jwks)
    lab = await start(DRAIN_SETTLE_SECONDS="2")
    await _until_serving(lab)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{lab.grpc_port}") as channel:
        stub = lab_pb2_grpc.LabServiceStub(channel)
        slow = stub.Slow(lab_pb2.Probe(number=3))
        await lab.until("slow began")
        lab.signal(number)
        await lab.until('"draining"')
        assert (await _health(lab))[0] == 503
        assert (await stub.Anyone(lab_pb2.Probe())).text == "Anyone"  # while the edge has not noticed yet
        assert (await slow).text == "done"
    assert await lab.ended() == 0
    order = [lab.position(text) for text in ("work ended", "background ended", "resource stopped", '"drained"')]
    assert order == sorted(order)


async def test_calls_that_outlast_the_grace_are_cancelled_and_still_clean_up(
    start: Start, jwks: tuple[web.AppRunner, str]
) -> None:
    await _listen(*jwks)
    lab = await start(DRAIN_GRACE_SECONDS="0.3", DRAIN_SETTLE_SECONDS="0")
    await _until_serving(lab)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{lab.grpc_port}") as channel:
        slow = lab_pb2_grpc.LabServiceStub(channel).Slow(lab_pb2.Probe(number=4))
        await lab.until("slow began")
        lab.signal(signal.SIGTERM)
        with pytest.raises(grpc.aio.AioRpcError):
            await slow
    assert await lab.ended() == 0
    assert "work done" not in lab.lines
    assert lab.position("work ended") < lab.position("resource stopped")


async def test_shielded_work_is_waited_for(start: Start, jwks: tuple[web.AppRunner, str]) -> None:
    await _listen(*jwks)
    lab = await start(DRAIN_GRACE_SECONDS="0.1", DRAIN_SETTLE_SECONDS="0")
    await _until_serving(lab)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{lab.grpc_port}") as channel:
        call = lab_pb2_grpc.LabServiceStub(channel).Slow(lab_pb2.Probe(number=1, text="shielded"))
        await lab.until("slow began")
        lab.signal(signal.SIGTERM)
        with pytest.raises(grpc.aio.AioRpcError):
            await call
    assert await lab.ended() == 0
    assert lab.position("work done") < lab.position("resource stopped")


async def test_a_second_signal_ends_it_at_once(start: Start, jwks: tuple[web.AppRunner, str]) -> None:
    await _listen(*jwks)
    lab = await start()
    await _until_serving(lab)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{lab.grpc_port}") as channel:
        slow = lab_pb2_grpc.LabServiceStub(channel).Slow(lab_pb2.Probe(number=4))
        await lab.until("slow began")
        lab.signal(signal.SIGTERM)
        await lab.until('"draining"')
        lab.signal(signal.SIGTERM)
        assert await lab.ended() == 128 + signal.SIGTERM
        with pytest.raises(grpc.aio.AioRpcError):
            await slow
    assert "work ended" not in lab.lines


async def test_bad_settings_are_all_named_at_once(services: ServiceKeys) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.chassis.rpc.lab_service",
        cwd=_ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={
            "PATH": os.environ["PATH"], "PYTHONPATH": f"{_ROOT}:{_ROOT / 'generated' / 'python'}",
            "GRPC_PORT": "many", "ADMIN_PORT": "70000", "SERVICE_KEYS_FILE": str(services.public_file),
            "SERVICE_KEY_FILE": "/nowhere/key.pem", "LOG_LEVEL": "loud",
        },
    )  # fmt: skip
    _, printed = await process.communicate()
    assert process.returncode == 2
    named = [line.removeprefix("bad setting ").partition(":")[0] for line in printed.decode().splitlines()]
    assert sorted(named) == ["ADMIN_PORT", "GRPC_PORT", "KAFKA_BOOTSTRAP_SERVERS", "LOG_LEVEL", "SERVICE_KEY_FILE"]
    assert "many" not in printed.decode()


async def test_calls_are_answered_when_nobody_reads_the_log(start: Start, jwks: tuple[web.AppRunner, str]) -> None:
    await _listen(*jwks)
    lab = await start()
    await _until_serving(lab)
    lab.stop_reading()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{lab.grpc_port}") as channel:
        stub = lab_pb2_grpc.LabServiceStub(channel)
        for _ in range(3):
            assert (await stub.Anyone(lab_pb2.Probe())).text == "Anyone"
    lab.signal(signal.SIGTERM)
    assert await lab.ended() == 0
