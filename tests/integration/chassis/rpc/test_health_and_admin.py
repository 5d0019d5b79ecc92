"""The health and admin endpoints: what load balancers, probes and scrapers get."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import grpc
import pytest
from aiohttp import web
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from services.chassis.app import App
from services.chassis.plain import trace_context
from services.chassis.rpc.statuses import Catalogue
from tests.integration.chassis.rpc.conftest import Lab, logged_in_calls, refusal_of, running, settings_for, until
from tests.integration.chassis.rpc.credentials import ServiceKeys, UserKeys
from tests.integration.chassis.rpc.lab_contract import LAB, lab_pb2, lab_pb2_grpc
from tests.integration.chassis.rpc.lab_service import LabRpc

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


async def _get(url: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        is_json = response.content_type == "application/json"
        return response.status, await (response.json() if is_json else response.text())


async def test_health_over_grpc(lab: Lab) -> None:
    health = health_pb2_grpc.HealthStub(lab.channel)
    for name in ("", "lab.v1.LabService", "lab.v1.LabInternalService"):
        assert (await health.Check(health_pb2.HealthCheckRequest(service=name))).status == SERVING
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await health.Check(health_pb2.HealthCheckRequest(service="lab.v1.Nothing"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    listed = (await health.List(health_pb2.HealthListRequest())).statuses
    assert {name: status.status for name, status in listed.items()} == {
        "": SERVING, "lab.v1.LabService": SERVING, "lab.v1.LabInternalService": SERVING,
    }  # fmt: skip


async def test_reflection_knows_the_public_services_alone(lab: Lab) -> None:
    reflection = reflection_pb2_grpc.ServerReflectionStub(lab.channel)

    async def ask(**request: str) -> Any:
        stream = reflection.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(**request)]))
        return await anext(aiter(stream))

    listed = (await ask(list_services="")).list_services_response.service
    assert {service.name for service in listed} == {"lab.v1.LabService", "grpc.health.v1.Health"}
    described = (await ask(file_containing_symbol="grpc.health.v1.Health")).file_descriptor_response
    files = [descriptor_pb2.FileDescriptorProto.FromString(raw) for raw in described.file_descriptor_proto]
    assert "grpc.health.v1" in {file.package for file in files}
    # Known to this process, served to nobody.
    hidden = await ask(file_containing_symbol="argosy.inventory.v1.ReservationService")
    assert hidden.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


async def test_the_admin_port(lab: Lab) -> None:
    assert await _get(f"{lab.admin}/health") == (200, {"status": "SERVING", "service": "lab", "failing": []})
    assert await _get(f"{lab.admin}/live") == (200, {"service": "lab", "stuck": []})
    assert (await _get(f"{lab.admin}/nothing"))[0] == 404


async def test_every_call_is_measured(lab: Lab) -> None:
    async def count(line: str) -> float:
        _, metrics = await _get(f"{lab.admin}/metrics")
        return sum(float(row.rpartition(" ")[2]) for row in metrics.splitlines() if row.startswith(line))

    series = {
        'http_request_duration_seconds_count{method="POST",route="/lab/things",status="201"}': 1,
        'http_request_duration_seconds_count{method="POST",route="/lab/things",status="404"}': 1,
        'http_request_duration_seconds_count{method="GRPC",route="/lab.v1.LabService/SignedIn",status="401"}': 1,
        'argosy_calls_total{client_app="mobile-app",code="OK",rpc="/lab.v1.LabService/Create"}': 1,
    }
    before = {line: await count(line) for line in series}
    await lab.stub.Create(lab_pb2.Probe(), metadata=(("x-client-app", "mobile-app"),))
    await refusal_of(lab.stub.Create(lab_pb2.Probe(text="refuse")))
    await refusal_of(lab.stub.SignedIn(lab_pb2.Probe()))
    async with asyncio.timeout(20):  # measured a moment after the answers have left
        while {line: await count(line) - before[line] for line in series} != series:
            await asyncio.sleep(0.01)


async def test_one_line_a_call_and_no_secret_in_it(lab: Lab, log: list[str]) -> None:
    token, traceparent = lab.users.token(), trace_context.new()
    headers = (("authorization", f"Bearer {token}"), ("x-request-id", "r-7"), ("traceparent", traceparent))
    await lab.stub.SignedIn(lab_pb2.Probe(text="very private"), metadata=headers)
    await refusal_of(lab.stub.SignedIn(lab_pb2.Probe(text="very private")))
    good, bad = await logged_in_calls(log, 2)
    assert {key: value for key, value in good.items() if key not in ("duration_ms", "time")} == {
        "event": "call",
        "level": "info",
        "service": "lab",
        "trace_id": trace_context.trace_id(traceparent),
        "rpc": "/lab.v1.LabService/SignedIn",
        "code": "OK",
        "caller": "7f1d3f7e-54d4-4c8e-9a0b-0d6c1e7a9f01",
        "client_app": "mobile-app",
        "request_id": "r-7",
    }
    assert (bad["code"], bad["reason"], bad["caller"]) == ("UNAUTHENTICATED", "UNAUTHENTICATED", None)
    assert token not in str(log)
    assert "very private" not in str(log)


class Moody:
    """A resource whose state the test sets."""

    def __init__(self, name: str, *, away: bool = False) -> None:
        self.name = name
        self.away = away
        self.events: list[str] = []

    async def start(self) -> None:
        if self.away:
            raise ConnectionError("away")
        self.events.append("started")

    async def stop(self) -> None:
        self.events.append("stopped")

    async def check(self) -> None:
        if self.away:
            raise ConnectionError("away")


async def test_a_service_waits_for_what_it_requires_and_reports_what_is_away(services: ServiceKeys) -> None:
    app = App("lab", settings_for(services, "lab"), user_keys=UserKeys())
    database = app.add(Moody("database", away=True))
    broker = app.add(Moody("broker", away=True), required=False)
    rpc = LabRpc()
    app.serve(LAB, rpc)
    ran: list[str] = []

    async def beside() -> None:
        ran.append("beside")
        try:
            await asyncio.sleep(3600)
        finally:
            ran.append(f"ended before {database.events[1:] or 'the database'}")

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="here")

    app.background("beside", beside)
    app.admin_route("/extra", answer)
    stuck = [False]

    def alive() -> None:
        if stuck[0]:
            raise RuntimeError("no progress")

    app.live_check("consumer", alive)
    stop = asyncio.Event()
    task = asyncio.create_task(app.run_until(Catalogue({}), stop))
    async with asyncio.timeout(30):
        await until(lambda: app.admin_port)
        admin = f"http://127.0.0.1:{app.admin_port}"
        async with grpc.aio.insecure_channel(f"127.0.0.1:{app.grpc_port}") as channel:
            health = health_pb2_grpc.HealthStub(channel)
            watch = health.Watch(health_pb2.HealthCheckRequest())
            assert (await watch.read()).status == NOT_SERVING
            assert await _get(f"{admin}/health") == (
                503, {"status": "NOT_SERVING", "service": "lab", "failing": ["database", "broker"]},
            )  # fmt: skip
            assert (await _get(f"{admin}/live"))[0] == 200
            refusal = await refusal_of(lab_pb2_grpc.LabServiceStub(channel).Anyone(lab_pb2.Probe()))
            assert (refusal.code, refusal.retry_seconds) == (grpc.StatusCode.UNAVAILABLE, 1)
            assert rpc.calls == []

            database.away = False  # the broker is not required
            assert (await watch.read()).status == SERVING
            assert await _get(f"{admin}/health") == (
                200, {"status": "SERVING", "service": "lab", "failing": ["broker"]},
            )  # fmt: skip
            await lab_pb2_grpc.LabServiceStub(channel).Anyone(lab_pb2.Probe())
            assert ran == []  # needs all of them

            broker.away = False
            await until(lambda: ran)
            database.away = True
            assert (await watch.read()).status == NOT_SERVING
            assert (await _get(f"{admin}/health"))[1]["failing"] == ["database"]
            await lab_pb2_grpc.LabServiceStub(channel).Anyone(lab_pb2.Probe())  # the call decides for itself
            database.away = False
            assert (await watch.read()).status == SERVING

            assert await _get(f"{admin}/extra") == (200, "here")
            stuck[0] = True
            assert await _get(f"{admin}/live") == (503, {"service": "lab", "stuck": ["consumer"]})

            stop.set()  # an open watch does not hold the drain up
            assert (await watch.read()).status == NOT_SERVING
            await task
    assert ran == ["beside", "ended before the database"]
    assert database.events == ["started", "stopped"]


async def test_a_port_that_is_taken_is_an_error(lab: Lab, services: ServiceKeys) -> None:
    for taken in ({"grpc_port": lab.app.grpc_port}, {"admin_port": lab.app.admin_port}):
        other = App("lab", settings_for(services, "lab", **taken), user_keys=UserKeys())
        with pytest.raises(OSError, match=str(*taken.values())):
            await other.run_until(Catalogue({}), asyncio.Event())


async def test_keys_are_fetched_from_the_user_service_and_kept(services: ServiceKeys) -> None:
    users = UserKeys()
    keys_server = App("lab", settings_for(services, "lab"), user_keys=users)

    async def jwks(_request: web.Request) -> web.Response:
        return web.json_response(users.jwks())

    keys_server.admin_route("/jwks.json", jwks)
    async with running(keys_server):
        url = f"http://127.0.0.1:{keys_server.admin_port}/jwks.json"
        app = App("lab", settings_for(services, "lab", jwks_url=url))
        rpc = LabRpc()
        app.serve(LAB, rpc)
        lab_runs = running(app)
        await lab_runs.__aenter__()
    try:  # the user service has gone
        headers = (("authorization", f"Bearer {users.token()}"),)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{app.grpc_port}") as channel:
            stub = lab_pb2_grpc.LabServiceStub(channel)
            await stub.SignedIn(lab_pb2.Probe(), metadata=headers)
            other = (("authorization", f"Bearer {users.token(kid='unknown')}"),)
            assert (await refusal_of(stub.SignedIn(lab_pb2.Probe(), metadata=other))).reason == "UNAUTHENTICATED"
        assert len(rpc.calls) == 1
    finally:
        await lab_runs.__aexit__(None, None, None)
