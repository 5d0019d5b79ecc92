"""A real server in this process, and what it takes to call it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
import structlog
from google.rpc import error_details_pb2, status_pb2

from services.chassis.app import App
from services.chassis.plain import logs
from services.chassis.process.settings import CommonSettings
from tests.integration.chassis.rpc.credentials import ServiceKeys, UserKeys
from tests.integration.chassis.rpc.lab_contract import INTERNAL, LAB, lab_pb2_grpc
from tests.integration.chassis.rpc.lab_service import CATALOGUE, LabInternalRpc, LabRpc


@dataclass
class Lab:
    """A running lab, a channel to it, and everything a test looks at."""

    app: App
    rpc: LabRpc
    internal_rpc: LabInternalRpc
    users: UserKeys
    services: ServiceKeys
    channel: grpc.aio.Channel

    @property
    def stub(self) -> Any:
        return lab_pb2_grpc.LabServiceStub(self.channel)

    @property
    def internal(self) -> Any:
        return lab_pb2_grpc.LabInternalServiceStub(self.channel)

    @property
    def admin(self) -> str:
        return f"http://127.0.0.1:{self.app.admin_port}"


def settings_for(services: ServiceKeys, name: str, **others: Any) -> CommonSettings:
    """Settings on free ports."""
    chosen: dict[str, Any] = {
        "grpc_port": 0,
        "admin_port": 0,
        "service_key_file": services.key_file(name),
        "service_keys_file": services.public_file,
        "kafka_bootstrap_servers": "127.0.0.1:1",
        "revocations_patience_seconds": 0,
        "drain_grace_seconds": 5,
        "drain_settle_seconds": 0,
        **others,
    }
    return CommonSettings(**chosen)


async def until(holds: Callable[[], Any]) -> None:
    """Return when it holds; fail when it does not within seconds."""
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


@pytest.fixture
def log() -> Iterator[list[str]]:
    """What goes to stdout, a line each."""
    before = logging.root.handlers[:], logging.root.level
    written: list[str] = []
    logs.configure("lab", "info", written.append)
    structlog.configure(cache_logger_on_first_use=False)  # a logger that is kept writes to this test's list for good
    yield written
    structlog.reset_defaults()
    logging.root.handlers[:], logging.root.level = before


async def lines_of_calls(lines: Sequence[MutableMapping[str, Any]], count: int) -> list[MutableMapping[str, Any]]:
    """The captured lines of as many calls: they are written a moment after the answers have left."""
    await until(lambda: [line["event"] for line in lines].count("call") >= count)
    return [line for line in lines if line["event"] == "call"]


async def logged_in_calls(log: Sequence[str], count: int) -> list[dict[str, Any]]:
    """Every line that calls wrote, once there are as many. Lines outside a call, such as Kafka's client writes whenever
    it tries again, have no trace id.
    """

    def found() -> list[dict[str, Any]]:
        return [line for line in map(json.loads, log) if "trace_id" in line]

    await until(lambda: len(found()) >= count)
    return found()


async def until_serving(app: App) -> None:
    """Return when /health answers 200."""
    async with asyncio.timeout(20), aiohttp.ClientSession() as http:
        while True:
            if app.admin_port:
                async with http.get(f"http://127.0.0.1:{app.admin_port}/health") as response:
                    if response.status == 200:
                        return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running(app: App) -> AsyncIterator[None]:
    """Run an app beside the test, and drain it afterwards."""
    stop = asyncio.Event()
    task = asyncio.create_task(app.run_until(CATALOGUE, stop))
    try:
        await until_serving(app)
        yield
    finally:
        stop.set()
        async with asyncio.timeout(30):
            await task


@pytest.fixture
def services(tmp_path: Path) -> ServiceKeys:
    return ServiceKeys(tmp_path, "lab", "friend", "stranger")


@pytest.fixture
async def lab(services: ServiceKeys) -> AsyncIterator[Lab]:
    users = UserKeys()
    app = App("lab", settings_for(services, "lab"), user_keys=users)
    rpc, internal_rpc = LabRpc(), LabInternalRpc()
    app.serve(LAB, rpc)
    app.serve(INTERNAL, internal_rpc)
    async with running(app), grpc.aio.insecure_channel(f"127.0.0.1:{app.grpc_port}") as channel:
        yield Lab(app, rpc, internal_rpc, users, services, channel)


@dataclass
class Refusal:
    """An error answer, unpacked."""

    code: grpc.StatusCode
    message: str
    reason: str
    domain: str
    metadata: dict[str, str]
    violations: dict[str, str]
    retry_seconds: float | None
    trailers: dict[str, Any]


async def refusal_of(call: Any) -> Refusal:
    """Await a call that must fail; how it failed."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return unpack(caught.value)


def unpack(error: grpc.aio.AioRpcError) -> Refusal:
    trailers = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    assert status.code == error.code().value[0]
    assert status.message == error.details()
    info, bad, retry = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.RetryInfo(),
    )
    retry_seconds = None
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad)
        if detail.Unpack(retry):
            retry_seconds = retry.retry_delay.ToTimedelta().total_seconds()
    return Refusal(
        error.code(),
        status.message,
        info.reason,
        info.domain,
        dict(info.metadata),
        {violation.field: violation.description for violation in bad.field_violations},
        retry_seconds,
        trailers,
    )
