"""HOST: the address that both ports listen on."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.chassis.app import App
from tests.integration.chassis.rpc.conftest import settings_for
from tests.integration.chassis.rpc.credentials import ServiceKeys, UserKeys
from tests.integration.chassis.rpc.lab_service import CATALOGUE


def _ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not _ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize(
    ("host", "answering"),
    [("::", {"127.0.0.1", "[::1]"}), ("::1", {"[::1]"}), ("127.0.0.1", {"127.0.0.1"})],
)
async def test_both_ports_listen_on_host(services: ServiceKeys, host: str, answering: set[str]) -> None:
    app = App("lab", settings_for(services, "lab", host=host), user_keys=UserKeys())
    stop = asyncio.Event()
    running = asyncio.create_task(app.run_until(CATALOGUE, stop))
    while not app.admin_port:
        await asyncio.sleep(0.01)
        assert not running.done(), running
    by_grpc = {address for address in ("127.0.0.1", "[::1]") if await _grpc_answers(f"{address}:{app.grpc_port}")}
    by_http = {address for address in ("127.0.0.1", "[::1]") if await _http_answers(f"{address}:{app.admin_port}")}
    stop.set()
    await running
    assert (by_grpc, by_http) == (answering, answering)


async def _grpc_answers(address: str) -> bool:
    async with grpc.aio.insecure_channel(address) as channel:
        try:
            await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
        except grpc.aio.AioRpcError:
            return False
    return True


async def _http_answers(address: str) -> bool:
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(f"http://{address}/metrics") as answer:
                return answer.status == 200
        except aiohttp.ClientConnectionError:
            return False
