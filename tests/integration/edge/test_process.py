"""Starting and stopping: nothing is lost, nothing is left behind."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from google.protobuf.message import Message

from argosy.order.v1 import order_pb2
from tests.integration.edge.harness import (
    ROOT,
    Context,
    Edge,
    Issuer,
    Upstream,
    edge,
    environment,
    until,
)
from tests.integration.edge.test_rest import CREATE_ORDER
from tests.integration.edge.test_streams import WATCH_ORDER


@pytest.fixture
def settings(ports: dict[str, int], jwks_url: str) -> dict[str, str]:
    return environment(ports, jwks_url)


class Gate:
    """An rpc that answers when the test lets it."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.open = asyncio.Event()

    async def answer(self, _: Any, __: Context) -> Message:
        self.entered.set()
        await self.open.wait()
        return order_pb2.Order(id="o-1")


async def test_a_drain_is_announced_refuses_new_and_finishes_open_requests(
    settings: dict[str, str], upstream: Upstream, issuer: Issuer, log: Path
) -> None:
    gate = Gate()
    upstream.answer(CREATE_ORDER, gate.answer)
    changed = {**settings, "DRAIN_SETTLE_SECONDS": "2"}
    async with edge(changed, log, without=("notification",)) as running, running.client() as client:
        in_flight = asyncio.create_task(client.post("/api/v1/orders", json={}, headers=issuer.bearer()))
        await gate.entered.wait()
        running.process.send_signal(signal.SIGTERM)

        await until(lambda: health_is(running, 503), "/healthz fails")
        await until(lambda: health_is(running, None), "new connections are refused")
        assert running.process.returncode is None

        gate.open.set()
        answer = await in_flight
        assert (answer.status_code, answer.json()["id"]) == (200, "o-1")
        assert answer.headers["connection"] == "close"
        assert await asyncio.wait_for(running.process.wait(), 20) == 0


async def health_is(running: Edge, status: int | None) -> bool:
    """None stands for a refused connection."""
    try:
        async with running.client() as client:
            return (await client.get("/healthz")).status_code == status
    except httpx.ConnectError:
        return status is None
    except httpx.ReadError:  # it was accepted while the listener closed
        return False


async def test_a_call_that_never_ends_does_not_hold_a_drain_for_ever(
    settings: dict[str, str], upstream: Upstream, issuer: Issuer, log: Path
) -> None:
    gate = Gate()
    upstream.answer(CREATE_ORDER, gate.answer)
    changed = {**settings, "DRAIN_GRACE_SECONDS": "1"}
    async with edge(changed, log, without=("notification",)) as running, running.client() as client:
        in_flight = asyncio.create_task(client.post("/api/v1/orders", json={}, headers=issuer.bearer()))
        await gate.entered.wait()
        running.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(running.process.wait(), 20) == 0
        with pytest.raises(httpx.TransportError):
            await in_flight


async def test_a_drain_does_not_wait_for_streams(
    settings: dict[str, str], upstream: Upstream, issuer: Issuer, log: Path
) -> None:
    """They would go on for an hour; who reads one connects again. A call beside them is waited for all the same."""
    calling, streaming = Gate(), asyncio.Event()

    async def stream(_: Any, context: Context) -> Any:
        await context.write(order_pb2.Order(id="o-1"))
        await streaming.wait()

    upstream.answer(CREATE_ORDER, calling.answer)
    upstream.answer(WATCH_ORDER, stream)
    changed = {**settings, "DRAIN_GRACE_SECONDS": "600"}
    async with edge(changed, log, without=("notification",)) as running, running.client() as client:
        watch = client.stream("GET", "/api/v1/orders/o-1:watch", headers=issuer.bearer())
        async with watch as watched:
            lines = watched.aiter_lines()
            assert await anext(lines)
            in_flight = asyncio.create_task(client.post("/api/v1/orders", json={}, headers=issuer.bearer()))
            await calling.entered.wait()
            running.process.send_signal(signal.SIGTERM)
            await until(lambda: health_is(running, None), "new connections are refused", seconds=60)
            calling.open.set()
            assert (await in_flight).status_code == 200
            assert await asyncio.wait_for(running.process.wait(), 120) == 0
            with pytest.raises(httpx.TransportError):
                await anext(lines)
    streaming.set()


async def test_a_second_signal_stops_it_at_once(
    settings: dict[str, str], upstream: Upstream, issuer: Issuer, log: Path
) -> None:
    gate = Gate()
    upstream.answer(CREATE_ORDER, gate.answer)
    async with edge(settings, log, without=("notification",)) as running, running.client() as client:
        in_flight = asyncio.create_task(client.post("/api/v1/orders", json={}, headers=issuer.bearer()))
        await gate.entered.wait()
        running.process.send_signal(signal.SIGTERM)
        await until(lambda: health_is(running, 503), "it drains")
        running.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(running.process.wait(), 20)
        with pytest.raises(httpx.TransportError):
            await in_flight
        assert not gate.open.is_set()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's kernel ends a child with its parent")
async def test_envoy_does_not_outlive_who_started_it(settings: dict[str, str], log: Path) -> None:
    async with edge(settings, log, without=("notification",)) as running:
        (envoy,) = psutil.Process(running.process.pid).children()
        running.process.kill()
        await running.process.wait()

        async def gone() -> bool:
            return not envoy.is_running() or envoy.status() == psutil.STATUS_ZOMBIE

        await until(gone, "envoy ended")


async def test_when_envoy_dies_so_does_who_started_it(settings: dict[str, str], log: Path) -> None:
    async with edge(settings, log, without=("notification",)) as running:
        (envoy,) = psutil.Process(running.process.pid).children()
        envoy.kill()
        assert await asyncio.wait_for(running.process.wait(), 20) != 0


async def test_two_colons_listen_on_ipv6_and_ipv4(settings: dict[str, str], log: Path) -> None:
    two_colons = {**settings, "EDGE_HOST": "::"}
    async with edge(two_colons, log, without=("notification",)) as running, httpx.AsyncClient() as client:
        for address in ("127.0.0.1", "[::1]"):
            assert (await client.get(f"http://{address}:{running.port}/openapi.json")).status_code == 200


async def command(name: str, environment: Mapping[str, str]) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "edge",
        name,
        cwd=ROOT,
        env=dict(environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def test_envoy_takes_the_configuration(settings: dict[str, str]) -> None:
    status, output = await command("validate", settings)
    assert status == 0, output
    assert " OK" in output


async def test_envoy_refuses_what_it_cannot_read(settings: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "no-image").write_bytes(b"no image")
    status, _ = await command("validate", {**settings, "EDGE_DESCRIPTORS": str(tmp_path / "no-image")})
    assert status != 0


async def test_ready_names_what_is_missing(settings: dict[str, str], log: Path) -> None:
    assert await command("ready", settings) == (1, "waiting for edge\n")
    async with edge(settings, log, without=("notification",)):
        assert await command("ready", settings) == (1, "waiting for notification\n")


async def test_ready_is_ready_when_everybody_is_there(settings: dict[str, str], log: Path) -> None:
    everybody = {**settings, "NOTIFICATION_TARGET": settings["ORDER_TARGET"]}
    async with edge(everybody, log):
        assert await command("ready", everybody) == (0, "ready\n")


async def test_a_bad_environment_is_reported_as_a_whole() -> None:
    status, output = await command("run", {"PATH": os.environ["PATH"]})
    assert status == 2
    for variable in ("EDGE_PORT", "EDGE_ADMIN_PORT", "JWKS_URL", "USER_TARGET", "ORDER_TARGET"):
        assert f"bad setting {variable}: " in output
